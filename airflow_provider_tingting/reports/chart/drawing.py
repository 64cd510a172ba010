"""The charts as SVG, drawn by matplotlib, which is imported here and nowhere else.

Text stays text, so that a browser sets Devanagari as it should and a reader's software can read it; colours are
variables of the page's style sheet, so that one drawing serves light and dark.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

#: Stand-ins that matplotlib takes for colours → variables of the style sheet.
_COLOURS: Final = {
    "#010203": "var(--ink)",
    "#010204": "var(--soft)",
    "#010205": "var(--line)",
    "#010206": "var(--good)",
    "#010207": "var(--bad)",
    "#010208": "var(--open)",
    "#010209": "var(--track)",
    "#01020a": "var(--pale)",
}
INK, SOFT, LINE, GOOD, BAD, OPEN, TRACK, PALE = _COLOURS
_POINTS: Final = 72
_WIDTH: Final = 360
_TEXT: Final = 12.5
_SMALL: Final = 11.5
_ROW: Final = 46


def draw_bars(rows: Sequence[tuple[str, str, Sequence[tuple[float, str]]]], *, name: str) -> str:
    """Draw horizontal bars with their text above them, so that they fit a phone.

    :param rows: text at the left, text at the right, and the parts of the bar as share (0 to 1) and colour.
    :param name: a name that no other drawing of the page has.
    """

    def draw(figure: Any) -> None:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, 1)
        axes.set_ylim(len(rows) * _ROW, 0)
        for index, (left, right, parts) in enumerate(rows):
            top = index * _ROW
            text = {"fontsize": _TEXT, "parse_math": False, "va": "baseline", "clip_on": False}
            axes.text(0, top + 15, left, ha="left", color=INK, **text)
            axes.text(1, top + 15, right, ha="right", color=SOFT, **text)
            axes.barh(top + 28, 1, height=14, color=TRACK, linewidth=0)
            start = 0.0
            for share, colour in parts:
                axes.barh(top + 28, share, left=start, height=14, color=colour, linewidth=0)
                start += share

    return _svg(draw, height=len(rows) * _ROW - 6, name=name)


def draw_histogram(
    counts: Sequence[int], labels: Sequence[str], *, strong: Sequence[bool], mark: tuple[float, str] | None, name: str
) -> str:
    """Draw a histogram.

    :param counts: height of each bar.
    :param labels: text below the left edge of each bar, and one more below the right edge of the last.
    :param strong: which bars are in the strong colour.
    :param mark: a dashed line: its place in bars from the left, and its text.
    :param name: a name that no other drawing of the page has.
    """

    def draw(figure: Any) -> None:
        ticker: Any = import_module("matplotlib.ticker")
        axes = figure.add_axes((0.115, 0.12, 0.865, 0.76))
        axes.set_facecolor("none")
        most = max([*counts, 1])
        axes.set_ylim(0, most * 1.06)
        axes.set_xlim(0, len(counts))
        axes.yaxis.set_major_locator(ticker.MaxNLocator(4, integer=True, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: short(value) if value else ""))
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        axes.set_axisbelow(True)
        for side in ("top", "left", "right"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(SOFT)
        axes.tick_params(axis="both", length=0, labelcolor=SOFT, labelsize=_SMALL, pad=5)
        axes.bar(
            [index + 0.5 for index in range(len(counts))],
            counts,
            width=0.86,
            color=[GOOD if one else PALE for one in strong],
            linewidth=0,
        )
        step = 2 if len(labels) > 8 else 1
        axes.set_xticks(range(0, len(labels), step), list(labels)[::step])
        if mark is not None:
            place, text = mark
            axes.plot([place, place], [0, most * 1.06], color=INK, linewidth=1.2, linestyle=(0, (3, 3)))
            right = place > len(counts) / 2
            axes.text(
                place,
                most * 1.1,
                text,
                ha="right" if right else "left",
                va="baseline",
                color=INK,
                fontsize=_SMALL,
                parse_math=False,
                clip_on=False,
            )

    return _svg(draw, height=215, name=name)


def short(value: float) -> str:
    """Write a count briefly: `950`, `1.2k`, `3M`.

    :param value: the number.
    """
    for size, sign in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:.1f}".removesuffix(".0") + sign
    return f"{value:g}"


def _svg(draw: Callable[[Any], None], *, height: float, name: str) -> str:
    # It is not installed everywhere; with this import a type checker does not report it.
    matplotlib: Any = import_module("matplotlib")
    make_figure: Any = import_module("matplotlib.figure").Figure
    make_canvas: Any = import_module("matplotlib.backends.backend_svg").FigureCanvasSVG
    settings = {"svg.fonttype": "none", "svg.hashsalt": name, "font.family": ["DejaVu Sans"]}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # matplotlib measures with its own font, which lacks Devanagari; the browser has one.
        warnings.simplefilter("ignore", UserWarning)
        figure = make_figure(figsize=(_WIDTH / _POINTS, height / _POINTS), dpi=_POINTS)
        figure.patch.set_alpha(0)
        make_canvas(figure)
        draw(figure)
        file = io.StringIO()
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(file, format="svg", metadata=metadata)
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*"', r"\1", text)
    text = re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*"', r"\1", text)
    # Two drawings of one page must not share an id.
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\1{name}-", text)
    for stand_in, variable in _COLOURS.items():
        text = text.replace(stand_in, variable)
    return text.strip()
