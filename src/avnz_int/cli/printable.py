"""Text that cannot steer a terminal: a name that somebody wrote into the database by hand stays a name."""

from __future__ import annotations

import json
from typing import Any

from avnz_int.model.json_writer import json_writer
from avnz_int.model.secret import MASK

_written = json_writer(spaces=True)


def printable(text: str) -> str:
    """The text with control characters, line ends and lone surrogates replaced by `�`."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "�" for c in text)


def json_text(value: Any) -> str:
    """The JSON of a value on one line, with the escapes of JSON for what is not printable."""
    text = _written(value)
    # JSON escapes the control characters of ASCII but for the last; the rest of ASCII is printable.
    # A listing's masks are the one thing in most of its rows that is not ASCII.
    plain = text if text.isascii() else text.replace(MASK, "")
    if plain.isascii() and "\x7f" not in plain:
        return text
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def cell(value: Any) -> str:
    """A JSON value as a cell of CSV: text as it is, nothing for null, else its JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text(value)


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1]
