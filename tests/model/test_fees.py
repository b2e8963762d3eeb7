"""The money of a month: what its lines add up to, whatever it is corrected by."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from avnz_int.model.enums import LineKind
from avnz_int.model.fees import (
    Billed,
    Charges,
    Line,
    Minimum,
    Share,
    correction_lines,
    month_lines,
    prorated,
    top_up,
)
from avnz_int.model.spans import Month

NOVEMBER = Month(2026, 11)
PRICES = {"v1": ("0.5", 10), "v2": ("1", 0)}
AMOUNTS = st.integers(0, 10**12)
CHARGES = st.dictionaries(
    st.sampled_from(sorted(PRICES)),
    st.builds(Charges, st.integers(1, 1000), AMOUNTS, AMOUNTS, AMOUNTS).map(
        lambda part: Charges(part.count, part.volume, part.percentage, part.flat)
    ),
)
MINIMA = AMOUNTS.map(lambda amount: Minimum(amount, 30, 30))


def made_of(charges: dict[str, Charges]) -> dict[str, Charges]:
    """Flat fees only where the price has one."""
    return {
        version: Charges(part.count, part.volume, part.percentage, part.flat if PRICES[version][1] else 0)
        for version, part in charges.items()
    }


def billed(lines: list[Line]) -> Billed:
    """What lines say of their month, as it is read back."""
    found: dict[str, Charges] = {}
    for one in lines:
        if one.version is not None:
            before = found.get(one.version, Charges())
            once = one.kind is not LineKind.FLAT
            found[one.version] = Charges(
                before.count + one.count * once,
                before.volume + one.volume * once,
                before.percentage + one.amount,
            )
    return Billed(found, sum(one.amount for one in lines if one.version is None))


@given(charges=CHARGES.map(made_of), minimum=MINIMA)
def test_bill(charges: dict[str, Charges], minimum: Minimum) -> None:
    """The lines of a month add up to its fees, or to the minimum where that is more."""
    lines = month_lines(NOVEMBER, charges, minimum, PRICES, "USD")
    fees = sum(part.fees for part in charges.values())
    assert max(fees, minimum.amount) == sum(one.amount for one in lines)
    assert {"2026-11"} >= {one.month for one in lines}


@given(states=st.lists(CHARGES.map(made_of), min_size=1, max_size=5), minimum=MINIMA)
def test_corrections(states: list[dict[str, Charges]], minimum: Minimum) -> None:
    """However often a closed month changes, all its lines add up to what it would have cost at once."""
    lines = month_lines(NOVEMBER, states[0], minimum, PRICES, "USD")
    for state in states[1:]:
        lines += correction_lines(NOVEMBER, state, minimum, billed(lines), "USD")
    last = states[-1]
    fees = sum(part.fees for part in last.values())
    assert max(fees, minimum.amount) == sum(one.amount for one in lines)
    counted = billed(lines).charges
    for version in PRICES:
        part, found = last.get(version, Charges()), counted.get(version, Charges())
        assert (part.count, part.volume) == (found.count, found.volume)
    assert [] == correction_lines(NOVEMBER, last, minimum, billed(lines), "USD")


def test_late_fees_use_up_the_minimum() -> None:
    """What was paid to the minimum is given back by late fees, so that the month costs the same."""
    minimum = Minimum(5000, 30, 30)
    lines = month_lines(NOVEMBER, {"v2": Charges(1, 100_000, 1000)}, minimum, PRICES, "USD")
    assert [1000, 4000] == [one.amount for one in lines]
    late = correction_lines(NOVEMBER, {"v2": Charges(3, 300_000, 3000)}, minimum, billed(lines), "USD")
    assert [(2, 200_000, 2000), (0, 0, -2000)] == [(one.count, one.volume, one.amount) for one in late]


@given(part=st.builds(Charges, st.integers(1, 9), AMOUNTS, AMOUNTS), more=AMOUNTS, minimum=MINIMA)
def test_monotone(part: Charges, more: int, minimum: Minimum) -> None:
    """More fees never make a month cheaper."""
    grown = Charges(part.count + 1, part.volume, part.percentage + more)
    before, after = ({"v2": one} for one in (part, grown))
    assert part.fees + top_up(before, minimum) <= grown.fees + top_up(after, minimum)


@given(
    year=st.integers(2000, 2100),
    month=st.integers(1, 12),
    days=st.integers(0, 31),
    low=AMOUNTS,
    high=AMOUNTS,
)
def test_prorated(year: int, month: int, days: int, low: int, high: int) -> None:
    """A minimum is the sum of its days' parts, exact but for one rounding; a whole month costs all of it."""
    when = Month(year, month)
    first = min(days, when.days)
    shares = [Share("v1", low, first), Share("v2", high, when.days - first)]
    found = prorated(shares, when)
    assert abs(2 * (found.amount * when.days - low * first - high * (when.days - first))) <= when.days
    assert low == prorated([Share("v1", low, when.days)], when).amount
    assert when.days == found.days == found.of


def test_half_up() -> None:
    """Half a minor unit is rounded up: 15 of 30 days of 1 minor unit is 1, in Yen as in cents."""
    assert [1, 0] == [prorated([Share("v", 1, days)], NOVEMBER).amount for days in (15, 14)]


def test_words() -> None:
    """A line says what it counts, in the currency's own digits: none for the Yen, three for the Dinar."""
    charges = {"v1": Charges(1200, 500_000, 2500, 12_000)}
    for code, volume, flat in (("JPY", "¥500,000", "¥10"), ("KWD", "500.000 KWD", "0.010 KWD")):
        lines = month_lines(NOVEMBER, charges, Minimum(20_000, 12, 30), PRICES, code)
        assert [
            f"0.5% of 1,200 transactions, {volume}",
            f"{flat} for each of 1,200 transactions",
        ] == [one.description for one in lines[:2]]
        assert lines[2].description.endswith("(12 of 30 days active)")


def test_words_of_corrections() -> None:
    """A correction tells a count only where it fits the volume: late and cancelled charges may net out."""
    before = {"v2": Charges(2, 20_000, 500)}
    for now, text in (
        (Charges(3, 30_000, 600), "late: 1 transaction of 2026-11, $100.00"),
        (Charges(3, 20_000, 510), "late: 1 transaction of 2026-11, $0.00"),
        (Charges(1, 10_000, 250), "cancelled: 1 transaction of 2026-11, -$100.00"),
        (Charges(2, 9_999, 250), "corrections of 2026-11, net volume -$100.01"),
        (Charges(2, 20_000, 501), "corrections of 2026-11, net volume $0.00"),
        (Charges(3, 9_999, 250), "corrections of 2026-11, net volume -$100.01"),
        (Charges(1, 30_001, 750), "corrections of 2026-11, net volume $100.01"),
    ):
        (found,) = correction_lines(NOVEMBER, {"v2": now}, Minimum(), Billed(before), "USD")
        change = (now.count - 2, now.volume - 20_000, now.percentage - 500)
        assert (text, *change) == (found.description, found.count, found.volume, found.amount)
