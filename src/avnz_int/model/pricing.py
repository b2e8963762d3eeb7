"""What a client pays for using the organization's integration (specification, "Client Options")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from avnz_int.errors import InvalidInputError
from avnz_int.model import currency

_MAX_MINOR = 10**12
_PERCENT_DIGITS = 4
_TYPED = re.compile(r"[0-9]+(\.[0-9]+)?")
_WHOLE = 1_000_000
"""All of an amount, as `Pricing.rate` counts."""


def checked_percentage(value: Decimal, option: str = "--percentage-fee") -> Decimal:
    """A percentage of at most four decimals.

    Raises:
        InvalidInputError: out of range, or too fine; the message names the option.
    """
    exponent = value.as_tuple().exponent
    if not value.is_finite() or not 0 <= value <= 100:
        raise InvalidInputError(f"{option} must be from 0 to 100 (per cent)")
    if isinstance(exponent, int) and exponent < -_PERCENT_DIGITS:
        raise InvalidInputError(f"{option} has more than {_PERCENT_DIGITS} decimals")
    # "-0" is a number too, and nobody wants to read it.
    return value or Decimal(0)


def checked_fee(value: int, option: str) -> int:
    """An amount of minor units.

    Raises:
        InvalidInputError: out of range; the message names the option.
    """
    if not 0 <= value <= _MAX_MINOR:
        raise InvalidInputError(f"{option} must be a whole number of minor units, 0 to {_MAX_MINOR}")
    return value


def percentage_of_text(text: str, option: str = "--percentage-fee") -> Decimal:
    """A percentage from what a person typed.

    Raises:
        InvalidInputError: no number, out of range, or too fine.
    """
    # Decimal reads more than people mean to write: 1_0, 1e-2, the digits of every script.
    if not _TYPED.fullmatch(text):
        message = f"{option} {text!r} is not a number from 0 to 100"
        raise InvalidInputError(message, hint="0.5 means half a per cent")
    return checked_percentage(Decimal(text), option)


def rate_of(percentage: Decimal) -> int:
    """A checked percentage in ten-thousandths of a per cent: a whole number, so that sums stay exact."""
    return int(percentage.scaleb(_PERCENT_DIGITS))


def percentage_fee_of(amount: int, rate: int) -> int:
    """The part of an amount, not negative, that a rate (`rate_of`) takes; half a minor unit rounded up."""
    # Integers, because a Decimal rounds what has more than 28 digits.
    return (2 * amount * rate + _WHOLE) // (2 * _WHOLE)


@dataclass(frozen=True, slots=True)
class Pricing:
    """A price for each transaction, with a minimum for each month.

    Attributes:
        percentage_fee: per cent of the amount, 0 to 100, at most four decimals.
        flat_fee: minor units for each transaction.
        monthly_minimum: minor units for each month.
        currency: ISO 4217.
    """

    percentage_fee: Decimal
    flat_fee: int
    monthly_minimum: int
    currency: str = "USD"

    def __post_init__(self) -> None:
        object.__setattr__(self, "percentage_fee", checked_percentage(self.percentage_fee))
        checked_fee(self.flat_fee, "--flat-fee")
        checked_fee(self.monthly_minimum, "--monthly-minimum")
        currency.checked(self.currency)

    @classmethod
    def of(cls, percentage_fee: str, flat_fee: int, monthly_minimum: int, code: str) -> Self:
        """A price from what a person typed.

        Raises:
            InvalidInputError: a number out of its range, or no such currency.
        """
        percent = percentage_of_text(percentage_fee)
        return cls(percent, flat_fee, monthly_minimum, currency.checked(code))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The price kept in `clientPricing`, or in a row of PriceVersion, which has the same names."""
        return cls(
            Decimal(str(value["percentageFee"])),
            int(value["flatFee"]),
            int(value["monthlyMinimum"]),
            str(value.get("currency", "USD")),
        )

    def as_json(self) -> dict[str, Any]:
        """The specification's `clientPricing`; four decimals survive JSON's numbers exactly."""
        percent = self.percentage_fee
        return {
            "type": "per_transaction",
            "percentageFee": int(percent) if percent == int(percent) else float(percent),
            "flatFee": self.flat_fee,
            "monthlyMinimum": self.monthly_minimum,
            "currency": self.currency,
        }

    @property
    def rate(self) -> int:
        """The percentage fee in ten-thousandths of a per cent."""
        return rate_of(self.percentage_fee)

    @property
    def percentage_text(self) -> str:
        """The percentage fee as it is stored: no exponent, no idle zeros."""
        return format(self.percentage_fee.normalize(), "f")

    def shown(self) -> str:
        """`0.5% + $0.10/txn, $50.00 a month at least`."""
        text = f"{self.percentage_text}% + {currency.shown(self.flat_fee, self.currency)}/txn"
        if self.monthly_minimum:
            text += f", {currency.shown(self.monthly_minimum, self.currency)} a month at least"
        return text
