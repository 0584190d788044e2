"""Random changes to a file of records are found, or change no table."""

import random
from math import inf

import pytest
from support import made_up
from support.checksums import with_checksum_after
from support.made_up_tables import BIAS, CLIP, RATE

from seqjax.records import jsonl
from seqjax.records.jsonl import RecordError
from seqjax.reporting import tables
from seqjax.reporting.tables.table import to_csv
from seqjax.version import __version__

pytestmark = pytest.mark.slow

CHANGES = 2000
COMMON = {"tune": RATE, "environment": {"seqjax": __version__}}
POINTS = [
    *((arm, {CLIP: clip}) for arm in ("lstm", "gru é") for clip in (0.5, inf)),
    ("b_f", {BIAS: -1.0}),
]


def records():
    """Three arms, a tuned rate whose larger value fails without clipping, and two seeds."""
    draw = random.Random(1)
    for arm, fixed in POINTS:
        for rate in (0.1, 1.0):
            for seed in range(2):
                failed = "nonfinite" if rate == 1 and fixed.get(CLIP) == inf else None
                test = round(draw.uniform(0.2, 0.9), 7)
                options = {"arm": arm, "seed": seed, "test": test, "failed": failed}
                yield made_up.record({**fixed, RATE: rate}, **options, **COMMON)


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    path = tmp_path_factory.mktemp("records") / "records.jsonl"
    for record in records():
        jsonl.append(path, record)
    return path.read_bytes().splitlines(keepends=True)


class File:
    """A file of records, and whether a change of its content is found."""

    def __init__(self, folder, content):
        self.folder, self.path = folder, folder / "records.jsonl"
        self.path.write_bytes(content)
        self.expected = self.tables()

    def tables(self):
        """The tables of the records, as Markdown and as CSV."""
        found = jsonl.read_all(self.folder)
        made = [tables.make(found), tables.make(found, tune=None), tables.make(found, fixed=0.1)]
        return [table.to_markdown() for table in made], to_csv(made)

    def refuses(self, content):
        """Return whether the content is refused; if not, its tables must be as before."""
        self.path.write_bytes(content)
        try:
            assert self.tables() == self.expected
        except RecordError as error:
            assert str(error).startswith(f"{self.path}:")
            return True
        return False


@pytest.fixture
def file(lines, tmp_path):
    return File(tmp_path, b"".join(lines))


def change_a_byte(content, draw):
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ draw.randrange(1, 256)]) + content[place + 1 :]


@pytest.mark.core
def test_a_random_byte_is_found_or_changes_no_table(file, lines):
    """Every change is found; without checksums a good part of them changes tables in silence."""
    draw, content = random.Random(2), b"".join(lines)
    assert all(file.refuses(change_a_byte(content, draw)) for _ in range(CHANGES))


def delete(content, draw):
    place = draw.randrange(len(content))
    return content[:place] + content[place + draw.randrange(1, 3000) :]


def insert(content, draw):
    place = draw.randrange(len(content))
    return content[:place] + draw.randbytes(draw.randrange(1, 9)) + content[place:]


def overwrite(content, draw):
    """A block of the file stands in another place, as after a fault of a disk."""
    place, other = draw.randrange(len(content)), draw.randrange(len(content))
    size = draw.randrange(1, 512)
    return content[:place] + content[other : other + size] + content[place + size :]


@pytest.mark.parametrize("change", [delete, insert, overwrite])
def test_a_random_block_is_found_or_changes_no_table(file, lines, change):
    """In all lines but the last, whose end is that of a record that is being written."""
    draw = random.Random(3)
    before, last = b"".join(lines[:-1]), lines[-1]
    found = [file.refuses(change(before, draw) + last) for _ in range(CHANGES // 10)]
    assert sum(found) > 0.9 * len(found)


@pytest.mark.parametrize("swap", [(0, 1), (0, 19), (7, 12)])
def test_the_order_of_lines_changes_no_table(file, lines, swap):
    order = list(lines)
    for place, other in (swap, swap[::-1]):
        order[place] = lines[other]
    assert not file.refuses(b"".join(order))


def test_a_line_that_is_there_twice_counts_once(file, lines):
    assert not file.refuses(b"".join([*lines, lines[3], lines[0]]))


COPIES = {
    "another id": lambda line: line.replace(b"seed=0", b"seed=7", 1),
    "another seed": lambda line: line.replace(b'"seed": 0', b'"seed": 7', 1),
    "another id and seed": lambda line: line.replace(b"seed=0", b"seed=7", 1).replace(
        b'"seed": 0', b'"seed": 7', 1
    ),
    "another id, with its checksum": lambda line: with_checksum_after(
        lambda text: text.replace("seed=0", "seed=7", 1), line.decode()
    ).encode(),
    "another result, with its checksum": lambda line: with_checksum_after(
        lambda text: text.replace('"clipped_fraction": 0.5', '"clipped_fraction": 0.4'),
        line.decode(),
    ).encode(),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_run_that_is_copied_is_found(file, lines, copy):
    assert copy(lines[0]) != lines[0]
    assert file.refuses(b"".join([*lines, copy(lines[0])]))
