"""Charts as SVG inside an HTML page: bars, columns, a week by the hour. Strings in, strings out.

Colours come from the page's style sheet by class, so that they follow its light, dark and printed looks. Every mark has
a `title`, which browsers show under the pointer and screen readers read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_WIDTH: Final = 640
_LABEL_WIDTH: Final = 170
_VALUE_WIDTH: Final = 110
_ROW: Final = 24
_LONGEST_LABEL: Final = 26
_COLUMNS_HEIGHT: Final = 180
_AXIS_WIDTH: Final = 48
_CELL_HEIGHT: Final = 22
# Ink must stay readable on the strongest cell, on light paper as on dark screens.
_STRONGEST: Final = 0.6


@dataclass(frozen=True, slots=True)
class Bar:
    """told: the value as people read it, beside the bar. title: all there is to say of it."""

    label: str
    value: float
    told: str
    title: str


@dataclass(frozen=True, slots=True)
class Column:
    """`part` of `value` is drawn strong. label may be empty: under a column without one there is none."""

    label: str
    value: int
    part: int
    title: str


@dataclass(frozen=True, slots=True)
class Cell:
    """strength: 0 to 1; None: there is nothing to show."""

    strength: float | None
    told: str
    title: str


def bars(about: str, rows: Sequence[Bar]) -> str:
    """Horizontal bars, in the order given."""
    most = max((row.value for row in rows), default=0) or 1
    room = _WIDTH - _LABEL_WIDTH - _VALUE_WIDTH
    marks = []
    for index, row in enumerate(rows):
        top, width = index * _ROW, row.value / most * room
        label = row.label if len(row.label) <= _LONGEST_LABEL else row.label[: _LONGEST_LABEL - 1] + "…"
        marks.append(
            f"<g>{_title(row.title)}"
            f'<text x="{_LABEL_WIDTH - 8}" y="{top + 16}" text-anchor="end">{escape(label)}</text>'
            f'<rect class="strong" x="{_LABEL_WIDTH}" y="{top + 4}" width="{max(width, 1):.1f}" height="16" rx="2"/>'
            f'<text class="figure" x="{_LABEL_WIDTH + width + 8:.1f}" y="{top + 16}">{escape(row.told)}</text></g>'
        )
    return _svg(about, _WIDTH, len(rows) * _ROW, marks)


def columns(about: str, slots: Sequence[Column]) -> str:
    """Columns beside each other, over an axis of whole numbers."""
    top_value, step = _axis(max((slot.value for slot in slots), default=0))
    room = _COLUMNS_HEIGHT - 10
    each = (_WIDTH - _AXIS_WIDTH) / max(1, len(slots))
    gap = min(6.0, each * 0.2)

    def y(value: float) -> float:
        return 10 + room * (1 - value / top_value)

    marks = []
    for tick in range(0, top_value + 1, step):
        marks.append(f'<line class="grid" x1="{_AXIS_WIDTH}" x2="{_WIDTH}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        marks.append(f'<text x="{_AXIS_WIDTH - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:,}</text>')
    for index, slot in enumerate(slots):
        left = _AXIS_WIDTH + index * each + gap / 2
        marks.append(f"<g>{_title(slot.title)}")
        # The whole height answers to the pointer, not only a column of two pixels.
        marks.append(f'<rect class="reach" x="{left:.1f}" y="10" width="{each - gap:.1f}" height="{room}"/>')
        for kind, low, high in (("weak", slot.part, slot.value), ("strong", 0, slot.part)):
            if high > low:
                marks.append(
                    f'<rect class="{kind}" x="{left:.1f}" y="{y(high):.1f}" width="{each - gap:.1f}" '
                    f'height="{y(low) - y(high):.1f}"/>'
                )
        middle = left + (each - gap) / 2
        marks.append(
            f'<text x="{middle:.1f}" y="{_COLUMNS_HEIGHT + 16}" text-anchor="middle">{escape(slot.label)}</text>'
        )
        marks.append("</g>")
    return _svg(about, _WIDTH, _COLUMNS_HEIGHT + 24, marks)


def grid(about: str, heads: Sequence[str], rows: Sequence[tuple[str, Sequence[Cell]]]) -> str:
    """Cells in rows with a name each, under `heads`; the stronger, the more colour."""
    width = (_WIDTH - _AXIS_WIDTH) / max(1, len(heads))
    marks = [
        f'<text x="{_AXIS_WIDTH + (index + 0.5) * width:.1f}" y="12" text-anchor="middle">{escape(head)}</text>'
        for index, head in enumerate(heads)
    ]
    for number, (name, cells) in enumerate(rows):
        top = 18 + number * _CELL_HEIGHT
        marks.append(f'<text x="{_AXIS_WIDTH - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>')
        for index, cell in enumerate(cells):
            left = _AXIS_WIDTH + index * width
            strength = "" if cell.strength is None else f' fill-opacity="{cell.strength * _STRONGEST:.2f}"'
            kind = "empty" if cell.strength is None else "strong"
            marks.append(
                f"<g>{_title(cell.title)}"
                f'<rect class="{kind}"{strength} x="{left + 1:.1f}" y="{top}" width="{width - 2:.1f}" '
                f'height="{_CELL_HEIGHT - 2}" rx="2"/>'
                f'<text class="cell" x="{left + width / 2:.1f}" y="{top + 14}" text-anchor="middle">{escape(cell.told)}'
                "</text></g>"
            )
    return _svg(about, _WIDTH, 18 + len(rows) * _CELL_HEIGHT, marks)


def _axis(most: int) -> tuple[int, int]:
    """The highest tick, and the step between ticks: 1, 2 or 5 times a power of ten, four or five ticks."""
    rough = max(1.0, most / 4)
    power = 10 ** math.floor(math.log10(rough))
    step = next(int(factor * power) for factor in (1, 2, 5, 10) if factor * power >= rough)
    return max(step, math.ceil(most / step) * step), step


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>"


def _svg(about: str, width: int, height: int, marks: Sequence[str]) -> str:
    drawn = "\n".join(marks)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(about)}">\n{drawn}\n</svg>'
