"""The books of an audit: which input offsets have an outcome, in a bit each, and what was doubled or out of order."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from worker.runtime.ports import Partition

_EXAMPLES = 20
_BLOCK = 1024
"""Offsets that share a note of which machines dealt with them."""
MOST_OPEN = 1_000_000
"""Parents whose children are not all seen yet, and keys whose order is watched, at most."""


@dataclass(slots=True)
class Books:
    """One input partition's range. `begin` is its first offset, `end` the one after its last."""

    begin: int
    end: int
    seen: bytearray = field(init=False)
    families: dict[int, tuple[int, int]] = field(default_factory=dict)  # offset -> children seen as bits, how many there are
    digests: list[str] = field(default_factory=lambda: [""])
    blocks: bytearray = field(init=False)  # per block: index into digests, 0 none, 255 several
    edges: tuple[tuple[int, str], tuple[int, str]] = ((-1, ""), (1 << 63, ""))  # the last outcome before the range, the first after it
    back: set[int] = field(default_factory=set)  # redriven past the source topic, and no dead letter seen

    def __post_init__(self) -> None:
        self.seen = bytearray((self.end - self.begin + 7) // 8)
        self.blocks = bytearray((self.end - self.begin) // _BLOCK + 1)

    def mark(self, offset: int) -> bool:
        """Note an outcome; False if there was one."""
        at = offset - self.begin
        bit = 1 << (at & 7)
        if self.seen[at >> 3] & bit:
            return False
        self.seen[at >> 3] |= bit
        return True

    def has(self, offset: int) -> bool:
        """Whether it has an outcome."""
        at = offset - self.begin
        return bool(self.seen[at >> 3] & 1 << (at & 7))

    def by(self, offset: int, digest: str) -> None:
        """Note which machine dealt with it."""
        if digest not in self.digests:
            if len(self.digests) == 254:
                return
            self.digests.append(digest)
        block, index = (offset - self.begin) // _BLOCK, self.digests.index(digest)
        self.blocks[block] = index if self.blocks[block] in (0, index) else 255

    def beside(self, offset: int, digest: str) -> None:
        """Note an outcome outside of the range: it tells which machine ran at its edge."""
        before, after = self.edges
        if before[0] < offset < self.begin:
            self.edges = (offset, digest), after
        elif self.end <= offset < after[0]:
            self.edges = before, (offset, digest)

    def near(self, offset: int) -> set[str]:
        """Machines that dealt with its neighbours; more than one where that is not clear."""
        block = (offset - self.begin) // _BLOCK
        found: set[str] = set()
        for places, edge in ((range(block, -1, -1), self.edges[0][1]), (range(block, len(self.blocks)), self.edges[1][1])):
            index = next((self.blocks[place] for place in places if self.blocks[place]), 0)
            found |= set(self.digests[1:]) if index == 255 else {self.digests[index] or edge}
        return found - {""}

    def missing(self) -> Iterator[tuple[int, int]]:
        """Stretches without outcomes, in order; bytes that are full are passed quickly."""
        offset = self.begin
        while offset < self.end:
            if self.has(offset):
                offset += 1
                if not (offset - self.begin) & 7:
                    offset = self._past_full(offset)
                continue
            start = offset
            while offset < self.end and not self.has(offset):
                offset += 1
            yield start, offset

    def _past_full(self, offset: int) -> int:
        byte = (offset - self.begin) >> 3
        while byte < len(self.seen) and self.seen[byte] == 255:
            byte += 1
        return self.begin + byte * 8


@dataclass(slots=True)
class Findings:
    """What an audit counted; `bad` are the kinds that break the promise."""

    inputs: int = 0
    outputs: int = 0
    dead_letters: int = 0
    drops: int = 0
    redriven: int = 0
    strangers: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    unaccounted: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def wrong(self, kind: str, what: str) -> None:
        """Count a breach, and keep the first few."""
        self.bad[kind] += 1
        if self.bad[kind] <= _EXAMPLES:
            self.examples.append(f"{kind}: {what}")

    def unknown(self, why: str, what: str) -> None:
        """Count what cannot be told, and keep the first few."""
        self.unaccounted[why] += 1
        if self.unaccounted[why] <= _EXAMPLES:
            self.examples.append(f"unaccounted: {what}: {why}")


class Accounts:
    """Takes outcomes as they are read: every output first, then the dead letters; each partition in its order."""

    def __init__(self, ranges: dict[Partition, tuple[int, int]]) -> None:
        self.books = {p: Books(*r) for p, r in ranges.items()}
        self.findings = Findings()
        self._first: dict[tuple[Partition, Partition], int] = {}
        self._last: dict[tuple[Partition, Partition], int] = {}  # (outcome's partition, input partition) -> offset
        self._keys: OrderedDict[tuple[Partition, Partition, bytes], int] = OrderedDict()

    def output(self, at: Partition, where: int, source: Partition, offset: int, digest: str, child: tuple[int, int] | None, redriven: bool) -> None:
        """An output of the input source:offset that stands at `at`:`where`."""
        books = self._books(source, offset, digest)
        if books is None:
            return
        self.findings.outputs += 1
        if redriven:  # its dead letter is the outcome, while it stands
            self.findings.redriven += 1
            if len(books.back) < MOST_OPEN:
                books.back.add(offset)
            return
        self._first.setdefault((at, source), offset)
        books.by(offset, digest)
        place = f"{source.topic}:{source.partition}:{offset} at {at.topic}:{at.partition}:{where}"
        first = self._child(books, offset, child) if child is not None and child[1] > 1 else books.mark(offset)
        if not first:
            self.findings.wrong("doubled", place if child is None else f"{place} (child {child[0]}/{child[1]})")
            return
        last = self._last.get((at, source), -1)
        if offset < last:
            self.findings.wrong("out of order", f"{place} after {last}")
        else:
            self._last[at, source] = offset

    def dead_letter(self, at: Partition, where: int, source: Partition, offset: int, digest: str, key: bytes | None) -> None:
        """A dead letter of it. Order is held by key: one that the broker refused comes after those of its slice."""
        books = self._books(source, offset, digest)
        if books is None:
            return
        self.findings.dead_letters += 1
        books.by(offset, digest)
        self._first.setdefault((at, source), offset)
        place = f"{source.topic}:{source.partition}:{offset} at {at.topic}:{at.partition}:{where}"
        books.families.pop(offset, None)  # the broker refused one of its children: the others may be out
        if not books.mark(offset):
            self.findings.wrong("doubled", place)
            return
        if key is None:
            return
        last = self._keys.pop((at, source, key), -1)
        if offset < last:
            self.findings.wrong("out of order", f"{place} after {last}")
        self._keys[at, source, key] = max(offset, last)
        if len(self._keys) > MOST_OPEN:
            self._keys.popitem(last=False)

    def deleted(self, trimmed: Iterable[Partition], source: Partition, offset: int) -> bool:
        """Whether the outcome of an input may have stood at the head of one of these, that were deleted."""
        return any(self._first.get((at, source), offset) >= offset for at in trimmed)

    def _books(self, source: Partition, offset: int, digest: str) -> Books | None:
        """Where an outcome belongs, None if it is outside of every range."""
        books = self.books.get(source)
        if books is None or books.begin <= offset < books.end:
            return books
        books.beside(offset, digest)
        return None

    def _child(self, books: Books, offset: int, child: tuple[int, int]) -> bool:
        """Note one of several children; the parent has its outcome when all are there."""
        if books.has(offset):
            return False
        index, count = child
        bits, _ = books.families.get(offset, (0, count))
        if bits >> index & 1:
            return False
        bits |= 1 << index
        if bits.bit_count() == count:
            books.families.pop(offset, None)
            books.mark(offset)
        elif offset in books.families or len(books.families) < MOST_OPEN:
            books.families[offset] = bits, count
        return True
