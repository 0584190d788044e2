"""Records that someone changed: the report is made, with what is in them escaped, or refused."""

import copy
import functools
import itertools
import json
import operator
import pathlib
import re

import pytest
from support.commands import command
from support.parsed_html import parse

from experiments.cli.commands import report
from seqjax.records.record import run_id

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
MAPPINGS = ["point", "settings", "environment", "validation", "curve", "gradient_norm", "chance"]


def places(value, path=()):
    """Every field, the elements of short lists and of one curve included."""
    yield path
    items = enumerate(value[:1]) if isinstance(value, list) else ()
    for key, item in value.items() if isinstance(value, dict) else items:
        yield from places(item, (*path, key))


def changed(records, changes):
    """Copies of the records with these changes, and the ids that follow unless one is changed."""
    records = [copy.deepcopy(record) for record in records]
    for k, path, value in changes:
        *inside, last = path
        mapping = functools.reduce(operator.getitem, inside, records[k])
        if value is GONE:
            del mapping[last]
        else:
            mapping[last] = value
        if path != ("id",) and {"arm", "point", "seed"} <= records[k].keys():
            arm, point, seed = (records[k][name] for name in ("arm", "point", "seed"))
            records[k]["id"] = run_id(str(arm), point if isinstance(point, dict) else {}, seed)
    return records


def corpus():
    """Name, records, and changes (record, path, value) of every case.

    Each changes one record, or all of them, in one place.
    """
    everywhere = range(len(RECORDS))
    for path in [path for path in places(RECORDS[0]) if path]:
        for name, value in [*VALUES.items(), ("gone", GONE)]:
            for which in ([1], everywhere):
                if len(which) == 1 or path[0] not in ("id", "seed"):
                    yield f"{path} {name} {len(which)}", RECORDS, [(k, path, value) for k in which]
    for path in MAPPINGS:
        for name, value in VALUES.items():
            paths = [path, "settings"] if path == "point" else [path]
            changes = [(k, (into, HOSTILE), value) for k in everywhere for into in paths]
            yield f"{path} more {name}", RECORDS, changes
    for name, value in VALUES.items():  # what stands in a table's head, rows and cells
        if isinstance(value, str | float | int):
            for field in ("init.bias.f", "optim.learning_rate"):
                paths = {("point", field): value, ("settings", field): value}
                changes = [(len(RECORDS), *change) for change in paths.items()]
                yield f"{field} is {name}", [*RECORDS, RECORDS[1]], changes


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
    known = "begin end caption toprule midrule bottomrule pm infty dagger ddagger circ textbar"
    known += " textasciitilde textasciicircum textbackslash textless textgreater"
    said = re.sub(r"\\\\", "", latex)
    assert {*re.findall(r"\\([a-z]+)", said)} <= {*known.split()}, latex
    for text in (markdown, latex, (folder / "table.csv").read_text()):
        assert text.replace("\n", "").isprintable()


def check_page(folder):
    """The page nests, its ids are unique, and no name became an element, attribute or target."""
    text = (folder / "report.html").read_text()
    assert text.replace("\n", "").isprintable() and "\u202e" not in text
    elements = parse(text).all()
    ids = [one["id"] for one in elements if one.get("id")]
    assert len(set(ids)) == len(ids) and sum(one.tag == "script" for one in elements) == 1
    for one in elements:
        assert not [name for name in one.attributes if name.startswith("on")]
        assert not re.match(r"[a-z]+:", one.get("href") or "") or one.tag == "image"


def verdict(folder, lines):
    (folder / "records.jsonl").write_text("".join(f"{line}\n" for line in lines))
    result = command(f"--workdir={folder}", program=report)
    if result.code == 0:
        assert result.err == "" or result.err.count("\n") <= 3, result.err
        check_tables(folder)
        check_page(folder)
        return "reported"
    assert result.code == 2 and result.out == "", result
    assert re.fullmatch(r"error: .+\n", result.err), result.err
    assert result.err[:-1].isprintable() and len(result.err) < 3000
    assert f"{folder}/records.jsonl:" in result.err or "--workdir" in result.err
    return "refused"


# The strides share no factor with the number of changes of a field.
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("every", [61, pytest.param(5, marks=pytest.mark.faults)])
def test_changed_records_are_reported_or_refused_by_line(tmp_path, capsys, every):
    counts = {"reported": 0, "refused": 0}
    for name, records, changes in itertools.islice(corpus(), 0, None, every):
        try:
            counts[verdict(tmp_path, map(json.dumps, changed(records, changes)))] += 1
        except BaseException as error:
            error.add_note(name)
            raise
    with capsys.disabled():
        print(f"\nrecords: {sum(counts.values())} changed, {counts}, 0 otherwise")
    assert all(counts.values())
