"""The demo's course: broker, topics, worker, events, and, however it is ended, the audit."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from worker.demo import topics
from worker.demo.audit import Audit, audit
from worker.demo.feeder import Ledger, feed
from worker.demo.screen import Screen
from worker.demo.watch import Watch
from worker.demo.worker_process import WorkerFailed, WorkerProcess

if TYPE_CHECKING:
    from worker.embedded.kafka import EmbeddedKafka

CATCH_UP_TIMEOUT = 60.0


async def show(seconds: float, port: int, screen: Screen) -> Audit:
    """Run the demo for `seconds` of feeding, or until Ctrl-C or SIGTERM, and return its audit."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with broker(screen) as kafka:
        await topics.create(kafka.bootstrap)
        ledger = Ledger()
        screen.step("starting the worker")
        worker = await WorkerProcess.start(kafka.bootstrap, port)
        try:
            ready = await worker.ready()
            screen.page(page_url(ready.get("http")))
            screen.step("feeding about 2,000 orders a second, 2 % of them with trouble; Ctrl-C ends it early, with the audit")
            async with Watch(kafka.bootstrap) as watch:
                await feed_and_watch(kafka.bootstrap, seconds, stop, ledger, worker, watch, screen)
        finally:
            screen.step("draining the worker")
            code = await worker.stop()
        if code != 0:
            raise WorkerFailed(f"the worker ended with exit code {code}:\n{worker.log_tail()}")
        screen.step("auditing: every id, read from the topics themselves")
        result = await audit(kafka.bootstrap, ledger)
        screen.audit(result)
        return result


@asynccontextmanager
async def broker(screen: Screen) -> AsyncIterator[EmbeddedKafka]:
    """A started embedded Kafka, stopped at the end. Its methods block, hence the threads."""
    from worker.embedded.kafka import EmbeddedKafka

    screen.step("starting Apache Kafka (the first time it is fetched, about a minute)")
    kafka, began = EmbeddedKafka(), time.monotonic()
    try:
        await asyncio.to_thread(kafka.start)
        screen.step(f"Apache Kafka answers at {kafka.bootstrap} after {time.monotonic() - began:.0f} s")
        yield kafka
    finally:
        await asyncio.to_thread(kafka.stop)


async def feed_and_watch(bootstrap: str, seconds: float, stop: asyncio.Event, ledger: Ledger,
                         worker: WorkerProcess, watch: Watch, screen: Screen) -> None:
    """Feed until the time is over or `stop` is set, then wait until the group has committed everything that was fed."""
    done, began = asyncio.Event(), time.monotonic()
    feeding = asyncio.create_task(feed(bootstrap, topics.INPUT, ledger, done))
    try:
        while not stop.is_set() and not feeding.done() and time.monotonic() - began < seconds:
            await tick(stop, began, worker, watch, screen)
    finally:
        done.set()
        await feeding
    screen.step(f"fed {len(ledger.fates):,}; waiting until all of it is consumed")
    deadline = time.monotonic() + CATCH_UP_TIMEOUT
    while (await watch.progress()).committed < len(ledger.fates) and time.monotonic() < deadline:
        worker.check()
        await asyncio.sleep(0.2)
    screen.progress(int(time.monotonic() - began), await watch.progress(), await watch.dead_letters(1))


async def tick(stop: asyncio.Event, began: float, worker: WorkerProcess, watch: Watch, screen: Screen) -> None:
    """One second: wait (less when stopped), see that the worker lives, show how far everything is."""
    try:
        await asyncio.wait_for(stop.wait(), 1 - (time.monotonic() - began) % 1)
    except TimeoutError:
        second = round(time.monotonic() - began)
        screen.progress(second, await watch.progress(), await watch.dead_letters(2 if second % 5 == 1 else 0))
    worker.check()


def page_url(http: object) -> str:
    """The page's address from the ready line's `http`: a URL, `host:port` or nothing."""
    text = str(http or "")
    return text if not text or "://" in text else f"http://{text}/"
