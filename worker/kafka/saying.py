"""What the client's errors say, for people."""

from __future__ import annotations


def said(error: BaseException) -> str:
    """The error's name and text; the client puts the name in front of most of its texts itself, and Python's own view of an address into some."""
    name, text = type(error).__name__, str(error)
    if "Unable to bootstrap" in text:
        text = "cannot connect"
    return text if text.startswith(name) else f"{name}: {text}" if text else name
