"""Names and descriptions that people give: fit for a REF, a terminal and a database."""

from __future__ import annotations

import re
import unicodedata

from avnz_int.errors import InvalidInputError

_MAX_NAME = 200
_LIKE_A_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_LIKE_A_KEY = re.compile(r"(?:sk|pk|rk|whsec)[-_]")
_MOST_DIGITS = 4


def shown_name(name: str, number: int | None = None) -> str:
    """A name that somebody gave; where it may be a secret in a name's place, `#3`, or without a number `…`.

    It has at most 32 letters, digits, `_` and `-`, at most four of them digits; it begins as no key does.
    """
    digits = sum(character.isdigit() for character in name)
    if _LIKE_A_NAME.fullmatch(name) and digits <= _MOST_DIGITS and not _LIKE_A_KEY.match(name):
        return name
    return "…" if number is None else f"#{number}"


def checked_name(name: str) -> str:
    """A name fit for a REF and a terminal.

    Raises:
        InvalidInputError: empty, longer than 200 characters, with `/` or a control character.
    """
    stripped = name.strip()
    if not stripped or len(stripped) > _MAX_NAME:
        raise InvalidInputError(f"a name has 1 to {_MAX_NAME} characters")
    # What is printable holds none of them, and most names are.
    odd = not stripped.isprintable() and any(
        unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in stripped
    )
    if odd or "/" in stripped:
        raise InvalidInputError("a name holds neither '/' nor control characters")
    return stripped


def checked_text(text: str | None) -> str | None:
    """A description without control characters, or None.

    Raises:
        InvalidInputError: it has some.
    """
    if text is not None and any(unicodedata.category(c) in {"Cc", "Cs"} and c != "\n" for c in text):
        raise InvalidInputError("a description holds no control characters")
    return text or None
