"""From the ends backwards: what is set and never read (303), and what a machine reads of its input (900)."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any

from fsm_core.checks.live import EVERYTHING, NOTHING, Live, fields_read
from fsm_core.checks.steps import Steps
from fsm_core.definition import Arc, Code, Definition, Finding, Mark, Rules, State, Way


def reading_findings(definition: Definition, steps: Steps, reached: Collection[str]) -> Iterator[Finding]:
    """303 where a line of `set` or `record` is in vain, and 900 at the start state."""
    to_the_end = Reading(definition, steps, EVERYTHING)
    for name in definition.states:
        if name in reached:
            to_the_end.before(definition.states[name])
    for field, mark in dict.fromkeys(to_the_end.in_vain):
        yield Finding(303, "info", f"the field '{field}' is set and nobody reads it", mark, "it is overwritten, removed or not kept further on")
    read = Reading(definition, steps, NOTHING).entry[definition.start]
    if read.names and not read.whole:
        yield Finding(900, "info", f"of its input the machine reads {', '.join(sorted(read.names))}", definition.states[definition.start].mark)


class Reading:
    """What is live at the entry of each state; `at_end` is what is read of a record that leaves the machine."""

    def __init__(self, definition: Definition, steps: Steps, at_end: Live) -> None:
        self.definition, self.steps, self.at_end = definition, steps, at_end
        self.in_vain: list[tuple[str, Mark]] = []
        self.arcs: dict[str, list[Arc]] = defaultdict(list)
        self.returns: dict[str, set[str]] = defaultdict(set)
        for arc in definition.arcs:
            self.arcs[arc.source].append(arc)
            for way in arc.ways:
                if way.push is not None:
                    self.returns[way.push].add(way.target)
        self.entry: dict[str, Live] = dict.fromkeys(definition.states, NOTHING)
        self._run()
        self.in_vain.clear()

    def _run(self) -> None:
        above: dict[str, set[str]] = defaultdict(set)
        for state in self.definition.states.values():
            for target in self._targets(state):
                above[target].add(state.name)
        open_ = dict.fromkeys(reversed(list(self.definition.states)))
        while open_:
            name = next(iter(open_))
            del open_[name]
            made = self.before(self.definition.states[name])
            if made != self.entry[name]:
                self.entry[name] = made
                open_.update(dict.fromkeys(above[name]))

    def _targets(self, state: State) -> Iterator[str]:
        yield from (c.to for c in state.catches)
        if state.returns:
            yield from self.returns[state.network]
        for arc in self.arcs[state.name]:
            yield from (self._next(way) for way in arc.ways)

    def _next(self, way: Way) -> str:
        return way.target if way.push is None else self.definition.networks[way.push].start

    def before(self, state: State) -> Live:
        """What is live where the state is entered; lines that nobody reads are taken down."""
        live = self._rewritten(state, self._left(state))
        for transform in reversed(state.transforms):
            live = self._transformed(transform, live)
        for code in (*(x.template for x in state.lets), *(part for r in state.requires for part in (r.condition, r.message))):
            live = live.union(self._reads(code)) if code is not None else live
        for rule in state.validates:
            live = live.union(Live(False, frozenset([*rule.required, *rule.types, *rule.ranges])) if isinstance(rule, Rules) else self._reads(rule))
        for catch in state.catches:
            live = live.union(self.entry.get(catch.to, NOTHING))
        return live

    def _left(self, state: State) -> Live:
        """What is live after the state's steps."""
        live = NOTHING
        if state.is_end:
            if state.returns and self.returns[state.network]:
                for target in self.returns[state.network]:
                    live = live.union(self.entry[target])
            elif state.outcome != "drop":
                live = self.at_end
            for code in (state.key, state.timestamp, state.message, *(t for _, t in state.headers)):
                live = live.union(self._reads(code)) if code is not None else live
        for arc in self.arcs[state.name]:
            below = NOTHING
            for way in arc.ways:
                below = below.union(self.entry.get(self._next(way), NOTHING))
            for transform in reversed(arc.transforms):
                below = self._transformed(transform, below)
            for code in (arc.condition, arc.message, None if arc.switch is None else arc.switch.on):
                below = below.union(self._reads(code)) if code is not None else below
            live = live.union(below)
        return live

    def _rewritten(self, state: State, live: Live) -> Live:
        if state.fan_out is not None:
            live = self._reads(state.fan_out) if isinstance(state.fan_out, Code) else EVERYTHING
        if state.keep is not None:
            live = live.only(state.keep)
        for gone in state.removes:
            live = live.without(gone.path[0]) if len(gone.path) == 1 else live
        for line in reversed(state.assigns):
            if len(line.path) == 1 and not live.has(line.path[0]):
                self.in_vain.append((line.path[0], line.mark))
            live = live.without(line.path[0]) if len(line.path) == 1 and line.guard is None else live
            live = live.union(self._reads(line.template))
        for name in reversed(state.renames):
            live = live.without(name.target[0]) if len(name.target) == 1 else live
            live = live.union(Live(False, frozenset([name.source[0]])))
        if state.record is not None:
            self._built(state.record, live)
            live = self._reads(state.record)
        return live

    def _built(self, record: Code, live: Live) -> None:
        for key in record.tree.keys if isinstance(record.tree, ast.Dict) else ():
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and not live.has(key.value):
                self.in_vain.append((key.value, record.mark))

    def _transformed(self, code: Code, live: Live) -> Live:
        host = code.host
        if host is None:
            return self._reads(code)
        read = EVERYTHING if host.args is None else self._reads(host.args)
        if not host.into:
            return read
        return (live.without(host.into[0]) if len(host.into) == 1 else live).union(read)

    def _reads(self, code: Any) -> Live:
        return fields_read(self.steps.tree(code))
