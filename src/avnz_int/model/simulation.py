"""What a month of transactions costs with the platform's gateway, and with one's own.

Whole numbers and fractions of them: nothing is rounded before the end. A bill rounds the percentage fee of
every transaction, a simulation that of the volume once: half a minor unit a transaction apart at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from avnz_int.errors import InvalidInputError
from avnz_int.model.pricing import (
    Pricing,
    checked_fee,
    checked_percentage,
    percentage_fee_of,
    rate_of,
)
from avnz_int.model.sharing import OwnCost, PlatformCost

_MAX_COUNT = 10**12
_MAX_VOLUME = 10**18
_WHOLE = 10**6


@dataclass(frozen=True, slots=True)
class OwnFees:
    """What a client's own gateway asks: per cent of the amount, for each transaction, for each month."""

    percentage_fee: Decimal = Decimal(0)
    flat_fee: int = 0
    monthly_fee: int = 0

    def __post_init__(self) -> None:
        percent = checked_percentage(self.percentage_fee, "--own-percentage-fee")
        object.__setattr__(self, "percentage_fee", percent)
        checked_fee(self.flat_fee, "--own-flat-fee")
        checked_fee(self.monthly_fee, "--own-monthly-fee")


@dataclass(frozen=True, slots=True)
class Month:
    """The transactions of a month: how many, and their sum in minor units."""

    count: int
    volume: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= _MAX_COUNT:
            raise InvalidInputError(f"--count must be a whole number from 1 to {_MAX_COUNT}")
        if not 0 <= self.volume <= _MAX_VOLUME:
            raise InvalidInputError(f"--volume must be a whole number of minor units, 0 to {_MAX_VOLUME}")

    @property
    def average(self) -> int:
        """The average amount in minor units, half a unit rounded up."""
        return (2 * self.volume + self.count) // (2 * self.count)


def platform_cost(pricing: Pricing, month: Month) -> PlatformCost:
    """The month at the platform's price."""
    percentage = percentage_fee_of(month.volume, pricing.rate)
    flat = pricing.flat_fee * month.count
    missing = max(0, pricing.monthly_minimum - percentage - flat)
    return PlatformCost(percentage, flat, missing, percentage + flat + missing)


def own_cost(fees: OwnFees, month: Month) -> OwnCost:
    """The month with an account of one's own."""
    percentage = percentage_fee_of(month.volume, rate_of(fees.percentage_fee))
    flat = fees.flat_fee * month.count
    return OwnCost(percentage, flat, fees.monthly_fee, percentage + flat + fees.monthly_fee)


def break_even(pricing: Pricing, fees: OwnFees, month: Month) -> int | None:
    """From how many transactions a month on, each of the month's average amount, one's own is cheaper."""
    average = Fraction(month.volume, month.count)
    platform = average * pricing.rate / _WHOLE + pricing.flat_fee
    own = average * rate_of(fees.percentage_fee) / _WHOLE + fees.flat_fee
    if platform <= own:
        # Whatever the minimum does to small numbers, the platform is never the dearer one for large ones.
        return None
    crossing = int(fees.monthly_fee // (platform - own)) + 1
    before = crossing - 1
    # Below the crossing only the monthly minimum can make the platform dearer: if it does so just below, it
    # does so all the way down to nothing.
    under_minimum = own * before + fees.monthly_fee < pricing.monthly_minimum
    return 0 if under_minimum else crossing
