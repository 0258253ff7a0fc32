"""A machine is swapped whole or not at all, whatever is wrong with the new one; a watched file is read when it has settled."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.simulation.world import facts
from worker.config import load_config
from worker.machines import checked, load_machine, machine_view, make_active, prepare_again
from worker.reloading import Reloader, ReloadRefused, Watch, signature_of
from worker.runtime.observation import Counters

FACTS = {name: facts(name) for name in ("out", "other", "dead")}


def machine(version: str = "1", **other: Any) -> dict[str, Any]:
    """Marks each record with its version; its test says so."""
    return {"name": "m", "version": version, "states": [{"name": "a", "is_start": True, "set": {"v": version}}, {"name": "z", "is_end": True}],
            "arcs": [{"from": "a", "to": "z"}], "tests": [{"name": "marked", "given": {}, "expect": {"data": {"v": version}}}], **other}


async def none_missing() -> list[str]:
    """Every topic is there."""
    return []


class Bench:
    """A worker file, its machine's file, and what runs."""

    def __init__(self, folder: Path, inline: bool = False) -> None:
        self.file, self.config = folder / "machine.json", folder / "worker.yaml"
        self.inline = inline
        self.write(machine())
        self.loaded = load_config(self.config, env={})
        first = load_machine(self.loaded)
        self.running = SimpleNamespace(active=make_active(checked(self.loaded, first), first, FACTS), machine=machine_view(first.definition), counters=Counters())
        self.missing: Any = none_missing

    def write(self, document: Any) -> None:
        """The machine's document anew."""
        self.file.write_text(document if isinstance(document, str) else json.dumps(document))
        worker = {"machine": document if self.inline else "machine.json", "input": {"topics": ["in"]},
                  "output": {"topic": "out", "routes": {"r": "other"}}, "dead_letter": {"topic": "dead"}}
        self.config.write_text(json.dumps(worker))

    def reloader(self, seconds: float = 10.0, prepare: Callable[[], Any] | None = None) -> Reloader:
        """As the worker makes it."""
        return Reloader(self.running, prepare or (lambda: prepare_again(self.loaded, FACTS)), self.missing, seconds)  # type: ignore[arg-type]

    async def refused(self, seconds: float = 10.0, prepare: Callable[[], Any] | None = None) -> str:
        """Why a reload was refused; everything is as it was."""
        before = self.running.active, self.running.machine
        with pytest.raises(ReloadRefused) as caught:
            await self.reloader(seconds, prepare).reload()
        assert (self.running.active, self.running.machine) == before
        assert self.running.counters.reloads == {"failed": 1}
        return str(caught.value)


@pytest.mark.parametrize("inline", [False, True])
async def test_a_good_machine_takes_over_whole(tmp_path: Path, inline: bool) -> None:
    """The machine, the digest of its dead letters and the view change together; an inline machine is read from the worker file."""
    bench = Bench(tmp_path, inline)
    before = bench.running.machine
    bench.write(machine("2"))
    await bench.reloader().reload()
    running = bench.running
    assert json.loads(running.active.machine.run([b"{}"]).rows[0][2]) == {"v": "2"}
    assert running.machine.version == "2" and running.machine.digest == running.active.router.dead.digest != before.digest
    assert running.machine.loaded_at >= before.loaded_at and running.counters.reloads == {"ok": 1}


BAD: dict[str, tuple[Any, str]] = {
    "syntax": ("{", "not JSON"),
    "error": (machine("2", arcs=[{"from": "a", "to": "nowhere"}]), "nowhere"),
    "failing test": (machine("2", tests=[{"name": "t", "given": {}, "expect": {"data": {"v": "1"}}}]), "the test 't' failed"),
    "test written wrongly": (machine("2", tests=[{"name": "t"}]), "expects nothing"),
    "unmapped route": (machine("2", states=[machine()["states"][0], {"name": "z", "is_end": True, "route": "x"}], tests=[]), "route x"),
    "unknown function": (machine("2", states=[{"name": "a", "is_start": True, "functions": {"transform": {"ref": "geo"}}}, {"name": "z", "is_end": True}], tests=[]), "geo"),
}


@pytest.mark.parametrize("bad", BAD)
async def test_whatever_is_wrong_with_the_new_one_the_old_one_stays(tmp_path: Path, bad: str) -> None:
    """Refused with the reason, counted, nothing changed."""
    bench = Bench(tmp_path)
    document, why = BAD[bad]
    bench.write(document)
    assert why in await bench.refused()


async def test_a_machine_that_is_gone_is_refused(tmp_path: Path) -> None:
    """Unreadable is wrong too."""
    bench = Bench(tmp_path)
    bench.file.unlink()
    assert "cannot read the machine" in await bench.refused()


async def test_a_topic_that_is_gone_is_refused(tmp_path: Path) -> None:
    """The old machine may not need it."""
    bench = Bench(tmp_path)

    async def missing() -> list[str]:
        return ["other"]

    bench.missing = missing
    assert "other" in await bench.refused()


@pytest.mark.parametrize("error", [SystemExit(3), StopIteration(), ValueError("boom")])
async def test_what_trusted_code_raises_is_an_answer(tmp_path: Path, error: BaseException) -> None:
    """SystemExit does not end the worker, and nothing is awaited for ever."""
    def prepare() -> Any:
        raise error

    assert await asyncio.wait_for(Bench(tmp_path).refused(prepare=prepare), 5)


async def test_judging_does_not_hold_the_loop_and_ends_at_its_deadline(tmp_path: Path) -> None:
    """I9 and I10: a test that never ends is on a thread that holds neither the loop nor the exit."""
    bench, never = Bench(tmp_path), threading.Event()
    assert "could not be judged within 0.05 s" in await asyncio.wait_for(bench.refused(0.05, never.wait), 5)
    held = [t for t in threading.enumerate() if t.name == "reload"]
    never.set()
    assert held and all(t.daemon for t in held)


async def test_reloads_asked_for_while_one_runs_are_one(tmp_path: Path) -> None:
    """A storm of SIGHUPs: the one under way, and one that reads what is there after it."""
    bench, go, begun = Bench(tmp_path), threading.Event(), 0

    def prepare() -> Any:
        nonlocal begun
        begun += 1
        assert go.wait(5)
        return prepare_again(bench.loaded, FACTS)

    reloader = bench.reloader(prepare=prepare)
    for _ in range(20):
        reloader.ask()
        await asyncio.sleep(0)
    go.set()
    await reloader.reload()
    assert begun == 3 and bench.running.counters.reloads == {"ok": 3}


def test_a_watched_file_counts_when_it_has_settled(tmp_path: Path) -> None:
    """Once for a change, not while it is written, and when it goes."""
    file = tmp_path / "m.yaml"
    file.write_text("1")
    watch = Watch(file)
    assert not watch.settled(signature_of(file))
    file.write_text("22")
    first = signature_of(file)
    file.write_text("333")
    assert [watch.settled(s) for s in (first, signature_of(file), signature_of(file), signature_of(file))] == [False, False, True, False]
    file.unlink()
    assert [watch.settled(signature_of(file)) for _ in range(3)] == [False, True, False]


def test_a_config_map_is_seen_when_its_link_moves(tmp_path: Path) -> None:
    """Kubernetes replaces `..data`, a link to a directory; the file's own path never changes, nor the size nor the time."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "m.yaml").write_text(name)
        os.utime(tmp_path / name / "m.yaml", (1, 1))
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "m.yaml").symlink_to("..data/m.yaml")
    watch = Watch(tmp_path / "m.yaml")
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").rename(tmp_path / "..data")
    assert [watch.settled(signature_of(tmp_path / "m.yaml")) for _ in range(2)] == [False, True]
