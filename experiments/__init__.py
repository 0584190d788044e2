"""Studies, claims, and the commands that run and report them.

A study is a module here with a ``STUDY``; its name stands in ``STUDIES``. One of ``USES`` is a
study of the use of networks: it has a ``MEASUREMENT`` of baselines and a ``decide`` whose
verdict joins those of the claims. A claim is a module of ``claims`` with a function ``subject``;
its name stands in ``CLAIMS``, and with ``FULL`` behind it means the size for accelerators.
"""

USES = ("mnist", "poems", "speech", "text", "translation", "forecast")
STUDIES = ("init_by_clip", "gate_bias", "clip_threshold", "agreement_natural", *USES)
CLAIMS = tuple(f"claim_{n}" for n in ("1", "2", "2b", "3", "4", "5", "6", "7", "8", "9", "10"))
FULL = "_full"
COLLECTIONS = {
    "claims": CLAIMS,
    "uses": USES,
    f"claims{FULL}": tuple(name + FULL for name in CLAIMS),
}
"""Names that stand for several."""
