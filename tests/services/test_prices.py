"""Which price is in force: the book against a plain search, its timeline against itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from avnz_int.services.prices import PriceBook

START = datetime(2026, 11, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 60).map(lambda hours: START + timedelta(hours=hours))
WHOSE = st.sampled_from([None, "acme", "globex"])
INTEGRATIONS = st.sampled_from(["payflow", "nmi"])
CURRENCIES = st.sampled_from(["USD", "EUR"])
KEYS = st.tuples(INTEGRATIONS, WHOSE, CURRENCIES, MOMENTS)


@st.composite
def versions(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of PriceVersion, as the database's unique indexes allow them, shuffled."""
    keys = draw(st.lists(KEYS, unique=True, max_size=25))
    names = ("platformIntegrationId", "clientId", "currency", "effectiveAt")
    return [{"id": f"v{n}", **dict(zip(names, key, strict=True))} for n, key in enumerate(keys)]


def naive(
    found: list[dict[str, Any]], integration: str, client: str, currency: str, moment: datetime
) -> Mapping[str, Any] | None:
    """The price in force, by looking at every version."""
    for owner in (client, None):
        best = None
        for row in found:
            key = (row["platformIntegrationId"], row["clientId"], row["currency"])
            if key == (integration, owner, currency) and row["effectiveAt"] <= moment:
                best = row if best is None or row["effectiveAt"] > best["effectiveAt"] else best
        if best is not None:
            return best
    return None


@given(versions(), INTEGRATIONS, st.sampled_from(["acme", "nobody"]), CURRENCIES, MOMENTS)
def test_at(
    found: list[dict[str, Any]], integration: str, client: str, currency: str, moment: datetime
) -> None:
    """The version in force is the newest of the client's own, or else the newest of those for all."""
    assert naive(found, integration, client, currency, moment) == PriceBook(found).at(
        integration, client, currency, moment
    )


@given(versions(), CURRENCIES, MOMENTS, MOMENTS)
def test_timeline(found: list[dict[str, Any]], currency: str, start: datetime, end: datetime) -> None:
    """The parts cover the time once, and in each one version is in force at every moment."""
    parts = PriceBook(found).timeline("payflow", "acme", currency, start, end)
    if start >= end:
        assert [] == parts
        return
    edges = [part[:2] for part in parts]
    assert (start, end) == (edges[0][0], edges[-1][1])
    assert all(before[1] == after[0] for before, after in pairwise(edges))
    assert all(before[2] != after[2] for before, after in pairwise(parts))
    for first, last, row in parts:
        hours = int((last - first) / timedelta(hours=1))
        assert hours > 0
        for hour in range(hours):
            moment = first + timedelta(hours=hour)
            assert row == naive(found, "payflow", "acme", currency, moment)


@given(versions())
def test_whole_book(found: list[dict[str, Any]]) -> None:
    """Every version of an integration is listed once, those for all first; its currencies are all named."""
    book = PriceBook(found)
    mine = [row for row in found if row["platformIntegrationId"] == "nmi"]
    listed = book.of("nmi")
    assert sorted(row["id"] for row in mine) == sorted(row["id"] for row in listed)
    owners = [row["clientId"] is not None for row in listed]
    assert sorted(owners) == owners
    own = {row["currency"] for row in mine if row["clientId"] in {None, "acme"}}
    assert sorted(own) == book.currencies("nmi", "acme")
