"""Widths at which models of different cells have equal numbers of recurrent parameters."""

import bisect
import dataclasses
import functools
import itertools
from typing import NamedTuple

from seqjax.cells import CELLS
from seqjax.models.sequence import MAX_WIDTH, ModelSpec
from seqjax.tasks import Task

TOLERANCE = 0.01
"""Largest relative difference between numbers of parameters that count as equal."""


class Match(NamedTuple):
    """The best width for a number of recurrent parameters.

    Attributes:
      hidden: the width.
      parameters: the recurrent parameters at this width.
      error: their relative difference from the requested number.
    """

    hidden: int
    parameters: int
    error: float


@functools.cache
def recurrent_parameters(model: ModelSpec, task: Task) -> int:
    """Number of parameters of a model on a task, without its readout."""
    encoder = _parameters(model, task.sources, symbols=True) if task.sources else 0
    return encoder + _parameters(model, task.inputs, task.symbols)


def _parameters(model: ModelSpec, inputs: int, symbols: bool) -> int:
    """Number of parameters of the layers and of the embedding before them."""
    cell, H = CELLS[model.cell], model.hidden
    directions = 2 if model.bidirectional else 1
    total = inputs * model.embed if symbols else 0
    for layer in range(model.layers):
        D = H * directions if layer else _input_width(model, inputs, symbols)
        mapped = cell.square and D != H  # a linear map comes before the cell
        one = cell.multiply_adds(H if mapped else D, H) + H * len(cell.bias_gates)
        total += directions * (one + (D * H if mapped else 0))
    return total


def _input_width(model: ModelSpec, inputs: int, symbols: bool) -> int:
    """Input width of the first layer."""
    features = model.embed if symbols and model.embed else inputs
    return features * model.window


def matched_width(model: ModelSpec, task: Task, parameters: int) -> Match:
    """The width of ``model`` whose number of recurrent parameters is nearest to ``parameters``.

    The number grows with the width, with one exception: a cell that needs input width = hidden
    width has no linear map if the two are equal. Smaller and larger widths are therefore searched
    separately. Ties go to the smaller width.

    >>> from seqjax.tasks import TASKS
    >>> match = matched_width(ModelSpec("gru"), TASKS["adding"](), 4480)
    >>> match.hidden, match.parameters, round(match.error, 3)
    (37, 4477, 0.001)
    """

    def count(hidden: int) -> int:
        return recurrent_parameters(dataclasses.replace(model, hidden=hidden), task)

    input_width = min(_input_width(model, task.inputs, task.symbols), MAX_WIDTH)
    candidates = [input_width]
    for widths in (range(1, input_width), range(input_width + 1, MAX_WIDTH + 1)):
        index = bisect.bisect_left(widths, parameters, key=count)
        candidates += widths[max(index - 1, 0) : index + 1]
    hidden = min(sorted(candidates), key=lambda width: abs(count(width) - parameters))
    return Match(hidden, count(hidden), abs(count(hidden) - parameters) / parameters)


def fitting_widths(
    reference: ModelSpec, others: tuple[ModelSpec, ...], task: Task, most: int = 3
) -> list[int]:
    """Widths of ``reference`` at which all other models match within 1 %, nearest width first.

    Args:
      reference: the model whose width is varied, up to twice its width plus 64.
      others: models that are matched to the reference; their width is ignored.
      task: the task of all models.
      most: number of widths to return.
    """

    def fits(hidden: int) -> bool:
        target = recurrent_parameters(dataclasses.replace(reference, hidden=hidden), task)
        return all(matched_width(other, task, target).error <= TOLERANCE for other in others)

    tried = range(1, min(2 * reference.hidden + 64, MAX_WIDTH) + 1)
    nearest = sorted(tried, key=lambda hidden: abs(hidden - reference.hidden))
    return list(itertools.islice(filter(fits, nearest), most))
