"""The rules' version: the same inputs give the same results until it is raised."""

import json

import pytest
from support.golden_decisions import GOLDEN, changed, results

from seqjax.stats import rules


@pytest.mark.core
def test_results_change_only_with_the_version():
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    now = results()
    differ = changed(golden["cases"], now)
    assert not differ, (
        f"the rules decide differently: {differ}. If that is meant, raise rules.VERSION, add a "
        "line to rules.CHANGES and run PYTHONPATH=.:tests python tests/support/golden_decisions.py"
    )
    assert (golden["version"], golden["cases"]) == (rules.VERSION, now), (
        "cases or version are new: run PYTHONPATH=.:tests python tests/support/golden_decisions.py"
    )
