"""The loops that run as long as a service. One that ends with an error takes its process with it: another begins them
all again, and a service that goes on without one would look well and leave something undone.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

import structlog

log = structlog.get_logger()


def start(loops: Iterable[Coroutine[Any, Any, None]], end: Callable[[], None]) -> list[asyncio.Task[None]]:
    """Run these. ``end``: ends the process."""
    tasks = [asyncio.create_task(loop, name=getattr(loop, "__qualname__", "loop")) for loop in loops]
    for task in tasks:
        task.add_done_callback(partial(_over, end))
    return tasks


def _over(end: Callable[[], None], task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("a loop has ended: this process ends", loop=task.get_name(), exc_info=error)
        end()
