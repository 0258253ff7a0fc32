"""The demo: an embedded Kafka, live events with some trouble in them, a worker, and an audit at the end."""
