"""What a client pays for using the organization's integration (specification, "Client Options")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Self

from avnz_int.errors import InvalidInputError
from avnz_int.model import currency

_MAX_MINOR = 10**12
_PERCENT_DIGITS = 4


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
        # "-0" is a number too, and nobody wants to read it.
        object.__setattr__(self, "percentage_fee", self.percentage_fee or Decimal(0))
        exponent = self.percentage_fee.as_tuple().exponent
        if not self.percentage_fee.is_finite() or not 0 <= self.percentage_fee <= 100:
            raise InvalidInputError("--percentage-fee must be from 0 to 100 (per cent)")
        if isinstance(exponent, int) and exponent < -_PERCENT_DIGITS:
            raise InvalidInputError(f"--percentage-fee has more than {_PERCENT_DIGITS} decimals")
        for name, value in (("--flat-fee", self.flat_fee), ("--monthly-minimum", self.monthly_minimum)):
            if not 0 <= value <= _MAX_MINOR:
                raise InvalidInputError(f"{name} must be a whole number of minor units, 0 to {_MAX_MINOR}")
        currency.checked(self.currency)

    @classmethod
    def of(cls, percentage_fee: str, flat_fee: int, monthly_minimum: int, code: str) -> Self:
        """A price from what a person typed.

        Raises:
            InvalidInputError: a number out of its range, or no such currency.
        """
        try:
            percent = Decimal(percentage_fee)
        except InvalidOperation:
            raise InvalidInputError(
                f"--percentage-fee {percentage_fee!r} is not a number", hint="0.5 means half a per cent"
            ) from None
        return cls(percent, flat_fee, monthly_minimum, currency.checked(code))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The price kept in `clientPricing`."""
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

    def percentage_of(self, amount: int) -> int:
        """The percentage fee of a transaction: minor units, half a unit rounded up.

        Args:
            amount: of the transaction, minor units, not negative.
        """
        exact = Decimal(amount) * self.percentage_fee / 100
        return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))

    def shown(self) -> str:
        """`0.5% + $0.10/txn, $50.00 a month at least`."""
        percent = format(self.percentage_fee.normalize(), "f")
        text = f"{percent}% + {currency.shown(self.flat_fee, self.currency)}/txn"
        if self.monthly_minimum:
            text += f", {currency.shown(self.monthly_minimum, self.currency)} a month at least"
        return text
