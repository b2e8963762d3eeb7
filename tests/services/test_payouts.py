"""The weekly payout report, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from avnz_int.errors import ForbiddenError, InvalidInputError, NotFoundError
from avnz_int.model.pricing import Pricing
from avnz_int.wiring import Services
from support.metering import JOINED, Hand, close, line, metered, record, refund, void
from support.scenes import ADMIN, AUDITOR, PAYFLOW, SERVICE, admin_of, own, using

pytestmark = pytest.mark.sqlite_first


@pytest.fixture
def scene(services: Services, hand: Hand) -> Services:
    """Acme uses the platform's gateway; it is Tuesday, the 1st of February 2028, in week 5."""
    metered(services, hand)
    hand.set(2028, 2, 1, 15)
    return services


def test_week(scene: Services) -> None:
    """A payout is a week's charges less refunds and voids, beside the fees; declined ones are nothing."""
    record(
        scene,
        *(line("a", 10_000, "2028-01-25"), line("b", 20_000, "2028-01-30"), line("c", 5, status="declined")),
        *(refund("a", 3_000, "2028-01-26"), line("d", 7_000, "2028-01-24"), void("d", "2028-01-25")),
    )
    (view,) = scene.payouts.listing(ADMIN)
    assert ("2028-W04", "acme", "USD", 3) == (view.week, view.client, view.currency, view.transactions)
    assert (datetime(2028, 1, 24, tzinfo=UTC), datetime(2028, 1, 31, tzinfo=UTC)) == (view.start, view.end)
    assert (37_000, 3_000, 7_000, 27_000) == (view.charges, view.refunds, view.voids, view.volume)
    assert (60 + 110, 27_000 - 170) == (view.fees, view.net)
    assert (0, 0) == (view.unmatched, view.over_refunded)


def test_weeks_of_their_own(scene: Services) -> None:
    """Each counts in its own week: a void next week leaves this week's payout as it was."""
    record(scene, line("a", 10_000, "2028-01-23"), line("b", 20_000, "2028-01-24"))
    before = scene.payouts.listing(ADMIN, week="2028-W03")
    record(scene, void("a", "2028-01-24"), void("a", "2028-01-31", transaction="again"))
    first, second = scene.payouts.listing(ADMIN, since="2028-01-20")
    assert before == [first]
    assert (10_000, 60) == (first.net + first.fees, first.fees)
    assert (20_000, 10_000, 110 - 60) == (second.charges, second.voids, second.fees)
    # The last one that is over is the last one, unless another is named.
    assert ["2028-W03", "2028-W04"] == [view.week for view in (first, second)]
    assert [] == scene.payouts.listing(ADMIN, since="2028-01-31", until="2028-02-01")


def test_monday_in_utc(scene: Services) -> None:
    """A week begins on Monday at midnight in UTC, over a month's end and a closed month too."""
    record(scene, line("a", 1, occurredAt="2028-01-31T00:00:00+01:00"))
    record(scene, line("b", 2, occurredAt="2028-01-31T00:00:00Z"), line("c", 4, "2028-02-01"))
    assert [("2028-W04", 1), ("2028-W05", 6)] == [
        (view.week, view.volume)
        for view in scene.payouts.listing(ADMIN, since="2028-01-30", until="2028-02-06")
    ]


def test_late_after_closing(scene: Services, hand: Hand) -> None:
    """What comes after its month was closed still counts in the week in which it took place."""
    close(scene, hand, "2028-01")
    record(scene, line("late", 5_000, "2028-01-25"))
    assert [("2028-W04", 5_000)] == [(view.week, view.volume) for view in scene.payouts.listing(ADMIN)]


def test_what_does_not_add_up(scene: Services) -> None:
    """Refunds without their charge, or over it, are counted for somebody to look at, and still deducted."""
    record(
        scene,
        *(
            line("a", 1_000, "2028-01-25"),
            refund("a", 600, "2028-01-26"),
            refund("a", 600, "2028-01-27", transactionId="r2"),
        ),
        *(refund("never", 50, "2028-01-26"), void("never-either", "2028-01-26")),
        *(line("b", 9, "2028-01-25", status="declined"), void("b", "2028-01-26")),
    )
    (view,) = scene.payouts.listing(ADMIN)
    assert (1_000, 1_250, -250) == (view.charges, view.refunds, view.volume)
    assert (3, 2) == (view.unmatched, view.over_refunded)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("refunded", "voided", "expected"),
    [
        ("2028-01-26", "2028-01-26", [("2028-W04", -4_000, 1)]),
        ("2028-01-26", "2028-02-01", [("2028-W04", 6_000, 0), ("2028-W05", -10_000, 1)]),
        ("2028-02-01", "2028-01-26", [("2028-W04", 0, 0), ("2028-W05", -4_000, 1)]),
    ],
)
def test_refunded_and_voided(
    scene: Services, refunded: str, voided: str, expected: list[tuple[str, int, int]], *, backwards: bool
) -> None:
    """A refund and a void of one charge give back more than it was: the later one is told, once."""
    own(scene, "Own", default=True)
    lines = [
        *(line("a", 10_000, "2028-01-25", integration="Ours"), refund("a", 4_000, refunded)),
        *(void("a", voided), void("a", "2028-02-01", transaction="again")),
        # Nothing is given back twice here.
        *(line("b", 0, "2028-01-25", integration="Ours"), void("b", voided), refund("b", 0, refunded)),
    ]
    for one in lines[::-1] if backwards else lines:
        assert 1 == record(scene, one).recorded
    found = scene.payouts.listing(ADMIN, since="2028-01-24", until="2028-02-01")
    assert expected == [(view.week, view.volume, view.over_refunded) for view in found]


def test_kept_apart(scene: Services) -> None:
    """Clients and currencies are paid out apart; own-mode volume is settled elsewhere."""
    using(scene, client="globex")
    scene.sharing.share(ADMIN, PAYFLOW, Pricing.of("1", 0, 0, "JPY"), effective=JOINED)
    own(scene, "Own", client="globex", test=False)
    record(
        scene,
        *(line("a", 100, "2028-01-25"), line("b", 200, "2028-01-25", currency="JPY")),
        *(line("a", 400, "2028-01-25", client="globex", integration="Ours"),),
        *(line("o", 800, "2028-01-25", client="globex", integration="Own"),),
    )
    assert [("acme", "JPY", 200), ("acme", "USD", 100), ("globex", "USD", 400)] == [
        (view.client, view.currency, view.volume) for view in scene.payouts.listing(AUDITOR)
    ]
    assert {"acme"} == {view.client for view in scene.payouts.listing(admin_of(scene, "acme"))}
    with pytest.raises(NotFoundError):
        scene.payouts.listing(admin_of(scene, "acme"), client="globex")
    with pytest.raises(ForbiddenError):
        scene.payouts.listing(SERVICE)


@pytest.mark.parametrize("apart", [False, True])
def test_other_currency(scene: Services, *, apart: bool) -> None:
    """A refund or void in another currency than its charge, which is recorded, is kept out, each time."""
    scene.sharing.share(ADMIN, PAYFLOW, Pricing.of("1", 0, 0, "JPY"), effective=JOINED)
    lines = [
        *(line("a", 100_000, "2028-01-25"), line("b", 900, "2028-01-25", currency="JPY")),
        *(void("a", "2028-01-26", currency="JPY"), refund("b", 9, "2028-01-26")),
        # What is given with a void in the same currency is nothing to it.
        void("b", "2028-01-26", currency="JPY") | {"amount": 5},
    ]
    for _ in range(2):
        reports = [record(scene, *part) for part in ([[one] for one in lines] if apart else [lines])]
        assert [
            ("other_currency", "the void is in JPY, its charge a in USD"),
            ("other_currency", "the refund is in USD, its charge b in JPY"),
        ] == [(error.code, error.message) for report in reports for error in report.errors]
    yen, dollars = scene.payouts.listing(ADMIN)
    assert (900, 900, 0) == (yen.charges, yen.voids, yen.unmatched)
    assert (100_000, 100_000, 0) == (dollars.charges, dollars.volume, dollars.unmatched)


def test_other_currency_first(scene: Services, hand: Hand) -> None:
    """Where the charge comes later it is neither voided nor refunded: reports, usage, its cache and bills."""
    scene.sharing.share(ADMIN, PAYFLOW, Pricing.of("1", 0, 0, "JPY"), effective=JOINED)
    early = [void("a", "2028-02-01", currency="JPY"), refund("a", 7, "2028-02-01", currency="JPY")]
    lines = [*early, line("a", 5_000, "2028-02-01"), refund("a", 5_000, "2028-02-01", transactionId="r")]
    assert [1] * 4 == [record(scene, one).recorded for one in lines]
    assert [1] * 4 == [record(scene, one).duplicates for one in lines]
    yen, dollars = scene.payouts.listing(ADMIN, week="2028-W05")
    assert (2, 7, 0, 0) == (yen.unmatched, yen.refunds, yen.voids, yen.over_refunded)
    assert (0, 5_000, 5_000, 0) == (
        dollars.unmatched,
        dollars.charges,
        dollars.refunds,
        dollars.over_refunded,
    )
    sums = {view.currency: view for view in scene.usage.listing(ADMIN, month="2028-02")}
    assert (1, 0, 5_000) == (sums["USD"].transactions, sums["USD"].voided, sums["USD"].volume)
    assert (0, 7) == (sums["JPY"].voided, sums["JPY"].refunded)
    assert {"volume": 5_000, "transactions": 1}.items() <= (
        scene.clients.show(ADMIN, "acme/Ours").usage_this_month or {}
    ).items()
    close(scene, hand, "2028-01")
    bill = close(scene, hand, "2028-02")
    fees = sum(
        one.amount for view in bill if view.currency == "USD" for one in view.lines if one.kind != "minimum"
    )
    assert dollars.fees == fees > 0


@pytest.mark.parametrize("backwards", [False, True])
def test_of_the_charge(scene: Services, *, backwards: bool) -> None:
    """A refund or void is of its charge's integration, though it names only the client, in whatever order."""
    own(scene, "Own", default=True)
    lines = [
        *(line(one, 1_000, "2028-01-25", integration="Ours") for one in ("a", "b", "c")),
        *(line(one, 50_000, "2028-01-25", integration="Own") for one in ("o", "p")),
        *(refund("a", 600, "2028-01-26"), void("b", "2028-01-26")),
        refund("c", 1_001, "2028-01-26", integration="Own"),
        *(refund("o", 60_000, "2028-01-26", integration="Ours"), void("p", "2028-01-26", integration="Ours")),
        line("d", 9, "2028-01-25", integration="Own", status="declined"),
        *(refund("d", 9, "2028-01-26", integration="Ours"), void("never", "2028-01-26")),
        refund("neither", 70, "2028-01-26", integration="Ours"),
    ]
    for one in lines[::-1] if backwards else lines:
        assert 1 == record(scene, one).recorded
    (view,) = scene.payouts.listing(ADMIN)
    assert (3, 3_000, 600 + 1_001 + 70, 1_000) == (
        view.transactions,
        view.charges,
        view.refunds,
        view.voids,
    )
    assert (1, 1) == (view.unmatched, view.over_refunded)
    # The bill has the same transactions: two are not voided.
    (billed,) = (one for one in scene.usage.listing(ADMIN, month="2028-01") if one.fees is not None)
    assert (billed.fees, billed.transactions) == (view.fees, 2)


@pytest.mark.parametrize(
    "given",
    [
        {"week": "2028-W04", "since": "2028-01-01"},
        {"week": "2028-04"},
        {"since": "2028-02-01", "until": "2028-01-01"},
        {"since": "2000-01-01"},
        {"since": "January"},
    ],
)
def test_no_such_time(services: Services, given: dict[str, str]) -> None:
    """Weeks that are none, or too many, are refused."""
    with pytest.raises(InvalidInputError):
        services.payouts.listing(ADMIN, **given)
