"""The thresholds of claim 4 and the levels of claim 5 are what their runs show."""

import jax
import numpy as np
import pytest

from experiments.claims import levels
from seqjax.training import initial_state, train_step

PLACES = {place.key: place for place in levels.places(False)}
PLACE = PLACES[9, "gain_1"]


def test_every_constant_has_a_run():
    assert set(PLACES) == {"temporal_order", "digits_pixels"} | {
        (lag, model) for lag in (9, 30) for model in ("gain_1", "gain_0.5", "lstm")
    }


def test_the_norm_is_the_one_that_training_records():
    config, seed = PLACE.run.config, np.uint32(PLACE.run.seed)
    kinds = tuple(PLACE.kinds[floor] for floor in PLACE.used)
    seen = levels.looked_at(config, seed, {}, kinds=kinds, count=PLACE.count)
    key = levels.named_key(jax.random.key(seed), "data")
    rows = config.task.rows({}, key, np.int32(0), 6, config.train.batch_size)
    state, norms, step = initial_state(config, seed), [], jax.jit(train_step)
    for k in range(6):
        state, trace = step(config, {}, state, np.int32(k), rows[k])
        norms.append(float(trace.norm))
    np.testing.assert_allclose(seen["norm"][:6], norms, rtol=1e-4)


def test_the_levels_in_use_are_those_measured():
    found = levels.measured(PLACE)
    assert found.keys() == PLACE.used.keys() == {"a", "b", "c"}
    for floor, used in PLACE.used.items():
        assert found[floor] == pytest.approx(used, rel=0.1), floor
