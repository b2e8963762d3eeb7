"""Durations as people write them: `90s`, `15m`, `24h`, `7d`."""

from __future__ import annotations

from avnz_int.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_CENTURY_S = 100 * 365 * 86400.0


def seconds(option: str, text: str) -> float:
    """The seconds of a duration, a century at most: nothing here is that old, and the calendar ends.

    Raises:
        UsageError: it is none; the message names the option.
    """
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isascii() or not number.isdigit():
        raise UsageError(f"{option} {text!r} is no duration", hint="write 90s, 15m, 24h or 7d")
    return min(float(number) * _UNITS[unit], _CENTURY_S)
