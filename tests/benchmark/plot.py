"""Plots as SVG, drawn by hand: axes with units, bars, lines; they stand on light and on dark pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 40, 64, 62
OURS, OTHERS, THIRD = "#0b6e6e", "#a9b4bd", "#d9822b"
_INK, _FAINT, _GRID = "#1f2d36", "#5b6b76", "#dfe5e9"
_FONT = "font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif\""


@dataclass(frozen=True)
class Axis:
    """What an axis shows: its title with the unit, its range, and whether each step is ten times the last."""

    title: str
    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, from 0 to 1."""
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        low, high = math.log10(self.low), math.log10(self.high)
        return (math.log10(max(value, self.low)) - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round values within the range."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            return [10.0**power for power in range(first, last + 1)]
        step = _round_step((self.high - self.low) / 5)
        return [step * n for n in range(math.ceil(self.low / step), math.floor(self.high / step + 1e-9) + 1)]


def axis(title: str, values: Sequence[float], *, log: bool = False) -> Axis:
    """An axis that holds these values: from zero, or over whole powers of ten."""
    if log:
        low = 10.0 ** math.floor(math.log10(max(min(values), 1e-3)))
        return Axis(title, low, max(10.0 ** math.ceil(math.log10(max(values)) - 1e-9), low * 10), log=True)
    return Axis(title, 0, max(max(values) * 1.12, 1e-9))


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)


def number(value: float) -> str:
    """As people read it: 12,300 or 1.4."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")


@dataclass
class Canvas:
    """A figure under construction."""

    title: str
    subtitle: str
    height: int = HEIGHT
    parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, words: str, *, size: int = 13, color: str = _INK, anchor: str = "start",
             extra: str = "") -> None:  # fmt: skip
        """Words at a point."""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" text-anchor="{anchor}" {extra}>'
            f"{escape(words)}</text>"
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, color: str = _GRID, extra: str = "") -> None:
        """A straight line."""
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" {extra}/>')

    def svg(self) -> str:
        """The document."""
        self.text(24, 30, self.title, size=17, extra='font-weight="600"')
        self.text(24, 50, self.subtitle, size=13, color=_FAINT)
        body = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" role="img" {_FONT}>\n'
            f"<title>{escape(self.title)}</title>\n"
            f'<rect width="{WIDTH}" height="{self.height}" rx="10" fill="#fbfcfd" stroke="{_GRID}"/>\n{body}\n</svg>\n'
        )


@dataclass(frozen=True)
class Bar:
    """One bar: its name, its value, what is written beside it, and whether it is ours."""

    name: str
    value: float
    note: str = ""
    ours: bool = False


def bars(title: str, subtitle: str, scale: str, given: Sequence[Bar]) -> str:
    """Horizontal bars, each with its value."""
    row = 38
    canvas = Canvas(title, subtitle, _TOP + row * len(given) + _BOTTOM)
    left, values = 210, axis(scale, [each.value for each in given])
    width = WIDTH - left - 120
    bottom = _TOP + row * len(given) + 6
    for tick in values.ticks():
        x = left + width * values.place(tick)
        canvas.line(x, _TOP, x, bottom)
        canvas.text(x, bottom + 18, number(tick), size=12, color=_FAINT, anchor="middle")
    canvas.text(left + width / 2, bottom + 42, scale, size=13, color=_FAINT, anchor="middle")
    for place, each in enumerate(given):
        y = _TOP + row * place + 8
        reach = max(2.0, width * values.place(each.value))
        color = OURS if each.ours else OTHERS
        canvas.text(left - 12, y + 16, each.name, anchor="end", extra='font-weight="600"' if each.ours else "")
        canvas.parts.append(f'<rect x="{left}" y="{y}" width="{reach:.1f}" height="23" rx="3" fill="{color}"/>')
        canvas.text(left + reach + 8, y + 16, number(each.value) + (f" · {each.note}" if each.note else ""))
    return canvas.svg()


@dataclass(frozen=True)
class Series:
    """One line: its name, its colour, its points."""

    name: str
    color: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


def lines(title: str, subtitle: str, across: Axis, up: Axis, given: Sequence[Series], *, marks: bool = True) -> str:
    """Lines over two axes, each named at its right end or in the legend."""
    canvas = Canvas(title, subtitle, HEIGHT + 24)
    bottom, width = canvas.height - _BOTTOM, WIDTH - _LEFT - _RIGHT
    tall = bottom - _TOP - 24

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return _LEFT + width * across.place(point[0]), bottom - tall * up.place(point[1])

    _frame(canvas, across, up, bottom, width, tall)
    place = float(_LEFT)
    for each in given:
        dash = ' stroke-dasharray="6 5"' if each.dashed else ""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, each.points))
        canvas.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{each.color}" stroke-width="2.5"{dash}'
            ' stroke-linejoin="round" stroke-linecap="round"/>'
        )
        for x, y in map(at, each.points) if marks and not each.dashed else ():
            canvas.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{each.color}"/>')
        canvas.line(place, _TOP + 8, place + 22, _TOP + 8, each.color, f'stroke-width="3"{dash}')
        canvas.text(place + 28, _TOP + 12, each.name, size=12.5)  # type: ignore[arg-type]
        place += 48 + 7.2 * len(each.name)
    return canvas.svg()


def _frame(canvas: Canvas, across: Axis, up: Axis, bottom: float, width: float, tall: float) -> None:
    for tick in up.ticks():
        y = bottom - tall * up.place(tick)
        canvas.line(_LEFT, y, _LEFT + width, y)
        canvas.text(_LEFT - 10, y + 4, number(tick), size=12, color=_FAINT, anchor="end")
    for tick in across.ticks():
        x = _LEFT + width * across.place(tick)
        canvas.line(x, bottom, x, bottom + 5, _FAINT)
        canvas.text(x, bottom + 20, number(tick), size=12, color=_FAINT, anchor="middle")
    canvas.line(_LEFT, bottom, _LEFT + width, bottom, _FAINT)
    canvas.text(_LEFT + width / 2, bottom + 44, across.title, size=13, color=_FAINT, anchor="middle")
    middle = bottom - tall / 2
    canvas.text(
        22, middle, up.title, size=13, color=_FAINT, anchor="middle", extra=f'transform="rotate(-90 22 {middle})"'
    )
