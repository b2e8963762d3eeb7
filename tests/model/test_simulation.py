"""A simulated month: exact, like a bill but for rounding; from which number an own account is cheaper."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.errors import InvalidInputError
from avnz_int.model.pricing import Pricing, percentage_fee_of, rate_of
from avnz_int.model.simulation import Month, OwnFees, break_even, own_cost, platform_cost

PERCENT = st.decimals(0, 100, places=4)
PRICES = st.builds(Pricing, PERCENT, st.integers(0, 500), st.integers(0, 10_000))
OWN = st.builds(OwnFees, st.decimals(0, 5, places=4), st.integers(0, 100), st.integers(0, 10_000))
MONTHS = st.builds(Month, st.integers(1, 300), st.integers(0, 10**6))


@given(st.integers(0, 10**40), PERCENT)
def test_percentage(amount: int, percent: Decimal) -> None:
    """A percentage fee is rounded half up, exactly, however large the amount."""
    with localcontext(prec=80):
        exact = Decimal(amount) * percent / 100
        expected = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    fee = percentage_fee_of(amount, rate_of(percent))
    assert (expected, int) == (fee, type(fee))


@given(PRICES, st.integers(0, 10**9), st.integers(1, 200))
def test_like_a_bill(price: Pricing, amount: int, count: int) -> None:
    """For equal amounts it is what the transactions one by one cost, but half a unit for each at most."""
    simulated = platform_cost(price, Month(count, amount * count))
    one_by_one = percentage_fee_of(amount, price.rate) * count
    assert abs(simulated.percentage - one_by_one) * 2 <= count
    assert price.flat_fee * count == simulated.flat
    assert simulated.percentage + simulated.flat + simulated.minimum == simulated.total
    assert price.monthly_minimum <= simulated.total
    assert 0 == simulated.minimum or simulated.total == price.monthly_minimum


@given(PRICES, OWN, MONTHS)
def test_break_even(price: Pricing, own: OwnFees, month: Month) -> None:
    """From the break-even on an own account is cheaper for every number, and one below it is not."""
    average = Fraction(month.volume, month.count)

    def cheaper(number: int) -> bool:
        fees = average * Fraction(price.percentage_fee) / 100 + price.flat_fee
        mine = average * Fraction(own.percentage_fee) / 100 + own.flat_fee
        return mine * number + own.monthly_fee < max(fees * number, price.monthly_minimum)

    found = break_even(price, own, month)
    if found is None:
        # A minimum can make the platform dearer for small numbers only.
        assert not cheaper(10**15)
        return
    assert all(cheaper(found + more) for more in (0, 1, 2, 7, 1000, 10**9))
    assert found == 0 or not cheaper(found - 1)


@given(OWN, MONTHS)
def test_own(own: OwnFees, month: Month) -> None:
    """An own account costs what its gateway asks; no markup, no minimum."""
    cost = own_cost(own, month)
    assert cost.percentage + cost.flat + cost.monthly == cost.total
    assert (own.flat_fee * month.count, own.monthly_fee) == (cost.flat, cost.monthly)
    assert all(type(part) is int for part in (cost.percentage, cost.flat, cost.monthly, cost.total))


def test_known() -> None:
    """A month worked out by hand: 100 payments of $50.00 at 0.5 % and 10 cents, or at home for $30.00."""
    price, own, month = Pricing.of("0.5", 10, 5000, "USD"), OwnFees(monthly_fee=3000), Month(100, 500_000)
    cost = platform_cost(price, month)
    assert (2500, 1000, 1500, 5000) == (cost.percentage, cost.flat, cost.minimum, cost.total)
    assert 3000 == own_cost(own, month).total
    assert 0 == break_even(price, own, month)
    assert 86 == break_even(Pricing.of("0.5", 10, 0, "USD"), own, month)
    assert None is break_even(price, OwnFees(Decimal("0.5"), 10, 0), month)
    assert (5000, 334) == (month.average, Month(3, 1001).average)


@pytest.mark.parametrize("numbers", [(0, 0), (-1, 5), (10**12 + 1, 5), (1, -1), (1, 10**18 + 1)])
def test_months_refused(numbers: tuple[int, int]) -> None:
    """A month has at least one transaction and no negative volume."""
    with pytest.raises(InvalidInputError):
        Month(*numbers)


@pytest.mark.parametrize("fees", [("101", 0, 0), ("0.12345", 0, 0), ("1", -1, 0), ("1", 0, -1)])
def test_own_fees_refused(fees: tuple[str, int, int]) -> None:
    """Fees out of range are refused, and the message names the option."""
    with pytest.raises(InvalidInputError, match="--own-"):
        OwnFees(Decimal(fees[0]), *fees[1:])
