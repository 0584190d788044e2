"""Studies, claims, and the commands that run and report them.

A study is a module here with a ``STUDY``; its name stands in ``STUDIES``. A claim is a module of
``claims`` with a function ``subject``; its name stands in ``CLAIMS``, and with ``FULL`` behind it
means the size for accelerators.
"""

STUDIES = ("init_by_clip", "gate_bias", "clip_threshold")
CLAIMS = ("claim_1", "claim_7", "claim_8", "claim_9", "claim_10")  # in the order of the table
FULL = "_full"
COLLECTIONS = {
    "claims": CLAIMS,
    f"claims{FULL}": tuple(name + FULL for name in CLAIMS),
}
"""Names that stand for several."""
