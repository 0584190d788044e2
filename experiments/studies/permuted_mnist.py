"""Digits read pixel by pixel in a fixed random order: the arms of ``sequential_mnist``."""

import dataclasses

from experiments.experiment import Experiment
from experiments.studies import sequential_mnist

STUDY = dataclasses.replace(
    sequential_mnist.STUDY,
    name="permuted_mnist",
    question="Do forget bias and clipping decide whether an LSTM reads permuted pixels?",
    base={**sequential_mnist.STUDY.base, "task.name": sequential_mnist.PERMUTED[0]},
)

EXPERIMENT = Experiment(STUDY, tasks=sequential_mnist.PERMUTED)
