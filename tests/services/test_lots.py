"""Drawing by weight: the same everywhere, in proportion, and nobody else moves when one leaves."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from avnz_int.services.lots import lot

Weights = dict[str, int]
IDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=24, max_size=24)
WEIGHTS = st.dictionaries(IDS, st.integers(1, 1_000_000), min_size=1, max_size=8)
KEYS = st.text(min_size=1, max_size=40).filter(lambda key: not any("\ud800" <= c <= "\udfff" for c in key))


def order(weights: Weights, key: str) -> list[str]:
    """The accounts as a transaction tries them."""
    return sorted(weights, key=lambda one: (lot(one, key, weights[one]), one))


@given(WEIGHTS, KEYS)
def test_one_leaves(weights: Weights, key: str) -> None:
    """Without one account the order of the others is what it was, whichever leaves."""
    before = order(weights, key)
    for gone in weights:
        rest = {one: weight for one, weight in weights.items() if one != gone}
        assert [one for one in before if one != gone] == order(rest, key)


@given(WEIGHTS, KEYS, st.integers(1, 1_000_000))
def test_weight_changes(weights: Weights, key: str, weight: int) -> None:
    """Another weight moves nothing but that account, forward if it is more and back if it is less."""
    changed = next(iter(weights))
    before, after = order(weights, key), order({**weights, changed: weight}, key)
    assert [one for one in before if one != changed] == [one for one in after if one != changed]
    moved = before.index(changed) - after.index(changed)
    assert moved >= 0 if weight >= weights[changed] else moved <= 0


@given(IDS, KEYS, st.integers(1, 1_000_000))
def test_exact(account: str, key: str, weight: int) -> None:
    """A lot is a decimal number, not negative, the same whenever it is drawn."""
    drawn = lot(account, key, weight)
    assert isinstance(drawn, Decimal)
    assert drawn >= 0
    assert drawn == lot(account, key, weight)


def test_known() -> None:
    """The lots that another program has to draw too."""
    assert {
        "a" * 24: "0.036037096380",
        "b" * 24: "0.499013736351",
    } == {one * 24: str(round(lot(one * 24, "T-1", 3), 12)) for one in "ab"}


def test_shares() -> None:
    """Of 3,000 transactions each account takes its weight's part, within five standard deviations."""
    weights = {"a" * 24: 1, "b" * 24: 2, "c" * 24: 7}
    count, total = 3_000, sum(weights.values())
    first = Counter(order(weights, f"T-{number}")[0] for number in range(count))
    for one, weight in weights.items():
        expected = count * weight // total
        variance = count * weight * (total - weight) // total**2
        assert (first[one] - expected) ** 2 <= 25 * variance


def test_shares_of_what_follows() -> None:
    """Where the first fails, the others share its transactions by their weights."""
    weights = {"a" * 24: 1, "b" * 24: 3, "c" * 24: 6}
    orders = [order(weights, f"T-{number}") for number in range(3_000)]
    second = Counter(one[1] for one in orders if one[0] == "c" * 24)
    total = sum(second.values())
    assert abs(second["b" * 24] - total * 3 // 4) ** 2 <= 25 * total * 3 // 16
