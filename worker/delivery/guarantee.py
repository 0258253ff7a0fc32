"""The few verbs that a guarantee implements; nothing else in the code asks which one it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from worker.delivery.routing import Part
    from worker.runtime.lane import Lane


class Guarantee(Protocol):
    """How a lane's parts reach Kafka."""

    name: str

    async def send(self, lane: Lane, part: Part) -> None:
        """Take over a part, in order; returns when it is queued, not when it is acknowledged."""

    async def recover(self, lane: Lane) -> None:
        """Deliver again what the lane's trouble left undelivered; returns when all of it is queued or the lane is closed."""

    async def close(self, lane: Lane) -> None:
        """The lane is gone: let go of what belongs to it."""

    async def stop(self) -> None:
        """The member ends."""
