"""A config.json that was changed, or made to do harm: one line names file and field."""

import json

import pytest
from support.checksums import with_checksum_after
from support.commands import STUDY, command, recorded, refused

from experiments.cli.commands import report
from experiments.cli.workdir import NAME
from seqjax.records import jsonl
from seqjax.records.workdir import WorkdirConfig

SOME = "0" * 16
RUNS = [
    *([value] for value in (0, -1, 2**16 + 1, 10**12, 10**30, 1.5, True, None, "1", [1], {})),
    *({SOME: value} for value in (0, -1, 10**12, 10**30, "8", None, [8])),
    *(0, "x", None, 8),
]
HOSTILE = {
    **{f"runs_per_device {runs}": ({"runs_per_device": runs}, "runs_per_device") for runs in RUNS},
    "no seeds": ({"seeds": []}, "seeds"),
    "negative seeds": ({"seeds": [0, -1]}, "seeds"),
    "seeds as text": ({"seeds": "0, 1"}, "seeds"),
    "no environment": ({"environment": None}, "environment"),
    "a version that is a list": ({"environment": {"seqjax": []}}, "environment"),
    "an unknown field": ({"workers": 3}, "workers"),
    "a study of another type": ({"same": []}, "same"),
}


def written(workdir, change):
    path = workdir / NAME
    path.write_text(with_checksum_after(change, path.read_text()), encoding="utf-8")
    return path


@pytest.mark.parametrize(("changes", "field"), HOSTILE.values(), ids=HOSTILE)
def test_a_value_that_cannot_be_is_refused_with_file_and_field(finished, changes, field):
    path = written(finished, lambda text: json.dumps({**json.loads(text), **changes}))
    refused(finished, *STUDY, words=(f"{path}: ", field))


@pytest.mark.parametrize(
    "text",
    [
        '{"runs_per_device": ' + "[" * 100_000,
        '{"same": ' + '{"a": ' * 100_000 + "1" + "}" * 100_001,
        '{"runs_per_device": [NaN]}',
        "NaN",
        "",
        "\0",
    ],
    ids=["lists", "objects", "NaN", "NaN alone", "nothing", "NUL"],
)
def test_other_text_than_json_is_refused(finished, text):
    (finished / NAME).write_text(text)
    refused(finished, *STUDY, words=(f"{finished / NAME}: ",))
    result = command(f"--workdir={finished}", program=report)
    assert result.code == 2 and result.err.startswith(f"error: {finished / NAME}: ")
    assert result.err.count("\n") == 1


def test_a_changed_file_is_refused_by_its_checksum(finished):
    path = finished / NAME
    path.write_text(path.read_text().replace('"seeds": [\n  0', '"seeds": [\n  7'))
    refused(finished, *STUDY, words=(f"{path}: checksum: ", "restore"))


@pytest.mark.parametrize("runs", [[], {SOME: 2**16}])
def test_numbers_for_other_structures_have_no_effect(first, finished, runs):
    """Older files have a list, by the order of the groups, which is not used."""
    written(finished, lambda text: json.dumps({**json.loads(text), "runs_per_device": runs}))
    file = finished / "records.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    result = command(*STUDY, f"--workdir={finished}")
    assert result.code == 0, result.err
    assert recorded(finished) == recorded(first[0])


def test_text_that_reads_inf_stays_text(finished):
    path = written(
        finished,
        lambda text: json.dumps(
            {**json.loads(text), "sources": {"tasks": {"a": "inf"}, "cells": {}}}
        ),
    )
    config = jsonl.load_file(path, WorkdirConfig)
    assert config.sources.tasks == {"a": "inf"}
