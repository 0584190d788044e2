"""Suites of races."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from experiments.bench.peers import PEERS
from experiments.bench.problem import Size
from experiments.bench.race import Contender

CORES = ("one", "all")
OURS = "experiments.bench.ours"
TORCH = "experiments.bench.peers.torch"
SWEEP = {"runs": 24, "steps": 12}
CEILING = 1024
TOGETHER = (1, 4, 16, 64, 256)
WIDTHS = (32, 64, 128)
GRAPHS = "--xla_gpu_enable_command_buffer=+WHILE"
"""Record loops as CUDA graphs."""
UNROLLED_GRAPHS = f"{GRAPHS} --xla_gpu_command_buffer_unroll_loops=true"


class Race(NamedTuple):
    """Contenders that do the same work; the first is ours.

    Attributes:
      suite, what, size: its row in the tables.
      cores: "one" or "all".
      contenders: contenders in the order of the tables.
      flop: FLOP of its matrix products, to report a fraction of the ceiling; 0 to report none.
      rounds: fraction of --rounds.
      forward: also time the forward pass.
    """

    suite: str
    what: str
    size: str
    cores: str
    contenders: list[Contender]
    flop: int = 0
    rounds: float = 1.0
    forward: bool = False


def usable_cores() -> set[int]:
    """Cores that this process may use."""
    return os.sched_getaffinity(0)


def races(
    suite: str, sizes: dict[str, Size], precision: str, cores: tuple[str, ...] = CORES
) -> Iterator[Race]:
    """Yield the races of a suite; most suites use only the first setting of ``cores``."""
    suites = {
        "layer": _layer,
        "sweep": _sweep,
        "scaling": _scaling,
        "long": _long,
        "scan": _scan,
        "together": _together,
    }
    yield from suites[suite](sizes, precision, cores)


def _ceiling(suite: str, cores: str, precision: str) -> Race:
    job = {"suite": "ceiling", "side": CEILING, "precision": precision}
    contenders = [Contender("seqjax", OURS, job), Contender("torch", TORCH, job)]
    return Race(suite, "ceiling", str(CEILING), cores, contenders, 2 * CEILING**3)


def _layer(sizes: dict[str, Size], precision: str, cores: tuple[str, ...]) -> Iterator[Race]:
    for setting in cores:
        yield _ceiling("layer", setting, precision)
        for name, size in sizes.items():
            contenders = _layer_contenders(size, setting, precision)
            flop = size.training_flop()
            yield Race("layer", "training", name, setting, contenders, flop, forward=True)
    first = next(iter(sizes))
    for cell in ("gru", "elman"):
        job = _job(sizes[first], cell, precision)
        contenders = [Contender("seqjax", OURS, job), Contender("torch", TORCH, job)]
        yield Race("layer", f"{cell} training", first, cores[0], contenders)
    name = "S2" if "S2" in sizes else first
    variants = _variants(sizes[name], precision)
    yield Race("layer", "variants", name, cores[0], variants, rounds=0.6)


def _job(size: Size, cell: str, precision: str) -> dict[str, Any]:
    return {"suite": "layer", "size": size, "cell": cell, "precision": precision}


def _layer_contenders(size: Size, cores: str, precision: str) -> list[Contender]:
    job = _job(size, "lstm", precision)
    ours = [Contender("seqjax", OURS, job)]
    if cores == "all":
        ours.append(Contender("seqjax, batch over devices", OURS, job | {"devices": True}))
    else:
        ours.append(Contender("seqjax, reference engine", OURS, job | {"engine": "reference"}))
    return ours + [Contender(peer, f"experiments.bench.peers.{peer}", job) for peer in PEERS]


def _variants(size: Size, precision: str) -> list[Contender]:
    from seqjax.cells import CELLS

    names = [name for name in CELLS if name.startswith("lstm") and name != "lstm"]
    return [Contender(n, OURS, _job(size, n, precision)) for n in ("lstm", *names)]


def _sweep(sizes: dict[str, Size], precision: str, _: tuple[str, ...]) -> Iterator[Race]:
    first = next(iter(sizes.values()))
    for H in (first.H, first.H // 2):
        job = {"suite": "sweep", "size": first._replace(H=H), "precision": precision, **SWEEP}
        contenders = [
            Contender("seqjax sweep", OURS, job),
            Contender("torch loop", TORCH, job),
        ]
        cores = len(usable_cores())
        if cores > 1:
            part = job | {"runs": SWEEP["runs"] // cores}
            contenders.append(Contender("torch, a process a core", TORCH, part, cores))
        yield Race("sweep", f"{SWEEP['runs']} runs", f"H={H}", "all", contenders, rounds=0.6)


def _scaling(sizes: dict[str, Size], precision: str, cores: tuple[str, ...]) -> Iterator[Race]:
    base = sizes.get("S2", next(iter(sizes.values())))
    for axis in "TBH":
        for factor in (0.25, 0.5, 1, 2):
            size = base._replace(**{axis: max(1, int(getattr(base, axis) * factor))})
            job = _job(size, "lstm", precision)
            contenders = [Contender("seqjax", OURS, job), Contender("torch", TORCH, job)]
            label = f"{axis}={getattr(size, axis)}"
            yield Race("scaling", "training", label, cores[0], contenders, rounds=0.6)
    first = next(iter(sizes.values()))
    for H in (first.H, first.H // 2):
        contenders = [
            Contender(
                f"{R} together",
                OURS,
                {
                    "suite": "runs",
                    "size": first._replace(H=H),
                    "together": R,
                    "precision": precision,
                },
            )
            for R in (1, 2, 4, 8)
        ]
        yield Race("scaling", "runs a device", f"H={H}", cores[0], contenders, rounds=0.6)


def _long(sizes: dict[str, Size], precision: str, cores: tuple[str, ...]) -> Iterator[Race]:
    size = Size(16, 20_000, 2, 128) if "S4" in sizes else next(iter(sizes.values()))
    job = _job(size, "lstm", precision)
    contenders = [
        Contender("plain", OURS, job),
        Contender("remat", OURS, job | {"remat": True}),
    ]
    yield Race("long", "training", f"T={size.T}", cores[0], contenders, rounds=0.6)


def _scan(sizes: dict[str, Size], precision: str, cores: tuple[str, ...]) -> Iterator[Race]:
    for name, size in sizes.items():
        job = _job(size, "lstm", precision)
        contenders = [
            Contender("default", OURS, job),
            Contender("default, again", OURS, job),
            Contender("unroll=4", OURS, job | {"unroll": 4}, alone=True),
            Contender("CUDA graphs", OURS, job, flags=GRAPHS),
            Contender("CUDA graphs, loops unrolled", OURS, job, flags=UNROLLED_GRAPHS),
        ]
        yield Race("scan", "training", name, cores[0], contenders, forward=True)


def _together(sizes: dict[str, Size], precision: str, cores: tuple[str, ...]) -> Iterator[Race]:
    first = next(iter(sizes.values()))
    contenders = []
    for H in WIDTHS:
        job = {"size": first._replace(D=2, H=H), "precision": precision, "steps": 20}
        for R in TOGETHER:
            ours = job | {"suite": "together", "runs": R}
            contenders.append(Contender(f"H={H}, {R} together", OURS, ours, alone=True))
        theirs = job | {"suite": "sweep", "runs": 4}
        contenders.append(Contender(f"H={H}, torch, one after the other", TORCH, theirs))
    label = f"B={first.B}, T={first.T}"
    yield Race("together", "training", label, cores[0], contenders, rounds=0.6)
