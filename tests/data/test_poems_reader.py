"""The reader of poems on made-up files and on the published ones."""

import collections
import itertools

from support import verses
from support.published import needs, use_published

from seqjax.data import poems

FOUR = ["牀前看月光，疑是地上霜。", "舉頭望山月，低頭思故鄉。"]
SEVEN = ["朝辭白帝彩雲間，千里江陵一日還？", "兩岸猿聲啼不盡；輕舟已過萬重山！"]


def texts_of(found):
    return [poem for part in poems.PARTS for poem in found.parts[part]]


def test_texts_that_are_not_regulated_poems_are_counted_by_reason(monkeypatch, tmp_path):
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
    half_width = [SEVEN[0].replace("，", ","), SEVEN[1]]
    verses.place(monkeypatch, tmp_path, [FOUR, half_width], list(itertools.chain(*bad.values())))
    found = poems.collected(poems.tang())
    counts = {reason: len(own) for reason, own in bad.items()}
    assert found.excluded == {**counts, "shared couplet": 0}
    assert found.texts == 2 + sum(counts.values())
    assert sorted(texts_of(found)) == [
        (("朝辭白帝彩雲間", "千里江陵一日還", "兩岸猿聲啼不盡", "輕舟已過萬重山"), "，？；！"),
        (("牀前看月光", "疑是地上霜", "舉頭望山月", "低頭思故鄉"), "，。，。"),
    ]


def test_no_poem_and_no_couplet_is_in_two_parts():
    whole = verses.verses(400)
    mixed = [[*whole[k][:2], *whole[k + 4][2:]] for k in range(2, 390, 4)]  # share one couplet
    texts = ["".join(poem) for poem in whole + mixed]
    found = poems.select(texts)
    owners = collections.defaultdict(set)
    for part, own in found.parts.items():
        for poem in own:
            for couplet in poem.couplets:
                owners[couplet].add(part)
    assert {len(parts) for parts in owners.values()} == {1}
    selected = sum(map(len, found.parts.values()))
    assert found.excluded["shared couplet"] == len(texts) - selected > 0
    assert len(found.parts["train"]) > 0.8 * selected
    # More files move nothing from part to part.
    more = poems.select([*texts, *("".join(poem) for poem in verses.verses(50, seed=1))])
    assert set(found.parts["test"]) <= set(more.parts["test"])


@needs("tang_poems")
def test_the_published_poems(monkeypatch):
    use_published(monkeypatch)
    found = poems.collected(poems.tang())
    assert found.texts == 18008 and sum(found.excluded.values()) == 18008 - 9731 - 512 - 538
    assert [len(found.parts[part]) for part in poems.PARTS] == [9731, 512, 538]
    forms = collections.Counter(poem.form for poem in found.parts["train"])
    assert forms == {"8x5": 5209, "4x7": 1976, "4x5": 1362, "8x7": 1184}
    for poem in texts_of(found):
        lines, size = poems.FORMS[poem.form]
        assert len(poem.lines) == len(poem.marks) == lines and {*map(len, poem.lines)} == {size}
