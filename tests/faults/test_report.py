"""Records that someone changed: the report is made, with what is in them escaped, or refused."""

import copy
import json
import pathlib
import re

import pytest
from support.commands import command

from experiments.cli.commands import report

ROOT = pathlib.Path(__file__).parents[2]
LINES = (ROOT / "experiments/results/quickstart/records.jsonl").read_text().splitlines()
RECORDS = [json.loads(LINES[k]) for k in (0, 1, 3, 27)]  # three points, one of them twice

HOSTILE = "a|b<script>$\\input{x}&%_#"
VALUES = {
    **{repr(value): value for value in (None, True, -1, 0, 7, 2.5, 1e308, 3e38, 2**62, "-inf")},
    "empty text": "",
    "x": "x",
    "hostile": HOSTILE,
    "more of it": "_[*]($y$) `c` \x1b[2J\u202e\n\r,\"';=1+1 \\",
    "[": "[b]",
    "long": "漢" * 4000,
    **{repr(value): value for value in ([], {})},
    "nested": {"a": [{"b": [None, 1e308]}], HOSTILE: {}},
    "deep": json.loads("[" * 80 + "]" * 80),
}
GONE = object()


def places(value, path=()):
    """Every field, the elements of short lists and of one curve included."""
    yield path
    items = enumerate(value[:1]) if isinstance(value, list) else ()
    for key, item in value.items() if isinstance(value, dict) else items:
        yield from places(item, (*path, key))


def changed(record, path, value):
    record = copy.deepcopy(record)
    inside = record
    for key in path[:-1]:
        inside = inside[key]
    if value is GONE:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    return record


def corpus():
    """(what was done, the lines): one record, or all of them, changed in one place."""
    for path in [path for path in places(RECORDS[0]) if path]:
        for name, value in [*VALUES.items(), ("gone", GONE)]:
            for which in ([1], [0, 1, 2, 3]):
                if len(which) > 1 and path[0] in ("id", "seed"):
                    continue
                found = [
                    changed(r, path, value) if k in which else r for k, r in enumerate(RECORDS)
                ]
                yield f"{path} {name} {len(which)}", map(json.dumps, found)


CORPUS = list(corpus())


def check_tables(folder):
    """A line of a table has the cells of its head; nothing in it is markup."""
    markdown, latex = ((folder / f"table.{kind}").read_text() for kind in ("md", "tex"))
    for table in re.findall(r"(?:^\|.*\n?)+", markdown, flags=re.MULTILINE):
        plain = re.sub(r"\\.", "", table)
        assert len({line.count("|") for line in plain.splitlines()}) == 1, table
    plain = re.sub(r"\\.", "", markdown).replace("**", "")
    assert not re.search(r"[`*<\[\]$~]", plain), plain
    for rows in re.findall(r"\\toprule(.*?)\\bottomrule", latex, flags=re.DOTALL):
        lines = [line for line in rows.splitlines() if line.endswith(r"\\")]
        cells = {re.sub(r"\\[&$%#_{}]", "", line).count("&") for line in lines}
        assert len(cells) == 1 and not any(line.startswith(("[", "*")) for line in lines), rows
    for text in (markdown, latex, (folder / "table.csv").read_text()):
        assert text.replace("\n", "").isprintable()


def verdict(folder, lines):
    (folder / "records.jsonl").write_text("".join(f"{line}\n" for line in lines))
    result = command(f"--workdir={folder}", program=report)
    if result.code == 0:
        assert result.err == "" or result.err.count("\n") <= 3, result.err
        check_tables(folder)
        return "reported"
    assert result.code == 2 and result.out == "", result
    assert re.fullmatch(r"error: .+\n", result.err), result.err
    assert result.err[:-1].isprintable() and len(result.err) < 3000
    assert f"{folder}/records.jsonl:" in result.err or "--workdir" in result.err
    return "refused"


# The strides share no factor with the number of changes of a field.
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("every", [61, pytest.param(5, marks=pytest.mark.faults)])
def test_changed_records_are_reported_or_refused_by_line(tmp_path, capsys, every):
    counts = {"reported": 0, "refused": 0}
    for what, lines in CORPUS[::every]:
        try:
            counts[verdict(tmp_path, lines)] += 1
        except BaseException as error:
            error.add_note(what)
            raise
    with capsys.disabled():
        print(f"\nrecords: {len(CORPUS[::every])} changed, {counts}, 0 otherwise")
    assert all(counts.values())
