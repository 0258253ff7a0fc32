"""What breaks each invariant: one change of the code, and the tests that must fail by it."""

from __future__ import annotations

from typing import NamedTuple

_LANE, _MEMBER, _PROCESSING = "worker/runtime/lane.py", "worker/runtime/member.py", "worker/runtime/processing.py"
_PRESSURE, _READER, _COMMITTER, _SUPERVISOR = "worker/runtime/backpressure.py", "worker/runtime/reader.py", "worker/runtime/committer.py", "worker/runtime/supervisor.py"
_ONCE, _ATLEAST, _TRANSACTION, _OFFSETS = ("worker/delivery/exactly_once.py", "worker/delivery/at_least_once.py", "worker/delivery/transaction.py",
                                           "worker/delivery/group_offsets.py")
_ROUTING, _ISOLATION, _LETTERS, _QUARANTINE = ("worker/delivery/routing.py", "worker/delivery/isolation.py", "worker/delivery/dead_letters.py",
                                               "worker/delivery/quarantine.py")
_PLANS = "tests/simulation/test_invariants.py"
_ANY_PLAN = f"{_PLANS}::test_the_invariants_hold_through_any_plan_of_trouble"
_UNDER_LOAD = f"{_PLANS}::test_trouble_after_trouble_under_load"
_FLOOD = f"{_PLANS}::test_a_flood_of_refused_records_between_failures_loses_nothing"
_HOSTILE = "tests/unit/test_hostile_records.py::test_whatever_a_record_holds_it_is_accounted_for"
_FAMILIES = "tests/simulation/test_families.py"
_UNIT_LANE, _BOUNDS, _WAITS = "tests/unit/test_lane.py", "tests/simulation/test_bounds.py", "tests/simulation/test_waits.py"
_CROWD = "tests/simulation/test_crowd.py"


class Break(NamedTuple):
    """`find` stands once in `file` and is replaced by `put`; at least one of `tests` must fail then."""

    invariant: str
    what: str
    file: str
    find: str
    put: str
    tests: tuple[str, ...]


BREAKS = (
    Break("I1", "a part is done before it is acknowledged", _LANE, "while self.pending and self.pending[0].left == 0 and", "while self.pending and", (_UNIT_LANE, _FLOOD)),
    Break("I1", "a failed batch counts as acknowledged", _ATLEAST, "        if error is not None:\n            lane.fail(error)\n            return\n        part.delivered.add(target)",
          "        part.delivered.add(target)", (_FLOOD,)),
    Break("I1", "the fetched position is committed, not the acknowledged one", _OFFSETS, "todo = {lane: lane.acked for", "todo = {lane: lane.position for", (_FLOOD, _ANY_PLAN)),
    Break("I1", "an acknowledgement of an earlier attempt counts", _ATLEAST, "if attempt != lane.attempt or lane.closed:", "if lane.closed:", (_WAITS,)),
    Break("I1", "an offset is added before all acknowledgements are there", _TRANSACTION,
          "if self._left or lane.trouble is not None or lane.closed or self.dropped:\n            return None", "if self.dropped:\n            return None", (_UNDER_LOAD,)),
    Break("I2", "a revoked lane is not closed", _MEMBER, "            for lane in lanes:\n                lane.close()\n            await asyncio.gather(*(self._close(lane) for lane in lanes))\n        owing",
          "            pass\n        owing", (_PLANS,)),
    Break("I2", "a closed lane settles what comes late", _LANE, "self.pending[0].left == 0 and not self.closed:", "self.pending[0].left == 0:", (_UNIT_LANE,)),
    Break("I2", "a closed lane may still be paused", _LANE, "if reason not in self.reasons and not self.closed:", "if reason not in self.reasons:", (_UNIT_LANE,)),
    Break("I2", "offsets of a closed lane are committed", _OFFSETS, "for lane in lanes if not lane.closed and lane.acked", "for lane in lanes if lane.acked", (_WAITS,)),
    Break("I2", "a member in doubt of its membership sends on", _LANE, "        if self.membership is not None:\n            self.membership.pulse()\n", "        return True\n",
          ("tests/simulation/test_membership.py",)),
    Break("I2", "a lane that was revoked while it was in doubt sends", _LANE, 'return self.trouble is None and not self.closed and "membership" not in self.reasons', "return True", (_WAITS,)),
    Break("I2", "what a call answered after the revoke is sent", _PROCESSING, 'if lane.phase == "closed":  # while', 'if lane.phase == "no such":  # while', (_WAITS, "tests/simulation/test_calls.py")),
    Break("I3", "the settled offset is ignored after an error: all in memory is sent again", _ONCE, "            self._reconcile(lane, committed)\n", "", (_UNDER_LOAD,)),
    Break("I3", "a producer is kept after an error", _ONCE, '        lane.pause("retry")\n        self._drop(lane)\n', '        lane.pause("retry")\n', (_UNDER_LOAD, "tests/simulation/test_transactions.py")),
    Break("I3", "an unsettled offset is taken as it is", _ONCE, "return (await self._consumer.committed([lane.partition], self._pace.unsettled))[lane.partition]\n            except Unsettled",
          "return lane.acked if lane.acked >= 0 else 0\n            except Unsettled", (_UNDER_LOAD,)),
    Break("I3", "the offset runs ahead of what is in the transaction", _TRANSACTION, "offset = self.parts[-1].next_offset if self.parts else lane.acked", "offset = lane.position", (_UNDER_LOAD,)),
    Break("I3", "records join a transaction while it is committed", _ONCE, "        async with session.lock:\n            if lane.trouble is not None or lane.closed or session.dropped:",
          "        if True:\n            if lane.trouble is not None or lane.closed or session.dropped:", (_UNDER_LOAD, "tests/simulation/test_transactions.py")),
    Break("I4", "parts are sent again in the wrong order", _ATLEAST, "            for part in list(lane.pending):\n                await self._queue(lane, part)",
          "            for part in list(lane.pending)[::-1]:\n                await self._queue(lane, part)", (_FLOOD, _ANY_PLAN)),
    Break("I4", "the rest of a fetch goes behind the next one", _LANE, "self.queue.appendleft((taken, rest, rest_size))", "self.queue.append((taken, rest, rest_size))", (_UNIT_LANE, _PLANS)),
    Break("I4", "a lane moves to the new producer while batches are under way on the old one", _ATLEAST,
          "            await lane.until(lambda: lane.trouble is not None or lane.closed or all(p.left <= 0 for p in lane.pending))\n", "", (_FLOOD, _ANY_PLAN, _WAITS)),
    Break("I4", "tombstones come behind the outputs of their slice", _ROUTING, ", key=lambda r: r[0])\n        known", ", key=lambda r: r[2] is None)\n        known", ("tests/unit/test_routing.py",)),
    Break("I4", "transactions are redone in the wrong order", _ONCE, "            for part in list(lane.pending):\n                await self._add", "            for part in list(lane.pending)[::-1]:\n                await self._add",
          (_UNDER_LOAD,)),
    Break("I5", "a lane is full only when it is over its bound", _PRESSURE, "lane.in_flight + self.fetch > self.records", "lane.in_flight > self.records", (_PLANS,)),
    Break("I5", "no hysteresis: a lane resumes with the first record that leaves", _PRESSURE, "ratio = self.resume_ratio", "ratio = 1.0", (_UNIT_LANE,)),
    Break("I5", "one reason taken away takes all", _LANE, "            self.reasons.discard(reason)\n", "            self.reasons.clear()\n", (_UNIT_LANE,)),
    Break("I5", "an operator's pause ends with the assignment", _MEMBER, "            for reason in self._held:\n                lane.pause(reason)\n", "", (_PLANS,)),
    Break("I5", "the member's bytes are not looked at", _PRESSURE, "return self.total_bytes + self.largest > self.most_total_bytes", "return False", (_CROWD,)),
    Break("I5", "full lanes are left unpaused for the client", _READER, "                lane.harden()", "                pass", (_UNIT_LANE,)),
    Break("I6", "a failed record leaves no dead letter", _ROUTING, "            part.groups.setdefault(self.dead_target(part, item), []).append(item)", "            pass", (_HOSTILE, _PLANS)),
    Break("I6", "a drop is not counted", _ROUTING, '        part.outcomes["drop"] += result.dropped\n', "", (_HOSTILE,)),
    Break("I6", "a refused record is a dead letter and an output", _ROUTING, "            self._withdraw(part, refused)\n", "", ("tests/unit/test_routing.py",)),
    Break("I6", "children that are refused make a dead letter each", _ISOLATION, "if records[index][4] in part.condemned and records[index][5] is None:", "if False:", (_FAMILIES,)),
    Break("I6", "a drain forgets what was fetched and not processed", _LANE, "            self._release(len(records), size_of_records(records))\n            self.position = records[0].offset",
          "            self._release(len(records), size_of_records(records))", (_UNIT_LANE,)),
    Break("I6", "what the broker refuses is passed over", _ISOLATION, "        part.condemn({record[4]: failure}, self._router())\n", "", (_FLOOD,)),
    Break("I6", "what the breaker holds back is forgotten", _MEMBER, "        lane.queue.appendleft((part.taken_at, part.records, part.size))\n        if self.breaker", "        if self.breaker", (_PLANS,)),
    Break("I7", "what a formula raises ends the run", "fsm_core/engine/entering.py", "            made = step.run(state)\n        except StepFailed:\n            raise\n        except Exception as error:",
          "            made = step.run(state)\n        except StepFailed:\n            raise\n        except KeyError as error:", (_HOSTILE, "tests/unit/test_interpreter.py")),
    Break("I7", "what a key or header formula raises ends the run", "fsm_core/engine/delivery.py", "            except Exception as error:", "            except KeyError as error:", (_HOSTILE,)),
    Break("I7", "a header that is no UTF-8 ends the run", _PROCESSING, "    except UnicodeDecodeError:\n        return None", "    except UnicodeDecodeError:\n        raise SystemExit(1) from None", (_HOSTILE,)),
    Break("I7", "an error that holds a lone surrogate ends the lane", _LETTERS, 'data = text.encode("utf-8", "replace")', "data = text.encode()", ("tests/unit/test_dead_letters.py", _HOSTILE)),
    Break("I7", "bytes that are no JSON end the run", "fsm_core/engine/codec.py", "    except (ValueError, TypeError, RecursionError) as error:\n        raise Malformed(str(error)) from None\n    if record",
          "    except RecursionError as error:\n        raise Malformed(str(error)) from None\n    if record", (_HOSTILE,)),
    Break("I7", "what is too large is sent", _ROUTING, "if size_of(key, value, headers) > facts.max_message_bytes:", "if False:", ("tests/unit/test_routing.py",)),
    Break("I7", "a negative timestamp is passed on", _ROUTING, "if not low <= when <= high or when < 0:", "if not low <= when <= high:", (_HOSTILE,)),
    Break("I7", "a number that JSON cannot say is written", "fsm_core/engine/codec.py", '    if b"null" in value:\n        refuse_nonfinite(record)\n', "", ("tests/unit/test_engine_machine.py", "tests/unit/test_engine_codegen.py")),
    Break("I8", "every error is kept", "worker/runtime/observation.py", "lambda: deque(maxlen=20))", "deque)", (_BOUNDS,)),
    Break("I8", "a transaction's records are kept after its commit", _ONCE, "parts, session.parts = session.parts, []", "parts, session.parts = session.parts, [*session.parts]", (_BOUNDS,)),
    Break("I8", "isolation remembers parts that are done", _ISOLATION, "            self._done.pop(id(part), None)\n", "            self._done[-id(part)] = [self._done.pop(id(part)), part]\n", (_BOUNDS,)),
    Break("I8", "lanes that are gone are kept", _MEMBER, "        task = self.tasks.pop(lane, None)", "        task = self.tasks.get(lane)", (_BOUNDS,)),
    Break("I8", "a partition's bytes are not looked at", _PRESSURE, " or lane.in_flight_bytes >= self.bytes or", " or", (_BOUNDS,)),
    Break("I8", "any number of keys may be in quarantine", _QUARANTINE, "return more > 0 and len(self.keys) + more > self.most", "return False", ("tests/simulation/test_full_quarantine.py",)),
    Break("I9", "a whole fetch is one slice", _MEMBER, "await lane.next_records(self.policy.slice_records,", "await lane.next_records(1 << 30,", (_BOUNDS,)),
    Break("I9", "what sends nothing runs slice after slice", _MEMBER, "                    await asyncio.sleep(0)  # what", "                    # what", (_BOUNDS,)),
    Break("I9", "small fetches are joined without an end", _LANE, "        if len(records) > most:\n            records, rest", "        if False:\n            records, rest", (_UNIT_LANE,)),
    Break("I9", "functions that are not async are called on the loop", "fsm_core/engine/protocol.py", "await asyncio.to_thread(pending.function, given)", "pending.function(given)", (_BOUNDS, "tests/unit/test_interpreter.py")),
    Break("I9", "a reloaded machine is judged on the loop", "worker/reloading.py", "prepared = await on_a_thread(self._prepare, self._seconds)", "prepared = self._prepare()", ("tests/unit/test_reloading.py",)),
    Break("I10", "a transaction's verbs wait for ever", _TRANSACTION, "await asyncio.wait_for(verb, WAIT_SECONDS if seconds is None else seconds)", "await verb", ("tests/simulation/test_transactions.py",)),
    Break("I10", "a drain waits for ever", _MEMBER, "await asyncio.wait(tasks, timeout=self.policy.drain_timeout * _DRAIN_SHARE)", "await asyncio.wait(tasks)", (_PLANS,)),
    Break("I10", "a commit waits for ever", _OFFSETS, "await asyncio.wait_for(self._consumer.commit({lane.partition: offset for lane, offset in todo.items()}), _COMMIT_SECONDS)",
          "await self._consumer.commit({lane.partition: offset for lane, offset in todo.items()})", (_WAITS,)),
    Break("I10", "a commit that expired is not counted", _OFFSETS, '                self._counters.commits["failed"] += 1\n', "                pass\n", (_WAITS,)),
    Break("I10", "an idle lane's position is waited for without an end", _COMMITTER, "await asyncio.wait_for(self._consumer.position(lane.partition), _POSITION_SECONDS)",
          "await self._consumer.position(lane.partition)", (_WAITS,)),
    Break("I10", "a stopping worker waits for its drain without an end", _SUPERVISOR, "await self._first(draining, self._at_once, patience * _DRAIN_SHARE)", "await self._first(draining, self._at_once)",
          ("tests/unit/test_supervisor.py",)),
    Break("I10", "an acknowledgement that never comes is not told", _SUPERVISOR, 'return f"no acknowledgement for {stuck[0]}" if stuck else None', "return None", ("tests/unit/test_supervisor.py",)),
    Break("I10", "a stall is not counted", "worker/runtime/watchdog.py", "        self._counters.stalls[lane.partition.topic] += 1\n", "", ("tests/unit/test_watchdog.py",)),
    Break("I10", "a call of the host's may take as long as it likes", "fsm_core/engine/protocol.py", "await asyncio.wait_for(_called(pending), pending.deadline)", "await _called(pending)",
          ("tests/unit/test_interpreter.py",)),
)
