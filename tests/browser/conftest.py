"""A real Chromium, and pages that are watched: what they ask for, what they complain of. Screenshots go to results/browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import cannot_run

SHOTS = Path(__file__).parents[2] / "results" / "browser"
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")


class Watched:
    """A page, the addresses it asked, and its console's errors."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._said)
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    def shot(self, name: str) -> None:
        """Keep a picture of the whole page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def number(self, selector: str) -> int:
        """The first number in an element's text; 0 without one."""
        text = self.page.locator(selector).first.inner_text().replace(",", "")
        return int("".join(ch if ch.isdigit() else " " for ch in text).split()[0]) if any(map(str.isdigit, text)) else 0

    def _said(self, message: Any) -> None:
        gone = "net::ERR_" in message.text and urlsplit(message.location.get("url", "")).path in ("/events", "/graph")
        if message.type in ("error", "warning") and not gone:  # that the worker is gone is what the page shows
            self.complaints.append(message.text)


MakePage = Callable[..., Watched]


@pytest.fixture(scope="module")  # its event loop would stand in the way of other tiers' own
def chromium() -> Iterator[Any]:
    """The browser; FSM_CHROMIUM names its program where it has another name."""
    program = os.environ.get("FSM_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        cannot_run("no Chromium: pip cannot install one; apt-get install chromium, or name the program in FSM_CHROMIUM")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        cannot_run("no playwright: pip install playwright (make browser does)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[MakePage]:
    """`open_page(url, width=1400, scheme="light")`; at the end no page complained or asked another host than its own."""
    opened: list[tuple[str, Watched]] = []
    contexts = []

    def make(url: str, width: int = 1400, scheme: str = "light") -> Watched:
        contexts.append(chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}))
        watched = Watched(contexts[-1].new_page())
        opened.append((urlsplit(url).netloc, watched))
        watched.page.goto(url)
        return watched

    yield make
    for context in contexts:
        with suppress(Exception):
            context.close()
    for host, watched in opened:
        assert watched.complaints == []
        assert watched.hosts == {host}
