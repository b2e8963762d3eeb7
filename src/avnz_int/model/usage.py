"""Metered usage: what a line of it says, and what services tell about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Whose = tuple[str | None, str | None, str | None]
"""Merchant account, client and integration as a line names them."""


class Entry(NamedTuple):
    """A line of usage, its form checked.

    Attributes:
        number: of the line, from 1.
        occurred: RFC 3339 in UTC with milliseconds.
        refund_of: for a refund or a void the charge it is of, else None.
    """

    number: int
    whose: Whose
    type: str
    transaction_id: str
    amount: int
    currency: str
    occurred: str
    status: str
    refund_of: str | None


class LineRefusedError(Exception):
    """A line that is no usage; the others are taken.

    Attributes:
        code: stable, for scripts.
        message: for people; holds nothing of the line but what identifies it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class LineError:
    """Why a line was not taken."""

    line: int
    code: str
    message: str


@dataclass(slots=True)
class RecordReport:
    """What became of a file of usage; `errors` has the first thousand of `conflicts` and `rejected`."""

    recorded: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0
    errors: list[LineError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class UsageView:
    """The usage of a client integration in a month and a currency; volumes and fees in minor units.

    Attributes:
        approved: charges, those that were voided later too.
        voided: approved charges that were voided.
        transactions: approved and not voided: what costs fees.
        volume: of `transactions`.
        refunded: volume of `refunds`.
        fees: None in own mode.
    """

    client: str
    client_id: str
    client_integration_id: str
    name: str | None
    platform_integration_id: str | None
    month: str
    currency: str
    transactions: int
    approved: int
    declined: int
    voided: int
    refunds: int
    volume: int
    refunded: int
    fees: int | None


@dataclass(frozen=True, slots=True)
class CurrencyUsage:
    """The usage of an integration in one currency, and what it comes to.

    The bill is of a client and a platform integration: `fees`, `minimum` and `estimate` count every
    integration by which the client uses it. They are None in own mode.

    Attributes:
        minimum_so_far: prorated over the active days until now.
        minimum: prorated over the month, those who are active staying so.
        estimate: while the month is open that of the bill, corrections of closed months included; of a closed
            month fees, or the minimum where that is more.
    """

    currency: str
    transactions: int
    approved: int
    declined: int
    voided: int
    refunds: int
    volume: int
    refunded: int
    fees: int | None
    minimum_so_far: int | None
    minimum: int | None
    estimate: int | None


@dataclass(frozen=True, slots=True)
class IntegrationUsage:
    """The usage stats of an integration in a month, with a billing estimate."""

    id: str
    client_id: str
    client: str
    provider: str
    name: str
    mode: str
    platform_integration_id: str | None
    month: str
    closed: bool
    transactions: int
    currencies: Sequence[CurrencyUsage]
