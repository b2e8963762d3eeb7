"""What recorded usage adds up to, beside what payouts and bills say of it; on both databases."""

from __future__ import annotations

import pytest

from avnz_int.model.pricing import Pricing
from avnz_int.services import usage_sums
from avnz_int.wiring import Services
from support.metering import JOINED, Hand, close, line, metered, record, refund, void
from support.scenes import ADMIN, PAYFLOW, own


@pytest.fixture
def scene(services: Services, hand: Hand) -> Services:
    """Acme uses the platform's gateway; it is the 20th of January 2028."""
    metered(services, hand)
    hand.set(2028, 1, 20)
    return services


@pytest.mark.parametrize("backwards", [False, True])
def test_refunds_of_the_charge(scene: Services, *, backwards: bool) -> None:
    """A refund or void is shown with its charge, whatever it names and whichever came first."""
    main = own(scene, default=True)
    lines = [
        line("a", 10_000, integration="Ours"),
        *(refund("a", 4_000), void("a")),
        *(line("o", 700), refund("o", 300, integration="Ours")),
        *(refund("never", 50, integration="Ours"), refund("neither", 60)),
        *(line("d", 9, status="declined"), refund("d", 8, integration="Ours")),
    ]
    for one in lines[::-1] if backwards else lines:
        assert 1 == record(scene, one).recorded
    mine, ours = scene.usage.listing(ADMIN)
    assert ("Main", 1, 1, 1, 0) == (mine.name, mine.transactions, mine.approved, mine.declined, mine.voided)
    assert (700, 3, 300 + 60 + 8, None) == (mine.volume, mine.refunds, mine.refunded, mine.fees)
    assert ("Ours", 0, 1, 0, 1) == (ours.name, ours.transactions, ours.approved, ours.declined, ours.voided)
    assert (0, 2, 4_000 + 50, 0) == (ours.volume, ours.refunds, ours.refunded, ours.fees)
    for view in (mine, ours):
        assert [view] == scene.usage.listing(ADMIN, integration=view.client_integration_id)
        (part,) = scene.usage.of_integration(ADMIN, view.client_integration_id).currencies
        assert (view.refunds, view.refunded, view.voided) == (part.refunds, part.refunded, part.voided)
    assert main.id == mine.client_integration_id


@pytest.mark.parametrize("backwards", [False, True])
def test_cache_of_refunds(scene: Services, hand: Hand, *, backwards: bool) -> None:
    """A refund that is shown with its charge, of this month or before, leaves no cache behind the usage."""
    hand.set(2028, 2, 2)
    main = own(scene, default=True)
    lines = [line("a", integration="Ours", day="2028-02-01"), refund("a", 5, day="2028-02-01")]
    lines += [line("b", integration="Ours"), refund("b", 5, day="2028-02-01")]
    for one in lines[::-1] if backwards else lines:
        record(scene, one)
    assert {} == (scene.clients.find(ADMIN, main.id).usage_this_month or {})["currencies"]
    assert 1 == (scene.clients.find(ADMIN, "acme/Ours").usage_this_month or {})["transactions"]
    with scene.database.read() as connection:
        assert [] == usage_sums.stale_caches(connection)


def test_estimate_of_usage(scene: Services, hand: Hand) -> None:
    """`client usage` estimates what the bill does, corrections of closed months and their currencies too."""
    scene.sharing.share(ADMIN, PAYFLOW, Pricing.of("1", 1, 0, "KWD"), effective=JOINED)
    record(scene, line("a", 1_000_000), line("b", 2_000_000))
    close(scene, hand, "2028-01")
    for one in (line("late", 400_000), line("k", 800, currency="KWD"), line("now", 7, day="2028-02-01")):
        record(scene, one)
    hand.set(2028, 2, 3)
    record(scene, void("b", day="2028-02-02"))
    bill = {one.currency: one.total for one in scene.billing.estimate(ADMIN)}
    usage = {
        part.currency: part.estimate for part in scene.usage.of_integration(ADMIN, "acme/Ours").currencies
    }
    assert {"KWD": 8 + 1, "USD": 5000 + 2010 - 10_010} == bill == usage
    close(scene, hand, "2028-02")
    # What a closed month comes to by what is known now.
    january = scene.usage.of_integration(ADMIN, "acme/Ours", month="2028-01").currencies
    assert [9, 5010 + 2010] == [part.estimate for part in january]
