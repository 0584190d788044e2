"""What tells one state of the data from another."""

import numpy as np

from seqjax.tasks import digest_of_data
from seqjax.tasks.datasets.digits import DigitsRows
from seqjax.tasks.synthetic.adding import Adding
from seqjax.tasks.synthetic.copying import Copying


class Held:
    """As much of a task as has data."""

    def __init__(self, **data):
        self.held = data

    def data(self):
        return self.held


def test_the_digest_is_of_every_value_shape_type_and_name_in_order():
    x = np.arange(6, dtype=np.int16)
    different = [
        {"x": x},
        {"y": x},
        {"x": x + 1},
        {"x": x.reshape(2, 3)},
        {"x": x.view(np.uint16)},
        {"x": x[::-1]},
        {"x": x, "y": x[:0]},
        {"x": x, "y": np.bool_(True)},
    ]
    tasks = [Held(**data) for data in different]
    digests = {digest_of_data([task]) for task in tasks}
    digests |= {digest_of_data(tasks[:2]), digest_of_data(tasks[1::-1])}
    assert len(digests) == len(tasks) + 2
    assert digest_of_data([Held(x=x.copy())]) == digest_of_data([tasks[0]] * 2)


def test_tasks_that_are_drawn_have_no_digest():
    assert digest_of_data([Adding(10), Copying(5)]) is None
    assert digest_of_data([Adding(10), DigitsRows()]) == digest_of_data([DigitsRows()])
