"""The pictures of a report: ROC, reliability, score histograms, pixel F1 by condition.

In: scored rows and measured slices. Out: PNG files, drawn without a display (matplotlib's Agg, no global
state).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from refundlens.model.names import KINDS
from refundlens.training.evaluation.metrics import CALIBRATION_BINS, reliability, roc_auc, roc_curve
from refundlens.training.evaluation.slices import Measured, Scored

SIZE = (6.4, 4.8)
"""Inches: two side by side on a page."""
DPI = 110
COLOURS = {
    "authentic": "#0072B2",
    "ai_generated": "#D55E00",
    "ai_edited": "#E69F00",
    "photoshopped": "#009E73",
    "all": "#000000",
}
"""Okabe and Ito's colours, which colour-blind readers can tell apart."""


def _axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    return figure, axes


def _labels_and_probabilities(scored: Sequence[Scored]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([one.row.label for one in scored]), np.array([one.probability for one in scored])


def draw_roc(scored: Sequence[Scored], path: Path) -> None:
    """ROC of all rows and of each manipulated kind against all authentic rows; false positives on a log axis.

    The left end of the axis is where a detector that may accuse people has to work.
    """
    figure, axes = _axes("Fakes found against false alarms", "authentic pictures flagged", "fakes found")
    authentic = [one for one in scored if one.row.label == 0]
    for name in ("all", *KINDS[1:]):
        fakes = [one for one in scored if one.row.label == 1 and name in ("all", one.row.kind)]
        if not fakes or not authentic:
            continue
        labels, said = _labels_and_probabilities([*authentic, *fakes])
        false_rate, true_rate, _ = roc_curve(labels, said)
        label = f"{name} (AUC {roc_auc(labels, said):.3f}, n={len(fakes)})"
        axes.step(false_rate, true_rate, where="post", color=COLOURS[name], label=label)
    axes.set_xscale("symlog", linthresh=0.01)
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    axes.set_xticks([0, 0.01, 0.05, 0.1, 0.5, 1], ["0", "1 %", "5 %", "10 %", "50 %", "100 %"])
    if axes.lines:
        axes.legend(loc="lower right", fontsize=8)
    figure.savefig(path)


def draw_reliability(scored: Sequence[Scored], path: Path) -> None:
    """What was said against what was true, in bins of equally many pictures."""
    figure, axes = _axes("Is the probability honest?", "probability said", "share manipulated")
    bins = reliability(*_labels_and_probabilities(scored), CALIBRATION_BINS)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="honest")
    label = f"measured, {len(bins)} bins of about {len(scored) // max(len(bins), 1)} pictures"
    said, true = [part.said for part in bins], [part.true for part in bins]
    axes.plot(said, true, "o-", color=COLOURS["authentic"], label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left", fontsize=8)
    figure.savefig(path)


def draw_scores(scored: Sequence[Scored], path: Path) -> None:
    """Histogram of probabilities of each kind, as shares of the kind."""
    figure, axes = _axes("Probabilities by kind", "probability of being fake", "share of the kind's pictures")
    edges = np.linspace(0, 1, 26)
    for kind in KINDS:
        said = np.array([one.probability for one in scored if one.row.kind == kind])
        if said.size:
            shares, _ = np.histogram(said, edges, weights=np.full(said.size, 1 / said.size))
            axes.stairs(shares, edges, color=COLOURS[kind], linewidth=1.5, label=f"{kind}, n={said.size}")
    axes.margins(y=0.3)  # room for the legend
    if axes.patches:
        axes.legend(fontsize=8, loc="upper left")
    figure.savefig(path)


def draw_pixel_f1(measured: Sequence[Measured], path: Path) -> None:
    """Bars of mean pixel F1, one for each kind and delivery condition."""
    figure, axes = _axes("Where is the edit? Pixel F1 by kind and delivery", "mean pixel F1", "")
    bars = [one for one in measured if one.dimension == "kind and delivery" and not np.isnan(one.pixel_f1)]
    for place, one in enumerate(bars):
        axes.barh(place, one.pixel_f1, color=COLOURS[one.value.split(",")[0]])
    axes.set_yticks(range(len(bars)), [f"{one.value} (n={one.rows})" for one in bars], fontsize=7)
    axes.set_xlim(0, 1)
    axes.invert_yaxis()
    figure.savefig(path)


def draw_all(scored: Sequence[Scored], measured: Sequence[Measured], out: Path) -> dict[str, str]:
    """Draw every plot into the folder `out`, which exists; title -> file name."""
    draw_roc(scored, out / "roc.png")
    draw_reliability(scored, out / "reliability.png")
    draw_scores(scored, out / "scores.png")
    draw_pixel_f1(measured, out / "pixel_f1.png")
    return {
        "Fakes found against false alarms": "roc.png",
        "Reliability": "reliability.png",
        "Probabilities by kind": "scores.png",
        "Pixel F1 by kind and delivery": "pixel_f1.png",
    }
