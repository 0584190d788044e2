"""Prompt of a poem: its form and the given characters."""

import dataclasses
import unicodedata

import numpy as np

from seqjax.data.poems import FINAL, FORMS, MIDDLE, is_han
from seqjax.tasks.datasets import poetry
from seqjax.types import unknown

DEFAULT = 4, 5
"""Default number of lines, and of characters in a line."""


class PromptError(ValueError):
    """A prompt that fits no form."""


@dataclasses.dataclass(frozen=True)
class Prompt:
    """A form, and the given characters by their position in it."""

    form: str
    signs: dict[int, str]

    def allowed(self, script: poetry.Script) -> np.ndarray:
        """Mask (T, V) of the symbols that the form and the given characters allow."""
        allowed_TV = script.allowed(self.form, unknown=False)
        for position, sign in self.signs.items():
            allowed_TV[position] = False
            allowed_TV[position, script.symbols.get(sign, poetry.UNKNOWN)] = True
        return allowed_TV


def from_flags(form: str | None, first_line: str | None, acrostic: str | None) -> Prompt:
    """Prompt from the values of the flags --form, --first_line and --acrostic.

    Raises:
      PromptError: they contradict each other, or fit no form.
    """
    if form is not None and form not in FORMS:
        raise PromptError(f"--form: {unknown('form', form, FORMS)}")
    if first_line is not None and acrostic is not None:
        raise PromptError("--acrostic: expected either --acrostic or --first_line, got both")
    lines, size = FORMS[form] if form else DEFAULT
    if first_line is not None:
        signs = _signs("--first_line", first_line)
        sizes = {size} if form else {size for _, size in FORMS.values()}
        _check("--first_line", signs, sizes, form)
        return Prompt(f"{lines}x{len(signs)}", dict(enumerate(signs)))
    if acrostic is not None:
        signs = _signs("--acrostic", acrostic)
        _check("--acrostic", signs, {lines} if form else {n for n, _ in FORMS.values()}, form)
        return Prompt(f"{len(signs)}x{size}", {k * (size + 1): c for k, c in enumerate(signs)})
    return Prompt(f"{lines}x{size}", {})


def missing(prompt: Prompt, script: poetry.Script) -> list[str]:
    """Given characters that are not in the vocabulary, without duplicates."""
    return [sign for sign in dict.fromkeys(prompt.signs.values()) if sign not in script.symbols]


def _signs(flag: str, text: str) -> str:
    """Chinese characters of a prompt, without a final punctuation mark."""
    signs = "".join(unicodedata.normalize("NFC", text).split())
    signs = signs.rstrip(MIDDLE + FINAL)
    for sign in signs:
        if not is_han(sign):
            raise PromptError(f"{flag}: expected Chinese characters, got {sign!r}")
    return signs


def _check(flag: str, signs: str, sizes: set[int], form: str | None) -> None:
    if len(signs) not in sizes:
        accepted = " or ".join(map(str, sorted(sizes)))
        condition = f" for the form {form}" if form else ""
        raise PromptError(
            f"{flag}: expected {accepted} characters{condition}, got {len(signs)}: {signs!r}"
        )
