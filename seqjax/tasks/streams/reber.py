"""The continual embedded Reber grammar (Gers, Schmidhuber and Cummins 2000)."""

import dataclasses
import functools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.tasks.base import Batch, Task
from seqjax.types import Array, check_size, named_key

ALPHABET = "BTPSXVE"
INNER = (
    (("T", 1), ("P", 2)),
    (("S", 1), ("X", 3)),
    (("T", 2), ("V", 4)),
    (("X", 2), ("S", 5)),
    (("P", 3), ("V", 5)),
)
"""Reber's grammar between its B and its E: the two transitions from each of the nodes 0 to 4.

Node 5 is followed by E.
"""
TRAINING = 2**20
"""Symbols of the training stream."""
STREAMS = 10
"""Evaluation streams of each part."""
CLOSE = 0.49
"""Largest absolute error of a correct prediction."""
LONGEST_WINDOW, LONGEST_STREAM = 2**10, 2**17


def _grammar() -> dict[str, tuple[tuple[str, str], tuple[str, str]]]:
    """Two transitions (symbol, next node), equally likely, from each node of the outer grammar.

    Nodes are named by what they have read: "BT" B and T, "T0" to "T5" those and the inner nodes,
    "Tn" also the inner E. A transition without an alternative is there twice.
    """
    found = {"start": (("B", "B"),), "B": (("T", "BT"), ("P", "BP")), "last": (("E", "start"),)}
    for first in "TP":
        found[f"B{first}"] = (("B", f"{first}0"),)
        for node, transitions in enumerate(INNER):
            found[f"{first}{node}"] = tuple((s, f"{first}{n}") for s, n in transitions)
        found[f"{first}5"] = (("E", f"{first}n"),)
        found[f"{first}n"] = ((first, "last"),)
    return {node: choices * (3 - len(choices)) for node, choices in found.items()}


def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Next node, symbol, possible next symbols (7,) and start of a string, by transition.

    Transition 2 n + k is the k-th of node n; node 0 is the start of a string.
    """
    grammar = _grammar()
    nodes = {name: n for n, name in enumerate(grammar)}
    edges = [edge for choices in grammar.values() for edge in choices]
    after_E = np.array([nodes[node] for _, node in edges])
    symbol_E = np.array([ALPHABET.index(symbol) for symbol, _ in edges])
    following = [{symbol for symbol, _ in grammar[node]} for _, node in edges]
    possible_EV = np.array([[v in symbols for v in ALPHABET] for symbols in following])
    return after_E, symbol_E.astype(np.int32), possible_EV, np.arange(len(edges)) < 2


AFTER_E, SYMBOL_E, POSSIBLE_EV, STARTS_E = _tables()


@dataclasses.dataclass(frozen=True)
class Reber(Task):
    """Predict the symbols that can follow, in a stream of strings of the embedded Reber grammar.

        string = B T inner T E  or  B P inner P E,    inner = B … E, a string of Reber's grammar
        x_t = the t-th symbol of the stream,    y_t = 1 for each of the 7 symbols that can follow

    One or two symbols can follow; two are equally likely. A string has 9 or more symbols, 12 on
    average. Its last but one symbol repeats the second, 6 or more steps before. Strings follow each
    other without a mark, so a network has to learn to reset itself. With ``resets`` its state
    returns to zero at the start of every string.

    The loss is Σ_v (p_v - y_v)² over the symbols, with p = σ(logit) under the link "logistic", as
    in the paper, and p = logit under "linear". A prediction is correct if |p_v - y_v| < .49 for all
    symbols. (The paper is quoted with a *squared* error below .49. A network that does not know
    which of T and P follows, and predicts 1/2 for both, would then be always correct.)

    Training reads a cyclic stream of 2^20 symbols in windows of ``length`` steps. A lane starts
    from the zero state at a string drawn with the key of the run and reads ``fresh`` consecutive
    windows, before each of which the gradient stops, and starts again. (In the paper a training
    stream ends at the first error.) With ``resets`` every window starts at a string from the zero
    state. Validation and test read ten streams each of ``stream`` symbols, which start from the
    zero state.

    Metrics: ``error_free``, symbols before the first wrong prediction of a stream over its length,
    averaged over the streams; ``error_free_length``, the same in symbols; ``perfect``, 1 if all
    predictions on all streams are correct, else 0; ``correct``, the share of correct predictions.
    The best constant prediction, of T and P, is wrong at the second symbol of a stream.

    Gers, Schmidhuber and Cummins 2000, section 4.1, where streams end after 100,000 symbols, and a
    network is perfect if it makes no error on ten of them.

    Attributes:
      length: steps of a training window.
      fresh: consecutive windows that a lane reads before it restarts from the zero state.
      resets: reset the state at the start of every string, as no continual learner could.
      stream: symbols of an evaluation stream.
    """

    length: int = 50
    fresh: int = 20
    resets: bool = False
    stream: int = 10_000

    name: ClassVar[str] = "reber"
    inputs = outputs = len(ALPHABET)
    symbols, every_step, next_step, higher_is_better = True, True, True, True
    targets, links = "values", ("logistic", "linear")
    metric = "error_free"
    extra_metrics = ("error_free_length", "perfect", "correct")

    def __post_init__(self) -> None:
        check_size("length", self.length, 1, LONGEST_WINDOW)
        check_size("fresh", self.fresh, 1, LONGEST_WINDOW)
        check_size("stream", self.stream, 2, LONGEST_STREAM)

    @property
    def carried(self) -> bool:
        return not self.resets

    def data(self) -> dict[str, Any]:
        train_N, first_S = _training_stream()
        held_out = [_streams(seed, self.stream) for seed in (1, 2)]
        return {"train": train_N, "first": first_S, "held_out": np.stack(held_out)[:, None]}

    def rows(self, data: Any, key: Array, first: Array, count: int, batch_size: int) -> Any:
        """Return (count, B, 2): each lane's position, and its windows since the last restart."""
        size, first_S = len(data["train"]), jnp.asarray(data["first"])
        lane_B = jnp.arange(batch_size, dtype=jnp.int32)
        window_KB = first + jnp.arange(count, dtype=jnp.int32)[:, None]
        window_KB = window_KB + (lane_B * self.fresh // batch_size)[None]  # restart in turn

        def start(lane: Array, stretch: Array) -> Array:
            of_lane = jax.random.fold_in(named_key(key, "training"), lane)
            of_stretch = jax.random.fold_in(of_lane, stretch)
            return first_S[jax.random.randint(of_stretch, (), 0, len(first_S), jnp.int32)]

        start_KB = jax.vmap(jax.vmap(start), (None, 0))(lane_B, window_KB // self.fresh)
        before_KB = window_KB % self.fresh
        place_KB = (start_KB + before_KB * self.length) % size
        if self.resets:
            place_KB = first_S[jnp.searchsorted(first_S, place_KB) % len(first_S)]
        return jnp.stack([place_KB, before_KB], axis=-1)

    def evaluation_rows(self, data: Any, part: Array) -> Any:
        return data["held_out"][part]

    def batch(self, data: Any, row: Any, batch_size: int) -> Batch:
        del batch_size
        (place_B, before_B), step_T1 = row.T, jnp.arange(self.length, dtype=jnp.int32)[:, None]
        batch = self._read(data["train"][(place_B[None] + step_T1) % len(data["train"])])
        return batch if self.resets else batch._replace(reset_B=before_B == 0)

    def evaluation_batch(self, data: Any, row: Any) -> Batch:
        del data
        return self._read(row)

    def _read(self, edge_TB: Array) -> Batch:
        """Return the batch of these transitions of the grammar."""
        y_TBV = jnp.asarray(POSSIBLE_EV, jnp.float32)[edge_TB]
        weight_TB = jnp.ones(edge_TB.shape, jnp.float32)
        reset_TB = jnp.asarray(STARTS_E)[edge_TB] if self.resets else None
        return Batch(jnp.asarray(SYMBOL_E)[edge_TB], y_TBV, weight_TB, reset_TB=reset_TB)

    def loss(self, link: str, logits: Array, batch: Batch) -> Array:
        return jnp.sum(jnp.square(_predicted(link, logits) - batch.y), axis=-1)

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        error_TBV = jnp.abs(_predicted(link, logits) - batch.y)
        correct_TB = jnp.all(error_TBV < CLOSE, axis=-1).astype(logits.dtype)
        before_error_TB = jnp.cumprod(correct_TB, axis=0)
        weight_TB = batch.weight
        return {"error_free": (before_error_TB, weight_TB), "correct": (correct_TB, weight_TB)}

    def derived(self, means: dict[str, Array]) -> dict[str, Array]:
        share = means["error_free"]
        return {
            "error_free_length": share * self.stream,
            "perfect": (share >= 1).astype(share.dtype),
        }

    def chance_metric(self) -> float:
        return 1 / self.stream

    def chance_loss(self, link: str) -> float:
        """Return the loss of predicting the frequencies with which each symbol can follow."""
        del link  # frequencies are probabilities
        share_V = POSSIBLE_EV[_training_stream()[0]].mean(axis=0)
        return float(np.sum(share_V * (1 - share_V)))

    def best_loss(self, link: str) -> float:
        """Return 0: what can follow is known from the symbols of the string."""
        del link
        return 0.0


def _predicted(link: str, logits: Array) -> Array:
    return jax.nn.sigmoid(logits) if link == "logistic" else logits


@functools.cache
def _training_stream() -> tuple[np.ndarray, np.ndarray]:
    """Transitions of the training stream (N,), and the places at which its strings start."""
    edges = _walk(np.random.RandomState(0), TRAINING)
    (first_S,) = np.nonzero(STARTS_E[edges])
    return edges[: first_S[-1]], first_S[:-1].astype(np.int32)  # the last string may be cut


@functools.cache
def _streams(seed: int, symbols: int) -> np.ndarray:
    """Transitions of ten streams, (symbols, 10)."""
    random = np.random.RandomState(seed)
    return np.stack([_walk(random, symbols) for _ in range(STREAMS)], axis=1)


def _walk(random: np.random.RandomState, symbols: int) -> np.ndarray:
    """Transitions of a stream that begins with a string."""
    after, node, edges = AFTER_E.tolist(), 0, []
    for choice in random.randint(0, 2, symbols).tolist():  # the legacy generator is frozen
        edges.append(2 * node + choice)
        node = after[edges[-1]]
    return np.array(edges, np.uint8)
