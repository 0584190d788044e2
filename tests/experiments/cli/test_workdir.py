"""A workdir is taken up by the command that began it, and left as it was by any other."""

import pathlib
import re

import pytest
from support.checksums import with_checksum_after
from support.commands import RATE, STUDY, command, contents, finish, recorded, refused, start

from experiments.cli.commands import report
from experiments.cli.identity import identity
from experiments.cli.workdir import folder_name
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Axis, Study

OTHER = {
    "a field": ("--set=train.steps=7", ("train.steps is 6 there and 7 here",)),
    "an axis": ("--sweep=init.bias.f=0,2", ("init.bias.f has the values 0, 1 there and 0, 2",)),
    "no axis": (f"--sweep={RATE}=0.1,1", ("init.bias.f has the values 0, 1 there and is 0 here",)),
    "the order of axes": (
        f"--sweep={RATE}=0.1,1; init.bias.f=0,1",
        (f"init.bias.f, {RATE} there", f"{RATE}, init.bias.f here"),
    ),
    "tuning": ("--tuning_seeds=2", ("tuning seeds is 0 there and 2 here",)),
    "fewer seeds": ("--seeds=1", ("--seeds", "0 to 1", "0 to 0")),
    "later seeds": ("--seed_start=1", ("--seeds", "0 to 1", "1 to 2")),
}


@pytest.mark.parametrize(("change", "said"), OTHER.values(), ids=OTHER)
def test_a_workdir_of_another_configuration_is_refused_with_the_difference(first, change, said):
    refused(first[0], *STUDY, change, words=(first[0], *said))


def test_a_default_that_is_spelt_out_is_the_same_configuration(first):
    refused(first[0], "--study=gate_bias", words=("init_by_clip there and gate_bias here",))
    result = command(*STUDY, "--set=model.layers=1", f"--workdir={first[0]}", "--dry_run")
    assert result.code == 0, result.err


def test_what_only_some_points_use_belongs_to_the_configuration_too():
    def same(threshold):
        base = {"clip.threshold": threshold}
        axes = (Axis("clip.kind", ("none", "norm")),)
        study = Study("made_up", "Why?", base, axes=axes)
        return identity(study, plan_runs(study, range(2)))

    assert same(1.0) == same(1.0) != same(2.0)


def test_damaged_records_are_refused_by_line_before_anything_is_written(finished):
    file = finished / "records.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b'"seed"', b'"need"')
    file.write_bytes(b"".join(lines))
    (finished / "table.md").unlink()
    refused(finished, *STUDY, "--seeds=3", words=(f"{file}:5: ",))
    before = contents(finished)
    result = command(f"--workdir={finished}", program=report)
    assert result.code == 2 and f"{file}:5: " in result.err
    assert contents(finished) == before


FOREIGN = {
    "a file of ours that is damaged": {"config.json": b'{"same": '},
    "someone else's config.json": {"config.json": b'{"model_type": "llama"}'},
    "other files": {"thesis.tex": b"x"},
}


@pytest.mark.parametrize("files", FOREIGN.values(), ids=FOREIGN)
def test_a_folder_of_something_else_is_refused(tmp_path, files):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    refused(tmp_path, *STUDY, words=(tmp_path,))


def test_a_workdir_that_cannot_be_made_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("kept")
    for workdir in (file, file / "below", pathlib.Path("/proc/none/here")):
        refused(workdir, *STUDY, words=("error: --workdir: ", workdir))
    assert file.read_text() == "kept" and len(list(tmp_path.iterdir())) == 1


def test_a_workdir_of_another_jaxlib_is_refused_unless_mixing_is_allowed(finished):
    def on_another(text):
        return re.sub(r'"jaxlib": "[^"]*"', '"jaxlib": "0.0.1"', text)

    config, file = finished / "config.json", finished / "records.jsonl"
    for path in (config, file):
        old = path.read_text()
        texts = [old] if path == config else old.splitlines()[:3]
        path.write_text("".join(with_checksum_after(on_another, text) for text in texts))
    refused(finished, *STUDY, words=("jaxlib 0.0.1", "--allow_mixed"))
    result = command(*STUDY, "--allow_mixed", f"--workdir={finished}")
    assert result.code == 0 and "MIXED" in result.out and "jaxlib 0.0.1 on" in result.out
    refused(finished, *STUDY, words=("jaxlib 0.0.1",))  # the environment of the first command


@pytest.mark.subprocess
def test_seeds_are_added_on_the_same_data_alone(tmp_path):
    book, workdir = tmp_path / "data" / "own" / "book.txt", tmp_path / "workdir"
    study = (
        "--study=init_by_clip",
        "--set=task.name=text; task.file=own/book.txt; task.length=8; task.vocabulary=9;"
        "train.steps=2; train.eval_every=2; train.batch_size=2; model.hidden=4",
        f"--sweep={RATE}=0.1",
        f"--data_dir={tmp_path / 'data'}",
        f"--workdir={workdir}",
    )
    book.parent.mkdir(parents=True)
    book.write_text("ab cd ef gh " * 100)
    assert command(*study, "--seeds=1").code == 0
    before = contents(workdir)
    book.write_text("ab cd ef hg " * 100)
    result = finish(start(*study, "--seeds=2", "--allow_mixed"))  # this process has read the book
    assert result.code == 2 and result.out == "" and contents(workdir) == before
    assert f"error: --workdir: {workdir} was started on other data: digest " in result.err
    book.write_text("ab cd ef gh " * 100)
    assert command(*study, "--seeds=2").code == 0
    digests = {record["environment"]["data"] for record in recorded(workdir).values()}
    assert len(recorded(workdir)) == 2 and len(digests) == 1


def test_a_long_id_has_a_folder_of_its_own():
    names = {folder_name("a" * 400 + end) for end in "bc"}
    assert len(names) == 2 and all(len(name) < 255 for name in names)


def test_a_report_without_records_is_refused(tmp_path):
    for folder, said in ((tmp_path, "has no records"), (tmp_path / "none", "is not a folder")):
        result = command(f"--workdir={folder}", program=report)
        assert result.code == 2 and said in result.err and result.err.count("\n") == 1
    assert "--workdir: not given" in command(program=report).err
    assert not list(tmp_path.iterdir())
