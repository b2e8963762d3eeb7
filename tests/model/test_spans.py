"""Months and weeks in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.errors import InvalidInputError
from avnz_int.model.spans import Month, Week, day_of, touched_days

EARLY, LATE = datetime(2000, 1, 3), datetime(2100, 1, 1)  # noqa: DTZ001  # the zone is drawn
MOMENTS = st.datetimes(EARLY, LATE, timezones=st.just(UTC))


@pytest.mark.parametrize(
    "text",
    [
        "2026-13",
        "2026-00",
        "2026-1",
        "1999-12",
        "3000-01",
        "",
        "2026-11-01",
        "\uff12\uff10\uff12\uff16-11",
        "x",
    ],
)
def test_no_month(text: str) -> None:
    """What is no month is refused, with the form to write."""
    with pytest.raises(InvalidInputError) as caught:
        Month.parse(text)
    assert "2026-11" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "text",
    [
        "2026-W54",
        "2026-W00",
        "2021-W53",
        "2026-47",
        "1999-W01",
        "9999-W52",
        "",
        "\uff12\uff10\uff12\uff16-W11",
    ],
)
def test_no_week(text: str) -> None:
    """What is no ISO week is refused: 2021 has none numbered 53."""
    with pytest.raises(InvalidInputError):
        Week.parse(text)


@pytest.mark.parametrize(
    "text", ["2026-02-29", "20261122", "9999-12-31", "2026-W47-1", "", "2026-11-22T00:00:00Z"]
)
def test_no_day(text: str) -> None:
    """What is no day of the calendar is refused."""
    with pytest.raises(InvalidInputError):
        day_of(text)


@given(moment=MOMENTS)
def test_month_holds_its_moments(moment: datetime) -> None:
    """A moment lies in its month, which is written and read alike and ends where the next begins."""
    month = Month.of(moment)
    assert month.start <= moment < month.end == month.next.start
    assert month == Month.parse(str(month))
    assert 28 <= month.days <= 31


@given(moment=MOMENTS)
def test_week_holds_its_moments(moment: datetime) -> None:
    """A moment lies in its ISO week, Monday to Sunday, as the calendar numbers it."""
    week = Week.of(moment.date())
    assert week.start <= moment < week.end == week.next.start
    assert week == Week.parse(str(week))
    assert (0, f"{moment:%G-W%V}") == (week.start.weekday(), str(week))


def test_utc_decides() -> None:
    """A moment is in the month that UTC says, whatever offset it is written with."""
    east = datetime(2026, 12, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert "2026-11" == str(Month.of(east))


def test_leap_days() -> None:
    """February has 29 days in a leap year."""
    assert [29, 28, 29] == [Month(year, 2).days for year in (2028, 2027, 2000)]


@given(start=MOMENTS, hours=st.integers(0, 2000))
def test_touched_days(start: datetime, hours: int) -> None:
    """A day counts if any hour of the time lies in it, and no day of another month does."""
    end, month = start + timedelta(hours=hours), Month.of(start)
    expected = set()
    for day in range(1, month.days + 1):
        begins = month.start + timedelta(days=day - 1)
        if start < begins + timedelta(days=1) and begins < end and start < end:
            expected.add(day)
    assert expected == touched_days(start, end, month)
