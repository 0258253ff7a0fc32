"""The order of a machine graph: which arcs close a loop, which layer each state is in, who is above whom."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

Pair = tuple[str, str]
SWEEPS = 12
LARGE = 3000
"""Slots from which on few sweeps must do."""


def closing_arcs(names: Sequence[str], pairs: Sequence[Pair]) -> set[Pair]:
    """The arcs that lead back to a state the way has come through, found depth first from the first name on."""
    following = _following(pairs)
    done: dict[str, bool] = {}  # False while the state is on the way
    closing: set[Pair] = set()
    for root in names:
        if root in done:
            continue
        done[root] = False
        way = [(root, iter(following[root]))]  # a stack of its own: a machine may be deeper than Python's
        while way:
            state, rest = way[-1]
            target = next(rest, None)
            if target is None:
                done[state] = True
                way.pop()
            elif target not in done:
                done[target] = False
                way.append((target, iter(following[target])))
            elif not done[target]:
                closing.add((state, target))
    return closing


def layers(names: Sequence[str], pairs: Sequence[Pair]) -> dict[str, int]:
    """The longest way to each state from one that nothing leads to. The pairs must be free of loops."""
    following, waiting = _following(pairs), dict.fromkeys(names, 0)
    for _, target in pairs:
        waiting[target] += 1
    depth = dict.fromkeys(names, 0)
    ready = [name for name in names if not waiting[name]]
    for name in ready:
        for target in following[name]:
            depth[target] = max(depth[target], depth[name] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return depth


def untangle(columns: list[list[int]], links: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The columns of slots sorted so that few links cross; a link joins slots of neighbouring columns."""
    before, after = neighbours(links)
    best, fewest = columns, crossings(columns, after)
    current = [list(column) for column in columns]
    for sweep in range(SWEEPS if sum(map(len, columns)) < LARGE else 2):
        if sweep % 2:
            _sweep(current[::-1], after)
        else:
            _sweep(current, before)
        count = crossings(current, after)
        if count < fewest:
            best, fewest = [list(column) for column in current], count
    return best


def crossings(columns: Sequence[Sequence[int]], after: Mapping[int, Sequence[int]]) -> int:
    """How many pairs of links cross."""
    total = 0
    for left, right in pairwise(columns):
        place = {slot: i for i, slot in enumerate(right)}
        seen: list[int] = []
        for slot in left:
            ends = sorted(place[other] for other in after.get(slot, ()))
            total += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def neighbours(links: Iterable[tuple[int, int]]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """For each slot the slots before and after it."""
    before, after = defaultdict(list), defaultdict(list)
    for left, right in links:
        before[right].append(left)
        after[left].append(right)
    return dict(before), dict(after)


def _sweep(columns: Sequence[list[int]], near: Mapping[int, Sequence[int]]) -> None:
    for fixed, moved in pairwise(columns):
        place = {slot: (i + 0.5) / len(fixed) for i, slot in enumerate(fixed)}
        own = {slot: (i + 0.5) / len(moved) for i, slot in enumerate(moved)}
        wish = {slot: _mean([place[other] for other in near.get(slot, ())], own[slot]) for slot in moved}
        moved.sort(key=wish.__getitem__)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _following(pairs: Iterable[Pair]) -> defaultdict[str, list[str]]:
    following: defaultdict[str, list[str]] = defaultdict(list)
    for source, target in pairs:
        following[source].append(target)
    return following
