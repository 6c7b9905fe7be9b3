"""The instruments that every service has."""

from collections.abc import Callable, Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, Counter, Meter, Observation

#: What a gauge's callback gives: values with their attributes.
Measured = Iterable[tuple[float, Mapping[str, str]]]

#: From a handler of a few SQL rows to a batch behind a lock.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counters of events, the duration of their handling, and gauges by callback."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        count = meter.create_counter
        self.recorded = count("homeward.events.recorded", "{event}", "Events written to the log.")
        self.published = count("homeward.events.published", "{event}", "Events confirmed by the bus.")
        self.reclaimed = count(
            "homeward.events.reclaimed", "{event}", "Events claimed anew because a relay's lease on them had run out."
        )
        self.handled = count("homeward.events.handled", "{event}", "Events whose effect was committed.")
        self.duplicates = count("homeward.events.duplicates", "{event}", "Events dropped because they were handled.")
        self.parked = count("homeward.events.parked", "{event}", "Events set aside to wait for another or for a retry.")
        self.recovered = count("homeward.events.recovered", "{event}", "Events fetched from a producer's log.")
        self.dead = count("homeward.events.dead", "{event}", "Events held as dead letters.")
        self.handling = meter.create_histogram(
            "homeward.events.handling.duration",
            "s",
            "Time from taking a batch to its commit.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )

    def count(self, name: str, unit: str, description: str) -> Counter:
        """A counter of a service's own."""
        return self._meter.create_counter(name, unit, description)

    def observe(self, name: str, measure: Callable[[], Measured], *, unit: str = "1", description: str = "") -> None:
        """A gauge. ``measure`` is called from the exporter's thread: it reads what is known and waits for nothing."""

        def read(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, attributes) for value, attributes in measure()]

        self._meter.create_observable_gauge(name, [read], unit, description)
