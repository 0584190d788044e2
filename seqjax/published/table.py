"""A published table as data: its figures, the effects it shows, and the deviations of our runs."""

import dataclasses
import operator
import re
from collections.abc import Mapping
from typing import Any

from seqjax.published.figures import MEMORY, Figure, Source
from seqjax.types import check_name

AS_PUBLISHED = "as published"
PROTOCOLS = {
    AS_PUBLISHED: "the protocol of the paper",
    "as the authors' code": "the protocol of the released code",
    "tuned equally": "every arm tuned with equal effort",
}
"""Meaning of each protocol; the verdict of a table is that of ``AS_PUBLISHED``."""
KINDS = ("same", "reduced", "differs", "unknown")
COUNTS = ("seeds", "trials", "parameters")
"""Fields of deviations that are no settings: numbers of reported seeds, of values of the tuned
fields, and of recurrent parameters."""
COMPARISONS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
CRITERION = re.compile(r"(\w+) (>=|<=|>|<) (-?\d*\.?\d+(?:e-?\d+)?)")
SELECTION = re.compile(r"mean|best of (\d+)|top (\d+) of (\d+)")


@dataclasses.dataclass(frozen=True)
class Measure:
    """A quantity of a published table.

    Attributes:
      name: name in ``Figure.metric``.
      title: name and unit for readers, such as "test NLL, nats a frame".
      higher_is_better: direction.
      metric: name of the metric in records; by default the name of the measure.
      criterion: if set, the measure is the share of runs that meet it, such as "accuracy >= 0.99".

    Raises:
      ValueError: a criterion of another form, or ``metric`` beside a criterion.
    """

    name: str
    title: str
    higher_is_better: bool
    metric: str = ""
    criterion: str = ""

    def __post_init__(self):
        if self.criterion and (self.metric or not CRITERION.fullmatch(self.criterion)):
            accepted = "METRIC, one of >= <= > <, and a number, and no metric beside it"
            raise ValueError(f"criterion: expected {accepted}, got {self.criterion!r}")

    @property
    def of_records(self) -> str:
        """Name of the metric in records."""
        if self.criterion:
            return CRITERION.fullmatch(self.criterion).group(1)
        return self.metric or self.name

    def meets(self, value: float) -> bool:
        """Return whether a metric meets the criterion; NaN does not."""
        _, comparison, bound = CRITERION.fullmatch(self.criterion).groups()
        return COMPARISONS[comparison](value, float(bound))


@dataclasses.dataclass(frozen=True)
class Effect:
    """A difference between two rows that the publication shows, declared before any run.

    Attributes:
      better, worse: the rows.
      size: published difference, positive; None for the difference of the two figures, or if
        neither is published as a number.
      why: the reason for the choice of this effect.
      task: label of the data set.
      point: values by path that the runs must have.
      metric: name of the measure; by default the first of the table.
      part: "test" or "train".
      digits: number of published decimals of ``size``.
      source: the publication, needed where no figures of both rows show the effect.

    Raises:
      ValueError: equal rows, a size that is not positive or has no decimals, or a source from
        memory.
    """

    better: str
    worse: str
    size: float | None
    why: str
    task: str = ""
    point: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    metric: str = ""
    part: str = "test"
    digits: int | None = None
    source: Source | None = None

    def __post_init__(self):
        if self.better == self.worse:
            raise ValueError(f"worse: expected another row than better, got {self.worse!r}")
        if self.size is not None and not self.size > 0:
            raise ValueError(f"size: expected a positive number or None, got {self.size}")
        if (self.size is None) != (self.digits is None):
            raise ValueError("digits: expected the decimals of size, and none without a size")
        if self.source is not None and self.source.confidence == MEMORY:
            raise ValueError("source: expected a source that is not from memory, got 'M'")


@dataclasses.dataclass(frozen=True)
class Deviation:
    """A setting of the publication, compared with that of our runs.

    ``ours`` is computed from the settings of the runs, see ``deviations.state``.

    Attributes:
      field: path of a setting, or one of ``COUNTS``; or the name of something that no setting has,
        such as "keys".
      published: the published value: a number, or text.
      kind: "same", "reduced", "differs" or "unknown" (the publication does not say). A reduced
        value that is the published one at full size is reported as the same there.
      why: the reason.
      ours: our value in words, for a ``field`` that no setting has; "" otherwise.
      protocol: the protocol whose runs deviate; "" for all protocols.
      task: label of the data set; "" for all.
      label: name of the field for readers; by default the last part of ``field``.

    Raises:
      ValueError: another kind or protocol, or no reason for a kind other than "same".
    """

    field: str
    published: Any
    kind: str
    why: str
    ours: str = ""
    protocol: str = ""
    task: str = ""
    label: str = ""

    def __post_init__(self):
        check_name("kind", self.kind, "kind of deviation", KINDS)
        if self.protocol:
            check_name("protocol", self.protocol, "protocol", PROTOCOLS)
        if self.kind != "same" and not self.why:
            raise ValueError(f"why: expected the reason for {self.field} = {self.kind}, got ''")
        if self.of_settings and self.ours:
            raise ValueError(
                f"ours: expected '' for {self.field}, whose value is computed from settings, got "
                f"{self.ours!r}"
            )
        if not self.of_settings and not self.ours:
            raise ValueError(f"ours: expected our value of {self.field}, which no setting has")

    @property
    def of_settings(self) -> bool:
        """True if our value is computed from the settings of runs."""
        return self.field in COUNTS or "." in self.field

    @property
    def title(self) -> str:
        """Name of the field for readers."""
        section, _, name = self.field.rpartition(".")
        words = name if section != "clip" else f"clip {name}"
        return self.label or words.replace("_", " ")


@dataclasses.dataclass(frozen=True)
class PublishedTable:
    """A table of a publication, and the rules of its comparison with our runs.

    Attributes:
      name: name of the module, such as "chung_2014".
      title: name for readers, such as "Chung et al. 2014, table 2".
      measures: the quantities; the first is the default of effects. Ours is printed also for a
        measure without figures.
      figures: the published numbers.
      effects: the differences that the publication shows.
      deviations: differences between the publication's settings and ours.
      protocols: protocols of our runs, keys of ``PROTOCOLS`` in the order of the page.
      selection: the publication's rule: "mean" over runs, "best of N" trials on validation data,
        or "top K of N" trials.
      top: number of our best trials, on validation data, that make a row; 0 for the runs at the
        selected value.
      convention: how losses are averaged, how failures count, and the like, for the caption.
      misreadings: sentences on passages of the publication that are easily misread.

    Raises:
      ValueError: a figure or effect of an unknown measure, two figures of one cell, an effect that
        no figures and no source show or that the figures contradict, or a rule out of range.
    """

    name: str
    title: str
    measures: tuple[Measure, ...]
    figures: tuple[Figure, ...] = ()
    effects: tuple[Effect, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    protocols: tuple[str, ...] = (AS_PUBLISHED,)
    selection: str = "mean"
    top: int = 0
    convention: str = ""
    misreadings: tuple[str, ...] = ()

    def __post_init__(self):
        for protocol in self.protocols:
            check_name("protocols", protocol, "protocol", PROTOCOLS)
        if self.protocols[:1] != (AS_PUBLISHED,):
            raise ValueError(f"protocols: expected {AS_PUBLISHED!r} first, got {self.protocols}")
        if not SELECTION.fullmatch(self.selection):
            accepted = "'mean', 'best of N' or 'top K of N'"
            raise ValueError(f"selection: expected {accepted}, got {self.selection!r}")
        names = [measure.name for measure in self.measures]
        places = []
        for figure in self.figures:
            check_name("metric", figure.metric, "measure", names)
            place = figure.arm, figure.task, figure.part, figure.metric, dict(figure.point)
            if place in places:
                raise ValueError(f"figures: expected one figure a cell, got {place} twice")
            places.append(place)
        for effect in self.effects:
            check_name("metric", self.measure_of(effect).name, "measure", names)
            pair = self.figures_of(effect)
            if effect.source is None and (None in pair or any(f.from_memory for f in pair)):
                rows = f"{effect.better} and {effect.worse}"
                raise ValueError(
                    f"effects: expected figures of {rows} that are not from memory, or a source"
                )
            if (sized := self.size_of(effect)) and not sized[0] > 0:
                rows = f"{effect.better} over {effect.worse}"
                raise ValueError(f"effects: expected figures that show {rows}, got {sized[0]:g}")

    def check_places(self, places: Mapping[str, tuple[str, str, str]]) -> None:
        """Check that the arms of a study fit the table.

        Args:
          places: protocol, row and data set of each arm by its title.

        Raises:
          ValueError: an unknown protocol, or an effect on a row that no arm reproduces and no
            figure names.
        """
        for title, (protocol, _, _) in places.items():
            check_name(f"{title}: protocol", protocol, "protocol", self.protocols)
        known = {*(figure.arm for figure in self.figures), *(row for _, row, _ in places.values())}
        for effect in self.effects:
            for row in (effect.better, effect.worse):
                check_name("effects", row, "row", known)

    def measure(self, name: str) -> Measure:
        """The measure of this name; the first measure for ""."""
        named = {measure.name: measure for measure in self.measures}
        check_name("metric", name or self.measures[0].name, "measure", named)
        return named[name] if name else self.measures[0]

    def measure_of(self, effect: Effect) -> Measure:
        """The measure that an effect compares."""
        return self.measure(effect.metric)

    def figures_of(self, effect: Effect) -> tuple[Figure | None, Figure | None]:
        """The figures of the better and of the worse row of an effect; None where there is none."""
        place = self.measure_of(effect).name, effect.task, effect.part, dict(effect.point)
        at = {
            figure.arm: figure
            for figure in self.figures
            if (figure.metric, figure.task, figure.part, dict(figure.point)) == place
        }
        return at.get(effect.better), at.get(effect.worse)

    def size_of(self, effect: Effect) -> tuple[float, float] | None:
        """Published size of an effect and its rounding error; None if no size is published.

        The size is in the direction of the effect, and positive in a valid table.
        """
        if effect.size is not None:
            return effect.size, 0.5 * 10.0**-effect.digits
        better, worse = self.figures_of(effect)
        if better is None or worse is None or better.from_memory or worse.from_memory:
            return None
        sign = 1 if self.measure_of(effect).higher_is_better else -1
        return sign * (better.value - worse.value), better.rounding + worse.rounding

    @property
    def best_of(self) -> int:
        """Number of trials of a publication that reports the best of them; 0 otherwise."""
        return int(SELECTION.fullmatch(self.selection).group(1) or 0)

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of the rows, in the order of the figures and then of the effects."""
        names = [figure.arm for figure in self.figures]
        names += [row for effect in self.effects for row in (effect.better, effect.worse)]
        return tuple(dict.fromkeys(names))

    @property
    def sources(self) -> tuple[Source, ...]:
        """Sources of figures and effects, each once."""
        found = [figure.source for figure in self.figures]
        found += [effect.source for effect in self.effects if effect.source is not None]
        return tuple(dict.fromkeys(found))
