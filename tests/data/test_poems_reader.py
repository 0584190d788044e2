"""Readers of poems on files that are built here, and on the published ones where they are."""

import collections
import itertools
import json

import pytest
from support import verses
from support.fortunes import fortune
from support.published import needs, use_published

from seqjax.data import poems
from seqjax.data.folder import DataError, DataWarning

FOUR = ["牀前看月光，疑是地上霜。", "舉頭望山月，低頭思故鄉。"]
SEVEN = ["朝辭白帝彩雲間，千里江陵一日還？", "兩岸猿聲啼不盡；輕舟已過萬重山！"]


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(poems, "DEBIAN", tmp_path / "nowhere")
    return tmp_path


def texts_of(found):
    return [poem for part in poems.PARTS for poem in found.parts[part]]


def test_what_is_no_sound_regulated_poem_is_left_out_and_counted(folder):
    bad = {
        "damaged": [
            ["牀前看□光，疑是地上霜。", FOUR[1]],
            ["牀前看月光（一作明），疑是地上霜。", FOUR[1]],
            ["牀前看月光，疑是地上霜。[1]", FOUR[1]],
            ["牀前看月光，疑是地上霜。", "舉頭望山月，低頭思Ｂ鄉。"],
        ],
        "form": [
            FOUR[:1],
            [*FOUR, FOUR[0]],
            [FOUR[0], SEVEN[0]],
            ["牀前看月光，疑是地上霜，", FOUR[1]],
            ["牀前看月光。疑是地上霜。", FOUR[1]],
            ["前看月光，是地上霜。", "頭望山月，頭思故鄉。"],
        ],
        "empty": [[], [""]],
        "duplicate": [["".join(FOUR).replace("。", "！")]],
    }
    verses.place(folder, [FOUR, SEVEN], list(itertools.chain(*bad.values())))
    with pytest.warns(DataWarning):
        found = poems.collected(poems.tang())
    counts = {reason: len(own) for reason, own in bad.items()}
    assert found.left_out == {**counts, "shared couplet": 0}
    assert found.read == 2 + sum(counts.values())
    assert sorted(texts_of(found)) == [
        (("朝辭白帝彩雲間", "千里江陵一日還", "兩岸猿聲啼不盡", "輕舟已過萬重山"), "，？；！"),
        (("牀前看月光", "疑是地上霜", "舉頭望山月", "低頭思故鄉"), "，。，。"),
    ]


def test_files_are_read_in_the_order_of_their_numbers(folder):
    whole = verses.verses(12)
    verses.place(folder, *([poem] for poem in whole))  # 10000 before 2000 by name
    (folder / "tang_poems" / "poet.tang.x.json").write_text("none of them")
    with pytest.warns(DataWarning):
        paths = poems.tang()
    assert [path.name for path in paths] == [f"poet.tang.{1000 * n}.json" for n in range(12)]
    read = ["".join(poem) for poem in whole]
    assert [text for path in paths for text in poems._texts(path)] == read


def test_files_of_the_release_that_are_missing_are_named(folder):
    some = verses.verses(3)
    verses.place(folder, *([poem] for poem in some))
    with pytest.warns(DataWarning) as told:
        assert len(poems.tang()) == 3
    (line,) = [str(own.message) for own in told if "missing" in str(own.message)]
    numbers = ", ".join(str(1000 * n) for n in range(3, 18))
    assert line == (
        f"{folder}/tang_poems: 15 of the 18 files of the known release are missing: "
        f"poet.tang.N.json for N = {numbers}; "
        "python -m experiments.data get tang_poems fetches them"
    )
    verses.place(folder, *([poem] for poem in verses.verses(20)))  # more than the release has
    with pytest.warns(DataWarning) as told:
        assert len(poems.tang()) == 20
    assert not [own for own in told if "missing" in str(own.message)]


def test_no_poem_and_no_couplet_is_in_two_parts():
    whole = verses.verses(400)
    mixed = [[*whole[k][:2], *whole[k + 4][2:]] for k in range(2, 390, 4)]  # share one couplet
    texts = ["".join(poem) for poem in whole + mixed]
    found = poems.sorted_out(texts)
    owners = collections.defaultdict(set)
    for part, own in found.parts.items():
        for poem in own:
            for couplet in poem.couplets:
                owners[couplet].add(part)
    assert {len(parts) for parts in owners.values()} == {1}
    kept = sum(map(len, found.parts.values()))
    assert found.left_out["shared couplet"] == len(texts) - kept > 0
    assert len(found.parts["train"]) > 0.8 * kept
    # More files move nothing from part to part.
    more = poems.sorted_out([*texts, *("".join(poem) for poem in verses.verses(50, seed=1))])
    assert set(found.parts["test"]) <= set(more.parts["test"])


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_fortunes_are_read_without_their_heads_and_colours(folder, encoding):
    half_width = [SEVEN[0].replace("，", ","), SEVEN[1]]
    (folder / "fortunes_zh").mkdir()
    text = "%\n".join([fortune(FOUR), fortune(half_width, "早發"), ""])
    (folder / "fortunes_zh" / "tang300").write_bytes(text.encode(encoding))
    with pytest.warns(DataWarning, match="SHA-256"):
        found = poems.collected(poems.fortunes())
    assert {poem.form for poem in texts_of(found)} == {"4x5", "4x7"}
    assert ("牀前看月光", "疑是地上霜", "舉頭望山月", "低頭思故鄉") in {
        poem.lines for poem in texts_of(found)
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[{", "no JSON"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "no JSON"),
        (b"{}", "expected a list of poems, got dict"),
        (b"[1]", "poem 0: expected paragraphs"),
        (b'[{"paragraphs": []}, {"paragraphs": [1]}]', "poem 1: expected paragraphs"),
    ],
)
def test_a_damaged_file_is_told_with_its_place(folder, content, said):
    verses.place(folder, [])
    (folder / "tang_poems" / "poet.tang.0.json").write_bytes(content)
    with pytest.warns(DataWarning), pytest.raises(DataError, match=rf"poet\.tang\.0\.json.*{said}"):
        poems.collected(poems.tang())


@pytest.mark.parametrize("content", [b"\xff\xff\n", "靜夜思\n".encode(), "《靜夜思》\n".encode()])
def test_fortunes_of_another_shape_are_told(folder, content):
    (folder / "fortunes_zh").mkdir()
    (folder / "fortunes_zh" / "tang300").write_bytes(content)
    with pytest.warns(DataWarning), pytest.raises(DataError, match=r"tang300: (neither|expected)"):
        poems.collected(poems.fortunes())


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (poems.tang, r"poet\.tang\.0\.json.*--data_dir.*get tang_poems"),
        (poems.three_hundred, "唐诗三百首"),
        (poems.fortunes, "fortunes_zh/tang300.*Debian's package fortunes-zh"),
    ],
)
def test_a_missing_file_is_told_with_its_source(folder, files, said):
    with pytest.raises(DataError, match=said):
        files()


@needs("tang_poems")
def test_the_published_poems(monkeypatch):
    use_published(monkeypatch)
    found = poems.collected(poems.tang())
    assert found.read == 18008 and sum(found.left_out.values()) == 18008 - 9731 - 512 - 538
    assert [len(found.parts[part]) for part in poems.PARTS] == [9731, 512, 538]
    forms = collections.Counter(poem.form for poem in found.parts["train"])
    assert forms == {"8x5": 5209, "4x7": 1976, "4x5": 1362, "8x7": 1184}
    for poem in texts_of(found):
        lines, size = poems.FORMS[poem.form]
        assert len(poem.lines) == len(poem.marks) == lines and {*map(len, poem.lines)} == {size}
    (path,) = poems.three_hundred()
    assert len(json.loads(path.read_bytes())) == 366
    small = poems.collected((path,))
    assert [len(small.parts[part]) for part in poems.PARTS] == [232, 12, 14]
