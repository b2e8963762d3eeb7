"""Bills: what a month comes to, when it is closed, and how it is corrected; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from avnz_int.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from avnz_int.model.enums import Action
from avnz_int.model.pricing import Pricing
from avnz_int.wiring import Services
from support.metering import JOINED, Hand, amounts, close, line, metered, record, refund, void
from support.scenes import ADMIN, AUDITOR, PAYFLOW, SERVICE, admin_of, events, own, using, written

pytestmark = pytest.mark.sqlite_first


@pytest.fixture
def scene(services: Services, hand: Hand) -> Services:
    """Acme uses the platform's gateway since the 11th of January 2028; it is the 20th."""
    metered(services, hand)
    hand.set(2028, 1, 20)
    return services


def test_minimum(scene: Services, hand: Hand) -> None:
    """A client without usage owes the minimum of its active days: 21 in January, then all of February."""
    (january,) = close(scene, hand, "2028-01")
    assert [("minimum", "2028-01", 3387)] == amounts(january)
    (february,) = close(scene, hand, "2028-02")
    assert [("minimum", "2028-02", 5000)] == amounts(february)
    assert 29 == february.fee_settings["minimum"]["activeDays"]


def test_fees(scene: Services, hand: Hand) -> None:
    """Fees above the minimum are owed alone; below it a line tells what is missing."""
    record(scene, line("a", 300_001), line("b", 500_099), line("c", 1, status="declined"))
    assert [("percentage", "2028-01", 1500 + 2500), ("flat", "2028-01", 20)] == amounts(
        close(scene, hand, "2028-01")[0]
    )
    hand.set(2028, 3, 1)
    record(scene, line("d", 100, day="2028-02-29"))
    assert [("percentage", "2028-02", 1), ("flat", "2028-02", 10), ("minimum", "2028-02", 4989)] == amounts(
        close(scene, hand, "2028-02")[0]
    )


def test_half_up(scene: Services, hand: Hand) -> None:
    """Each transaction's percentage is rounded by itself, half a minor unit up."""
    record(scene, *(line(f"T-{n}", 100) for n in range(3)), line("under", 99))
    lines = {one.kind: one for one in close(scene, hand, "2028-01")[0].lines}
    assert (4, 399, 1 + 1 + 1 + 0) == (
        lines["percentage"].count,
        lines["percentage"].volume,
        lines["percentage"].amount,
    )


@pytest.mark.parametrize(
    ("code", "shown"), [("JPY", "¥1,000,000"), ("KWD", "1,000.000 KWD"), ("EUR", "€10,000.00")]
)
def test_digits(scene: Services, hand: Hand, code: str, shown: str) -> None:
    """A currency with no minor digits, or three, is counted in its own minor units."""
    scene.sharing.share(ADMIN, PAYFLOW, Pricing.of("0.0001", 3, 0, code), effective=JOINED)
    record(scene, line("a", 1_000_000, currency=code))
    statement = next(view for view in close(scene, hand, "2028-01") if view.currency == code)
    assert [("percentage", "2028-01", 1), ("flat", "2028-01", 3)] == amounts(statement)
    assert f"0.0001% of 1 transaction, {shown}" == statement.lines[0].description


def test_price_change(scene: Services, hand: Hand) -> None:
    """A price change in mid-month splits the minimum by days, and each transaction has its own price."""
    hand.set(2028, 1, 21, 12)
    scene.sharing.share(ADMIN, PAYFLOW, Pricing.of("1", 0, 9300, "USD"))
    hand.set(2028, 1, 25)
    record(scene, line("old", 10_000, day="2028-01-20"), line("new", 10_000, day="2028-01-24"))
    (statement,) = close(scene, hand, "2028-01")
    # 11th to 20th at 5000, 21st (the price at its end) to 31st at 9300: (10 * 5000 + 11 * 9300) / 31
    assert 4913 == statement.total == statement.fee_settings["minimum"]["amount"]
    assert {("percentage", 50), ("flat", 10), ("percentage", 100), ("minimum", 4753)} == {
        (one.kind, one.amount) for one in statement.lines
    }
    settings = statement.fee_settings
    assert [10, 11] == [share["days"] for share in settings["minimum"]["shares"]]
    assert {("0.5", 10, 5000), ("1", 0, 9300)} == {
        (one["percentageFee"], one["flatFee"], one["monthlyMinimum"]) for one in settings["versions"]
    }


def test_price_of_usage_ahead(scene: Services, hand: Hand) -> None:
    """Usage that came minutes ahead of its time keeps its price, which is neither replaced nor overtaken."""
    ahead = Pricing.of("1", 20, 0, "USD")
    start = datetime(2028, 1, 20, 0, 2, tzinfo=UTC)
    scene.sharing.share(ADMIN, PAYFLOW, ahead, effective=start)
    record(
        scene, line("T-1", occurredAt="2028-01-20T00:01:30Z"), line("T-2", occurredAt="2028-01-20T00:03:00Z")
    )
    before = written(scene.settings.database_url)["PriceVersion"]
    other = Pricing.of("2", 30, 0, "USD")
    for client, when in (
        (None, start),
        (None, None),
        ("acme", None),
        (None, start + timedelta(seconds=60)),
    ):
        with pytest.raises(ConflictError, match="was recorded at the price"):
            scene.sharing.share(ADMIN, PAYFLOW, other, client=client, effective=when)
    assert before == written(scene.settings.database_url)["PriceVersion"]
    scene.sharing.share(ADMIN, PAYFLOW, other, client="globex")
    scene.sharing.share(ADMIN, PAYFLOW, other, effective=start + timedelta(seconds=61))
    hand.set(2028, 2, 1)
    assert [50 + 10 + 100 + 20] == [view.fees for view in scene.usage.listing(ADMIN, month="2028-01")]
    assert scene.billing.close(ADMIN, "2028-01").statements


def test_settings_stay(scene: Services, hand: Hand) -> None:
    """A statement keeps the fee settings it was made with, whatever is offered later."""
    (made,) = close(scene, hand, "2028-01")
    scene.sharing.share(ADMIN, PAYFLOW, Pricing.of("3", 0, 0, "USD"))
    assert [made] == scene.billing.listing(ADMIN)


def test_active_days(scene: Services, hand: Hand) -> None:
    """Days without activity cost no minimum; a day with any counts once, whatever integration it is of."""
    hand.set(2028, 1, 20, 23, 59)
    scene.clients.disable(ADMIN, "acme/Ours")
    hand.set(2028, 1, 25, 0, 0)
    scene.clients.enable(ADMIN, "acme/Ours")
    hand.set(2028, 1, 25, 12)
    using(scene, "Second")
    hand.set(2028, 1, 26, 0, 0, 0)
    scene.clients.delete(ADMIN, "acme/Ours")
    scene.clients.disable(ADMIN, "acme/Second")
    (statement,) = close(scene, hand, "2028-01")
    # 11th to 20th, the 25th and, by the milliseconds that the clock goes on, the 26th.
    assert 12 == statement.fee_settings["minimum"]["activeDays"]
    assert (12 * 5000 + 15) // 31 == statement.total
    assert [] == close(scene, hand, "2028-02")


def test_currencies(scene: Services, hand: Hand) -> None:
    """Currencies have statements of their own; only the primary one's minimum is owed without usage."""
    scene.sharing.share(ADMIN, PAYFLOW, Pricing.of("1", 0, 3100, "EUR"), effective=JOINED)
    scene.sharing.share(ADMIN, PAYFLOW, Pricing.of("1", 0, 3100, "JPY"), effective=JOINED)
    record(scene, line("a", 10_000, currency="EUR"), line("b", 10_000, currency="JPY", status="declined"))
    eur, usd = close(scene, hand, "2028-01")
    assert [("EUR", 2100), ("USD", 3387)] == [(eur.currency, eur.total), (usd.currency, usd.total)]


def test_own_price(scene: Services, hand: Hand) -> None:
    """A client with a price of its own pays that, minimum and all."""
    using(scene, client="globex")
    scene.sharing.share(ADMIN, PAYFLOW, Pricing.of("0.5", 10, 0, "USD"), client="acme", effective=JOINED)
    record(scene, line("a", 10_000))
    acme, globex = close(scene, hand, "2028-01")
    assert [("acme", 60), ("globex", (12 * 5000 + 15) // 31)] == [
        (one.client, one.total) for one in (acme, globex)
    ]


def test_late(scene: Services, hand: Hand) -> None:
    """Usage of a closed month is a line of the next statement; first it uses up what was paid as minimum."""
    record(scene, line("a", 100_000))
    assert 3387 == close(scene, hand, "2028-01")[0].total
    record(scene, line("late", 400_000, day="2028-01-31"))
    assert [
        ("correction", "2028-01", 2010),
        ("correction", "2028-01", -2010),
        ("minimum", "2028-02", 5000),
    ] == sorted(amounts(close(scene, hand, "2028-02")[0]), key=lambda one: (one[1], -one[2]))
    record(scene, line("more", 1_000_000, day="2028-01-31"))
    march = close(scene, hand, "2028-03")[0]
    # 510 + 2010 + 5010 are more than the minimum of 3387, which was paid.
    assert 5000 + (7530 - 3387) == march.total
    amounts(march)


def test_void_after_closing(scene: Services, hand: Hand) -> None:
    """A void of a billed charge is a credit line; in its own month it is as if the charge had never been."""
    record(scene, line("a", 1_000_000), line("b", 200_000), void("b"))
    assert 5010 == close(scene, hand, "2028-01")[0].total
    hand.set(2028, 2, 3)
    record(scene, void("a", day="2028-02-02"))
    lines = amounts(close(scene, hand, "2028-02")[0])
    assert {
        ("correction", "2028-01", -5010),
        ("correction", "2028-01", 3387),
        ("minimum", "2028-02", 5000),
    } == set(lines)


def test_void_before_its_charge(scene: Services, hand: Hand) -> None:
    """A void may come first, even in an earlier statement: its charge is never billed."""
    record(scene, void("a"))
    close(scene, hand, "2028-01")
    record(scene, line("a", 1_000_000))
    assert [("minimum", "2028-02", 5000)] == amounts(close(scene, hand, "2028-02")[0])


def test_refunds(scene: Services, hand: Hand) -> None:
    """Refunds, over a month's end too, give no fees back."""
    record(scene, line("a", 1_000_000), refund("a", 400_000))
    assert 5010 == close(scene, hand, "2028-01")[0].total
    hand.set(2028, 2, 2)
    assert 1 == record(scene, refund("a", 600_000, day="2028-02-01", transactionId="r2")).recorded
    assert [("minimum", "2028-02", 5000)] == amounts(close(scene, hand, "2028-02")[0])


def test_month_ends_in_utc(scene: Services, hand: Hand) -> None:
    """A month ends at midnight in UTC, whatever offset a transaction was written with."""
    hand.set(2028, 2, 2)
    record(
        scene,
        line("jan", 1_000_000, occurredAt="2028-02-01T00:59:59.999+01:00"),
        line("feb", 2_000_000, occurredAt="2028-01-31T20:00:00-04:00"),
    )
    assert [5010, 10_010] == [close(scene, hand, month)[0].total for month in ("2028-01", "2028-02")]


def test_deleted(scene: Services, hand: Hand) -> None:
    """What was used is billed although both integrations are deleted, under the name that they had."""
    record(scene, line("a", 1_000_000))
    name = scene.platform.find(ADMIN, PAYFLOW).name
    scene.clients.delete(ADMIN, "acme/Ours")
    scene.platform.delete(ADMIN, PAYFLOW)
    (statement,) = close(scene, hand, "2028-01")
    assert (5010, PAYFLOW, name) == (statement.total, statement.provider, statement.name)


def test_final(scene: Services, hand: Hand) -> None:
    """Closing again gives the same statements and changes nothing."""
    record(scene, line("a"))
    first = close(scene, hand, "2028-01")
    before = written(scene.settings.database_url)
    record(scene, line("late"))
    again = scene.billing.close(ADMIN, "2028-01")
    assert (True, first) == (again.already, list(again.statements))
    assert [("USD", 1, 3387)] == [(one.currency, one.statements, one.total) for one in again.totals]
    assert before["Statement"] == written(scene.settings.database_url)["Statement"]
    (event,) = events(scene, Action.BILLING_CLOSE)
    assert {"month": "2028-01", "statements": 1, "totals": {"USD": 3387}} == event.changes


def test_order_of_months(scene: Services, hand: Hand) -> None:
    """A month is closed once it is over, in order from the first one with anything to bill."""
    hand.set(2028, 1, 31, 23, 59, 59)
    with pytest.raises(ConflictError, match="not over"):
        scene.billing.close(ADMIN, "2028-01")
    hand.set(2028, 4, 1)
    with pytest.raises(ConflictError, match="2028-01 has to be closed before 2028-02"):
        scene.billing.close(ADMIN, "2028-02")
    scene.billing.close(ADMIN, "2028-01")
    with pytest.raises(ConflictError, match="2028-02 has to be closed"):
        scene.billing.close(ADMIN, "2028-03")
    with pytest.raises(ConflictError, match="before the first"):
        scene.billing.close(ADMIN, "2027-12")
    with pytest.raises(InvalidInputError):
        scene.billing.close(ADMIN, "January")


def test_nothing_to_bill(services: Services, hand: Hand) -> None:
    """Own-mode usage is never billed, and a month without anything to bill is not closed as the first."""
    hand.set(2028, 3, 1)
    own(services, default=True)
    record(services, line("a"))
    before = written(services.settings.database_url)
    for month in ("2018-10", "2028-01", "2028-02"):
        with pytest.raises(ConflictError, match="nothing to bill"):
            services.billing.close(ADMIN, month)
    assert before == written(services.settings.database_url)


def test_first_month(scene: Services, hand: Hand) -> None:
    """The first month that is closed is the first with anything to bill; later ones may be without."""
    with pytest.raises(ConflictError) as told:
        scene.billing.close(ADMIN, "2027-12")
    assert "2028-01 can be closed once it is over" == told.value.hint
    scene.clients.delete(ADMIN, "acme/Ours")
    hand.set(2028, 4, 1)
    for month in ("2017-12", "2027-12"):
        with pytest.raises(ConflictError, match="nothing to bill before 2028-01"):
            scene.billing.close(ADMIN, month)
    assert [1, 0, 0] == [len(close(scene, hand, f"2028-0{month}")) for month in (1, 2, 3)]


def test_estimate(scene: Services, hand: Hand) -> None:
    """An estimate is what closing gives if nothing more happens, corrections included, and stores nothing."""
    record(scene, line("a", 100_000))
    close(scene, hand, "2028-01")
    record(scene, line("late", 400_000), line("b", 100_000, day="2028-02-01"))
    before = written(scene.settings.database_url)
    (guess,) = scene.billing.estimate(ADMIN)
    assert before == written(scene.settings.database_url)
    (made,) = close(scene, hand, "2028-02")
    assert (guess.total, guess.lines, guess.fee_settings) == (made.total, made.lines, made.fee_settings)
    assert [None] == [guess.id]
    with pytest.raises(ConflictError, match="is closed"):
        scene.billing.estimate(ADMIN, month="2028-02")


def test_estimate_of_two_open_months(scene: Services, hand: Hand) -> None:
    """While last month is open, a void of this month counts there and is no correction here."""
    record(scene, line("a", 1_000_000))
    hand.set(2028, 2, 3)
    record(scene, void("a", day="2028-02-02"))
    assert [3387, 5000] == [
        sum(one.total for one in scene.billing.estimate(ADMIN, month=month))
        for month in ("2028-01", "2028-02")
    ]


def test_shown(scene: Services, hand: Hand) -> None:
    """A statement is found by its id or the beginning of it; a client sees none but its own."""
    using(scene, client="globex")
    acme, globex = close(scene, hand, "2028-01")
    assert acme == scene.billing.show(ADMIN, str(acme.id)) == scene.billing.show(AUDITOR, str(acme.id)[:8])
    assert (
        [acme]
        == scene.billing.listing(admin_of(scene, "acme"))
        == scene.billing.listing(ADMIN, client="acme")
    )
    assert [] == scene.billing.listing(ADMIN, month="2028-02")
    for ref in (str(globex.id), str(globex.id)[:8], "nothing", "x\0"):
        with pytest.raises(NotFoundError):
            scene.billing.show(admin_of(scene, "acme"), ref)
    with pytest.raises(NotFoundError):
        scene.billing.listing(admin_of(scene, "acme"), client="globex")
    with pytest.raises(ForbiddenError):
        scene.billing.close(admin_of(scene, "acme"), "2028-02")
    with pytest.raises(ForbiddenError):
        scene.billing.listing(SERVICE)
