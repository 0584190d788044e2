"""Pages: their order, what they link and open, and names that stay text."""

import dataclasses
import itertools
import re

import pytest
from support import pages as made_up
from support.made_up import record
from support.parsed_html import parse

from experiments.cli import pages, tables
from seqjax.reporting.html import facts, render, runs
from seqjax.reporting.html import tables as html_tables
from seqjax.reporting.html.verdicts import verdict
from seqjax.reporting.plots import ClaimPanel, Margin, Place, Quantity
from seqjax.stats.decisions import Comparison, Verdict

FIGURES = ("heat_map", "clipped", "learning_curves")


def page_of(results):
    made = tables.without_files(results)
    return pages.page(results, dataclasses.replace(made, figures=FIGURES))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return page_of(made_up.results(tmp_path_factory.mktemp("page") / "made_up"))


@pytest.fixture(scope="module")
def text(page):
    return render.report(page)


@pytest.fixture(scope="module")
def root(text):
    return parse(text)


def test_the_order_is_question_answer_table_figures_failures_making_files(root):
    headings = [(one.tag, one.text) for one in root.all("h1", "h2", "h3")]
    assert [text for tag, text in headings if tag != "h3"] == [
        "made_up", "Answer", "Results", "Further tables", "Figures", "Failed runs",
        "How it was made", "Files",
    ]  # fmt: skip
    assert headings[0][0] == "h1" and sum(tag == "h1" for tag, _ in headings) == 1
    first = root.text
    assert first.index("Does <b>it</b> matter?") < first.index("The highest mean test accuracy")


def test_names_stay_text_and_nothing_runs_or_loads(root, text):
    assert not root.all("img", "b", "link", "iframe") and len(root.all("script", "style")) == 2
    for element in root.all():
        assert not [name for name in element.attributes if name.startswith("on")], element.tag
        for name in ("href", "src"):
            target = element.get(name) or ""
            assert not re.match(r"[a-z]+:|/", target) or target.startswith("data:image/png")
    (policy,) = [one["content"] for one in root.all("meta") if one.get("http-equiv")]
    assert "default-src 'none'" in policy and "unsafe-inline'; script-src 'sha256-" in policy
    for name in (made_up.HOSTILE, made_up.RTL, made_up.EMOJI, "{{ 7*7 }}"):
        assert name in root.text
    assert made_up.LONG not in text and made_up.LONG[:100] in text
    assert "/home/me" not in text and "/data" not in text


def test_ids_are_unique_and_links_lead_somewhere(root, tmp_path):
    ids = [one["id"] for one in root.all() if one.get("id")]
    assert len(set(ids)) == len(ids)
    references = [one.get(name) for one in root.all()
                  for name in ("aria-labelledby", "aria-describedby")]  # fmt: skip
    links = [one["href"] for one in root.all("a")]
    inside = [link[1:] for link in links if link.startswith("#")]
    assert {*filter(None, references), *inside} <= set(ids)
    files = [link for link in links if not link.startswith("#")]
    assert {"table.md", "table.csv", "table.tex", "records.jsonl", "heat_map.svg"} <= set(files)


def test_every_cell_opens_its_runs(root):
    (table, *_) = root.all("table")
    heads = table.all("thead")[0].all("th")
    assert all(head["scope"] == "col" for head in heads) and len(table.all("caption")) == 1
    assert all(one["scope"] == "row" for one in table.all("tbody")[0].all("th"))
    opened = [one["data-opens"] for one in table.all("a")]
    assert len(opened) == 2 * len(made_up.ARMS)
    details = {one["id"]: one for one in root.all("details") if one.get("id") in opened}
    assert len(details) == len(opened)
    last = details[opened[-1]]
    assert "optim.learning_rate 0.3 was selected of 0.1, 0.3" in last.text
    rows = last.all("tbody")[0].all("tr")
    assert [row.all("th")[0].text for row in rows] == ["0", "1", "2"]
    assert "failed at step 6: collapsed (the final score" in rows[-1].text
    curves = [svg for row in rows for svg in row.all("svg")]
    assert len(curves) == 3 and all(one["role"] == "img" and one["aria-label"] for one in curves)


def test_failed_runs_are_listed_with_their_reason_and_marks_with_their_meaning(root):
    (place,) = [one for one in root.all("section") if one.get("aria-labelledby") == "failures"]
    assert "2 of 60 runs failed." in place.text and "less than half" in place.text
    assert len(place.all("tbody")[0].all("tr")) == 2
    marks = [one for one in root.all("span") if one.get("class") == "mark"]
    assert marks and all("the first or last of its grid" in one.text for one in marks)
    assert all(one["title"] in one.text for one in marks)


def test_a_setting_that_some_records_leave_out_differs_between_arms():
    noisy = {"reg.kinds": "weight_noise"}
    table = facts.settings([record(), record(arm="b", settings=noisy)])
    rows = {row[0].text: [value.text for value in row[1:]] for row in table.rows}
    assert rows["reg.kinds"] == ['"", weight_noise', "differs between arms"]
    assert "train.patience" not in rows


def test_equal_records_give_equal_bytes(page, text, tmp_path):
    again = page_of(made_up.results(tmp_path / "made_up", list(reversed(made_up.records()))))
    assert render.report(again) == text


def test_thousands_of_runs_are_bounded_with_a_note(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "MOST_RUNS", 13)
    monkeypatch.setattr(html_tables, "MOST_ROWS", 3)
    found = page_of(made_up.results(tmp_path / "made_up"))
    (main, *_) = found.tables
    assert len(main.rows) == 3 and "more cells are in table.csv" in main.note
    assert [len(one.rows) for one in main.runs] == [2] * 6 and "12 of the 18 runs" in main.note
    monkeypatch.setattr(facts, "MOST_FAILURES", 2)
    failed = [record(seed=seed, failed="collapsed") for seed in range(5)]
    listed = facts.failures(failed)
    assert len(listed.rows) == 2 and "The first 2 are listed" in listed.caption


def test_the_command_has_no_places_and_is_not_invented():
    flags = "--workdir=/a/b\n--study=gate_bias\n--set=task.path=my file.csv\n--nodeterministic\n"
    assert facts.command(flags, True) == (
        "python -m experiments.run --study=gate_bias '--set=task.path=my file.csv'"
    )
    assert facts.command(flags, False) == "" == facts.command("", True)


def test_a_verdict_has_its_comparisons_against_the_margins():
    nan, inf = float("nan"), float("inf")
    comparisons = (
        Comparison("lstm − gru", 0.12, 0.05, 0.2, 10, 0.5, 0.07, ("YES",)),
        Comparison("level", nan, -inf, inf, 8, nan, nan, ()),
    )
    band, limit = Margin(-0.05, 0.05, "does not count"), Margin(-0.03, -0.03, "not worse")
    score, level = Quantity("difference in score", (band, limit)), Quantity("level")
    panel = ClaimPanel(
        {}, "", "", "", {"score": score, "level": level},
        place=lambda name: Place(name, quantity="level" if name == "level" else "score"),
    )  # fmt: skip
    made = Verdict("7a", "It can.", "supported", "so", comparisons, 8, fragile=True)
    one = verdict(made, 1, panel)
    assert one.title == "Claim 7a: supported (fragile)" and one.open
    notes = " ".join(one.notes)
    assert "Fragile" in notes and "0.05" in notes and "shaded, does not count" in notes
    drawing, dash = one.drawings
    assert drawing.count('rect class="margin"') == drawing.count('line class="margin"') == 1
    assert dash == "–" and len(one.comparisons.rows) == 2
    x = {kind: [float(v) for v in re.findall(rf'class="{kind}" x1?="([^"]+)"', drawing)]
         for kind in ("margin", "zero", "interval")}  # fmt: skip
    assert x["margin"][0] < x["margin"][1] < x["zero"][0] < x["interval"][0]
    assert "margin" not in verdict(made, 1).drawings[0]  # nothing says what is compared


def test_an_unknown_study_and_one_without_table_have_pages(tmp_path):
    found = made_up.results(tmp_path / "a")
    (found.workdir.path / "flags.txt").unlink()
    page = page_of(found)
    assert page.command == "" and "not defined in this package" in page.command_note
    tuning = [one for one in found.records if one.point[made_up.RATE] == 0.1]
    untuned = pages.page(dataclasses.replace(found, records=tuning), None)
    assert "tuning is not finished" in untuned.answer and not untuned.tables
    assert parse(render.report(untuned)).all("h1")


def test_the_index_lists_workdirs_with_their_answers(tmp_path):
    both = [made_up.results(tmp_path / name) for name in ("a & b", "c")]
    pages.write_index(tmp_path, both)
    root = parse((tmp_path / "index.html").read_text("utf-8"))
    rows = root.all("tbody")[0].all("tr")
    assert [row.all("a")[0]["href"] for row in rows] == ["a%20%26%20b/report.html", "c/report.html"]
    assert all("The highest mean test accuracy" in row.text for row in rows)
    assert [row.all("td")[-2].text for row in rows] == ["60", "60"]


def test_contrast_is_at_least_4_5_in_both_schemes():
    style = render._source("style.css")
    light, dark = re.findall(r":root \{(.*?)\}", style, flags=re.S)[:2]

    def luminance(colour):
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    for scheme in (light, dark):
        colours = dict(re.findall(r"--([\w-]+): (#\w{6})", scheme))
        pairs = itertools.product(("ink", "soft", "link", "bad"), ("paper", "band"))
        for ink, paper in (*pairs, ("ink", "warning")):
            low, high = sorted(luminance(colours[name]) for name in (ink, paper))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, paper)
