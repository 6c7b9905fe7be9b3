"""The paper that a person keeps: sections of lines, as PDF."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import XPos, YPos

#: Latin, Arabic, Cyrillic and Greek letters.
FONT = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
_FAMILY = "DejaVu"
#: Millimetres and points.
_MARGIN, _LABEL, _LINE = 18, 46, 5.2
_TITLE, _HEADING, _TEXT = 17, 12.5, 9.5
_INK, _GREY = (20, 30, 40), (95, 105, 115)


@dataclass(frozen=True)
class Section:
    """A heading, what it is about, and lines of a label and a text."""

    title: str
    lead: str
    lines: Sequence[tuple[str, str]]


class _Paper(FPDF):
    def footer(self) -> None:
        """Which page of how many."""
        self.set_y(-12)
        self.set_font(_FAMILY, size=_TEXT - 1.5)
        self.set_text_color(*_GREY)
        self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="R")


def printed(sections: Sequence[Section], title: str) -> bytes:
    """The PDF. Arabic letters are joined and stand from right to left."""
    paper = _Paper(format="A4")
    paper.set_title(title)
    paper.set_margin(_MARGIN)
    paper.set_auto_page_break(True, margin=_MARGIN)
    paper.add_font(_FAMILY, fname=FONT)
    paper.set_font(_FAMILY, size=_TITLE)
    paper.set_text_shaping(True)
    paper.add_page()
    _print(paper, title, _TITLE, _INK)
    for section in sections:
        _print_section(paper, section)
    return bytes(paper.output())


def _print_section(paper: FPDF, section: Section) -> None:
    paper.ln(4)
    _print(paper, section.title, _HEADING, _INK)
    if section.lead:
        _print(paper, section.lead, _TEXT, _GREY)
    paper.ln(1.5)
    for label, text in section.lines:
        if paper.will_page_break(2 * _LINE):
            paper.add_page()
        paper.set_text_color(*_GREY)
        paper.cell(_LABEL, _LINE, label)
        paper.set_text_color(*_INK)
        paper.multi_cell(0, _LINE, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        paper.ln(0.8)


def _print(paper: FPDF, text: str, size: float, colour: tuple[int, int, int]) -> None:
    paper.set_font(_FAMILY, size=size)
    paper.set_text_color(*colour)
    paper.multi_cell(0, size * 0.52, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.set_font(_FAMILY, size=_TEXT)
