"""Plots as pictures for documents. Labels that are no digits need a Chinese font: one that is on this machine, else none is drawn.

Matplotlib is used by its objects alone, never by pyplot, which keeps figures and a back end for the whole process.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from typing import Final

from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ivr.domain.month_report import Plot, writable

COLOURS: Final = ("#2a4365", "#19713a", "#bf2118", "#8f5300")
COLOUR_NAMES: Final = ("深蓝", "绿", "红", "棕")
_CHINESE: Final = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Microsoft YaHei", "SimHei", "PingFang SC",
)


@functools.cache
def chinese_font() -> str | None:
    """The name of a Chinese font on this machine, None where there is none."""
    known = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((name for name in _CHINESE if name in known), None)


def font_file(name: str) -> str:
    """Where the font of this name is."""
    return next(entry.fname for entry in font_manager.fontManager.ttflist if entry.name == name)


def picture(plot: Plot, font: str | None) -> bytes:
    """A PNG of 1920 × 720 points. Without a ``font`` words are left out: ``legend`` says the colours beside the picture."""
    figure = Figure(figsize=(7.2, 2.7), dpi=800 / 3, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = range(len(plot.labels))
    wide = 0.8 / max(1, len(plot.series))
    for n, (name, values) in enumerate(plot.series.items()):
        colour = COLOURS[n % len(COLOURS)]
        if plot.kind == "columns":
            left = [p + (n - (len(plot.series) - 1) / 2) * wide for p in places]
            axes.bar(left, [v or 0 for v in values], wide, color=colour, label=writable(name))
        else:
            style, marker = ("-", "o") if n % 2 == 0 else ("--", "s")
            told = [float("nan") if v is None else v for v in values]
            axes.plot(places, told, style, marker=marker, ms=3, color=colour, label=writable(name))
    named = [writable(label) for label in plot.labels]
    labels = named if font or all(label.isascii() for label in named) else [str(n + 1) for n in places]
    axes.set_xticks(list(places), list(labels), fontsize=7)
    if any(len(label) > 4 for label in labels) and len(labels) > 7:
        axes.tick_params("x", labelrotation=30)
    axes.tick_params("y", labelsize=7)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=plot.unit == ""))
    if plot.unit == "share":
        axes.set_ylim(0, 1.05)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    else:
        axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#dfe4ea")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if font:
        for label in axes.get_xticklabels():
            label.set_fontfamily(font)
        if len(plot.series) > 1:
            axes.legend(
                prop={"family": font, "size": 8}, ncols=len(plot.series), loc="lower right", bbox_to_anchor=(1, 1), frameon=False
            )
    written = io.BytesIO()
    figure.savefig(written, format="png")
    return written.getvalue()


def legend(series: Sequence[str]) -> str:
    """The colours in words, for a document whose pictures have none."""
    return "；".join(f"{COLOUR_NAMES[n % len(COLOUR_NAMES)]}：{name}" for n, name in enumerate(series))
