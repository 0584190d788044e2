"""Batches for metrics on the training set: each training example once, and no other."""

import jax
import numpy as np
import pytest
from support.batches import data_of
from support.counted_text import Counted

from seqjax.tasks import TASKS
from seqjax.tasks.base import EVALUATION_SIZE, Task
from seqjax.tasks.datasets.digits import DigitsRows
from seqjax.tasks.synthetic.adding import Adding
from seqjax.training.config import make_config
from seqjax.training.overrides import ConfigError


def batches_of_training(task):
    data, batch_of = data_of(task), jax.jit(task.training_batch)
    for row in task.training_rows(data):
        yield jax.tree.map(np.asarray, batch_of(data, row))


def test_a_data_set_is_read_once():
    task = DigitsRows()
    found = [b.x[:, b.weight > 0].swapaxes(0, 1).tobytes() for b in batches_of_training(task)]
    assert b"".join(found) == task.read()["train"][0].tobytes()


@pytest.mark.parametrize("carried", [True, False])
def test_a_stream_is_read_up_to_the_length_of_validation(carried):
    task = Counted(4, carried)
    symbols = task.sizes["validation"]
    places = []
    for batch in batches_of_training(task):
        inside = np.arange(len(batch.x))[:, None] < batch.lengths_B[None]
        places += batch.y[inside].tolist()
        assert not batch.weight[~inside].any()
    assert sorted(places) == list(range(1, symbols))


def test_generated_examples_are_new_and_as_many_as_validation_has():
    task = Adding(50)
    (batch, *_), (other, *_) = (
        [jax.jit(task.evaluation_batch)({}, row) for row in task.evaluation_rows({}, part)[:1]]
        for part in (0, 1)
    )
    found = list(batches_of_training(task))
    assert sum(b.y.size for b in found) == EVALUATION_SIZE
    for held_out in (batch, other):
        assert not np.array_equal(found[0].x, held_out.x)


def test_a_task_without_training_rows_is_refused(monkeypatch):
    monkeypatch.setattr(TASKS["adding"], "training_rows", Task.training_rows)
    settings = {"task.name": "adding", "train.training_metrics": True}
    with pytest.raises(ConfigError, match=r"^train\.training_metrics: expected false"):
        make_config(settings)
