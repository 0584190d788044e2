"""Heat maps and learning curves: their text and numbers; equal figures are equal files."""

import dataclasses
import itertools
from functools import partial
from math import inf

import pytest
from support import made_up_tables
from support.figures import faults, words
from support.made_up import STEPS, record, replace
from support.made_up_tables import BIAS, CLIP, RATE

from seqjax.reporting import plots
from seqjax.reporting.plots.style import INK, LONGEST_NAME
from seqjax.types import printable

TITLES = {BIAS: "forget bias", CLIP: "clip norm"}
table_of = partial(made_up_tables.table_of, titles=TITLES, arms=("a", "b"))


def grid(seeds=2):
    """Bias × threshold × rate × seed: at the rate .3, the best, metrics are .5 to .76."""
    offset = {-1.0: 0, 2.0: 0.25, 0.5: 0, inf: 0.01, 0.1: -0.2, 0.3: 0}
    return [
        record(
            {BIAS: bias, CLIP: clip, RATE: rate},
            seed=seed,
            test=0.5 + offset[bias] + offset[clip] + offset[rate] + 0.002 * seed,
            clipped_fraction=0.75 if clip == 0.5 else 0.25,
        )
        for bias, clip, rate in itertools.product((-1.0, 2.0), (0.5, inf), (0.1, 0.3))
        for seed in range(seeds)
    ]


@pytest.mark.core
def test_the_heat_map_has_every_cell_with_its_interval():
    table = table_of(grid())
    figure = plots.heat_map(table)
    found = words(figure)
    assert {"0.501", "0.511", "0.751", "0.761"} <= set(found)  # means over the seeds, rate 0.3
    half_width = table.cells()[0].half_width
    assert found.count(f"± {half_width:.3f}") == 4 and found.count("@0.3†") == 4
    assert {"-1", "2", "0.5", "∞", "forget bias", "clip norm"} <= set(found)
    text = " ".join(found)
    assert "made_up: test accuracy" in text and "n = 2" in text and "†: the best value" in text
    assert not faults(figure)


def test_only_cells_whose_interval_excludes_the_median_are_coloured():
    tests = {0.5: (0.70, 0.72), 1.0: (0.71, 0.73), 2.0: (0.10, 0.11), 4.0: (0.60, 0.90)}
    runs = [
        record({CLIP: clip, BIAS: 0.0}, seed=seed, test=value)
        for clip, values in tests.items()
        for seed, value in enumerate(values)
    ]
    table = table_of(runs, tune=None, columns="clip norm")
    figure = plots.heat_map(table)
    image = figure.axes[0].images[0]
    (shown,) = image.get_array().tolist()
    assert shown[0] == shown[1] == shown[3] == 0 and shown[2] == pytest.approx(0.105 - 0.715)
    widest = max(cell.half_width for cell in table.cells())
    assert image.norm.vmax == -image.norm.vmin == pytest.approx(widest)  # noise is not stretched
    assert "0.715" in " ".join(words(figure)) and "grey: the 95 %" in " ".join(words(figure))
    noise = [one for one in runs if one.point[CLIP] in (0.5, 1.0)]
    same = plots.heat_map(table_of(noise, tune=None, columns="clip norm"))
    assert not same.axes[0].images[0].get_array().any()
    assert "as in every cell here" in " ".join(words(same)).replace("  ", " ")


def test_cells_of_other_tasks_are_not_compared():
    found = [
        record(arm=f"{task}: {arm}", seed=seed, test=test, settings={"task.name": task})
        for task, level in (("digits_rows", 0.8), ("xml", 0.3))
        for arm, test in (("a", level), ("b", level), ("c", level + 0.1))
        for seed in (0, 1)
    ]
    image = plots.heat_map(table_of(found, tune=None)).axes[0].images[0]
    assert image.get_array().ravel().tolist() == pytest.approx([0, 0, 0.1, 0, 0, 0.1])
    panels = plots.curves(table_of(found, tune=None), "validation_accuracy").axes
    assert [panel.get_title(loc="left") for panel in panels] == ["digits_rows", "xml"]


def test_the_heat_map_of_clipping_shows_fractions():
    figure = plots.heat_map(table_of(grid()), "clipped")
    found = words(figure)
    assert (found.count("0.75"), found.count("0.25")) == (2, 2)
    assert "made_up: fraction of clipped steps" in " ".join(found) and "@0.3" not in found
    assert figure.axes[0].images[0].norm.vmin == 0 and figure.axes[0].images[0].norm.vmax == 1


def test_text_contrasts_with_its_cell():
    found = [record({CLIP: clip}, clipped_fraction=c) for clip, c in ((0.5, 0.0), (1.0, 1.0))]
    axes = plots.heat_map(table_of(found), "clipped").axes[0]
    assert {text.get_text()[:4]: text.get_color() for text in axes.texts} == {
        "0.00": "white",
        "1.00": INK,
    }


def test_failed_runs_are_counted_in_the_map_and_apart_in_the_curves():
    failed = record({CLIP: 0.5}, seed=1, failed="nonfinite")
    table = table_of([record({CLIP: 0.5}, seed=0), failed, record({CLIP: inf})])
    figure = plots.heat_map(table)
    found = words(figure)
    assert sum("1 failed" in text for text in found) == 1
    assert any(text.startswith("0.500") for text in found)
    assert [patch.get_hatch() for patch in figure.axes[0].patches] == ["/////"]
    figure = plots.curves(table, "validation_accuracy")
    broken, cross, whole = figure.axes[0].lines
    assert broken.get_ydata().tolist() == whole.get_ydata().tolist()  # the failed run is in no mean
    assert cross.get_marker() == "x" and list(cross.get_color()) == list(broken.get_color())
    assert "(1 of 3 failed)" in words(figure)


@pytest.mark.parametrize(
    "curve",
    [[None, None, None], [0.5, None, None], [0.5, inf, None], [inf, inf, inf], [0.5, -inf, inf]],
    ids=str,
)
def test_curves_are_drawn_whatever_the_numbers(curve):
    found = [record(seed=0), record(seed=1, failed="nonfinite")]
    found[1].curve["validation_accuracy"] = curve
    words(plots.curves(table_of(found), "validation_accuracy"))
    found[0].curve["validation_accuracy"] = curve
    words(plots.curves(table_of(found), "validation_accuracy"))


def test_many_lines_have_a_panel_each():
    table = table_of([record(arm=f"arm {k}") for k in range(9)])
    figure = plots.curves(table, "validation_accuracy")
    assert len(figure.axes) == 9 and not figure.legends
    assert all(len(panel.lines) == 1 for panel in figure.axes)
    assert {panel.get_title(loc="left") for panel in figure.axes} >= {"arm 0", "arm 8"}


def test_a_line_that_is_alone_needs_no_legend():
    (alone, several) = (
        plots.curves(table_of([record(arm=arm) for arm in arms]), "validation_accuracy")
        for arms in ("a", "ab")
    )
    assert not alone.legends and "all" not in words(alone)
    assert {"a", "b", "arm"} <= set(words(several)) and several.legends
    assert not faults(several)


@pytest.mark.core
def test_a_curve_is_the_mean_over_seeds_within_their_band():
    figure = plots.curves(table_of(grid(seeds=3)), "validation_accuracy")
    found = words(figure)
    assert {
        "clip norm 0.5",
        "clip norm ∞",
        "-1",
        "2",
        "training step",
        "validation accuracy",
    } <= set(found)
    panel = figure.axes[0]
    cells = [cell for cell in table_of(grid(seeds=3)).cells() if cell.point[CLIP] == 0.5]
    for line, band, cell in zip(panel.lines, panel.collections, cells, strict=True):
        ends = [run.curve["validation_accuracy"] for run in cell.records]
        assert [run.point[RATE] for run in cell.records] == [0.3] * 3
        assert line.get_xdata().tolist() == list(STEPS)
        for k in range(len(STEPS)):
            column = [end[k] for end in ends]
            assert line.get_ydata()[k] == pytest.approx(sum(column) / 3)
        heights = band.get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == pytest.approx(
            (min(map(min, ends)), max(map(max, ends)))
        )


TABLES = {
    "a single run": lambda: table_of([record()]),
    "a single failed run": lambda: table_of([record(failed="nonfinite")]),
    "one row": lambda: table_of([record({CLIP: clip}) for clip in (0.5, inf)], columns="clip norm"),
    "one column": lambda: table_of([record({CLIP: clip}) for clip in (0.5, inf)]),
    "arms that share no axis": lambda: table_of(
        [record({CLIP: 0.5}, arm="a"), record({BIAS: 1.0}, arm="b"), record(arm="c")]
    ),
    "five panels": lambda: table_of(
        [record({BIAS: 0.0, CLIP: float(clip)}) for clip in range(1, 6)]
    ),
    "panels by arm": lambda: table_of(
        [record({CLIP: clip}, arm=arm) for clip in (0.5, inf) for arm in ("a", "b")], columns=""
    ),
    "panels of other lines": lambda: table_of(
        [record({CLIP: 0.5}, arm="a"), record({CLIP: 1.0}, arm="b")], columns=""
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_every_shape_of_table_is_drawn(make):
    figures = plots.heat_map(make()), plots.curves(make(), "validation_accuracy")
    assert "made_up: test accuracy" in " ".join(words(figures[0]))
    assert "training step" in words(figures[1])
    assert not [found for figure in figures for found in faults(figure)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["$x$", r"$\frac{$", "$", r"\$a$", "_b", "c\x1b[2J\n", "漢" * 99, "&<"],
    ids=repr,
)
def test_names_are_drawn_literally(name):
    found = [
        replace(record(arm=arm, seed=seed), point={CLIP: name})
        for arm in (name, "b")
        for seed in (0, 1)
    ]
    table = table_of(found, tune=None)
    table = dataclasses.replace(table, title=name, column_title=name)
    shown = printable(name)
    shown = shown if len(shown) <= LONGEST_NAME else shown[:LONGEST_NAME] + "…"
    for figure in (plots.heat_map(table), plots.curves(table, "validation_accuracy")):
        found = words(figure)
        assert any(shown in text for text in found), (shown, found)
        assert len([text for text in found if shown in text]) >= 2


def test_equal_figures_are_equal_files(tmp_path):
    for name in ("one", "other"):
        plots.save(plots.heat_map(table_of(grid())), tmp_path, f"map {name}")
        plots.save(plots.curves(table_of(grid()), "training_loss"), tmp_path, f"curves {name}")
    for kind, suffix in itertools.product(("map", "curves"), ("png", "svg")):
        one, other = (tmp_path / f"{kind} {name}.{suffix}" for name in ("one", "other"))
        assert one.read_bytes() == other.read_bytes()
    assert one.read_text(encoding="utf-8").startswith("<?xml")
    assert (tmp_path / "map one.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 8  # and no partial file


def test_notebooks_display_tables_and_figures():
    table = table_of(grid())
    assert table._repr_markdown_().startswith("**made_up**")
    figures = plots.heat_map(table), plots.curves(table), plots.forest(table)
    assert all(figure._repr_png_().startswith(b"\x89PNG") for figure in figures)


def test_a_table_of_scores_is_named_so():
    found = [
        record({BIAS: b}, settings={"task.name": "adding"}, compared="score") for b in (0.0, 1.0)
    ]
    axes = plots.heat_map(table_of(found)).axes[0]
    assert axes.get_title(loc="left") == "made_up: test score"


def test_unknown_quantities_are_refused():
    for draw in (plots.heat_map, plots.curves):
        with pytest.raises(ValueError, match=r"quantity: .*norm_of"):
            draw(table_of(grid()), "norm_of")


def test_a_heat_map_without_columns_has_no_mark_for_them():
    table = table_of([record({CLIP: clip}) for clip in (0.5, inf)])
    found = words(plots.heat_map(table))
    assert table.columns == ("",) and "clip norm" in found and "–" not in found
