"""Flags and flagfiles: they combine, or are refused in one line."""

import pathlib
import re
import sys

import pytest
from absl.testing import flagsaver
from support.commands import RATE, STUDY, command, finish, refused, start

from experiments import CLAIMS, COLLECTIONS, PUBLISHED, STUDIES
from experiments.cli import flags
from seqjax.cells import CELLS
from seqjax.optim.clipping import KINDS
from seqjax.tasks import TASKS
from seqjax.training.overrides import all_fields


def test_settings_on_several_lines_are_one_line_in_the_flagfile(monkeypatch, tmp_path):
    argv = ["run", "--study=gate_bias", "--set=train.steps=7;\n  model.hidden=5"]
    argv += ["--set=task.length=9", "--seed_start=1000"]
    monkeypatch.setattr(sys, "argv", argv)
    with flagsaver.flagsaver():
        flags.parser(argv)
        study, text = flags.experiment_from_flags("gate_bias").study, flags.to_flagfile()
        assert flags.workdir() == pathlib.Path("runs/gate_bias")
        assert flags.seeds(3) == range(1000, 1003) and flags.shard() == (0, 1)
    assert "--set=train.steps=7; model.hidden=5\n" in text
    saved = tmp_path / "saved.flags"
    saved.write_text(text)
    again = ["run", f"--flagfile={saved}"]
    with flagsaver.flagsaver():
        flags.parser(again)
        assert flags.experiment_from_flags("gate_bias").study == study


BAD = {
    # argument: words in the error line
    "--sed=3": ("unknown flag --sed", "did you mean --se"),
    "--lr=0.1": ("unknown flag --lr", '--set="optim.learning_rate='),
    "--model.hidden=3": ('--set="model.hidden=',),
    "--set=seeds=3": ("--set: seeds", "--seeds=3"),
    "--study=init_by_clp": ("--study", "'init_by_clp'", "'init_by_clip'", "gate_bias"),
    "--set=model.cell=lsmt": ("model.cell", "'lsmt'", "did you mean 'lstm'"),
    "--set=model.cell=gru": ("init.bias.f", "gru", "r, z, n, n_h"),  # the study sweeps it
    "--arms=al": ("--arms", "'al'", "did you mean 'all'"),
    # wrong type
    "--seeds=three": ("--seeds", "three"),
    "--checkpoint_every=nan": ("--checkpoint_every", "0 or more"),
    "--seeds=0": ("--seeds", "0", "positive"),
    "--set=model.hidden": ("--set", "path=value", "'model.hidden'"),
    # axes
    f"--set={RATE}=0.1": (f"{RATE}: both set and swept",),  # this command sweeps it
    # out of range
    "--set=clip.threshold=0": ("clip.threshold", "0"),
    "--shard=2/2": ("--shard", "0 <= I < N", "'2/2'"),
    # flagfiles
    "--study=quickstart": ("--study", "--flagfile=experiments/flags/quickstart.flags"),
    "--flagfile=quickstart": ("'quickstart'", "--flagfile=experiments/flags/quickstart.flags"),
    "--flagfile=": ("--flagfile: expected", "''"),
    # folders and words
    "--data_dir=/nowhere/at/all": ("--data_dir", "a folder", "'/nowhere/at/all'"),
    "--list=task": ("--list=task", "tasks"),
    "more": ("unexpected argument", "'more'"),
}


@pytest.mark.core
@pytest.mark.parametrize(("argument", "words"), BAD.items(), ids=BAD)
def test_bad_input_is_refused_in_one_line(tmp_path, argument, words):
    refused(tmp_path / "new", *STUDY, argument, words=words)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("argument", ["--study=nothing", "--set=optim.lr=1", "--sweep=optim.lr=1"])
def test_names_are_checked_before_plots_and_statistics_are_imported(monkeypatch, argument):
    for module in ("experiments.experiment", "experiments.cli.execution"):
        monkeypatch.setitem(sys.modules, module, None)  # importing it is an error
    result = command("--study=gate_bias", argument)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "'nothing'" in result.err or "'optim.lr'" in result.err


FLAGFILES = {
    "a bare word": ("--seeds=2\nseeds\n", "'seeds'", "bad.flags"),
    "an unknown flag": ("--sedes=2\n", "--sedes", "bad.flags", "did you mean --seeds"),
    "one that is missing": ("--flagfile=/nowhere/x.flags\n", "/nowhere/x.flags"),
}


@pytest.mark.parametrize("lines", FLAGFILES.values(), ids=FLAGFILES)
def test_a_bad_flagfile_is_refused_in_one_line(tmp_path, lines):
    content, *words = lines
    path = tmp_path / "bad.flags"
    path.write_text(content)
    refused(tmp_path / "new", *STUDY, f"--flagfile={path}", words=words)
    assert not (tmp_path / "new").exists()


def test_flagfiles_and_the_command_line_add_up(tmp_path, monkeypatch):
    inner, outer = tmp_path / "inner.flags", tmp_path / "outer.flags"
    inner.write_text("# inner\n\n--set=train.steps=7; model.hidden=5\n--sweep=clip.threshold=1\n")
    outer.write_text(f"// outer\n--study=init_by_clip\n--flagfile={inner}\n--seeds=4\n")
    argv = ["run", f"--flagfile={outer}", "--set=train.steps=8", f"--sweep={RATE}=0.1,1"]
    monkeypatch.setattr(sys, "argv", argv)
    with flagsaver.flagsaver():
        flags.parser(argv)
        study = flags.experiment_from_flags("init_by_clip").study
        assert flags.workdir() == pathlib.Path("runs/outer")
        assert flags.seeds(study.seeds) == range(4)
    assert (study.base["train.steps"], study.base["model.hidden"]) == (8, 5)
    assert [(axis.path, axis.values) for axis in study.axes] == [(RATE, (0.1, 1.0))]


@pytest.mark.subprocess
def test_help_and_mistakes_in_a_new_process():
    shown, mistaken = start("--help"), start("--studdy=gate_bias")
    result = finish(shown)
    assert (result.code, result.err) == (0, "")
    assert "'[]'" not in result.out
    for name in ("study", "set", "sweep", "tune", "arms", "seeds", "workdir", "flagfile"):
        assert f"--{name}:" in result.out or f"--[no]{name}:" in result.out
    result = finish(mistaken)
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: unknown flag --studdy; did you mean --study?\n"


def test_list_prints_each_study_and_collection_that_errors_name(tmp_path):
    lines = command("--list").out.splitlines()
    assert lines == command("--list=studies").out.splitlines()
    names = [line.split(":")[0] for line in lines]
    assert names == [*STUDIES, *CLAIMS, *PUBLISHED, *COLLECTIONS]
    assert all(line.endswith("?") for line in lines[: -len(COLLECTIONS)])
    known = ", ".join(sorted(names))
    refused(tmp_path, words=("--study", known))
    refused(tmp_path, "--study=nothing", words=("--study", known))


LISTED = {
    "tasks": ({*TASKS}, "adding: "),
    "cells": ({*CELLS}, "gru: gates r, z, n, n_h\n"),
    "clips": ({"clip.kind", *KINDS}, "\nadaptive: ratio "),
    "fields": ({*all_fields()}, f"{RATE}=0.1 (a positive number): {all_fields()[RATE].meaning}\n"),
}


@pytest.mark.parametrize("kind", LISTED)
def test_list_prints_every_task_cell_field_and_kind_of_clipping(kind):
    names, line = LISTED[kind]
    out = command(f"--list={kind}").out
    assert {re.split("[:=]", printed)[0] for printed in out.splitlines()} == names
    assert line in out


def test_the_listed_range_of_a_field_is_that_of_its_error():
    out = command("--list=fields").out
    for path, value in {
        "model.hidden": "0",
        "optim.momentum": "1",
        "clip.threshold": "-1",
        "init.bias.f": "inf",
        "init.t_max": "2",
        "floor.level": "-1",
        "task.length": "0",
    }.items():
        error = command("--study=gate_bias", f"--set={path}={value}").err
        (accepted,) = re.findall(rf"^error: {path}: expected (.*), got {value}", error)
        assert re.search(rf"^{path}=[^ ]+ \({re.escape(accepted)}\): ", out, flags=re.M), error
