"""What there is to be chosen: the sources that publish, and the types that they publish."""

from shared.contracts import registry
from shared.errors import Invalid
from shared.messaging.deadletters import Selection


class NoSuchSource(Invalid):
    """Nobody publishes under this name."""


class NoSuchType(Invalid):
    """No event has this type."""


def published(chosen: Selection) -> Selection:
    """The same selection, if its source and type are published by anybody. Raises NoSuchSource or NoSuchType."""
    sources = sorted(module.SOURCE for module in registry.PRODUCERS)
    if chosen.source is not None and chosen.source not in sources:
        raise NoSuchSource(f"Nobody publishes under this name: the sources are {', '.join(sources)}.", known=sources)
    if chosen.type is not None and chosen.type not in registry.types():
        known = _types_like(chosen.type)
        raise NoSuchType(f"No event has this type: there are {', '.join(known)}.", known=known)
    return chosen


def _types_like(type: str) -> list[str]:
    """Those of its producer; all when it names none."""
    producer = ".".join(type.split(".")[:3]) + "."
    return [name for name in registry.types() if name.startswith(producer)] or list(registry.types())
