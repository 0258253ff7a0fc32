"""The JSON Schema of a machine document, for editors: every key with what it is for."""

from fsm_core.schema.machine import machine_schema

__all__ = ["machine_schema"]
