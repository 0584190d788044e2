"""Claim 2: after many steps early inputs are overwritten, and gradients vanish or explode.

The measurements are of Elman networks at initialisation, with two activations and six gains, with
and without later inputs. Networks are also trained to recall a symbol 10 and 50 steps back; their
scores are reported and decide nothing.
"""

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.claims.evidence import Evidence
from experiments.claims.protocol import PROTOCOL, on_tasks
from experiments.experiment import Experiment
from seqjax.cells import CELLS
from seqjax.diagnostics.gradients import decades_per_step, gradient_profile
from seqjax.diagnostics.probe import linear_probe
from seqjax.init import InitSpec, init_cell
from seqjax.recurrence.unroll import unroll
from seqjax.reporting.plots.claims import ClaimPanel, Margin, Place, Quantity
from seqjax.stats import rules
from seqjax.stats.decisions import CLAIMS, EvidenceError, Verdict
from seqjax.stats.decisions.analysis import Analysis, describe
from seqjax.stats.decisions.base import DESCRIPTIVE, MARGINS, lookup, scores_of
from seqjax.sweeps.measurement import Measurement, Point
from seqjax.sweeps.study import Arm, Axis, Study
from seqjax.tasks.synthetic.lag_recall import SYMBOLS
from seqjax.types import Array, named_key

STEEPEST = {"elman": 1.0, "elman_sigmoid": 0.25}
"""γ, the largest slope of the activation. With g/γ times an orthogonal matrix, a step multiplies a
change of the state by at most g."""
ACTIVATION = {"elman": "tanh", "elman_sigmoid": "logistic"}
GAINS, TRAINED_GAINS = (0.5, 0.9, 1.0, 1.1, 1.5, 2.0), (0.9, 1.0, 1.1)
DRAWS = 20
READ_AT = 50
"""Step after which the probe of the first input decides; the first input is at step 1."""
BACKWARD, READ = 32, 512
"""Number of sequences for gradients, and number to fit a probe on; as many are held out."""
PLOTTED_GAINS = (0.9, 1.0)
"""Gains in the figure."""

KEY = (
    f"Probe: linear classifier of the first symbol from the state at step {READ_AT}. Gain: scale "
    "of the recurrent matrix. With input: steps after the first have inputs too."
)
"""Names in the figure."""
COMPARED = {
    "slope": Quantity(
        "slope of log₁₀ ‖∂L/∂h(t)‖, decades a step back in time (below 0: vanishing)",
        (Margin(-MARGINS.slope, MARGINS.slope, f"neither (within {MARGINS.slope:g})"),),
        "draws",
    ),
    "probe": Quantity(
        f"score of the probe at step {READ_AT} (0 chance, 1 perfect)",
        (
            Margin(0.0, 0.1, "overwritten (under 0.1)"),
            Margin(0.5, 0.5, "limit above which the claim is contradicted"),
        ),
        "draws",
    ),
}
"""Quantities of the figure."""


def experiment(full: bool) -> Experiment:
    """Return claim 2 at CPU size, or at full size."""
    name = "claim_2_full" if full else "claim_2"
    question = "Are early inputs overwritten, and do gradients vanish or explode on their way back?"
    measurement = Measurement(name, question, _points(full), measure)
    return Experiment(_study(name, question, full), measurement, decide, curves)


def _points(full: bool) -> tuple[dict, ...]:
    """Points: every cell and gain, with later inputs and without."""
    size = {"units": 128, "length": 400} if full else {"units": 64, "length": 100}
    return tuple(
        {"cell": cell, "gain": gain, "input": driven, **size, "draws": DRAWS}
        for cell in STEEPEST
        for gain in GAINS
        for driven in (False, True)
    )


def _study(name: str, question: str, full: bool) -> Study:
    lags = (40, 200) if full else (10, 50)
    tasks = {f"lag {lag}": {"task.length": lag + 1, "task.lag": lag} for lag in lags}
    arms = [
        Arm(
            f"{ACTIVATION[cell]} gain {gain:g}",
            {"model.cell": cell, "init.recurrent_gain": gain / steepest},
        )
        for cell, steepest in STEEPEST.items()
        for gain in TRAINED_GAINS
    ]
    return Study(
        name=name,
        question=question,
        base={
            **PROTOCOL.base(full),
            "task.name": "lag_recall",
            "train.steps": 2000 if full else 300,
            "train.eval_every": 1000 if full else 150,
        },
        arms=on_tasks(tasks, arms),
        axes=(Axis("optim.learning_rate", PROTOCOL.rates(full)),),
        **PROTOCOL.study(full),
    )


def measure(point: Point) -> dict[str, np.ndarray]:
    """Slopes of gradients and accuracies of probes at one point, one number per draw.

    If ``input`` is false, the network reads only the first symbol, at step 1. All points share the
    draws of weights and symbols.

    Returns:
      slope: (draws,) from ``_slope``.
      accuracy: (draws,) accuracy of the probe after step ``READ_AT``.
      curve: (3, T) minimum, median and maximum of the accuracy over draws, after every step.
    """
    keys = jax.random.split(jax.random.key(0), point["draws"])
    gain = np.float32(point["gain"] / STEEPEST[point["cell"]])
    shape = (point["cell"], point["units"], point["length"])
    later = np.float32(point["input"])
    # Gradients fall by 38 decades in 100 steps, the whole range of float32.
    with jax.enable_x64(True):
        slope_N = np.asarray(_slopes(keys, gain, later, *shape))
    accuracy_NT = np.asarray(_accuracies(keys, gain, later, *shape))
    spread = np.stack([f(accuracy_NT, axis=0) for f in (np.min, np.median, np.max)])
    return {"slope": slope_N, "accuracy": accuracy_NT[:, READ_AT - 1], "curve": spread.round(4)}


@functools.partial(jax.jit, static_argnums=(3, 4, 5))
def _slopes(keys: Array, gain: Array, later: Array, cell: str, units: int, length: int) -> Array:
    return jax.vmap(lambda key: _slope(key, gain, later, cell, units, length))(keys)


@functools.partial(jax.jit, static_argnums=(3, 4, 5))
def _accuracies(
    keys: Array, gain: Array, later: Array, cell: str, units: int, length: int
) -> Array:
    return jax.lax.map(lambda key: _accuracy(key, gain, later, cell, units, length), keys)


def _network(key: Array, gain: Array, cell: str, units: int) -> NamedTuple:
    spec = InitSpec(recurrent_gain=gain)
    return init_cell(named_key(key, "network"), CELLS[cell], SYMBOLS, units, spec)


def _sequences(key: Array, batch: int, length: int, later: Array) -> tuple[Array, Array]:
    """One-hot symbols (T, B, V), scaled by ``later`` after step 1, and the first symbols (B,)."""
    symbols_TB = jax.random.randint(key, (length, batch), 0, SYMBOLS, jnp.int32)
    x_TBV = jax.nn.one_hot(symbols_TB, SYMBOLS, dtype=jnp.float32)
    return x_TBV.at[1:].multiply(later), symbols_TB[0]


def _slope(key: Array, gain: Array, later: Array, cell: str, units: int, length: int) -> Array:
    """Decades of ‖∂L_T/∂h_t‖ per step back from the end, averaged over sequences, in float64.

    L_T = w · h_T with a random w. The mean is over logarithms and is not finite if a norm is 0.
    """
    x_TBV, _ = _sequences(named_key(key, "backward"), BACKWARD, length, later)
    w_H = jax.random.normal(named_key(key, "readout"), (units,), jnp.float32)
    drawn = (_network(key, gain, cell, units), x_TBV, w_H)
    params, x_TBV, w_H = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), drawn)
    profile = gradient_profile(CELLS[cell], params, x_TBV, lambda outputs: outputs[-1] @ w_H)
    return jnp.mean(jax.vmap(decades_per_step, in_axes=1)(profile["h"]))


def _accuracy(key: Array, gain: Array, later: Array, cell: str, units: int, length: int) -> Array:
    """(T,) accuracy of a linear probe that reads the first symbol from h_t."""
    params, parts = _network(key, gain, cell, units), []
    for part in ("fitted", "held out"):
        x_TBV, first_B = _sequences(named_key(key, part), READ, length, later)
        parts += [unroll(CELLS[cell], params, x_TBV).outputs_TBH, first_B]
    return linear_probe(*parts, SYMBOLS)


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdict 2 from the measurements, and the scores of trained networks, if any."""
    measured = evidence.measured_by("cell", "gain", "input")
    slopes, probes = {}, {}
    for cell, gain, driven in itertools.product(STEEPEST, GAINS, (False, True)):
        point = lookup(measured, cell, gain, driven)
        key = (ACTIVATION[cell], gain, driven)
        slopes[key] = np.array(point["slope"], np.float64)
        if not np.all(np.isfinite(slopes[key])):
            raise EvidenceError(f"slope: expected gradients above 0, got a norm of 0 at {key}")
        probes[key] = _scores(point["accuracy"])
    return CLAIMS["2"](slopes, probes) + _trained(evidence)


def _scores(accuracies: Sequence[float]) -> np.ndarray:
    return np.array([rules.accuracy_score(a, 1 / SYMBOLS) for a in accuracies])


def _trained(evidence: Evidence) -> list[Verdict]:
    """A descriptive verdict with the scores of trained networks; none before training."""
    if not evidence.records:
        return []
    trained = evidence.scores_by()
    levels = tuple(
        Analysis().mean(f"{task}: {arm}", scores_of(trained, task, arm), len(trained))
        for task, arm in sorted(trained)
    )
    n, statement = min(level.n for level in levels), "The score of such networks after training."
    reason = describe(levels, most=len(levels))
    return [Verdict("2", statement, DESCRIPTIVE, reason, levels, n, exploratory=True)]


def _place(name: str) -> Place:
    """A row for each gain in the panel of its activation and input."""
    head, gain, driven = name.split(", ")
    quantity, _, cell = head.split(" ")
    return Place(gain, f"{cell}, {driven}", quantity)


def curves(evidence: Evidence) -> ClaimPanel:
    """Score of the probe after every step, at ``PLOTTED_GAINS``."""
    lines = {}
    for (cell, gain, driven), point in evidence.measured_by("cell", "gain", "input").items():
        if gain in PLOTTED_GAINS:
            name = f"{ACTIVATION[cell]}, gain {gain:g}, {'with' if driven else 'no'} input"
            lines[name] = np.array([_scores(row) for row in point["curve"]])
    return ClaimPanel(
        lines,
        "what a probe reads of the first input",
        "step",
        "score of the probe",
        compared=COMPARED,
        key=KEY,
        place=_place,
        legend="network",
    )
