"""What platform-mode usage costs: fees, the prorated minimum, the lines of a statement. Integers only.

For a client, a platform integration, a month and a currency the bill is the fees or the minimum, whichever
is more. The fee of a transaction is `model.pricing.percentage_fee_of`, plus the flat fee.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from avnz_int.model import currency
from avnz_int.model.enums import LineKind
from avnz_int.model.spans import Month


@dataclass(frozen=True, slots=True)
class Charges:
    """Settled charges that share a price version: minor units, but for `count`."""

    count: int = 0
    volume: int = 0
    percentage: int = 0
    flat: int = 0

    @property
    def fees(self) -> int:
        """What they cost."""
        return self.percentage + self.flat


@dataclass(frozen=True, slots=True)
class Share:
    """Days of a month in which a price version was in force and the client active."""

    version: str
    monthly_minimum: int
    days: int


@dataclass(frozen=True, slots=True)
class Minimum:
    """What a month costs at least.

    Attributes:
        amount: minor units.
        days: active days that count.
        of: days of the month.
    """

    amount: int = 0
    days: int = 0
    of: int = 0
    shares: Sequence[Share] = ()


def prorated(shares: Sequence[Share], month: Month) -> Minimum:
    """The minimum of the active days: each day is a part of its version's minimum; rounded half up, once."""
    exact, days = sum(share.monthly_minimum * share.days for share in shares), month.days
    amount = (2 * exact + days) // (2 * days)
    return Minimum(amount, sum(share.days for share in shares), days, tuple(shares))


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a statement; a correction of a minimum has no price version."""

    kind: LineKind
    description: str
    month: str
    count: int
    volume: int
    amount: int
    version: str | None


@dataclass(frozen=True, slots=True)
class Billed:
    """What earlier statements say of a month.

    Attributes:
        charges: price version -> what was billed; `percentage` holds all of its fees.
        top_up: of the minimum.
    """

    charges: Mapping[str, Charges]
    top_up: int = 0


def top_up(charges: Mapping[str, Charges], minimum: Minimum) -> int:
    """What is missing to the minimum."""
    return max(0, minimum.amount - sum(part.fees for part in charges.values()))


def month_lines(
    month: Month,
    charges: Mapping[str, Charges],
    minimum: Minimum,
    prices: Mapping[str, tuple[str, int]],
    code: str,
) -> list[Line]:
    """The lines of a month that is billed for the first time.

    Args:
        month: which.
        charges: price version -> its settled charges.
        minimum: of the month.
        prices: price version -> percentage and flat fee, for the descriptions.
        code: the currency.
    """
    lines = []
    for version, part in charges.items():
        percent, flat = prices[version]
        lines.append(
            Line(
                LineKind.PERCENTAGE,
                f"{percent}% of {_transactions(part.count)}, {currency.shown(part.volume, code)}",
                str(month),
                part.count,
                part.volume,
                part.percentage,
                version,
            )
        )
        if flat:
            text = f"{currency.shown(flat, code)} for each of {_transactions(part.count)}"
            lines.append(Line(LineKind.FLAT, text, str(month), part.count, part.volume, part.flat, version))
    missing = top_up(charges, minimum)
    if missing:
        text = (
            f"to the minimum of {currency.shown(minimum.amount, code)} "
            f"({minimum.days} of {minimum.of} days active)"
        )
        lines.append(Line(LineKind.MINIMUM, text, str(month), minimum.days, 0, missing, None))
    return lines


def correction_lines(
    month: Month, charges: Mapping[str, Charges], minimum: Minimum, billed: Billed, code: str
) -> list[Line]:
    """The lines that bring what was billed for a closed month to what it comes to now; none if it is right.

    Late fees first use up what was paid to the minimum, so that in the end the month costs what it would
    have, had all been known when it was closed.
    """
    lines = []
    for version in dict.fromkeys((*charges, *billed.charges)):
        now, before = charges.get(version, Charges()), billed.charges.get(version, Charges())
        count, volume = now.count - before.count, now.volume - before.volume
        if (count, volume, now.fees - before.fees) == (0, 0, 0):
            continue
        if count * volume > 0 or (count and not volume):
            what = "late" if count > 0 else "cancelled"
            text = f"{what}: {_transactions(abs(count))} of {month}, {currency.shown(volume, code)}"
        else:  # Some came late and others were cancelled: a count would be of neither.
            text = f"corrections of {month}, net volume {currency.shown(volume, code)}"
        lines.append(
            Line(LineKind.CORRECTION, text, str(month), count, volume, now.fees - before.fees, version)
        )
    difference = top_up(charges, minimum) - billed.top_up
    if difference:
        what = "paid already" if difference < 0 else "owed again"
        text = f"to the minimum of {month}: {what}"
        lines.append(Line(LineKind.CORRECTION, text, str(month), 0, 0, difference, None))
    return lines


def _transactions(count: int) -> str:
    return "1 transaction" if count == 1 else f"{count:,} transactions"
