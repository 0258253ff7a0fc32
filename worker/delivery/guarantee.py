"""The few verbs that a guarantee implements; nothing else in the code asks which one it is."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from worker.delivery.routing import Part
    from worker.runtime.lane import Lane


class Guarantee(Protocol):
    """How a lane's parts and its offset reach Kafka."""

    name: str

    async def open(self, lane: Lane) -> int | None:
        """The lane's certain committed offset (None: the group has none), with every former owner shut out as far as the guarantee can.

        May raise anything of the client: the caller tries again.
        """

    async def send(self, lane: Lane, part: Part) -> None:
        """Take over a part, in order; returns when it is queued, not when it is acknowledged."""

    async def recover(self, lane: Lane) -> None:
        """Deliver again what the lane's trouble left undelivered; returns when all of it is queued or the lane is closed."""

    async def tick(self, lanes: Collection[Lane]) -> None:
        """One commit interval: see that what is due is committed."""

    async def commit(self, lanes: Collection[Lane]) -> None:
        """Commit now what of these lanes can be; bounded. What fails is counted, and left to the next time."""

    async def finish(self, lane: Lane) -> None:
        """Nothing more comes to the lane: returns when nothing of it is pending, or at its trouble, or when it is closed."""

    async def close(self, lane: Lane) -> None:
        """The lane is gone: let go of what belongs to it."""

    async def stop(self) -> None:
        """The member ends."""
