"""The page of a made-up published table: what it prints, and that all its files agree."""

import csv
import dataclasses
import io
import json

import numpy as np
import pytest
from support.made_up import replace
from support.published_tables import PAPER, RATE, TABLE, runs, study

from seqjax.published.deviations import setups_of, state
from seqjax.published.figures import figures
from seqjax.published.join import places_of
from seqjax.published.table import Deviation, Measure
from seqjax.records.record import Failure
from seqjax.reporting import plots
from seqjax.reporting.reproduction import (
    index,
    reproduce,
    to_csv,
    to_json,
    to_latex,
    to_markdown,
)

SPREAD = np.array([-0.002, -0.001, 0.0, 0.001, 0.002])
RECORDS = runs({"tanh": 0.155 + SPREAD, "LSTM": 0.06 + SPREAD, "GRU": 0.154 + SPREAD[::-1]})


def made_of(records=RECORDS, table=TABLE, **options):
    return reproduce(table, records, study().arms, RATE, **options)


def rows_of(markdown):
    """Cells of the first Markdown table, by the first cell of their row."""
    table = markdown[markdown.index("| arm") :].partition("\n\n")[0]
    rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines())
    return {row[0]: row for row in rows}


def test_the_page_has_figures_ours_differences_and_the_verdict():
    page = to_markdown(made_of(notes=("INCOMPLETE: 15 of 18 runs.",), remarks=("A remark.",)))
    assert page.startswith("**A and B 2015, table 1: same signs, other size**\n\nINCOMPLETE")
    rows = rows_of(page)
    assert rows["tanh"][1:6] == ["0.160 \\[P\\]", "0.155 ± 0.002", "−0.0050", "yes", "5"]
    assert rows["LSTM"][4] == "no" and rows["LSTM"][6:] == ["0.1", "50 %"]
    assert rows["GRU, no reset"][1:4] == ["(0.031 \\[M\\])", "not run", "–"]
    assert "effects: 2 of 2 signs agree" in page and "τ = 0.33 (m = 3)" in page
    assert "reduced: hidden 32 not 100" in page and "unknown: markers (ours: anywhere)" in page
    shown = (
        "GRU over tanh (short) is not shown, as its interval holds 0. GRU: 50 % of steps clipped"
    )
    assert shown in page
    assert "LSTM over tanh (short)" not in page
    assert "On gates. table 1, arXiv v2" in page and "A remark." in page


def test_an_effect_is_printed_with_its_interval_and_ratio():
    page = to_markdown(made_of())
    (line,) = [line for line in page.splitlines() if line.startswith("| GRU    | tanh")]
    cells = [cell.strip() for cell in line.split("|")]
    assert cells[3:7] == ["short", "+0.0010", "\\[−0.0029, +0.0049\\]", "+0.130"]
    assert cells[7:10] == ["0.01", "5 pairs", "agrees, interval holds 0"]


def test_an_effect_of_zero_has_no_sign():
    page = to_markdown(made_of(runs({"tanh": 0.155 + SPREAD, "LSTM": 0.155 + SPREAD})))
    (line,) = [line for line in page.splitlines() if line.startswith("| LSTM   | tanh")]
    assert "no difference, interval holds 0" in line and "differs" not in line


def test_protocols_have_verdicts_of_their_own():
    tuned = [replace(run, arm=f"{run.arm}, tuned") for run in RECORDS]
    tuned = [
        replace(run, test={"mse": 0.17 + 0.001 * run.seed}) if "LSTM" in run.arm else run
        for run in tuned
    ]
    made = made_of([*RECORDS, *tuned])
    assert made.verdicts == {
        "as published": "same signs, other size",
        "tuned equally": "signs differ",
    }
    assert made.verdict == "same signs, other size" and "**Tuned equally: " in to_markdown(made)
    assert made_of(tuned).verdict == "not run"
    _, row = index.rows([(made, "CPU")])
    assert row == [TABLE.title, "CPU", made.verdict, "tuned equally: signs differ", "2 of 2",
                   "hidden 32 not 100"]  # fmt: skip


def test_an_index_names_missing_runs_and_effects_that_are_not_compared():
    two = [run for run in RECORDS if run.arm != "short: GRU"]
    made = made_of(two, notes=("INCOMPLETE: 10 of 15 runs.",))
    _, row = index.rows([(made, "CPU")])
    assert row[2] == "same signs, other size. INCOMPLETE: 10 of 15 runs."
    assert row[4] == "1 of 1, 1 not compared"
    assert "**As published: same signs, other size, from 1 of 2 effects**" in to_markdown(made)
    assert to_latex(made).count("INCOMPLETE: 10 of 15 runs.") == len(made.table.measures)
    figure = plots.dumbbells(made)
    assert "INCOMPLETE" in figure.get_supxlabel()


def test_more_updates_might_help_runs_that_took_all_of_them():
    late = "5 of 5 runs best at the last validation"
    assert late in to_markdown(made_of())
    stopped = [
        replace(run, steps_taken=4, settings={**run.settings, "train.stop_at": 0.16})
        for run in RECORDS
    ]
    assert late not in to_markdown(made_of(stopped))


def test_a_failed_run_without_a_known_chance_is_named():
    of_test = {"mse": None, "other": None}
    records = [replace(run, test={**run.test, "other": run.test["mse"]}) for run in RECORDS]
    failed = Failure("nonfinite", 4)
    records[0] = replace(records[0], failed=failed, test=of_test)
    by_other = dataclasses.replace(TABLE, measures=(Measure("mse", "error", False, "other"),))
    page = to_markdown(made_of(records, by_other))
    assert "Chance of mse is not known" in page and "2 without a value" in page
    assert " no value " in page and rows_of(page)["tanh"][2] == "–"
    assert "is not known" not in to_markdown(made_of(records))  # of the metric, chance is known


def test_csv_and_json_have_the_numbers_of_the_page():
    made = made_of()
    lines = list(csv.DictReader(io.StringIO(to_csv(made))))
    content = json.loads(to_json(made), parse_constant=pytest.fail)
    (protocol,) = content["protocols"]
    assert content["verdict"] == protocol["verdict"] == made.verdict
    for line, row in zip(lines, protocol["rows"], strict=True):
        assert line["row"] == row["row"] and line["protocol"] == "as published"
        assert (line["ours"] == "") == (row["ours"] is None) == (row["row"] == "GRU, no reset")
        assert line["difference"] == ("" if row["difference"] is None else str(row["difference"]))
    assert protocol["effects"][0]["ours"] == pytest.approx(0.095)
    assert protocol["deviations"][1]["ours"] == "32"


def test_figures_from_memory_are_grey_in_latex():
    latex = to_latex(made_of())
    assert r"\textcolor{gray}{GRU, no reset}" in latex and r"\textcolor{gray}{tanh}" not in latex
    assert "−" not in latex  # which pdflatex does not know


def test_figures_read_off_a_plot_are_marked():
    read = dataclasses.replace(TABLE.figures[0], digits=2, read="plot ±.02")
    page = to_markdown(made_of(table=dataclasses.replace(TABLE, figures=(read,), effects=())))
    assert rows_of(page)["tanh"][1:5] == ["≈ 0.16", "0.155 ± 0.002", "−0.005", "yes"]
    assert "≈: read off a plot" in page and "≈" not in to_markdown(made_of())


def test_markup_in_names_stays_text():
    hostile = figures(PAPER, {"<b>*x*|": ("0.1",)}, ({"task": "short"},), metric="mse")
    made = made_of(table=dataclasses.replace(TABLE, figures=(*TABLE.figures, *hostile)))
    assert "&lt;b>\\*x\\*\\|" in to_markdown(made)
    assert r"\textless{}b\textgreater{}{*}x{*}\textbar{}" in to_latex(made)
    assert plots.dumbbells(made) is not None


def test_deviations_are_computed_from_the_runs():
    table = dataclasses.replace(
        TABLE,
        deviations=(
            Deviation("train.steps", 114_500, "reduced", "time", label="updates"),
            Deviation("optim.learning_rate", "10 draws", "reduced", "time"),
            Deviation("trials", 10, "reduced", "time"),
            Deviation("clip.threshold", 1, "same", ""),
            Deviation("train.eval_every", 50, "reduced", "equal at this size"),
            Deviation("parameters", 19_000, "reduced", "time"),
            Deviation("model.hidden", 36, "differs", "LSTM alone", task="other"),
            Deviation("seeds", 1, "differs", "tuned", protocol="tuned equally"),
        ),
    )
    records = [*RECORDS, *runs({"tanh": [0.2]}, rate=0.3, purpose="tuning")]
    places = places_of(study().arms)
    stated = state(table, "as published", setups_of(records), places, [RATE])
    assert [one.text for one in stated["reduced"]] == [
        "updates 6 not 114,500",
        "learning rate 0.1 or 0.3 not 10 draws",
        "trials 2 not 10",
        "parameters 1,234 not 19,000",
    ]
    assert [one.text for one in stated["same"]] == ["clip threshold 1", "eval every 50"]
    assert stated["same"][0].consistent and "differs" not in stated
    wrong = dataclasses.replace(table.deviations[0], kind="same", why="")
    changed = dataclasses.replace(table, deviations=(wrong,))
    (other,) = state(changed, "as published", setups_of(records), places, [RATE])["differs"]
    assert not other.consistent and other.ours == "6"
    assert "differs: updates 6 not 114,500" in to_markdown(made_of(table=changed))


@pytest.mark.parametrize("values", [("0.160", "0.050"), ("16.0", "0.00050")], ids=["near", "far"])
def test_a_dumbbell_joins_each_figure_with_ours(values):
    first, second = values
    of_table = figures(
        PAPER, {"tanh": (first,), "LSTM": (second,)}, ({"task": "short"},), metric="mse"
    )
    made = made_of(table=dataclasses.replace(TABLE, figures=of_table, effects=()))
    figure = plots.dumbbells(made)
    (panel,) = [axes for axes in figure.axes if axes.has_data()]
    assert [tick.get_text() for tick in panel.get_yticklabels()] == ["tanh", "LSTM", "GRU"]
    assert panel.get_xscale() == ("linear" if first == "0.160" else "log")
    hollow = [line for line in panel.lines if line.get_markerfacecolor() == "white"]
    assert sorted(float(line.get_xdata()[0]) for line in hollow) == sorted(map(float, values))
    assert len(panel.texts) == 2  # arrows


def test_a_panel_without_runs_is_not_drawn():
    elsewhere = figures(PAPER, {"tanh": ("0.2",)}, ({"task": "long"},), metric="mse")
    made = made_of(table=dataclasses.replace(TABLE, figures=(*TABLE.figures, *elsewhere)))
    titles = " ".join(axes.get_title(loc="left") for axes in plots.dumbbells(made).axes)
    assert "long" not in titles
    assert rows_of(to_markdown(made))  # the page still lists its figures


def test_nothing_run_yet_is_a_page_without_a_figure():
    made = made_of([])
    assert made.verdict == "not run" and "Nothing was run yet." in to_markdown(made)
    assert plots.dumbbells(made) is None and to_latex(made) == ""
    assert json.loads(to_json(made))["protocols"] == []
