"""Free ports a restarted broker can have again, and whether a Kafka broker answers on one."""

from __future__ import annotations

import random
import socket
import struct

from worker.embedded.errors import EmbeddedKafkaError

# Below the ephemeral range: a port from it may be given to any client while the broker is down.
FIRST_PORT, LAST_PORT = 20000, 32000
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)


def free_port() -> int:
    """A port nobody listens on at this moment, below 32768."""
    for _ in range(200):
        port = random.randint(FIRST_PORT, LAST_PORT)
        if is_free(port):
            return port
    raise EmbeddedKafkaError(f"no free port between {FIRST_PORT} and {LAST_PORT}")


def is_free(port: int) -> bool:
    """Whether the loopback port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def kafka_answers(port: int) -> bool:
    """Whether a broker on the loopback port answers ApiVersions without an error."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
            link.sendall(_API_VERSIONS)
            head = link.recv(10, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(head) == 10 and struct.unpack(">iih", head)[1:] == (1, 0)
