"""Generated tasks of remembering: shapes, chance and the best; recall against plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.batches import assert_uniform, training_batch, trains_and_evaluates

from seqjax.metrics.losses import masked_mean
from seqjax.tasks.datasets.agreement_natural import AgreementNatural
from seqjax.tasks.synthetic.agreement import Agreement
from seqjax.tasks.synthetic.lag_recall import LagRecall
from seqjax.tasks.synthetic.memorization import Memorization
from seqjax.training.config import make_config
from seqjax.training.overrides import ConfigError

GENERATED = [LagRecall(), LagRecall(10, 9), LagRecall(6, 0), Agreement(), Memorization()]
TESTED = [*GENERATED, AgreementNatural()]
every_generated = pytest.mark.parametrize("task", GENERATED, ids=repr)


# All generated tasks


@pytest.mark.core
@every_generated
def test_shapes_and_types(task):
    batch = training_batch(task)
    assert batch.x.ndim == 2 and batch.x.dtype == batch.y.dtype == np.int32
    assert batch.y.shape == batch.weight.shape == batch.x.shape[0 if task.every_step else 1 :]
    assert batch.weight.dtype == np.float32 and batch.subsets is None
    assert set(np.unique(batch.x)) == set(range(task.inputs))
    assert set(np.unique(batch.y[batch.weight > 0])) == set(range(task.outputs))


@every_generated
@pytest.mark.parametrize("link", ["softmax", "logistic", "linear"])
def test_chance_is_that_of_guessing(task, link):
    batch = training_batch(task)
    p = 1 / task.outputs
    logit = {"softmax": 0, "logistic": np.log(p / (1 - p)), "linear": p}[link]
    logits = jnp.full((*batch.y.shape, task.outputs), logit, jnp.float32)
    loss = masked_mean(task.loss(link, logits, batch), batch.weight)
    assert loss == pytest.approx(task.chance_loss(link), rel=1e-5)
    score = masked_mean(*task.metrics(link, logits, batch)[task.metric])
    assert score == pytest.approx(task.chance_metric(), abs=0.04)


@every_generated
def test_a_perfect_prediction_has_the_best_loss_and_metric(task):
    batch = training_batch(task)
    asked = (batch.weight > 0)[..., None]
    logits = jnp.where(asked, 100 * jax.nn.one_hot(batch.y, task.outputs), 0)
    loss = masked_mean(task.loss("softmax", logits, batch), batch.weight)
    assert loss == task.best_loss("softmax") == 0
    assert masked_mean(*task.metrics("softmax", logits, batch)[task.metric]) == 1


SETTINGS = [
    {"task.name": "lag_recall", "task.length": 10, "task.lag": 9, "model.readout": "logistic"},
    {"task.name": "agreement", "task.shortest": 1, "task.longest": 4},
    {"task.name": "memorization"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["task.name"])
def test_a_configuration_trains_and_evaluates(settings):
    """By shapes alone, which finds every clash of them and of dtypes; nothing is compiled."""
    trains_and_evaluates(make_config(settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"task.lag": 10}, r"^task\.lag: .* 10 .*length 10$"),
        ({"task.lag": -1}, r"^task\.lag: .*-1"),
        ({"task.length": 0}, r"^task\.length: .* 1 .* 0$"),
        ({"task.name": "agreement", "task.shortest": 11}, r"^task\.shortest: .* 11 and 10$"),
        ({"task.name": "agreement", "task.shortest": -1}, r"^task\.shortest: .* -1 and 10$"),
        ({"task.name": "agreement", "task.longest": 4097}, r"^task\.longest: .* 4096.* 4097$"),
    ],
    ids=str,
)
def test_values_out_of_range_are_errors_of_their_field(settings, message):
    with pytest.raises(ConfigError, match=message):
        make_config({"task.name": "lag_recall"} | settings)


# Recall


@pytest.mark.parametrize(("T", "lag"), [(10, 1), (10, 9), (6, 0), (31, 30)])
def test_recall_asks_for_the_symbol_a_lag_before(T, lag):
    batch = training_batch(LagRecall(T, lag))
    assert batch.x.shape[0] == T and batch.lengths_B is None
    for b in range(50):
        for t in range(T):
            assert batch.weight[t, b] == (1 if t >= lag else 0)
            assert batch.y[t, b] == (batch.x[t - lag, b] if t >= lag else 0)
    for steps in batch.x:
        assert_uniform(steps, 0, 8)
    if lag + 1 == T:  # one readout, of the first symbol, at the last step
        assert np.all(batch.weight.sum(0) == 1) and np.array_equal(batch.y[-1], batch.x[0])


def test_memorization_asks_for_five_letters_at_five_marks():
    task = Memorization()
    batch = training_batch(task)
    assert len(batch.x) == 10 and np.all(batch.x[5:] == 26)
    assert np.array_equal(batch.y[5:], batch.x[:5])
    assert np.all(batch.weight[:5] == 0) and np.all(batch.weight[5:] == 1)
    for letters in batch.x[:5]:
        assert_uniform(letters, 0, 26)
    said = jnp.where(jnp.arange(10)[:, None] < 7, batch.y, (batch.y + 1) % 26)  # two of five
    logits = jax.nn.one_hot(said, 26)
    assert masked_mean(*task.metrics("softmax", logits, batch)["recall"]) == pytest.approx(0.4)
