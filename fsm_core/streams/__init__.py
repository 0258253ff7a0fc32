"""Records from anywhere through a machine to anywhere, in bounded memory, with every record accounted for."""

from fsm_core.streams.chain import Chain
from fsm_core.streams.config import CoreStreamConfig
from fsm_core.streams.progress import Progress
from fsm_core.streams.stream import Stream

__all__ = ["Chain", "CoreStreamConfig", "Progress", "Stream"]
