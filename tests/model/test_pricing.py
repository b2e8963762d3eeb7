"""Prices and amounts: checked, exact, shown as people write them."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.errors import InvalidInputError
from avnz_int.model import currency
from avnz_int.model.pricing import Pricing

CODES = st.sampled_from(sorted(currency.MINOR_DIGITS))
PRICES = st.builds(
    Pricing,
    st.decimals(0, 100, places=4),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    CODES,
)


@given(PRICES)
def test_round_trip(price: Pricing) -> None:
    """A price comes back from JSON as it was, to the last digit."""
    assert price == Pricing.from_json(json.loads(json.dumps(price.as_json())))


@given(PRICES)
def test_shown(price: Pricing) -> None:
    """A shown price has the percentage without idle zeros and every minimum that there is."""
    text = price.shown()
    percent = text.partition("%")[0]
    assert Decimal(percent) == price.percentage_fee
    assert not (percent.endswith("0") and "." in percent)
    assert "E" not in percent
    assert ("a month at least" in text) == (price.monthly_minimum > 0)


def test_specification_keys() -> None:
    """The JSON is the specification's clientPricing with its currency."""
    expected = {
        "type": "per_transaction",
        "percentageFee": 0.5,
        "flatFee": 10,
        "monthlyMinimum": 5000,
        "currency": "USD",
    }
    price = Pricing.of("0.5", 10, 5000, "usd")
    assert expected == price.as_json()
    assert "0.5% + $0.10/txn, $50.00 a month at least" == price.shown()


@pytest.mark.parametrize(
    ("percent", "flat", "minimum", "code"),
    [
        ("-0.1", 0, 0, "USD"),
        ("100.0001", 0, 0, "USD"),
        ("0.12345", 0, 0, "USD"),
        ("NaN", 0, 0, "USD"),
        ("sNaN", 0, 0, "USD"),
        ("Infinity", 0, 0, "USD"),
        ("a half", 0, 0, "USD"),
        ("", 0, 0, "USD"),
        ("1,5", 0, 0, "USD"),
        ("1_0", 0, 0, "USD"),
        ("1e-2", 0, 0, "USD"),
        ("\u0661", 0, 0, "USD"),
        (" 1", 0, 0, "USD"),
        ("1\n", 0, 0, "USD"),
        (".5", 0, 0, "USD"),
        ("1", -1, 0, "USD"),
        ("1", 0, -1, "USD"),
        ("1", 10**12 + 1, 0, "USD"),
        ("1", 0, 10**12 + 1, "USD"),
        ("1", 0, 0, "US"),
        ("1", 0, 0, "XXX"),
        ("1", 0, 0, ""),
        ("1", 0, 0, "\u0131DR"),
    ],
)
def test_refused(percent: str, flat: int, minimum: int, code: str) -> None:
    """Numbers out of range, too fine percentages and unknown currencies are refused."""
    with pytest.raises(InvalidInputError):
        Pricing.of(percent, flat, minimum, code)


def test_no_negative_zero() -> None:
    """Minus nothing is nothing."""
    assert "0% + $0.00/txn" == Pricing(Decimal("-0"), 0, 0).shown()


@given(st.integers(-(10**40), 10**40), CODES)
def test_amounts_are_exact(amount: int, code: str) -> None:
    """A shown amount has the currency's digits and, read back, is the same, however large."""
    text = currency.shown(amount, code)
    digits = currency.MINOR_DIGITS[code]
    bare = "".join(c for c in text if c in "-.0123456789")
    assert digits == len(bare.partition(".")[2])
    assert amount == int(bare.replace(".", ""))


@pytest.mark.parametrize(
    ("amount", "code", "expected"),
    [
        (10, "USD", "$0.10"),
        (123456789, "USD", "$1,234,567.89"),
        (-5, "EUR", "-€0.05"),
        (500, "JPY", "¥500"),
        (12500, "KWD", "12.500 KWD"),
        (0, "CHF", "0.00 CHF"),
    ],
)
def test_amounts(amount: int, code: str, expected: str) -> None:
    """Minor units are shown as people write them."""
    assert expected == currency.shown(amount, code)


def test_currencies() -> None:
    """Codes are three letters, each with its minor digits, taken in any case."""
    assert all(len(code) == 3 and code.isupper() for code in currency.MINOR_DIGITS)
    assert {0, 2, 3} == set(currency.MINOR_DIGITS.values())
    assert "USD" == currency.checked("usd")
