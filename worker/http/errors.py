"""What can go wrong with the HTTP port.

CannotListen
└── PortTaken
"""

from __future__ import annotations


class CannotListen(Exception):
    """The HTTP server cannot listen on its address."""

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(f"http: cannot listen on {host}:{port}: {why}")
        self.host = host
        self.port = port


class PortTaken(CannotListen):
    """Another process listens on the HTTP port."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port, "the port is taken; set http.port to another one, or to 0 for any free one")
