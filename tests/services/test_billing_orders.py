"""Bills do not depend on the order in which usage comes: against a plain reckoning of the same."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avnz_int.model.pricing import Pricing
from avnz_int.wiring import Services
from support.metering import JOINED, Hand, close, counts, line, metered, record, refund, void
from support.scenes import ADMIN, PAYFLOW, SteeredGateway, written
from support.services import make_services

MONTHS = ("2028-01", "2028-02", "2028-03")
MINIMA = {
    ("2028-01", "USD"): (21 * 5000 * 2 + 31) // 62,
    # The 29 days of February: 14 at 5000, then 15 at 9000.
    ("2028-02", "USD"): (2 * (14 * 5000 + 15 * 9000) + 29) // 58,
    ("2028-03", "USD"): 9000,
    ("2028-01", "JPY"): (21 * 700 * 2 + 31) // 62,
    ("2028-02", "JPY"): 700,
    ("2028-03", "JPY"): 700,
}
CHARGES = st.lists(
    st.tuples(
        st.sampled_from(MONTHS),
        st.integers(11, 29),
        st.integers(0, 2_000_000),
        st.sampled_from(["USD", "USD", "JPY"]),
        st.sampled_from(["approved", "approved", "declined"]),
        # The day on which it is voided, if it is, and whether it is refunded.
        st.none() | st.sampled_from(["2028-01-31", "2028-02-29", "2028-03-31"]),
        st.booleans(),
    ),
    max_size=10,
)


@pytest.fixture(scope="module")
def folder(prepared_sqlite: Path) -> Iterator[Path]:
    """A database in which acme uses the platform's gateway, at prices that change on the 15th of February."""
    with (
        tempfile.TemporaryDirectory() as name,
        SteeredGateway() as gateway,
        pytest.MonkeyPatch.context() as patch,
    ):
        path = Path(name)
        (path / "k").mkdir(mode=0o700)
        shutil.copy(prepared_sqlite / "keyring.json", path / "k" / "keyring.json")
        shutil.copy(prepared_sqlite / "avnz-int.db", path / "avnz-int.db")
        hand = Hand(patch)
        services = make_services(
            f"sqlite:///{path / 'avnz-int.db'}", path / "k" / "keyring.json", gateway.url
        )
        metered(services, hand)
        services.sharing.share(ADMIN, PAYFLOW, Pricing.of("1.25", 0, 700, "JPY"), effective=JOINED)
        hand.set(2028, 2, 15)
        services.sharing.share(ADMIN, PAYFLOW, Pricing.of("0.8", 25, 9000, "USD"))
        services.close()
        yield path


def reckoned(charges: list[dict[str, Any]], voided: set[str]) -> dict[tuple[str, str], int]:
    """Month and currency -> what it comes to, by decimals, transaction by transaction."""
    fees: dict[tuple[str, str], int] = defaultdict(int)
    used = set()
    for one in charges:
        if one["status"] != "approved" or one["transactionId"] in voided:
            continue
        month = one["occurredAt"][:7]
        percent, flat = (
            (Decimal("1.25"), 0)
            if one["currency"] == "JPY"
            else (Decimal("0.5"), 10)
            if one["occurredAt"] < "2028-02-15"
            else (Decimal("0.8"), 25)
        )
        exact = Decimal(one["amount"]) * percent / 100
        fees[month, one["currency"]] += int(exact.quantize(Decimal(1), ROUND_HALF_UP)) + flat
        used.add((month, one["currency"]))
    owed = {(month, "USD") for month in MONTHS} | used
    return {place: max(fees[place], MINIMA[place]) for place in owed}


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(charges=CHARGES, data=st.data())
def test_any_order(folder: Path, charges: list[tuple[Any, ...]], data: st.DataObject) -> None:
    """However usage comes, before a month is closed or after, in pieces, twice: each month costs the same."""
    lines, made, voided = [], [], set()
    for number, (month, day, amount, currency, status, voided_on, refunded) in enumerate(charges):
        name = f"T-{number}"
        made.append(line(name, amount, f"{month}-{day}", currency=currency, status=status))
        lines.append(made[-1])
        if voided_on is not None:
            voided.add(name)
            lines.append(void(name, voided_on, currency=currency))
        if refunded:
            lines.append(refund(name, amount // 2, voided_on or f"{month}-{day}", currency=currency))
    lines = data.draw(st.permutations(lines))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(lines)), min_size=3, max_size=3)))
    with tempfile.TemporaryDirectory() as copied, pytest.MonkeyPatch.context() as patch:
        shutil.copytree(folder, copied, dirs_exist_ok=True)
        hand = Hand(patch)
        hand.set(2028, 4, 1)
        services = make_services(f"sqlite:///{copied}/avnz-int.db", Path(copied) / "k" / "keyring.json")
        try:
            start = 0
            for cut, month in zip(cuts, MONTHS, strict=True):
                record(services, *lines[start:cut])
                close(services, hand, month)
                start = cut
            report = record(services, *lines[start:], *lines)
            assert (len(lines) - start, start + len(lines) - start, 0, 0) == counts(report)
            _check(services, hand, reckoned(made, voided))
        finally:
            services.close()


def _check(services: Services, hand: Hand, expected: dict[tuple[str, str], int]) -> None:
    """After a last closing all lines about a month add up to what is expected, those of April aside."""
    before = written(services.settings.database_url)["UsageRecord"]
    hand.set(2028, 5, 1)
    services.billing.close(ADMIN, "2028-04")
    found: dict[tuple[str, str], int] = defaultdict(int)
    for view in services.billing.listing(ADMIN):
        assert view.total == sum(one.amount for one in view.lines)
        assert all(type(one.amount) is int for one in view.lines)
        for one in view.lines:
            found[one.month, view.currency] += one.amount
    assert 9000 == found.pop(("2028-04", "USD"))
    assert expected == {place: amount for place, amount in found.items() if amount or place in expected}
    assert before == written(services.settings.database_url)["UsageRecord"]
