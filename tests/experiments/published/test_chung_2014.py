"""The design of Chung et al. 2014: published sizes, and rates within the published range."""

import math

import pytest

from experiments.published import chung_2014
from seqjax.models.sequence import model_size
from seqjax.sweeps.points import make_run, points_of
from seqjax.training.step import abstract_model

RECURRENT = {"tanh": 18_900, "GRU": 18_630, "LSTM": 18_108}
"""Recurrent parameters of the published units, with peepholes and 88 keys."""


@pytest.mark.parametrize("full", [False, True])
def test_rates_of_the_published_protocol_are_in_the_published_range(full):
    study = chung_2014.experiment(full).study
    for arm in study.arms:
        rates = [point.get(chung_2014.RATE) for point in points_of(study, arm)]
        if arm.tags["protocol"] == "as published":
            assert all(math.exp(-12) <= rate <= math.exp(-6) for rate in rates)
            assert len(rates) == (10 if full else 2)


def test_units_are_those_of_the_paper():
    study = chung_2014.experiment(full=False).study
    for arm in study.arms[:3]:
        config = make_run(study, arm, points_of(study, arm)[0]).config
        size = model_size(abstract_model(config))["parameters_recurrent"]
        assert size == RECURRENT[arm.tags["row"]]
