"""matplotlib's figures as SVG that stands in an HTML page: drawn in the page's own colours, which change with its theme."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What matplotlib draws in → the custom property of theme.py that stands for it in the page.
INK, SOFT, LINE, CARD = "#010101", "#020202", "#030303", "#040404"
FIRST, SECOND, THIRD, FAINT = "#050505", "#060606", "#070707", "#080808"
_PROPERTIES = {
    INK: "ink",
    SOFT: "soft",
    LINE: "line",
    CARD: "card",
    FIRST: "first",
    SECOND: "second",
    THIRD: "third",
    FAINT: "faint",
}
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: searchable, and in the page's font
    "font.size": 11,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 11,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.prop_cycle": "cycler('color', ['#050505', '#060606', '#070707', '#080808'])",
    "figure.facecolor": "none",
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.color": LINE,
    "ytick.labelcolor": SOFT,
}
_WIDTH, _HEIGHT = 430, 270  # in the page's pixels, at the size drawn


class Chart:
    """A figure of one panel; `markup` is set when its block ends."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.axes: Axes = figure.add_subplot()
        self.markup = Markup()


@contextmanager
def chart(label: str, width: int = _WIDTH, height: int = _HEIGHT) -> Iterator[Chart]:
    """A chart to be drawn in this block; `label` says what it shows to who cannot see it. The same values give the same text."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: Any = {**_STYLE, "svg.hashsalt": label}
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        FigureCanvasSVG(figure)
        drawn = Chart(figure)
        yield drawn
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        drawn.markup = _inline(stream.getvalue(), label)


def plain_numbers(axes: Axes, low: float, high: float) -> None:
    """At a logarithmic axis over less than two powers of ten the numbers themselves; 10⁻³ says nothing about 4 to 20 epochs."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if high < 100 * low:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _inline(document: str, label: str) -> Markup:
    """The element alone, as large as the page gives it room, without the names that several figures would share."""
    element = document[document.index("<svg") :]
    box = re.search(r'viewBox="[^"]*"', element)
    assert box is not None, "matplotlib writes the size of every figure"
    opening = f'<svg class="chart" role="img" aria-label="{escape(label)}" {box.group()}>'
    element = opening + element[element.index(">") + 1 :]
    element = re.sub(r'<g id="[^"]*"', "<g", element)
    element = element.replace("xlink:href", "href")
    for color, name in _PROPERTIES.items():
        element = element.replace(color, f"var(--{name})")
    return Markup(element)  # noqa: S704 matplotlib escapes what it writes
