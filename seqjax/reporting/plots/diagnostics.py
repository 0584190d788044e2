"""Figures of what happens inside a network, from the arrays that the diagnostics give."""

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from seqjax.reporting.plots.summary import INK, RC

MARKERS = "osD^vPX*"
STYLES = ("-", "--", "-.", ":")
LOW, HIGH = "#3b528b", "#b3242b"
"""Gates that are nearly shut, and nearly open."""
SATURATED = 0.1


def shades(count: int) -> np.ndarray:
    return matplotlib.colormaps["viridis"](np.linspace(0, 0.8, count))


def spread(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The least, the median and the largest over rows of what is finite; NaN where nothing is."""
    rows = np.where(np.isfinite(rows), rows, np.nan)
    known = ~np.isnan(rows).all(axis=0)
    limits = np.full((3, len(known)), np.nan)
    for line, f in zip(limits, (np.nanmin, np.nanmedian, np.nanmax), strict=True):
        line[known] = f(rows[:, known], axis=0)
    return tuple(limits)


def draw_lines(
    panel,
    curves: Mapping[str, np.ndarray],
    first: float = 1,
    step: float = 1,
    at: Mapping[str, np.ndarray] | None = None,
) -> None:
    """One line a name over first, first + step, …: the median over rows in a band that spans them.

    Lines are told apart by shade, dashes and marks. Numbers that are not finite are gaps. ``at``
    gives each line its own places.
    """
    colors = shades(len(curves))
    for k, (name, values) in enumerate(curves.items()):
        rows = np.atleast_2d(np.asarray(values, dtype=float))
        low, middle, high = spread(rows)
        x = first + step * np.arange(len(middle)) if at is None else at[name]
        style = {
            "linestyle": STYLES[k % len(STYLES)],
            "marker": MARKERS[k % len(MARKERS)],
            "markevery": max(1, len(middle) // 8) if np.isfinite(middle).sum() > 1 else 1,
            "markersize": 4,
            "color": colors[k],
            "linewidth": 1.4,
        }
        panel.plot(x, middle, label=in_legend(name), **style)
        if len(rows) > 1:
            panel.fill_between(x, low, high, color=colors[k], alpha=0.15, linewidth=0)


def draw_points(panel, points: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Units at (share of time below .1, share of time above .9), told apart by name."""
    panel.plot([0, 1], [1, 0], "--", color=INK, linewidth=0.6, alpha=0.5)
    for k, (shade, (name, pair)) in enumerate(
        zip(shades(len(points)), points.items(), strict=True)
    ):
        style = {"color": shade, "s": 14, "alpha": 0.7, "linewidths": 0, "clip_on": False}
        panel.scatter(*pair, marker=MARKERS[k % len(MARKERS)], label=in_legend(name), **style)
    panel.set_aspect("equal")
    panel.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])


def log_axis(panel) -> None:
    """A logarithmic axis upwards, with plain numbers: text is never markup here."""
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_formatter("")


def in_legend(name: str) -> str:
    return f" {name}" if name.startswith("_") else name  # which legends leave out


def _figure(panels: int = 1, width: float = 4.4, height: float = 2.6):
    """A figure, its panels on common axes, and those of them that stand lowest or leftmost."""
    across = min(panels, 4)
    down = -(-panels // across)
    size = (0.9 + width * across, 0.5 + height * down)
    fig = Figure(figsize=size, layout="constrained")
    axes = fig.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for empty in axes[panels:]:
        empty.set_visible(False)
    lowest, leftmost = axes[max(0, panels - across) : panels], axes[:panels:across]
    for panel in lowest:
        panel.tick_params(labelbottom=True)
    return fig, axes[:panels], lowest, leftmost


def _one_panel(curves: Mapping[str, np.ndarray], title: str, across: str, upward: str):
    """A figure of lines on a logarithmic scale, with its legend beside it."""
    room = 0.9 + 0.07 * max(len(name) for name in curves)
    fig, (panel,), *_ = _figure(width=3.6 + room)
    draw_lines(panel, curves)
    panel.xaxis.get_major_locator().set_params(integer=True)
    log_axis(panel)
    panel.set_xlabel(across)
    panel.set_ylabel(upward)
    panel.set_title(title, loc="left")
    fig.legend(*panel.get_legend_handles_labels(), loc="outside right upper")
    return fig, panel


def gradient_profile(profiles: Mapping[str, np.ndarray], quantity: str = "‖∂L/∂h‖") -> Figure:
    """Norms of gradients through time on a logarithmic scale, one line a name.

    Args:
      profiles: (T,), or (rows, T) for the median over rows and a band that spans them. Norms of 0
        are gaps.
      quantity: what the norms are of.
    """
    curves = {k: np.where(np.asarray(v) > 0, v, np.nan) for k, v in profiles.items()}
    with matplotlib.rc_context(RC):
        return _one_panel(curves, "Gradient through time", "step", quantity)[0]


def gate_histograms(gates: Mapping[str, np.ndarray]) -> Figure:
    """The histogram of each gate's values, a panel a gate and layer.

    Bars below .1 and above .9 are coloured, and their shares written above them.

    Args:
      gates: shares of the values in equal bins over the gate's range, by names like
        "layer0_forward.f"; values v of tanh gates stand at (v + 1) / 2.
    """
    with matplotlib.rc_context(RC):
        fig, panels, _, leftmost = _figure(len(gates), width=1.9, height=1.7)
        for panel, (name, shares) in zip(panels, gates.items(), strict=True):
            shares = np.asarray(shares)
            middle = (np.arange(len(shares)) + 0.5) / len(shares)
            shut, wide = middle < SATURATED, middle > 1 - SATURATED
            colours = np.where(shut, LOW, np.where(wide, HIGH, "#9a9a9a"))
            panel.bar(middle, shares, width=0.9 / len(shares), color=colours)
            for at, chosen, colour in ((0, shut, LOW), (1, wide, HIGH)):
                panel.annotate(
                    f"{shares[chosen].sum():.2f}",
                    (0.03 + 0.94 * at, 1),
                    xycoords="axes fraction",
                    color=colour,
                    ha="right" if at else "left",
                    va="top",
                    fontsize=7,
                )
            panel.set_title(name, loc="left", fontsize=8)
        panels[0].set_xticks([0, 0.5, 1])
        panels[0].set_ylim(top=1.25 * panels[0].get_ylim()[1])  # room for the shares
        for panel in leftmost:
            panel.set_ylabel("share of values")
        fig.supxlabel("gate value v; (v + 1) / 2 for tanh", fontsize=9)
    return fig


def saturation(gates: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]]) -> Figure:
    """Each unit at (share of time below .1, share of time above .9): a panel a gate.

    A unit on the axes' far ends is nearly always shut, or nearly always open; one near the origin
    is used in between; none lies above the dashed line. After Karpathy, Johnson and Li 2015 (arXiv
    1506.02078), figure 2, whose axes are the other way round.

    Args:
      gates: for each gate by layer the two shares of every unit, (H,) and (H,).
    """
    with matplotlib.rc_context(RC):
        fig, panels, lowest, leftmost = _figure(len(gates), width=2.0, height=2.1)
        layers = dict.fromkeys(layer for shares in gates.values() for layer in shares)
        for panel, (gate, by_layer) in zip(panels, gates.items(), strict=True):
            draw_points(panel, {layer: by_layer.get(layer, ((), ())) for layer in layers})
            panel.set_title(gate, loc="left")
        for panel in leftmost:
            panel.set_ylabel("share of time above 0.9")
        for panel in lowest:
            panel.set_xlabel("share of time below 0.1")
        fig.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper")
    return fig


def singular_values(values_TS: np.ndarray) -> Figure:
    """The singular values of ∂ carry_t / ∂ carry_{t-1} along time, on a logarithmic scale.

    Lines are the largest, the median and the smallest; the band holds the middle half. Zeros are
    gaps.
    """
    values_TS = np.asarray(values_TS, dtype=float)
    ranks = {"largest": 1, "upper": 0.75, "median": 0.5, "lower": 0.25, "smallest": 0}
    lines = {name: np.quantile(values_TS, q, axis=1) for name, q in ranks.items()}
    lines = {name: np.where(line > 0, line, np.nan) for name, line in lines.items()}
    upper, lower = lines.pop("upper"), lines.pop("lower")
    with matplotlib.rc_context(RC):
        fig, panel = _one_panel(lines, "Jacobian of state to state", "step", "singular value")
        steps = np.arange(1, len(values_TS) + 1)
        panel.fill_between(steps, lower, upper, color="#9a9a9a", alpha=0.3, linewidth=0)
        panel.axhline(1, color=INK, linewidth=0.6, alpha=0.5)
    return fig


def monotone_pieces(counts: Mapping[str, np.ndarray]) -> Figure:
    """The number of monotone pieces against depth, one line a name.

    Args:
      counts: (K,), or (draws, K) for the median over draws and a band that spans them.
    """
    with matplotlib.rc_context(RC):
        return _one_panel(counts, "Turns of w · h along a line", "depth", "monotone pieces")[0]
