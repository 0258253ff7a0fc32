"""Everything that `worker.embedded` raises on purpose.

EmbeddedKafkaError       a broker of our own cannot be had
├── JavaNotFound         no Java 17 or newer, neither from pip nor on the PATH
├── JarsUnavailable      Kafka's jars are not cached and cannot be fetched
└── BrokerFailed         the broker's process ended or did not answer; holds the tail of its log
"""

from __future__ import annotations


class EmbeddedKafkaError(Exception):
    """The root of what this package raises."""


class JavaNotFound(EmbeddedKafkaError):
    """No usable Java; the message says what to install."""


class JarsUnavailable(EmbeddedKafkaError):
    """Kafka's jars could not be resolved; the message holds what each way of fetching them said."""


class BrokerFailed(EmbeddedKafkaError):
    """The broker ended or stayed silent; `log_tail` is the end of what it wrote."""

    def __init__(self, what: str, log_tail: str) -> None:
        self.log_tail = log_tail
        super().__init__(f"{what}\n--- the end of the broker's log ---\n{log_tail or '(empty)'}")
