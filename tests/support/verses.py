"""Made-up poems, for tests of what reads and writes poems."""

import json

import numpy as np

SIGNS = "人山不月夜一日風春無雲天江上花來歸何有水空長君城時落寒白處秋"
SIZES = ((4, 5), (4, 7), (8, 5), (8, 7))


def verse(rng, lines, size):
    """The couplets of a poem of characters drawn alike."""
    drawn = ["".join(rng.choice(list(SIGNS), size)) for _ in range(lines)]
    return [f"{drawn[k]}，{drawn[k + 1]}。" for k in range(0, lines, 2)]


def verses(count, seed=0, sizes=SIZES):
    """Poems of these forms in turn."""
    rng = np.random.default_rng(seed)
    return [verse(rng, *sizes[k % len(sizes)]) for k in range(count)]


def place(folder, *files):
    """Writes lists of poems as the first files of a set beneath a folder, a thousand apart."""
    (folder / "tang_poems").mkdir(exist_ok=True)
    for number, couplets in enumerate(files):
        poems = [{"author": "佚名", "title": "無題", "paragraphs": own} for own in couplets]
        path = folder / "tang_poems" / f"poet.tang.{1000 * number}.json"
        path.write_text(json.dumps(poems, ensure_ascii=False), encoding="utf-8")
