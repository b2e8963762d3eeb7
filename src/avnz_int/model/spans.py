"""Months and weeks of the calendar, in UTC: what usage is billed and paid out by."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self

from avnz_int.errors import InvalidInputError

_MONTH = re.compile(r"(2[0-9]{3})-(0[1-9]|1[0-2])")
_WEEK = re.compile(r"(2[0-9]{3})-W([0-9]{2})")
_DAY = re.compile(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}")
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of the calendar; `str()` gives `2026-11`."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The month written as `2026-11`.

        Raises:
            InvalidInputError: it is none, or not of this millennium.
        """
        found = _MONTH.fullmatch(text)
        if found is None:
            raise InvalidInputError(f"{text!r} is no month", hint="write it as 2026-11")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """The month that a moment is in."""
        utc = moment.astimezone(UTC)
        return cls(utc.year, utc.month)

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return self.next.start

    @property
    def next(self) -> Self:
        """The month after it."""
        return type(self)(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.end - self.start).days

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


@dataclass(frozen=True, slots=True, order=True)
class Week:
    """An ISO week, Monday to Sunday; `str()` gives `2026-W47`."""

    monday: date

    @classmethod
    def parse(cls, text: str) -> Self:
        """The week written as `2026-W47`.

        Raises:
            InvalidInputError: it is none, or not of this millennium.
        """
        found = _WEEK.fullmatch(text)
        if found is not None:
            with contextlib.suppress(ValueError):
                return cls(date.fromisocalendar(int(found[1]), int(found[2]), 1))
        raise InvalidInputError(f"{text!r} is no week", hint="write it as 2026-W47 (ISO 8601)")

    @classmethod
    def of(cls, day: date) -> Self:
        """The week that a day is in."""
        return cls(day - _ONE_DAY * day.weekday())

    @property
    def start(self) -> datetime:
        """Its first moment, Monday 00:00 UTC."""
        return datetime(self.monday.year, self.monday.month, self.monday.day, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return self.start + 7 * _ONE_DAY

    @property
    def next(self) -> Self:
        """The week after it."""
        return type(self)(self.monday + 7 * _ONE_DAY)

    def __str__(self) -> str:
        year, week, _ = self.monday.isocalendar()
        return f"{year:04d}-W{week:02d}"


def day_of(text: str) -> date:
    """The day written as `2026-11-22`.

    Raises:
        InvalidInputError: it is none.
    """
    if _DAY.fullmatch(text):
        with contextlib.suppress(ValueError):
            return date.fromisoformat(text)
    raise InvalidInputError(f"{text!r} is no day", hint="write it as 2026-11-22")


def touched_days(start: datetime, end: datetime, month: Month) -> set[int]:
    """The days of a month (1 to 31, UTC) in which some of the time from `start` to before `end` lies."""
    first, beyond = max(start, month.start), min(end, month.end)
    if first >= beyond:
        return set()
    last = beyond - timedelta(microseconds=1)
    return set(range(first.astimezone(UTC).day, last.astimezone(UTC).day + 1))
