"""A real Apache Kafka for demos and tests, from pip packages, Docker or elsewhere."""

from worker.embedded.errors import BrokerFailed, EmbeddedKafkaError, JarsUnavailable, JavaNotFound
from worker.embedded.kafka import EmbeddedKafka

__all__ = ["BrokerFailed", "EmbeddedKafka", "EmbeddedKafkaError", "JarsUnavailable", "JavaNotFound"]
