"""Chance levels: those of the losses for which they are known, computed from the data."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.made_up import record
from support.published import needs, use_published

from seqjax.metrics import losses
from seqjax.tasks import TASKS, Batch, DataSetTask, GeneratedTask
from seqjax.tasks.synthetic.adding import Adding
from seqjax.training.overrides import ConfigError

REGISTERED = {
    "adding": (0.16666666666666666, (0.16666666666666666, 0.16666666666666666)),
    "adding_bai": (0.16666666666666666, (0.16666666666666666, 0.16666666666666666)),
    "agreement": (0.5, (0.6931471805599453, 1.3862943611198906, 0.5)),
    "copying": (0.125, (0.2970630773828337, 0.4305944700073563, 0.125)),
    "copying_bai": (0.125, (0.2970630773828337, 0.4305944700073563, 0.125)),
    "variable_copying": (0.125, (0.2970630773828337, 0.4305944700073563, 0.125)),
    "lag_recall": (0.125, (2.0794415416798357, 3.014161290051494, 0.875)),
    "memorization": (
        0.038461538461538464,
        (3.258096538021482, 4.238614366853515, 0.9615384615384616),
    ),
    "temporal_order": (0.25, (1.3862943611198906, 2.249340578475233, 0.75)),
    "digits_rows": (0.1, (2.302585092994046, 3.2508297339144825, 0.9)),
    "digits_pixels": (0.1, (2.302585092994046, 3.2508297339144825, 0.9)),
    "mnist_rows": (0.1, (2.302585092994046, 3.2508297339144825, 0.9)),
    "mnist_pixels": (0.1, (2.302585092994046, 3.2508297339144825, 0.9)),
    "mnist_pixels_permuted": (0.1, (2.302585092994046, 3.2508297339144825, 0.9)),
    "fashion_rows": (0.1, (2.302585092994046, 3.2508297339144825, 0.9)),
    "japanese_vowels": (
        0.1111111111111111,
        (2.1972245773362196, 3.139488862587287, 0.8888888888888888),
    ),
    "forecast": (1.9291176470588234, (1.0173049326878696,)),
    "translation": (4.726004915354664, (3.2758169823905283,)),
    "arithmetic": (
        0.13649116086216803,
        (2.467050466290938, 3.422289677506445, 0.9132626737751208),
    ),
    "xml": (0.11743450164794922, (3.216588086371996, 4.190779541680963, 0.9497766104741459)),
    "reber": (0.0001, (1.1844537934457302, 1.1844537934457302)),
    "unicode_names": (
        0.11402634119866968,
        (3.000411883848959, 3.9685834436883396, 0.9380650552253641),
    ),
}
"""Chance metric and losses, by link, of the records so far."""
PUBLISHED = {
    "poems": (542.0193415827719, (6.295301686380001,)),
    "jsb": (11.093155783752291, (11.093155783752291,)),
    "text": (4.773999473821629, (3.3090842752741243,)),
}


def levels(name):
    task = TASKS[name]()
    return task.chance_metric(), tuple(task.chance_loss(link) for link in task.links)


@pytest.mark.core
@pytest.mark.parametrize("name", REGISTERED)
def test_chance_levels_of_recorded_tasks_have_not_changed(name):
    assert levels(name) == REGISTERED[name]
    task = TASKS[name]()
    best = [task.best_loss(link) for link in task.links]
    assert best == ([0, 1 / 12] if name in ("adding", "adding_bai") else [0] * len(best))


@needs("tang_poems", "polyphonic_music", "tinyshakespeare")
def test_chance_levels_of_published_data_have_not_changed(monkeypatch):
    use_published(monkeypatch)
    assert {name: levels(name) for name in PUBLISHED} == PUBLISHED


@dataclasses.dataclass(frozen=True)
class Unbalanced(GeneratedTask):
    """Class 0 with probability .8; one of eight targets has no weight."""

    name = "unbalanced"
    inputs, outputs = 1, 3

    def sample(self, key, batch_size):
        keys = jax.random.split(key, 2)
        x = jax.random.normal(keys[0], (2, batch_size, 1))
        u = jax.random.uniform(keys[1], (batch_size,))
        number = jnp.arange(batch_size, dtype=jnp.int32)
        y = jnp.where(number % 8 == 0, 2, (u > 0.8).astype(jnp.int32))
        return Batch(x, y, (number % 8 > 0).astype(jnp.float32))


def test_chance_of_generated_classes_is_that_of_their_frequencies():
    task, p = Unbalanced(), np.array([0.8, 0.2, 0.0])
    assert task.metric == "accuracy" and task.higher_is_better
    assert task.chance_metric() == pytest.approx(0.8, abs=0.02)
    for link in task.links:
        expected = losses.constant_class_loss(link, p)
        assert task.chance_loss(link) == pytest.approx(expected, rel=0.05)


@dataclasses.dataclass(frozen=True)
class Values(DataSetTask):
    """Values of a data set."""

    name = "values"
    targets, inputs, outputs = "values", 1, 1

    def read(self):
        y = np.float32([1, 2, 3, 10])
        x = np.zeros((4, 2, 1), np.float32)
        return {
            part: (x, y + shift) for part, shift in (("train", 0), ("validation", 5), ("test", 9))
        }


def test_chance_of_values_is_computed_from_the_training_targets():
    task = Values()
    assert (task.metric, task.higher_is_better, task.links[0]) == ("mse", False, "linear")
    assert task.chance_metric() == task.chance_loss("linear") == 12.5
    assert task.best_loss("linear") == 0
    absolute = dataclasses.dataclass(frozen=True)(type("Mae", (Values,), {"metric": "mae"}))()
    assert absolute.chance_metric() == 2.5 and not absolute.higher_is_better


def test_a_run_at_the_chance_of_values_has_score_0():
    shown = record({"task.name": "adding"}, test=1 / 6)
    assert shown.chance.metric == 1 / 6 and not shown.higher_is_better


class OwnLoss(Adding):
    """Adding with the absolute error as its loss."""

    def loss(self, link, logits, batch):
        return jnp.abs(losses.value(link, logits) - batch.y)


class OwnMetric(Unbalanced):
    """Classes with a metric that only the task knows."""

    metric = "recall"


class Silent(DataSetTask):
    """Values with a loss of their own."""

    name = "silent"
    loss = OwnLoss.loss


@pytest.mark.parametrize(
    ("task", "level"),
    [(OwnMetric(), "chance_metric"), (Silent(), "chance_loss"), (Silent(), "best_loss")],
    ids=["metric", "loss", "best"],
)
def test_an_unknown_level_is_an_error_of_its_method(task, level):
    arguments = () if level == "chance_metric" else ("linear",)
    with pytest.raises(ConfigError, match=rf"^task \w+: {level}: [^\n]*$"):
        getattr(task, level)(*arguments)
