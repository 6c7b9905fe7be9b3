"""The services by name."""

from enum import StrEnum


class Service(StrEnum):
    """A service that can run alone."""

    SCREENING = "screening"
    TRAVEL = "travel"
    REINTEGRATION = "reintegration"
    MONITORING = "monitoring"
    PARTNERS = "partners"
    GATEWAY = "gateway"


class Producer(StrEnum):
    """A service that publishes events."""

    SCREENING = "screening"
    TRAVEL = "travel"
    REINTEGRATION = "reintegration"
    MONITORING = "monitoring"
