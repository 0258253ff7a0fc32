"""Records side by side: each goes on until it asks something of the host; those that ask the same share one call."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fsm_core.definition import Host, Retry
from fsm_core.engine.interpreter import Interpreter, Walking
from fsm_core.engine.protocol import Answer, Pending
from fsm_core.engine.walk import CallFailed, Request, Walk, kinds_of

Calls = Generator[Pending, Answer, None]


@dataclass(slots=True, eq=False)
class Waiting:
    """A walk that stands still. `answer`: what its request came to."""

    walking: Walking
    walk: Walk | None
    request: Request
    answer: Any = None


class Waves:
    """The walks of one batch."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._ready: deque[tuple[Walking, Walk | None, Waiting | None]] = deque()
        self._waiting: list[Waiting] = []

    def interpret(self, walks: Iterable[Walk]) -> Calls:
        """`run` by the interpreter, children too."""
        yield from self.run((self._interpreter.go(walk), walk) for walk in walks)

    def run(self, walkings: Iterable[tuple[Walking, Walk | None]]) -> Calls:
        """All walks to their ends; a walk that is known may leave children. A call for one record is made before the next record goes on."""
        self._ready.extend((walking, walk, None) for walking, walk in walkings)
        while self._ready or self._waiting:
            while self._ready:
                waiting = self._on(*self._ready.popleft())
                if waiting is None:
                    continue
                if _host(waiting.request).batch:
                    self._waiting.append(waiting)
                else:
                    yield from _call([waiting])
                    self._ready.appendleft((waiting.walking, waiting.walk, waiting))
            wave = self._wave()
            if wave:
                yield from _call(wave)
                self._ready.extend((one.walking, one.walk, one) for one in wave)

    def _on(self, walking: Walking, walk: Walk | None, answered: Waiting | None) -> Waiting | None:
        """Let a walk go on; what it asks next, None where it is through."""
        try:
            if answered is None:
                request = next(walking)
            elif isinstance(answered.answer, CallFailed):
                request = walking.throw(answered.answer)
            else:
                request = walking.send(answered.answer)
        except StopIteration:
            if walk is not None and walk.children:
                self._ready.extendleft((self._interpreter.go(child), child, None) for child in reversed(walk.children))
            return None
        return Waiting(walking, walk, request)

    def _wave(self) -> list[Waiting]:
        """Those that wait for the same call, in the state that stands first: the others may get company from there."""
        if not self._waiting:
            return []
        first = min(self._waiting, key=lambda one: self._interpreter.order[one.request.state]).request
        wave: list[Waiting] = []
        others: list[Waiting] = []
        for one in self._waiting:
            (wave if one.request.code is first.code and one.request.state == first.state else others).append(one)
        self._waiting = others
        return wave


def _host(request: Request) -> Host:
    return request.code.host or Host(request.code.source)


def _call(wave: Sequence[Waiting]) -> Calls:
    """Ask until all are answered, or the attempts are used up: each time with the records that still fail."""
    host, retry = _host(wave[0].request), wave[0].request.retry
    left, attempt = list(wave), 1
    while left:
        answers = _slots((yield _pending(left, host, _delay(retry, attempt))), len(left), host)
        if isinstance(answers, Exception) and not _again(answers, retry, attempt) and host.idempotent and len(left) > 1:
            yield from _halves(left, host, retry, attempt + 1)
            return
        again = []
        for one, answer in zip(left, [answers] * len(left) if isinstance(answers, Exception) else answers, strict=True):
            if isinstance(answer, Exception) and _again(answer, retry, attempt):
                again.append(one)
            else:
                one.answer = _settled(answer, host, retry, attempt)
        left, attempt = again, attempt + 1


def _halves(wave: Sequence[Waiting], host: Host, retry: Retry | None, attempt: int) -> Calls:
    """Find the records that a call fails on: each half is asked once more by itself."""
    middle = len(wave) // 2
    for half in (wave[:middle], wave[middle:]):
        answers = _slots((yield _pending(half, host, 0.0)), len(half), host)
        if isinstance(answers, Exception) and len(half) > 1:
            yield from _halves(half, host, retry, attempt + 1)
            continue
        for one, answer in zip(half, [answers] * len(half) if isinstance(answers, Exception) else answers, strict=True):
            one.answer = _settled(answer, host, retry, attempt)


def _pending(wave: Sequence[Waiting], host: Host, delay: float) -> Pending:
    request = wave[0].request
    return Pending(host.name, request.function, [one.request.value for one in wave], host.batch, host.timeout, delay)


def _slots(answers: Answer, count: int, host: Host) -> Answer:
    """The answers, or what is wrong with them."""
    if isinstance(answers, Exception) or (isinstance(answers, list) and len(answers) == count):
        return answers
    came = f"a list of {len(answers)}" if isinstance(answers, list) else type(answers).__name__
    return TypeError(f"{host.name} was given {count} records and returned {came}")


def _listed(error: Exception, retry: Retry) -> bool:
    return not retry.errors or bool(kinds_of(error) & set(retry.errors))


def _again(error: Exception, retry: Retry | None, attempt: int) -> bool:
    return retry is not None and attempt < retry.attempts and _listed(error, retry)


def _delay(retry: Retry | None, attempt: int) -> float:
    """Seconds before an attempt; with full jitter anything up to that, so that many do not come back at once."""
    if retry is None or attempt == 1:
        return 0.0
    try:
        longest = min(retry.max_delay, retry.delay * retry.backoff ** (attempt - 2))
    except OverflowError:  # the thousandth attempt of a delay that doubles
        longest = retry.max_delay
    return random.uniform(0, longest) if retry.jitter == "full" else longest


def _settled(answer: Any, host: Host, retry: Retry | None, attempt: int) -> Any:
    if not isinstance(answer, Exception):
        return answer
    if retry is not None and _listed(answer, retry):
        return CallFailed("retries", answer, attempt)
    late = isinstance(answer, TimeoutError) and host.timeout is not None and retry is None
    return CallFailed("timeout" if late else "transform", answer, attempt)
