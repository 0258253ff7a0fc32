"""Dead letters as people see them: what a record holds does nothing to a terminal, and names itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.simulation.world import DEAD, OUT, facts, router_config
from worker.cli.dlq import key_of
from worker.delivery.dead_letters import DeadLetters
from worker.delivery.routing import Router
from worker.runtime.ports import Partition
from worker.runtime.processing import Active
from worker.tools.accounts import Accounts
from worker.tools.audit import Inspection
from worker.tools.letters import Letter, pretty, printable, text_of

EVIL = "\x1b]0;own\x07\x9b31m\u202eabc\n"


def letter(key: bytes | None, message: str = "why") -> Letter:
    headers = [("fsm.reason", b"guard"), ("fsm.error.message", message.encode())]
    return Letter.of(Partition("dlq", 0), SimpleNamespace(offset=7, timestamp=0, key=key, value=b"{}", headers=headers))


def test_nothing_of_a_record_steers_the_terminal() -> None:
    """Escape sequences, C1 controls, and what turns the direction of writing, in keys, messages and values."""
    for shown in (letter(EVIL.encode(), EVIL).line(), printable(EVIL), *pretty(EVIL.encode()).split("\n"), *pretty(b'{"a": "\\u009b1m\\u202e"}').split("\n")):
        assert shown.isprintable() or not shown, shown


@pytest.mark.parametrize("key", [b"k1", b"\xff\xfe", "é".encode() + b"\xff", EVIL.encode(), b"", b"back\\slash"])
def test_a_key_is_found_by_what_is_shown_of_it(key: bytes) -> None:
    """`--key` takes what `list` prints, whatever the bytes are."""
    assert key_of(printable(text_of(key) or "")) == key


def test_no_key_is_not_the_key_none() -> None:
    """One can tell them apart."""
    assert " no key " in letter(None).line() and " key=None " in letter(b"None").line()


async def test_an_audit_calls_nothing_of_the_users() -> None:
    """What an impure machine says today proves nothing of then, and its functions may do things."""
    calls: list[Any] = []
    from fsm_core import load

    def pay(data: Any) -> Any:
        calls.append(data)
        return data

    machine = load({"name": "m", "states": [{"name": "s", "is_start": True, "functions": {"transform": {"ref": "pay"}}}, {"name": "out", "is_end": True}],
                    "arcs": [{"from": "s", "to": "out"}]}, functions={"pay": pay})
    router = Router(router_config(), {OUT: facts(OUT), DEAD: facts(DEAD)}, DeadLetters({DEAD: facts(DEAD)}, DEAD, "m", "d"))
    here = Partition("in", 0)
    site: Any = SimpleNamespace(machine=machine, active=Active(machine.bind(), router))
    inspection = Inspection(site, Accounts({here: (0, 3)}))
    records = [SimpleNamespace(offset=i, timestamp=0, key=b"k", value=v, headers=[]) for i, v in enumerate((b"{}", None, b"{}"))]
    await inspection._judge(here, records)
    found = inspection.accounts.findings
    assert not calls
    assert (found.inputs, found.unaccounted.total(), found.bad["lost"]) == (3, 2, 1), "a tombstone goes through no machine: it can be told"
