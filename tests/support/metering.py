"""Usage as tests record it, at times of their own: a clock that they set, lines, and what bills should be."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from avnz_int import clock
from avnz_int.model.files import UsageFormat
from avnz_int.model.statements import StatementView
from avnz_int.model.usage import RecordReport
from avnz_int.wiring import Services
from support.scenes import ADMIN, platform, using
from support.services import execute

START = datetime(2028, 1, 1, tzinfo=UTC)
"""When the platform's integration is shared in `metered`; 2028 is a leap year."""
JOINED = datetime(2028, 1, 11, 8, tzinfo=UTC)
"""When acme begins to use it: 21 of January's 31 days are active."""


class Hand:
    """A clock that stands where a test puts it, and goes on a millisecond each time it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = START
        monkeypatch.setattr(clock, "now", self)

    def __call__(self) -> datetime:
        """The time, a millisecond after the last."""
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def set(self, *day: int) -> None:
        """Put it to a time in UTC: year, month, day, hour and so on."""
        self.moment = datetime(*day, tzinfo=UTC)  # type: ignore[misc,arg-type]  # as given


def metered(services: Services, hand: Hand) -> str:
    """The id of acme's integration that uses the platform's from `JOINED` on, at `PRICE`."""
    hand.moment = START
    platform(services, share=True)
    hand.moment = JOINED
    return using(services).id


def line(transaction: str, amount: int = 10_000, day: str = "2028-01-15", **more: Any) -> dict[str, Any]:
    """An approved charge of acme's at noon; `more` are fields in its place."""
    given = {
        "transactionId": transaction,
        "client": "acme",
        "amount": amount,
        "currency": "USD",
        "occurredAt": f"{day}T12:00:00Z",
        "status": "approved",
        **more,
    }
    return {name: value for name, value in given.items() if value is not None}


def void(of: str, day: str = "2028-01-16", transaction: str | None = None, **more: Any) -> dict[str, Any]:
    """A void of a charge."""
    return line(transaction or f"void-{of}", 0, day, type="void", refundOf=of, **more)


def refund(of: str, amount: int, day: str = "2028-01-16", **more: Any) -> dict[str, Any]:
    """A refund of a charge."""
    return line(f"refund-{of}", amount, day, type="refund", refundOf=of, **more)


def as_file(lines: Iterable[Mapping[str, Any]]) -> bytes:
    """JSON Lines."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


def record(services: Services, *lines: Mapping[str, Any]) -> RecordReport:
    """What came of lines."""
    return services.usage.record(ADMIN, io.BytesIO(as_file(lines)), UsageFormat.JSONL)


def counts(report: RecordReport) -> tuple[int, int, int, int]:
    """Recorded, duplicates, conflicts, rejected."""
    return report.recorded, report.duplicates, report.conflicts, report.rejected


def close(services: Services, hand: Hand, month: str) -> list[StatementView]:
    """The statements of a month that is closed on the 1st of the next, or when the clock stands later."""
    end = datetime(*map(int, month.split("-")), 28, tzinfo=UTC) + timedelta(days=4)  # type: ignore[misc,arg-type]
    hand.moment = max(hand.moment, end.replace(day=1))
    return list(services.billing.close(ADMIN, month).statements)


def amounts(view: StatementView) -> list[tuple[str, str, int]]:
    """Kind, month and amount of each line; they add up to the statement's total."""
    assert view.total == sum(one.amount for one in view.lines)
    return [(one.kind, one.month, one.amount) for one in view.lines]


def active_once(url: str) -> None:
    """Make January 2020 the first month that can be closed: a client was active then, at no price."""
    execute(
        url,
        'INSERT INTO "ActivationPeriod" ("id", "clientId", "clientIntegrationId", "platformIntegrationId", '
        '"startedAt", "endedAt") SELECT :id, "id", :id, :id, :start, :end FROM "Client" WHERE "slug" = :slug',
        slug="acme",
        id=clock.new_id(),
        start="2020-01-06T00:00:00.000Z",
        end="2020-01-07T00:00:00.000Z",
    )
