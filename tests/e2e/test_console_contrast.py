"""The console's colours can be told apart: WCAG's contrast of 4.5 to 1 for text, in both colour schemes."""

import re
from pathlib import Path

import pytest

STYLE = Path(__file__).parents[2] / "services" / "gateway" / "console" / "static" / "console.css"

#: Text and what it stands on.
PAIRS = (
    *(("ink", ground) for ground in ("ground", "panel", "tint-forward", "tint-urgent", "tint-bad")),
    *(("muted", ground) for ground in ("ground", "panel")),
    *(("accent", ground) for ground in ("ground", "panel", "tint-forward", "tint-urgent")),
    *((tone, "panel") for tone in ("good", "bad", "urgent", "ended")),
    *((tone, f"tint-{tone}") for tone in ("urgent", "ended", "good", "bad")),
    ("on-accent", "accent"),
)


def _schemes() -> dict[str, dict[str, str]]:
    light, dark = re.findall(r":root \{(.*?)\}", STYLE.read_text(), re.DOTALL)[:2]
    found = {name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", each)) for name, each in (("l", light), ("d", dark))}
    return {"light": found["l"], "dark": found["l"] | found["d"]}


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS, ids=str)
def test_text_can_be_read_on_its_ground(scheme: str, text: str, ground: str) -> None:
    colours = _schemes()[scheme]
    assert _contrast(colours[text], colours[ground]) >= 4.5
