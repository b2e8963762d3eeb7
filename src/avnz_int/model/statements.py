"""Statements and payouts as services give them back; every amount in minor units of its currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from avnz_int.model.fees import Line


@dataclass(frozen=True, slots=True)
class LineView:
    """A line of a statement; `month` is the one that its usage was in."""

    number: int
    kind: str
    description: str
    month: str
    count: int
    volume: int
    amount: int
    price_version_id: str | None

    @classmethod
    def of(cls, number: int, line: Line) -> LineView:
        """A line as it was just computed."""
        return cls(
            number,
            line.kind.value,
            line.description,
            line.month,
            line.count,
            line.volume,
            line.amount,
            line.version,
        )


@dataclass(frozen=True, slots=True)
class StatementView:
    """What a client owes for a platform integration, a month and a currency; an estimate has no `id`.

    Attributes:
        fee_settings: `versions`, the prices of its lines, and `minimum`, how that came about.
    """

    id: str | None
    client: str
    client_id: str
    platform_integration_id: str
    provider: str
    name: str
    month: str
    currency: str
    total: int
    lines: Sequence[LineView]
    fee_settings: Mapping[str, Any]
    closed_at: datetime | None
    closed_by: str | None


@dataclass(frozen=True, slots=True)
class Total:
    """What the statements of a month come to in one currency."""

    currency: str
    statements: int
    total: int


@dataclass(frozen=True, slots=True)
class ClosedMonth:
    """A month that is closed; `already` tells that it was before."""

    month: str
    closed_at: datetime
    closed_by: str
    already: bool
    totals: Sequence[Total]
    statements: Sequence[StatementView]


@dataclass(frozen=True, slots=True)
class PayoutView:
    """The settled volume of a client in an ISO week and a currency, in platform mode.

    Each counts in the week in which it took place: a void next week lowers next week's volume.

    Attributes:
        transactions: approved charges.
        volume: charges less refunds and voids.
        fees: of the charges, less those of the voided ones; the monthly minimum is the statement's matter.
        net: volume less fees.
        unmatched: refunds and voids that name no approved charge that is recorded in their currency; such a
            void changes nothing.
        over_refunded: refunds of charges that were refunded for more than they were; of a refund and a void
            of one charge, the later.
    """

    client: str
    client_id: str
    week: str
    start: datetime
    end: datetime
    currency: str
    transactions: int
    charges: int
    refunds: int
    voids: int
    volume: int
    fees: int
    net: int
    unmatched: int
    over_refunded: int
