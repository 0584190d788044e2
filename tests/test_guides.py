"""Guides are current: commands can be planned, Python runs, names and verdicts are those in use."""

import json
import re
import shutil

import pytest
from support import guides
from support.commands import command
from support.guides import ROOT

from experiments import CLAIMS, COLLECTIONS, FULL, PUBLISHED, STUDIES, USES
from experiments.cli.commands import data, poem, report
from seqjax.data.releases import RELEASES

RUNNING, RESULTS = "experiments/README.md", "experiments/results/README.md"
GUIDES = (RUNNING, RESULTS)
READMES = sorted((ROOT / "experiments").rglob("README.md"))
FLAGFILES = sorted((ROOT / "experiments/flags").glob("*.flags"))
COMMANDS = {
    tuple(c): None for guide in GUIDES for c in guides.commands(guides.text_of(guide), "run")
}
TOO_LONG = ("claims.flags", "published.flags")
"""Collections, whose flags alone are parsed here; other tests plan each claim and each table."""
VERDICTS = json.loads((ROOT / "experiments/results/claims/verdicts.json").read_text())["verdicts"]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_command_can_be_planned_as_written(arguments, monkeypatch):
    monkeypatch.chdir(ROOT)
    result = command(*arguments, "--list" if arguments[-1].endswith(TOO_LONG) else "--dry_run")
    assert result.code == 0, result.err
    assert result.out.strip()


@pytest.mark.parametrize("guide", GUIDES)
def test_python_runs_as_written(guide, monkeypatch):
    monkeypatch.chdir(ROOT)
    for block in guides.python_blocks(guides.text_of(guide)):
        exec(compile(block, guide, "exec"), {})


@pytest.mark.parametrize("guide", [str(path.relative_to(ROOT)) for path in READMES])
def test_links_and_flagfiles_exist(guide):
    for flag, *_ in guides.commands(guides.text_of(guide), "run"):
        name = flag.removeprefix("--flagfile=")
        assert name == flag or name.endswith("NAME.flags") or (ROOT / name).is_file(), name
    for target in guides.links(guides.text_of(guide)):
        assert (ROOT / guide).parent.joinpath(target).exists(), target


def test_reports_are_of_workdirs_that_a_command_creates():
    text = guides.text_of(RUNNING)
    created = " ".join(" ".join(arguments) for arguments in guides.commands(text, "run"))
    for (flag,) in guides.commands(text, "report"):
        assert flag.rpartition("/")[2] in created


def test_commands_for_data_and_poems_have_valid_flags(tmp_path):
    for arguments in guides.commands(guides.text_of(RUNNING), "poem"):
        result = command(*arguments, program=poem)
        assert result.code == 2 and "lstm seed=0" in result.err  # there is no such folder
    for guide in GUIDES:
        for word, *names in guides.commands(guides.text_of(guide), "data"):
            assert set(names) <= RELEASES.keys()
            if word != "get":
                folder = f"--data_dir={tmp_path}"
                assert command(word, *names, folder, program=data).code in (0, 2)


def test_every_study_has_its_flagfiles():
    table = guides.text_of(RUNNING).partition("| study |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `.*", table, flags=re.M)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == {*STUDIES, "claim_1", "claim_10", "published"}
    flagfiles = {
        name for row in rows for name in re.findall(r"`(\w+)`", "".join(row.split("|")[3:]))
    }
    tables = {name + size for name in PUBLISHED for size in ("", FULL)}
    for name in flagfiles | set(USES) | tables | set(COLLECTIONS) - {"uses"}:
        assert (ROOT / f"experiments/flags/{name}.flags").exists(), name


def test_the_table_of_verdicts_is_the_committed_one():
    rows = re.findall(r"^\| (\d+\w*) \| (.*?) \| (.*?) \|$", guides.text_of(RESULTS), flags=re.M)
    committed = [one for one in VERDICTS if not one["exploratory"]]
    assert rows == [
        (one["claim"], one["statement"], one["verdict"] + " (fragile)" * one["fragile"])
        for one in committed
    ]
    for one in committed:
        number = re.match(r"2b|13\w|\d+", one["claim"]).group()
        assert re.search(rf"\*\*[^*]*\b{number}", guides.text_of(RESULTS)), number


def test_every_claim_has_its_figure_between_its_verdict_and_a_sentence():
    paragraphs = guides.text_of(RESULTS).split("\n\n")
    for name in CLAIMS:
        (k,) = (k for k, text in enumerate(paragraphs) if text.endswith(f"(claims/{name}.png)"))
        assert paragraphs[k].startswith("![")
        assert re.match(rf"\*\*{name.removeprefix('claim_')}[a-f]?, ", paragraphs[k - 1]), name
        assert re.match(r"[A-Z].*\.$", paragraphs[k + 1], flags=re.S), name


@pytest.mark.slow
def test_the_guide_explains_the_columns_of_a_table_and_the_files_of_a_workdir(tmp_path):
    text = guides.text_of(RUNNING)
    folder = ROOT / "experiments/results/quickstart"
    columns = (folder / "table.csv").read_text().partition("\n")[0].split(",")
    swept = [name for name in columns if "." in name]
    assert swept and all(f"`{name}`" in text for name in set(columns) - set(swept))
    shutil.copytree(folder, tmp_path / "quickstart")
    assert command(f"--workdir={tmp_path / 'quickstart'}", program=report).code == 0
    stems = {path.stem for path in (tmp_path / "quickstart").iterdir()} - {"README"}
    further = {"flags", "environment", "checkpoints", "curves", ".locks", "claim", "verdicts"}
    further |= {"reproduction"}
    assert all(re.search(rf"`{re.escape(stem)}[`./*]", text) for stem in stems | further)


@pytest.mark.parametrize("path", FLAGFILES, ids=lambda path: path.stem)
def test_a_flagfile_opens_with_its_question_and_its_command(path):
    question, _, command_line, *rest = path.read_text(encoding="utf-8").splitlines()
    assert question.startswith("# ") and "?" in question
    flagfile = f"--flagfile=experiments/flags/{path.name}"
    assert command_line.startswith(f"#   python -m experiments.run {flagfile}")
    comment = [line for line in rest if line.startswith("#")]
    assert "xpect" in " ".join(comment) or "Not run" in " ".join(comment)
    assert all(line.startswith("--") for line in rest[len(comment) :])
