"""Tables as Markdown, LaTeX and CSV; names are escaped."""

import csv
import io
from math import inf

import pytest
from scipy import stats
from support.made_up import record, replace
from support.made_up_tables import BIAS, CLIP, RATE, grid, table_of

from seqjax.reporting import formats


def test_markdown_is_escaped_and_aligned():
    rows = [["a|b", "x"], ["", "<b>"], ["ü", "long | long"]]
    lines = formats.markdown(rows).splitlines()
    assert lines == [
        r"| a\|b | x            |",
        r"| ---- | ------------ |",
        r"|      | &lt;b>       |",
        r"| ü    | long \| long |",
    ]


def test_latex_is_escaped():
    table = table_of(
        [record({RATE: rate}, arm=r"50%_{a}&b\c^~#$<>", test=0.9 + rate) for rate in (0.01, 0.02)]
        + [record({RATE: 0.01}, arm="b", seed=seed, test=0.5 + seed / 10) for seed in (0, 1)],
        title="a_b",
        question="Why_not?",
    )
    latex = table.to_latex()
    arm = (
        r"50\%\_\{a\}\&b\textbackslash{}c\textasciicircum{}\textasciitilde{}"
        r"\#\$\textless{}\textgreater{}"
    )
    assert rf"{arm} & 0.920 (1/0) @0.02$^\dagger$ \\" in latex
    assert r"b & 0.550 $\pm$ 0.635 (2/0) @0.01 \\" in latex
    assert r"\caption{a\_b. " in latex and r"Why\_not? Test accuracy" in latex
    assert r"95 \% Student-t" in latex and r"\begin{tabular}{ll}" in latex
    assert latex.isascii() and latex.count("{") - latex.count(r"\{") == latex.count("}") - (
        latex.count(r"\}")
    )
    assert r"$\infty$" in table_of(grid(clip__threshold=(inf,))).to_latex()


HOSTILE = "a|b<script>$\\input{x}&%_# `c` *d* [e](f) ~\x1b[2J\n\u202e"


def test_nothing_in_a_name_is_markup():
    point = {BIAS: HOSTILE, "x": HOSTILE}
    found = [record(arm=HOSTILE), record(arm="[b]"), record(arm="*c")]
    environment = {"jaxlib": HOSTILE, "device": HOSTILE}
    found[0] = replace(found[0], point=point, environment=environment)
    table = table_of(found, tune=None, title=HOSTILE, question=HOSTILE, titles={"x": HOSTILE})
    markdown, latex, text = (
        table.to_markdown(),
        table.to_latex(),
        table.to_csv(),
    )
    for written in (markdown, latex, text):
        assert written.replace("\n", "").isprintable()
    escaped = r"a\|b&lt;script>\$\\input{x}&amp;%\_\# \`c\` \*d\* \[e\](f) \~\\x1b\[2J\\n\\u202e"
    assert markdown.startswith(f"**{escaped}**\n\n| arm ") and markdown.count(escaped) >= 6
    assert r"\textbackslash{}input\{x\}" in latex and r"\input" not in latex
    assert "\n{[}b{]} & " in latex and "\n{*}c & " in latex  # or \\\\ before them would take them
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 4 and {len(row) for row in rows} == {len(rows[0])}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "\\t=1"),
        ("\r=1", "\\r=1"),
        ("-", "'-"),
        ("-1", "-1"),
        ("+1e-3", "+1e-3"),
        ("-inf", "-inf"),
        ("lstm -b", "lstm -b"),
        ("", ""),
        (-1.5, "-1.5"),
        (-2, "-2"),
    ],
)
def test_no_text_of_a_csv_is_a_formula(text, written):
    ((field,),) = csv.reader(io.StringIO(formats.csv_text([[text]])))
    assert field == written


def test_labels_of_a_table_reach_its_csv_as_text():
    table = table_of([record({BIAS: -1.0}, arm='=HYPERLINK("a")')], title="@a", tune=None)
    assert "'=HYPERLINK" in table.to_csv() and "'@a" in table.to_csv()
    assert ",-1," in table.to_csv() and "'=" not in table.to_markdown()


def test_csv_has_all_numbers_of_a_cell():
    arm = 'a, "b"'
    found = [
        record({CLIP: inf, RATE: 0.1}, arm=arm, test=0.8, validation=0.5, seed=0),
        record({CLIP: inf, RATE: 0.1}, arm=arm, test=0.9, validation=0.5, seed=1, score=0.91),
        record({CLIP: inf, RATE: 0.3}, arm=arm, test=0.9, validation=0.4),
        record({CLIP: 0.5, RATE: 0.3}, arm="c", failed="nonfinite", clipped_fraction=0.95),
    ]
    table = table_of(found, title="t|t", arms=(arm, "c"))
    first, second = csv.DictReader(io.StringIO(table.to_csv()))
    assert first.keys() == second.keys() and None not in first
    half = stats.t.ppf(0.975, 1) * 0.05
    expected = {CLIP: inf, "chosen": 0.1, "mean": 0.85, "low": 0.85 - half, "high": 0.85 + half}
    expected |= {"runs": 2, "failed": 0, "validation": 0.5, "clipped_fraction": 0.5}
    assert {name: float(first[name]) for name in expected} == pytest.approx(expected)
    assert (first["table"], first["arm"], first["tuned"]) == ("t|t", arm, RATE)
    assert (first["metric"], first["marks"]) == ("accuracy", "edge")
    solved = [float(first[name]) for name in ("solved", "solved_low", "solved_high")]
    exact = stats.binomtest(1, 2).proportion_ci(method="exact")
    assert solved == pytest.approx([0.5, exact.low, exact.high])
    assert float(first["interquartile_mean"]) == pytest.approx(0.85)
    assert first["steps_to_criterion"] == "inf"  # neither validation came to a score of .9
    assert (second["arm"], second["failed"], second["marks"]) == ("c", "1", "always")
    numbers = ("mean", "low", "high", "validation", "interquartile_mean")
    assert {second[name] for name in numbers} == {""}  # all its runs failed
    assert (first["failures"], second["failures"]) == ("", "1 nonfinite")


@pytest.mark.parametrize("mean", [3e-6, -4e-5, 7e-12, 2e6, 3e300])
def test_small_and_large_means_keep_their_digits(mean):
    text = formats.mean_and_interval(mean, abs(mean) / 4)
    numbers = [float(part) for part in text.split(" ± ")]
    assert numbers == pytest.approx([mean, abs(mean) / 4], rel=0.01) and len(text) < 30
