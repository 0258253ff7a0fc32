"""Puts the live page together from its files, as one document that names no other address."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files

SCRIPTS = ("dom.js", "overview.js", "graph.js", "tables.js", "connection.js")


@dataclass(frozen=True, slots=True)
class Page:
    """The document, and the content security policy that lets nothing but its own script and style run."""

    html: str
    policy: str


def load_page() -> Page:
    """Read the page's files from the package."""
    folder = files("worker.http") / "static"
    style = (folder / "page.css").read_text("utf-8")
    script = "\"use strict\";\n" + "".join((folder / name).read_text("utf-8") for name in SCRIPTS)
    html = (folder / "page.html").read_text("utf-8").replace("/*STYLE*/", style).replace("/*SCRIPT*/", script)
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(html, policy)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
