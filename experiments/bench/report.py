"""Tables, targets and a figure from the JSON of a benchmark."""

import math
import statistics
from collections.abc import Iterator
from typing import Any, NamedTuple

JAX_PEERS = ("linen", "nnx", "haiku", "equinox")
LAYER = "training, "
STEPWISE = ("lstm_fgr", "lstm_layernorm")


class Target(NamedTuple):
    """A measured value and its target; ``met`` is None without a target."""

    what: str
    size: str
    measured: str
    target: str
    met: bool | None


def median(result: dict, name: str) -> float | None:
    """Median time of a contender in seconds; None if it is absent."""
    seconds = result["contenders"].get(name, {}).get("seconds")
    return statistics.median(seconds) if seconds else None


def ratio(result: dict, other: str, ours: str) -> float | None:
    """Ratio of the times of two contenders, theirs over ours: the median over rounds."""
    pair = [result["contenders"].get(name, {}).get("seconds") for name in (other, ours)]
    if not all(pair):
        return None
    return statistics.median(a / b for a, b in zip(*pair, strict=True))


def _find(data: dict, **fields: str) -> list[dict]:
    return [r for r in data["races"] if all(r[key] == value for key, value in fields.items())]


def ceiling(data: dict, cores: str) -> float | None:
    """FLOP per second of the fastest large matrix product on these cores."""
    rates = [
        result["flop"] / median(result, name)
        for result in _find(data, what="ceiling", cores=cores)
        for name in result["contenders"]
        if median(result, name)
    ]
    return max(rates, default=None)


def tables(data: dict) -> Iterator[str]:
    """Yield the lines of a Markdown table per suite, and of the targets."""
    if "note" in data:
        yield f"{data['environment']['device']}. {data['note']}\n"
    for suite in dict.fromkeys(result["suite"] for result in data["races"]):
        yield f"## {suite}\n"
        head = ["what", "size", "cores", "contender", "median ms", "× first", "of ceiling", "MiB"]
        rows = [row for result in _find(data, suite=suite) for row in _rows(data, result)]
        if suite == "together":
            head = ["size", "runs", "median ms", "µs a run-step", "MiB", "MiB by rule"]
            head.append("ms to initialise")
            rows = [row for result in _find(data, suite=suite) for row in _together_rows(result)]
        yield _table(head, rows)
        absent = {
            name: contender["absent"]
            for result in _find(data, suite=suite)
            for name, contender in result["contenders"].items()
            if "absent" in contender
        }
        yield from (f"\nNot measured: {name} ({why})." for name, why in absent.items())
        yield ""
    measured = list(targets(data))
    if not measured:
        return
    yield "## Targets\n"
    layers = [v for v in measured if v.what.startswith(LAYER)]
    if layers:
        yield from _by_size(layers)
    others = [v for v in measured if v not in layers]
    if others:
        yield _table(list(Target._fields), [_target_cells(v) for v in others])


def _rows(data: dict, result: dict) -> Iterator[list[str]]:
    names = [name for name in result["contenders"] if median(result, name)]
    top = ceiling(data, result["cores"])
    for name in names:
        seconds = median(result, name)
        fraction = f"{result['flop'] / seconds / top:.2f}" if result["flop"] and top else ""
        size = result["contenders"][name]["facts"].get("temporary_bytes")
        yield [
            result["what"],
            result["size"],
            result["cores"],
            name,
            f"{1e3 * seconds:.2f}",
            f"{ratio(result, name, names[0]):.2f}",
            fraction,
            "" if size is None else f"{size / 2**20:.1f}",
        ]


def _together_rows(result: dict) -> Iterator[list[str]]:
    """Times per step of a run, because contenders train different numbers of runs."""
    for name, contender in result["contenders"].items():
        seconds, facts = median(result, name), contender.get("facts", {})
        if seconds is None:
            continue
        sizes = (facts.get("bytes"), facts.get("predicted_bytes"))
        yield [
            result["size"],
            name,
            f"{1e3 * seconds:.2f}",
            f"{1e6 * seconds / facts['run_steps']:.3f}",
            *("" if size is None else f"{size / 2**20:.1f}" for size in sizes),
            f"{1e3 * facts['initialise_seconds']:.1f}" if "initialise_seconds" in facts else "",
        ]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _by_size(layers: list[Target]) -> Iterator[str]:
    """Table with a row per target and a column per size; missed targets are bold."""
    sizes = list(dict.fromkeys(target.size for target in layers))
    rows: dict[str, dict[str, Target]] = {}
    for target in layers:
        rows.setdefault(target.what, {})[target.size] = target
    lines = []
    for what, by_size in rows.items():
        aims = dict.fromkeys(f"{v.target} at {v.size}" for v in by_size.values() if v.target)
        every = {v.target for v in by_size.values()}
        aim = every.pop() if len(every) == 1 else ", ".join(aims)
        cells = (by_size.get(size, Target(what, size, "", "", None)) for size in sizes)
        numbers = [f"**{v.measured}**" if v.met is False else v.measured for v in cells]
        lines.append([what.removeprefix(LAYER), aim, *numbers])
    yield _table(["a training step of an LSTM", "target", *sizes], lines)
    yield "\nIn bold: missed.\n"


def _target_cells(target: Target) -> list[str]:
    met = {True: "met", False: "**missed**", None: ""}[target.met]
    return [target.what, target.size, target.measured, target.target, met]


def _at_least(what: str, size: str, value: float | None, least: float, note: str = ""):
    if value is not None:
        yield Target(what, size, f"{value:.2f}{note}", f"≥ {least}", value >= least)


def targets(data: dict) -> Iterator[Target]:
    """Yield every target with the measured value."""
    yield from _layer(data)
    yield from _variants(data)
    for result in _find(data, suite="sweep"):
        for other, least in (
            ("torch loop", 5.0 if result is _smallest(data) else 2.2),
            ("torch, a process a core", 1.5),
        ):
            value = ratio(result, other, "seqjax sweep")
            yield from _at_least(f"{result['what']} against {other}", result["size"], value, least)
    yield from _growth(data)
    for result in _find(data, suite="long"):
        facts = [result["contenders"][name]["facts"] for name in ("remat", "plain")]
        part = facts[0]["temporary_bytes"] / facts[1]["temporary_bytes"]
        took = ratio(result, "remat", "plain")
        yield Target("remat, memory of plain", result["size"], f"{part:.2f}", "", None)
        yield Target("remat, time of plain", result["size"], f"{took:.2f}", "≤ 1.6", took <= 1.6)


def _smallest(data: dict) -> dict:
    return min(_find(data, suite="sweep"), key=lambda result: int(result["size"][2:]))


def _layer(data: dict) -> Iterator[Target]:
    for cores, least in (("one", 1.15), ("all", 1.0)):
        where = f"{LAYER}{cores} core{'s' if cores == 'all' else ''}"
        for result in _find(data, suite="layer", what="training", cores=cores):
            size = result["size"]
            for ours in ("seqjax", "seqjax, batch over devices"):
                value = ratio(result, "torch", ours)
                yield from _at_least(f"{where}, {ours} against torch", size, value, least)
            peers = {peer: ratio(result, peer, "seqjax") for peer in JAX_PEERS}
            peers = {peer: value for peer, value in peers.items() if value}
            if peers:
                best = min(peers, key=peers.get)
                label = f"{where}, seqjax against the best JAX peer"
                yield from _at_least(label, size, peers[best], 1.3, f" ({best})")
            top = ceiling(data, cores)
            if top:
                part = result["flop"] / median(result, "seqjax") / top
                label = f"{where}, fraction of the product ceiling"
                aim = 0.65 if size == "S3" else None
                met = None if aim is None else part >= aim
                yield Target(label, size, f"{part:.2f}", f"≥ {aim}" if aim else "", met)


def _variants(data: dict) -> Iterator[Target]:
    for result in _find(data, suite="layer", what="variants"):
        slower = {name: ratio(result, name, "lstm") for name in result["contenders"]}
        pointwise = {name: value for name, value in slower.items() if name not in STEPWISE}
        worst = max(pointwise, key=pointwise.get)
        text = f"{pointwise[worst]:.2f} ({worst})"
        met = pointwise[worst] <= 1.25
        yield Target("slowest pointwise variant, times lstm", result["size"], text, "≤ 1.25", met)
        for name in STEPWISE:
            of, plain = (
                result["contenders"][which]["facts"]["multiply_adds"] for which in (name, "lstm")
            )
            text = f"{slower[name]:.2f} (multiply-adds × {of / plain:.2f})"
            yield Target(f"{name}, times lstm", result["size"], text, "", None)


def _growth(data: dict) -> Iterator[Target]:
    """Yield the exponents of time and memory in T, B and H, fitted to logarithms."""
    points: dict[str, list[tuple[float, float, float]]] = {}
    for result in _find(data, suite="scaling", what="training"):
        axis, _, value = result["size"].partition("=")
        memory = result["contenders"]["seqjax"]["facts"]["temporary_bytes"]
        points.setdefault(axis, []).append((float(value), median(result, "seqjax"), memory))
    for axis, rows in points.items():
        logs = [[math.log(value) for value in row] for row in rows]
        x, *both = zip(*logs, strict=True)
        slopes = [statistics.linear_regression(x, y).slope for y in both]
        text = f"time {slopes[0]:.2f}, memory {slopes[1]:.2f}"
        yield Target(f"exponents in {axis}", "", text, "", None)
    for result in _find(data, suite="scaling", what="runs a device"):
        one = median(result, "1 together")
        each = {name: median(result, name) / int(name.split()[0]) for name in result["contenders"]}
        text = ", ".join(f"{name} {value / one:.2f}" for name, value in each.items())
        yield Target("time a run, of one run alone", result["size"], text, "", None)


def figure(data: dict, path: Any) -> None:
    """Plot the time of a training step of every contender, relative to seqjax."""
    from seqjax.reporting.plots import style

    panels = [cores for cores in ("one", "all") if _find(data, what="training", cores=cores)]
    results = {cores: _find(data, suite="layer", what="training", cores=cores) for cores in panels}
    names = {
        cores: [
            name for name in found[0]["contenders"] if name != "seqjax" and median(found[0], name)
        ]
        for cores, found in results.items()
    }
    with style.drawing():
        fig = style.new_figure(style.TWO, 22 + 7 * max(map(len, names.values())))
        axes = fig.subplots(1, len(panels), squeeze=False)[0]
        for axis, cores, letter in zip(axes, panels, "ab", strict=False):
            for k, result in enumerate(results[cores]):
                at = [
                    row + 0.18 * (k - (len(results[cores]) - 1) / 2)
                    for row in range(len(names[cores]))
                ]
                values = [ratio(result, name, "seqjax") for name in names[cores]]
                marker = style.MARKERS[k % len(style.MARKERS)]
                axis.plot(values, at, marker, color=style.DISTINCT[k], label=result["size"])
            axis.axvline(1, color=style.GREY, linewidth=0.8, linestyle="--", zorder=0)
            axis.set_yticks(range(len(names[cores])), names[cores])
            axis.invert_yaxis()
            axis.grid(axis="x", color=style.MARGIN, linewidth=0.5)
            axis.set_xlabel("time of a training step, times that of seqjax")
            style.label_panel(axis, letter, f"{cores} core{'s' if cores == 'all' else ''}")
        handles = axes[0].get_legend_handles_labels()
        fig.legend(*handles, loc="outside right upper", title="size", alignment="left")
        fig.savefig(path, dpi=style.DPI)
