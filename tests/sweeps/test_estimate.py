"""The estimated duration of runs: from sizes, and from records."""

import pytest
from support.made_up import record, replace

from seqjax.sweeps import estimate
from seqjax.sweeps.executor import group_runs
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Axis, Study
from seqjax.training.config import make_config

BASE = {"task.name": "adding", "task.length": 20, "train.steps": 1000, "train.eval_every": 500}
CPU = {"platform": "cpu", "devices": 2}


def seconds(**changes) -> float:
    values = {path.replace("__", "."): value for path, value in changes.items()}
    return estimate.core_seconds(make_config(BASE | values)) - estimate.RUN


@pytest.mark.parametrize(
    ("changes", "factor"),
    [
        ({"train__steps": 2000}, 2),
        ({"task__length": 40}, 2),
        ({"train__batch_size": 128}, 2),
        ({"model__layers": 2}, 2),
        ({"model__bidirectional": True}, 2),
        ({"model__hidden": 128}, 12),
    ],
)
def test_more_work_takes_more_time(changes, factor):
    assert factor / 2 < seconds(**changes) / seconds() < factor * 1.3


def test_the_sizes_of_batches_include_the_source():
    import jax
    import jax.numpy as jnp

    config = make_config(BASE)
    data = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, config.task.data()))
    assert estimate.batch_sizes(config, data) == (20, 20 * 64, 20, 20 * 512, 8)


def two_groups():
    study = Study("made_up", "How long?", BASE, axes=(Axis("model.hidden", (8, 64)),))
    return group_runs(plan_runs(study, range(3)))


def test_devices_share_the_runs_of_a_group():
    one, two = (
        estimate.seconds_per_run(two_groups(), {"platform": "cpu", "devices": n}, ())
        for n in (1, 2)
    )
    assert one == pytest.approx([2 * seconds for seconds in two])


def test_records_replace_the_estimate_of_their_group_and_correct_the_others():
    groups = two_groups()
    small, large = estimate.seconds_per_run(groups, CPU, ())
    records = [replace(record(), id=groups[0][k].id, seconds=s) for k, s in enumerate((7.0, 90.0))]
    records.append(replace(record(), id=groups[0][2].id, seconds=8.0))
    found = estimate.seconds_per_run(groups, CPU, records)
    assert found == pytest.approx([8.0, large * 8.0 / small])


def test_other_devices_are_known_from_records_alone():
    groups, gpu = two_groups(), {"platform": "gpu", "devices": 1}
    assert estimate.seconds_per_run(groups, gpu, ()) == [None, None]
    recorded = [replace(record(), id=groups[1][0].id, seconds=3.0)]
    assert estimate.seconds_per_run(groups, gpu, recorded) == [None, 3.0]
