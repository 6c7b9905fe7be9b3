"""Wakes who waits for something to deliver."""

import asyncio


class Arrivals:
    """``app.state.arrivals``."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Something was kept."""
        self._event.set()
        self._event = asyncio.Event()

    def next(self) -> asyncio.Event:
        """What is set when something new is kept."""
        return self._event
