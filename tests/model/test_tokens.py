"""The written form of access tokens: recognisable, checked, and not to be guessed."""

from __future__ import annotations

import re
import zlib

from hypothesis import given
from hypothesis import strategies as st

from avnz_int.model import tokens
from avnz_int.model.tokens import NewTokenView, hashed, is_whole, new_text, shown_prefix

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def test_form() -> None:
    """A token has the prefix, 32 random characters, and their CRC-32 in base 62; no two are alike."""
    made = [new_text() for _ in range(2000)]
    for text in made:
        assert re.fullmatch(r"avnzint_[0-9A-Za-z]{38}", text)
        drawn, check = text[8:40], text[40:]
        number = sum(BASE62.index(digit) * 62**place for place, digit in enumerate(reversed(check)))
        assert zlib.crc32(drawn.encode()) == number
        assert is_whole(text)

    assert len(made) == len({text[8:40] for text in made})
    # Evenly drawn: 64,000 characters, each of the 62 about 1032 times; 7 standard deviations either way.
    counts = [sum(text[8:40].count(digit) for text in made) for digit in BASE62]
    assert 800 < min(counts) <= max(counts) < 1260


@given(st.integers(0, 45), st.characters())
def test_typo(place: int, other: str) -> None:
    """One character that is another one makes it no token."""
    text = new_text()
    wrong = text[:place] + other + text[place + 1 :]

    assert (wrong == text) == is_whole(wrong)


@given(st.integers(0, 45))
def test_cut(length: int) -> None:
    """A part of a token is none."""
    assert not is_whole(new_text()[:length])


def test_kept() -> None:
    """What is shown tells 4 of 32 random characters, what is kept is a SHA-256, a view hides the text."""
    text = new_text()
    view = NewTokenView("id", "n", "auditor", None, shown_prefix(text), None, None, "me", text)  # type: ignore[arg-type]

    assert text[:12] == shown_prefix(text)
    assert re.fullmatch("[0-9a-f]{64}", hashed(text))
    assert text not in repr(view)
    assert tokens.PREFIX == "avnzint_"
