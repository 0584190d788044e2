"""Experiments with the library, and the commands that run and report them.

Each module of ``studies``, ``claims`` and ``published`` defines one ``Experiment``;
``experiment.find`` looks it up by name. A claim and a published table have a second size for
accelerators, whose name ends in ``FULL``. ``USES`` are the studies of applications; like claims,
they have a verdict. They compare networks with baselines.
``register_study`` adds a study from outside the package.
"""

import pathlib
from typing import Any

USES = ("mnist", "poems", "speech", "text", "translation", "forecast")
PIXELS = ("sequential_mnist", "permuted_mnist")
STUDIES = ("init_by_clip", "gate_bias", "clip_threshold", "agreement_natural", *PIXELS, *USES)
CLAIMS = tuple(f"claim_{n}" for n in ("1", "2", "2b", "3", "4", "5", "6", "7", "8", "9", "10"))
_TABLES = pathlib.Path(__file__).parent / "published"
PUBLISHED = tuple(sorted(path.stem for path in _TABLES.glob("[a-z]*.py")))
"""Published tables, one for each module of ``published``."""
FULL = "_full"
NAMES = (*STUDIES, *CLAIMS, *PUBLISHED, *(name + FULL for name in (*CLAIMS, *PUBLISHED)))
"""Every name that ``experiment.find`` accepts."""
COLLECTIONS = {
    "claims": CLAIMS,
    "uses": USES,
    "published": PUBLISHED,
    f"claims{FULL}": tuple(name + FULL for name in CLAIMS),
    f"published{FULL}": tuple(name + FULL for name in PUBLISHED),
}
"""Experiments by the name of a collection, which one command runs in turn."""
REGISTERED: dict[str, Any] = {}
"""Each ``Experiment`` of ``register_study`` by name."""


def register_study(study: Any) -> Any:
    """Add a study under its name, so that --study accepts it, and return it.

    Args:
      study: a ``seqjax.Study``; or an ``Experiment``, for a study with a verdict.

    Raises:
      ConfigError: the name is taken or not an identifier.
      TypeError: something else than a study.
    """
    from experiments.experiment import register  # the package is imported before anything heavy

    return register(study)
