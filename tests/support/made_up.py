"""Records made by hand, for tests of what reads them; test_sweep.py holds them to real ones."""

import numpy as np

from seqjax.training.config import as_settings, make_config

STEPS = (2, 4, 6)


def record(point=None, *, arm="all", seed=0, test=0.9, validation=None, failed=None, **changes):
    """What a run leaves: ``test`` and ``validation`` are its metric, ``failed`` the reason if any.

    ``changes`` replace fields: ``clipped_fraction=0.0``, or ``settings={path: value}`` and
    ``environment={name: value}``, of which the others stay.
    """
    base = {"clip.kind": "norm", "clip.threshold": 1.0, "train.steps": STEPS[-1]}
    config = make_config({**base, **changes.pop("settings", {}), **(point or {})})
    task, link = config.task, config.link
    curve = np.linspace(task.chance_metric(), test, len(STEPS)).tolist()
    ended = failed == "nonfinite"
    environment = {"jaxlib": "0.10.2", "device": "a processor", "platform": "cpu"}
    return {
        "id": f"{arm} {point} seed={seed}",
        "study": "made_up",
        "arm": arm,
        "point": point or {},
        "seed": seed,
        "paired": "data+weights",
        "compared": "metric",
        "purpose": "evaluation",
        "settings": as_settings(config),
        "rules": "0" * 16,
        "parameters_recurrent": 1234,
        "parameters": 1500,
        "multiply_adds": 1200,
        "metric": task.metric,
        "higher_is_better": task.higher_is_better,
        "chance": {"metric": task.chance_metric(), "loss": task.chance_loss(link)},
        "best_loss": task.best_loss(link),
        "reduction": "mean over the batch and the valid steps",
        "failed": failed and {"reason": failed, "step": STEPS[-1]},
        "validation": {task.metric: None if ended else test if validation is None else validation},
        "test": {task.metric: None if ended else test},
        "score": 0.0,
        "gradient_norm": {"mean": 1.0},
        "gradient_norm_after": {"mean": 1.0},
        "clipped_fraction": 0.5,
        "observed": {},
        "curve": {
            "step": list(STEPS),
            "training_loss": curve,
            "gradient_norm": curve,
            "clipped_fraction": curve,
            f"validation_{task.metric}": [*curve[:-1], None] if ended else curve,
        },
        "seconds": 1.0,
        "tune": None,
        "curve_file": "curves/0.npy",
        **changes,
        "environment": {**environment, **changes.get("environment", {})},
    }
