"""Time and ids: the two things that every row needs."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from functools import lru_cache

_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_ALPHABET = _LETTERS + b"0123456789"
_ID_TAIL = 23


def _table(alphabet: bytes) -> tuple[bytes, bytes]:
    """What makes characters of random bytes, and the bytes to leave out so that all are equally likely."""
    fair = 256 // len(alphabet) * len(alphabet)
    return bytes(alphabet[byte % len(alphabet)] for byte in range(256)), bytes(range(fair, 256))


_FIRST, _FIRST_OUT = _table(_LETTERS)
_REST, _REST_OUT = _table(_ALPHABET)
_AHEAD = 64
_ids: list[str] = []
"""Drawn and not yet given."""
os.register_at_fork(after_in_child=_ids.clear)


def now() -> datetime:
    """The present in UTC, cut to milliseconds: what every column keeps (timestamptz(3))."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


# What is written together has the same moments: most times of a row, and of its neighbours, are read before.
@lru_cache(maxsize=512)
def rfc3339(moment: datetime) -> str:
    """`2026-11-22T13:14:15.678Z`: always UTC, always three digits."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


@lru_cache(maxsize=512)
def parse_rfc3339(text: str) -> datetime:
    """The moment written as RFC 3339; an offset is needed.

    Raises:
        ValueError: no such time, or one without an offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("time without an offset")
    try:
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("time beyond the calendar") from None


def new_id() -> str:
    """A random id in cuid2's shape: a letter, then 23 of a-z and 0-9 (about 123 bits)."""
    while True:
        try:
            return _ids.pop()
        except IndexError:
            _ids.extend(_drawn())


def _drawn() -> list[str]:
    # Many at once, 0.2 us each: a draw is a call of the system, and lets other threads in.
    letters = os.urandom(_AHEAD * 2).translate(_FIRST, _FIRST_OUT).decode("ascii")
    tails = os.urandom(_AHEAD * _ID_TAIL * 2).translate(_REST, _REST_OUT).decode("ascii")
    starts = range(0, len(tails) - _ID_TAIL + 1, _ID_TAIL)
    return [letter + tails[start : start + _ID_TAIL] for letter, start in zip(letters, starts, strict=False)]


def elapsed_ms(since: float) -> int:
    """Whole milliseconds since a `time.perf_counter()`."""
    return round((time.perf_counter() - since) * 1000)
