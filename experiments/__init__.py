"""Experiments with the library, and the commands that run and report them.

Each module of ``studies`` and ``claims`` defines one ``Experiment``; ``experiment.find`` looks it
up by name. A claim has a second size for accelerators, whose name ends in ``FULL``. ``USES`` are
the studies of applications; like claims, they have a verdict. They compare networks with baselines.
``register_study`` adds a study from outside the package.
"""

from typing import Any

USES = ("mnist", "poems", "speech", "text", "translation", "forecast")
STUDIES = ("init_by_clip", "gate_bias", "clip_threshold", "agreement_natural", *USES)
CLAIMS = tuple(f"claim_{n}" for n in ("1", "2", "2b", "3", "4", "5", "6", "7", "8", "9", "10"))
FULL = "_full"
NAMES = (*STUDIES, *CLAIMS, *(name + FULL for name in CLAIMS))
"""Every name that ``experiment.find`` accepts."""
COLLECTIONS = {
    "claims": CLAIMS,
    "uses": USES,
    f"claims{FULL}": tuple(name + FULL for name in CLAIMS),
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
