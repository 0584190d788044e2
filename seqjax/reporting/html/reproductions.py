"""A published table beside ours: the same data as ``reproduction.md``, as sections of a page."""

from collections.abc import Iterator

from seqjax.published.agreement import Agreement
from seqjax.published.deviations import Stated
from seqjax.published.effects import EffectResult
from seqjax.published.table import AS_PUBLISHED
from seqjax.reporting.answers import Answer, sentence
from seqjax.reporting.html.tables import plain_table
from seqjax.reporting.html.view import PlainTable, Section
from seqjax.reporting.reproduction import Reproduction, page, words


def answer(made: Reproduction) -> Answer:
    """The verdict with the declared effects, after notes; those of other protocols follow."""
    found = {agreement.protocol: agreement for agreement in made.agreements}
    if AS_PUBLISHED not in found:
        return Answer("There is no answer yet, because nothing was run as published.")
    others = tuple(
        f"{sentence(agreement.protocol).removesuffix('.')}: {_verdict_text(agreement)}"
        for agreement in made.agreements
        if agreement.protocol != AS_PUBLISHED
    )
    verdict = sentence(_verdict_text(found[AS_PUBLISHED]))
    return Answer(" ".join([*made.notes, verdict]), others)


def _verdict_text(agreement: Agreement) -> str:
    """The verdict, the number of signs that agree, and the size of the first effect."""
    known = [effect for effect in agreement.effects if effect.known]
    if not known:
        return f"{agreement.verdict}: no declared effect has runs on both sides."
    agreeing, of = agreement.agreeing
    left = len(agreement.effects) - of
    run = f" that can be compared ({left} cannot)" if left else ""
    shown = sum(effect.shown for effect in known)
    signs = f"{agreeing} of {of} declared effects{run} have the published sign"
    clear = f"{shown} with an interval that excludes 0"
    return f"{agreement.verdict}: {signs}, {clear}; {_effect_text(known[0])}."


def _effect_text(result: EffectResult) -> str:
    head, row = words.effect_rows([result])
    found = dict(zip(head, row, strict=True))
    place = "" if found["where"] == words.NONE else f" ({found['where']})"
    interval = "" if found["95 % interval"] == words.NONE else f" {found['95 % interval']}"
    published = "" if found["published"] == words.NONE else f", {found['published']} published"
    return f"{found['better']} over {found['worse']}{place} is {found['ours']}{interval}{published}"


def sections(made: Reproduction) -> Iterator[Section]:
    """Sections of the page: one for each protocol, then sources and rules."""
    for k, agreement in enumerate(made.agreements):
        yield Section(
            id=f"protocol-{k + 1}",
            title=sentence(f"{agreement.protocol}: {agreement.verdict}").removesuffix("."),
            paragraphs=(sentence(page.meaning(agreement)),),
            tables=tuple(_tables(made, agreement)),
            remarks=(
                *(sentence(f"order: {words.order_text(order)}") for order in agreement.orders),
                *page.missing_lines(agreement),
            ),
        )
    yield Section(
        id="sources",
        title="Sources and rules",
        paragraphs=(*made.notes, *map(sentence, page.source_lines(made)), *made.remarks),
        remarks=(page.caption(made),),
    )


def _tables(made: Reproduction, agreement: Agreement) -> Iterator[PlainTable]:
    for block in page.blocks(agreement, made.tuned):
        grey = [k for k, one in enumerate(block.levels) if one.figure and one.figure.from_memory]
        title = f"{block.title}, {agreement.protocol}"
        yield plain_table(title, block.rows, grey=grey)
    if agreement.effects:
        title = f"Effects, {agreement.protocol}"
        rows = words.effect_rows(agreement.effects)
        yield plain_table(title, rows, sentence(words.effects_text(agreement)))
    stated = made.stated.get(agreement.protocol, {})
    if rows := [_deviation(one) for found in stated.values() for one in found]:
        head = ["setting", "published", "ours", "kind", "reason"]
        yield plain_table(f"Deviations, {agreement.protocol}", [head, *rows])


def _deviation(one: Stated) -> list[str]:
    task = f" ({one.deviation.task})" if one.deviation.task else ""
    name = f"{one.deviation.title}{task}"
    return [name, one.published, one.ours, one.kind, one.why]
