"""The texts of streams: generated tags and sums, names, and plays."""

import collections
import re
import string
import unicodedata

import numpy as np
import pytest
from support.published import HERE, needs, use_published

from seqjax.tasks.streams import arithmetic, xml
from seqjax.tasks.streams.arithmetic import Arithmetic
from seqjax.tasks.streams.characters import Characters, UnicodeNames
from seqjax.tasks.streams.xml import Xml


def written(task, part):
    """Return a part as a string, and which of its characters are scored."""
    text = task.read()[part]
    alphabet = np.array(list(ALPHABETS[task.name]))
    assert len(text.symbols_N) == task.sizes[part] == len(text.scored_N)
    return "".join(alphabet[text.symbols_N]), text.scored_N


LETTERS = string.ascii_lowercase
ALPHABETS = {
    "xml": LETTERS + "<>/",
    "arithmetic": LETTERS + "0123456789+-=.",
    "unicode_names": "\n -0123456789" + LETTERS,
    "characters": "\n !$&',-.3:;?" + LETTERS.upper() + LETTERS,
}


def assert_share(count, total, probability):
    spread = np.sqrt(total * probability * (1 - probability))
    assert abs(count - total * probability) < 4.5 * spread, (count, total, probability)


def assert_equally_likely(values, kinds):
    counts = collections.Counter(values)
    assert set(counts) == set(kinds)
    for count in counts.values():
        assert_share(count, len(values), 1 / len(kinds))


@pytest.mark.parametrize("task", [Arithmetic(), Xml(), UnicodeNames()], ids=repr)
def test_parts_have_no_common_passages(task):
    parts = {part: written(task, part)[0] for part in task.sizes}
    pieces = {part: {text[k : k + 60] for k in range(0, 2**14, 60)} for part, text in parts.items()}
    for part, text in parts.items():
        assert set(text) <= set(parts["train"]) == set(ALPHABETS[task.name])
        for other in parts.keys() - {part}:
            assert not any(piece in text for piece in pieces[other])


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_tags_close_in_the_order_in_which_they_opened(part):
    text, scored = written(Xml(), part)
    assert np.all(scored)
    opened, read = [], 0
    for match in re.finditer(r"<(/?)([a-z]{2,10})>", text):
        assert match.start() == read
        read = match.end()
        if match[1]:
            assert opened.pop() == match[2]
        else:
            opened.append(match[2])
        assert len(opened) <= 50
    assert len(text) - read <= len("</abcdefghij>")  # the end may be cut


def test_documents_are_generated_in_at_most_fifty_random_iterations():
    random = np.random.RandomState(1000)
    coins, closed, names, long = 0, 0, [], 0
    for _ in range(4000):
        tags = re.findall(r"<(/?)(\w+)>", xml._document(random))
        assert not tags[0][0] and sum(not slash for slash, _ in tags) * 2 == len(tags)
        assert all(slash for slash, _ in tags[50:])
        names += [name for slash, name in tags if not slash]
        coins += min(len(tags), 49)  # not for the first tag, but for the end after the last
        closed += sum(bool(slash) for slash, _ in tags[1:50]) + (len(tags) < 50)
        long += len(tags) > 50
    assert_share(closed, coins, 1 / 2)
    assert long > 100
    assert_equally_likely([len(name) for name in names], range(2, 11))
    assert_equally_likely("".join(names), LETTERS)


def parsed(question):
    """Return a, the sign and b of a question, and the number of letters before each character."""
    assert re.fullmatch(r"[0-9-].*=", question)
    gaps = [len(letters) for letters in re.findall(r"([a-z]*)[^a-z]", question)]
    plain = re.fullmatch(r"(-?[0-9]+)([+-])([0-9]+)=", re.sub("[a-z]", "", question))
    return plain.groups(), gaps


@pytest.mark.parametrize("digits", [2, 8])
def test_every_answer_is_the_sum_or_difference(digits):
    assert parsed("3e36d9-h1h39f94eeh43keg3c=")[0] == ("3369", "-", "13994433")  # of the paper
    symbols_N, scored = arithmetic._text(1000, 2**16, digits)
    text = "".join(np.array(list(ALPHABETS["arithmetic"]))[symbols_N])
    lengths, signs, letters, between, place = [], [], [], [], 0
    for sample in text.split(".")[:-1]:
        question, answer = re.fullmatch(r"([^=]*=)(-?[0-9]+)", sample).groups()
        (a, sign, b), gaps = parsed(question)
        assert str(int(a) + int(b) if sign == "+" else int(a) - int(b)) == answer
        assert re.fullmatch("-?(0|[1-9][0-9]*)", a) and re.fullmatch("0|[1-9][0-9]*", b)
        assert gaps[0] == 0
        end, after = place + len(question), place + len(sample) + 1
        assert not scored[place:end].any() and scored[end:after].all()
        place = after
        lengths += len(a.lstrip("-")), len(b)
        signs += sign, *("-" if a[0] == "-" else "+" if a != "0" else "")
        between += gaps[1:]
        letters += re.findall("[a-z]", question)
    assert_equally_likely(lengths, range(1, digits + 1))
    assert_equally_likely(signs, "+-")
    assert_equally_likely(letters, LETTERS)
    for n in range(6):
        assert_share(between.count(n), len(between), 0.3 * 0.7**n)


def test_the_names_are_those_of_unicode_each_in_one_part():
    parts = [written(UnicodeNames(), part)[0] for part in ("train", "validation", "test")]
    whole = "".join(parts)
    names = whole.splitlines()
    assert whole.endswith("\n") and len(set(names)) == len(names) == 12771
    for name in ("greek small letter alpha with tonos", "digit seven", names[0], names[-1]):
        assert name in names and unicodedata.lookup(name)
    assert sum(len(part.splitlines()) for part in parts) - len(names) <= 2  # cut at a border
    assert names != sorted(names)


@needs("tinyshakespeare")
def test_the_plays_are_split_in_three(monkeypatch):
    use_published(monkeypatch)
    parts = [written(Characters(), part)[0] for part in ("train", "validation", "test")]
    assert "".join(parts) == (HERE / "tinyshakespeare/input.txt").read_text()
    assert set("".join(parts)) == set(ALPHABETS["characters"])
    assert [round(len(part) / 11153.94) for part in parts] == [90, 5, 5]
