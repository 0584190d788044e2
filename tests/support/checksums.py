"""JSON objects with checksums, changed as if they had been written so."""

import re
from collections.abc import Callable

from seqjax.records import jsonl


def with_checksum_after(change: Callable[[str], str], text: str) -> str:
    """Change a JSON object, and give it the checksum of its new text."""
    plain = re.sub(r', "checksum": "\w+"}\s*$', "}", text)
    return jsonl.add_checksum(change(plain)) + "\n"
