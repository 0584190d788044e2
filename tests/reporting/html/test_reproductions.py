"""The page of a published table has the rows, effects and deviations of ``reproduction.md``."""

import numpy as np
from support.parsed_html import parse
from support.published_tables import RATE, TABLE, runs, study

from experiments.cli import pages, tables
from experiments.cli.results import Results
from experiments.cli.workdir import Workdir
from experiments.experiment import Experiment
from seqjax.reporting.html import render, reproductions
from seqjax.reporting.reproduction import reproduce

SPREAD = np.array([-0.002, -0.001, 0.0, 0.001, 0.002])
RECORDS = runs({"tanh": 0.155 + SPREAD, "LSTM": 0.06 + SPREAD, "GRU": 0.154 + SPREAD[::-1]})


def test_the_answer_is_the_verdict_with_signs_and_the_size_of_an_effect():
    made = reproduce(TABLE, RECORDS, study().arms, RATE)
    answer = reproductions.answer(made)
    assert answer.sentence.startswith(made.verdict[0].upper() + made.verdict[1:])
    assert "2 of 2 declared effects have the published sign, 1 with an interval" in answer.sentence
    assert "LSTM over tanh (short) is +0.095" in answer.sentence and "published" in answer.sentence
    two = reproduce(TABLE, RECORDS[:10], study().arms, RATE, notes=("INCOMPLETE: 10 of 15 runs.",))
    partial = reproductions.answer(two).sentence
    assert partial.startswith("INCOMPLETE") and "1 of 1 declared effects that can be" in partial
    nothing = reproduce(TABLE, [], study().arms, RATE)
    assert "nothing was run" in reproductions.answer(nothing).sentence


def test_the_page_has_blocks_effects_deviations_and_grey_figures_from_memory(tmp_path):
    found = Results(Workdir(tmp_path), Experiment(study(), table=TABLE), RECORDS)
    page = pages.page(found, tables.without_files(found))
    root = parse(render.report(page))
    (section,) = [one for one in root.all("section") if one.get("aria-labelledby") == "protocol-1"]
    titles = [one.text for one in section.all("caption")]
    assert titles == [
        "short, test mean squared error, as published",
        "short, share of runs solved, as published",
        "Effects, as published",
        "Deviations, as published",
    ]
    (grey,) = [row for row in section.all("tr") if row.get("class") == "memory"]
    assert "GRU, no reset" in grey.text and "not run" in grey.text
    assert "hidden" in section.text and "seconds on two cores" in section.text
    assert "On gates." in root.text and "Agreement version" in root.text
    assert page.answer in root.text and "Does" not in page.answer
