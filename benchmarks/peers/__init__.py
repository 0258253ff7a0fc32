"""The same job by hand: at-least-once loops that send, wait for acknowledgement, then commit."""
