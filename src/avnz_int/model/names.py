"""Names and descriptions that people give: fit for a REF, a terminal and a database."""

from __future__ import annotations

import unicodedata

from avnz_int.errors import InvalidInputError

_MAX_NAME = 200


def checked_name(name: str) -> str:
    """A name fit for a REF and a terminal.

    Raises:
        InvalidInputError: empty, longer than 200 characters, with `/` or a control character.
    """
    stripped = name.strip()
    if not stripped or len(stripped) > _MAX_NAME:
        raise InvalidInputError(f"a name has 1 to {_MAX_NAME} characters")
    if "/" in stripped or any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in stripped):
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
