"""Machine documents: read (with places), then parsed to a `Definition`."""

from fsm_core.document.parsing import examine, parse
from fsm_core.document.reading import Document, load_document, read_text

__all__ = ["Document", "examine", "load_document", "parse", "read_text"]
