"""Elman networks, a feed-forward control, and the independently recurrent network."""

from typing import NamedTuple

from seqjax.cells.base import Act, Cell, Extra, Gate, Hidden, Named
from seqjax.types import Array


class FeedForwardParams(NamedTuple):
    """Parameters of a layer without recurrent weights."""

    w_DGH: Array
    b_GH: Array


class IndRNNParams(NamedTuple):
    """W, b, and one recurrent weight for each unit in ``p_PH``."""

    w_DGH: Array
    b_GH: Array
    p_PH: Array


def elman_combine(act: Act, z: Named, carry: Hidden, p: Named | None) -> Hidden:
    """h' = φ(W x + U h + b), one bias (Elman 1990); without U it is a feed-forward layer."""
    return carry._replace(h=act("h", z.h))


def indrnn_combine(act: Act, z: Named, carry: Hidden, p: Named | None) -> Hidden:
    """h' = relu(W x + u ∘ h + b), one recurrent weight a unit (Li et al. 2018, arXiv 1803.04831).

    u is initialised uniform on [0, recurrent gain].
    """
    return carry._replace(h=act("h", z.h + p.h * carry.h))


CELLS = (
    Cell("elman", (Gate("h", "tanh"),), elman_combine),
    Cell("elman_sigmoid", (Gate("h", "sigmoid"),), elman_combine),
    Cell("elman_relu", (Gate("h", "relu"),), elman_combine),
    Cell("feedforward", (Gate("h", "tanh", state=False),), elman_combine, params=FeedForwardParams),
    Cell(
        "indrnn",
        (Gate("h", "relu", state=False),),
        indrnn_combine,
        params=IndRNNParams,
        extras=(Extra("p_PH", ("h",), "unit"),),
    ),
)
