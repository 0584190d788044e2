"""Lowest published losses of recurrent networks, to which scores of data sets are relative.

The least possible loss of such a data set is unknown, and far above 0: relative to 0, all results
on JSB Chorales have scores of .2 to .25.
"""

import math
from typing import NamedTuple


class Lowest(NamedTuple):
    """The loss at which the score is 1; lower ones score more.

    Attributes:
      loss: in nats, as the task's loss.
      model: network and publication.
      source: text that the number was copied from.
    """

    loss: float
    model: str
    source: str


LOWEST = {
    "jsb": Lowest(
        5.56,
        "RNN-NADE, Boulanger-Lewandowski et al. 2012; its outputs are not independent",
        "Greff et al. 2017, section V",
    ),
    "nottingham": Lowest(
        3.13,
        "tanh network, Chung et al. 2014",
        "Chung et al. 2014, table 2; the figures of RNN-NADE were not found in print",
    ),
    "wikitext2": Lowest(
        math.log(64.7),
        "AWD-LSTM, fine-tuned, without a cache, Merity et al. 2018",
        "README of the authors' code, salesforce/awd-lstm-lm",
    ),
}
"""Lowest loss by task, among networks that do not learn from the test part."""
