"""Published tables as data: checks, sizes of effects, and figures from memory."""

import dataclasses

import pytest
from support.published_tables import PAPER, SOMEONE, TABLE, study

from seqjax.published.figures import Figure, Source, figures
from seqjax.published.join import places_of
from seqjax.published.table import Deviation, Effect


def test_a_figure_is_as_precise_as_it_is_printed():
    tanh, *_ = TABLE.figures
    assert (tanh.text, tanh.rounding) == ("0.160", pytest.approx(0.0005))
    made = figures(PAPER, {"a": ("5.3e-5", "", "12")}, ({}, {}, {}), metric="mse")
    assert [(figure.value, figure.digits) for figure in made] == [(5.3e-5, 6), (12.0, 0)]
    read_off = Figure("a", 0.3, PAPER, metric="mse", digits=1, read="plot ±.05")
    assert read_off.rounding == 0.05


@pytest.mark.parametrize(
    "changes",
    [
        {"value": float("nan")},
        {"digits": 1},
        {"part": "validation"},
        {"spread": 0.1},
        {"spread_kind": "sd"},
        {"read": "plot"},
        {"n": -1},
    ],
)
def test_a_figure_refuses_fields_out_of_range(changes):
    with pytest.raises(ValueError, match=next(iter(changes)).split("_")[0]):
        dataclasses.replace(TABLE.figures[0], **changes)


def test_an_effect_has_the_size_of_the_figures_or_a_published_one():
    lstm, gru = TABLE.effects
    assert TABLE.size_of(lstm) == pytest.approx((0.11, 0.001))
    explicit = dataclasses.replace(gru, size=0.1, digits=1)
    assert TABLE.size_of(explicit) == pytest.approx((0.1, 0.05))
    backwards = dataclasses.replace(gru, better="tanh", worse="GRU")
    with pytest.raises(ValueError, match=r"tanh.*GRU"):
        dataclasses.replace(TABLE, effects=(backwards,))


def test_nothing_from_memory_supports_an_effect():
    effect = Effect("GRU", "GRU, no reset", None, "resets help", task="short")
    with pytest.raises(ValueError, match=r"source"):
        dataclasses.replace(TABLE, effects=(effect,))
    with pytest.raises(ValueError, match="source"):
        dataclasses.replace(effect, source=SOMEONE)
    with_source = dataclasses.replace(effect, source=PAPER)
    table = dataclasses.replace(TABLE, effects=(with_source,))
    assert table.size_of(with_source) is None  # the figure from memory gives no size


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("protocols", {"protocols": ("tuned equally",)}),
        ("selection", {"selection": "best"}),
        ("figures", {"figures": (*TABLE.figures, TABLE.figures[0])}),
        ("metric", {"measures": TABLE.measures[1:]}),
    ],
)
def test_a_table_refuses_contradictions(field, changes):
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(TABLE, **changes)


def test_a_deviation_is_computed_from_settings_or_stated():
    with pytest.raises(ValueError, match="ours"):
        Deviation("train.steps", 9, "reduced", "time", ours="3")
    with pytest.raises(ValueError, match="ours"):
        Deviation("keys", 9, "differs", "time")
    with pytest.raises(ValueError, match="why"):
        Deviation("train.steps", 9, "reduced", "")


def test_the_confidence_of_a_source_is_known():
    with pytest.raises(ValueError, match="confidence"):
        Source("A", "A 2015", "table 1", confidence="Q")


def test_arms_of_the_study_name_protocol_and_row():
    places = places_of(study().arms)
    TABLE.check_places(places)
    assert places["short: GRU, tuned"] == ("tuned equally", "GRU", "short")
    with pytest.raises(ValueError, match="protocol"):
        TABLE.check_places({"LSTM": ("tuned", "LSTM", "short")})
    effect = Effect("SRU", "tanh", 0.1, "fast", digits=1, source=PAPER)
    with pytest.raises(ValueError, match="row"):
        dataclasses.replace(TABLE, effects=(effect,)).check_places(places)
