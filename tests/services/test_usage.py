"""Recording usage: what is taken, what is told, and what it adds up to; on both databases."""

from __future__ import annotations

import io
from typing import Any

import pytest

from avnz_int.errors import ForbiddenError, NotFoundError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, Environment, Role
from avnz_int.model.files import UsageFormat
from avnz_int.model.pricing import Pricing
from avnz_int.services import usage as service
from avnz_int.wiring import Services
from support.metering import JOINED, Hand, as_file, counts, line, metered, record, refund, void
from support.scenes import ADMIN, AUDITOR, PAYFLOW, SERVICE, account, admin_of, events, own, using, written
from support.services import columns_of, execute

pytestmark = pytest.mark.sqlite_first


@pytest.fixture
def scene(services: Services, hand: Hand) -> Services:
    """Acme uses the platform's gateway; it is the 20th of January 2028."""
    metered(services, hand)
    hand.set(2028, 1, 20)
    return services


def stored(services: Services) -> list[dict[str, Any]]:
    """The rows of UsageRecord by transaction."""
    found = execute(
        services.settings.database_url,
        'SELECT "transactionId", "type", "clientIntegrationId", "amount", "billingMonth", "priceVersionId", '
        '"merchantAccountId", "platformIntegrationId" FROM "UsageRecord" ORDER BY "transactionId", "type"',
    )
    names = ("transactionId", "type", "integration", "amount", "month", "price", "account", "platform")
    return [dict(zip(names, row, strict=True)) for row in found]


def test_taken(scene: Services) -> None:
    """A line becomes a record of the client's integration, its account, and the price in force then."""
    assert (3, 0, 0, 0) == counts(record(scene, line("T-1"), line("T-2", status="declined"), void("T-1")))
    ours = scene.clients.find(ADMIN, "acme/Ours")
    (price,) = columns_of(scene.settings.database_url, "PriceVersion")
    for row in stored(scene):
        assert (ours.id, ours.platform_integration_id) == (row["integration"], row["platform"])
        assert (price["id"], account(scene, ours.id).id) == (row["price"], row["account"])
        assert "2028-01" == row["month"]


def test_again(scene: Services) -> None:
    """The same lines again, in whatever order, change nothing but the audit trail."""
    lines = [line("T-1"), line("T-2"), void("T-1"), refund("T-2", 5), line("T-1", 3, refundOf="T-2")]
    assert (5, 0, 0, 0) == counts(record(scene, *lines))
    before = written(scene.settings.database_url)
    assert (0, 5, 0, 0) == counts(record(scene, *reversed(lines)))
    assert (0, 10, 0, 0) == counts(record(scene, *lines, *lines))
    assert before == written(scene.settings.database_url)


def test_same_in_other_words(scene: Services) -> None:
    """The same moment in another offset, and the integration by another name, is the same transaction."""
    assert 1 == record(scene, line("T-1")).recorded
    same = line("T-1", occurredAt="2028-01-15T13:00:00.0001+01:00", integration="Ours")
    by_account = line("T-1", client=None, merchantAccount=account(scene, stored(scene)[0]["integration"]).id)
    assert (0, 2, 0, 0) == counts(record(scene, same, by_account))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", 10_001),
        ("currency", "EUR"),
        ("status", "declined"),
        ("occurredAt", "2028-01-15T12:00:00.001Z"),
    ],
)
def test_conflict(scene: Services, name: str, value: object) -> None:
    """Other content under a known transaction id is told with its line and its field, and changes nothing."""
    scene.sharing.share(ADMIN, PAYFLOW, Pricing.of("1", 0, 0, "EUR"), effective=JOINED)
    record(scene, line("T-1"))
    before = written(scene.settings.database_url)
    report = record(scene, line("T-1"), line("T-1") | {name: value})
    assert (0, 1, 1, 0) == counts(report)
    assert [(2, "conflict", f"charge T-1 is recorded with another {name}")] == [
        (error.line, error.code, error.message) for error in report.errors
    ]
    assert before == written(scene.settings.database_url)


def test_conflict_within_a_file(scene: Services) -> None:
    """The first of two lines that contradict each other stands."""
    report = record(scene, line("T-1"), line("T-1", 5), line("T-1"))
    assert (1, 1, 1, 0) == counts(report)
    assert [10_000] == [row["amount"] for row in stored(scene)]


def test_bad_lines(scene: Services) -> None:
    """Bad lines are told with their numbers, in their order, and the others are taken."""
    text = b"\n".join(
        [b"{", as_file([line("T-1")]).strip(), b"", as_file([line("T-2", client="nobody")]).strip(), b"\xff"]
        + [
            as_file([one]).strip()
            for one in (line("T-3", day="2028-01-21"), line("T-4", currency="EUR"), line("T-5"))
        ]
    )
    report = scene.usage.record(ADMIN, io.BytesIO(text), UsageFormat.JSONL)
    assert (2, 0, 0, 5) == counts(report)
    assert [(1, "not_json"), (4, "unknown_client"), (5, "not_utf8"), (6, "future"), (7, "no_price")] == [
        (error.line, error.code) for error in report.errors
    ]


def test_many_bad_lines(scene: Services) -> None:
    """However many lines are bad, the list of them is bounded and their count exact."""
    report = record(
        scene, *[line(f"T-{n}", client="nobody") for n in range(service.MOST_ERRORS + 5)], line("T")
    )
    assert (1, 0, 0, service.MOST_ERRORS + 5) == counts(report)
    assert service.MOST_ERRORS == len(report.errors)


def test_batches(scene: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long file is recorded in transactions of a batch each, each with its event, and counted as one."""
    monkeypatch.setattr(service, "BATCH", 10)
    lines = [line(f"T-{n}") for n in range(35)]
    report = record(scene, *lines, lines[3], line("T-4", 5), line("x", client="nobody"))
    assert (35, 1, 1, 1) == counts(report)
    told = [event.changes or {} for event in events(scene, Action.USAGE_RECORD)]
    assert [10, 10, 10, 5] == [change["recorded"] for change in told]
    assert {"recorded": 5, "duplicates": 1, "conflicts": 1, "rejected": 1} == told[-1]
    assert 35 == len(stored(scene))
    assert scene.audit.verify(ADMIN).valid


def test_changes_between_batches(scene: Services, monkeypatch: pytest.MonkeyPatch, hand: Hand) -> None:
    """What somebody changes while a file is read holds for the lines after it."""
    monkeypatch.setattr(service, "BATCH", 1)
    other = Pricing.of("9", 0, 0, "USD")
    seen: list[str] = []

    class Pipe(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            block = self.readline()
            if b"T-2" in block:
                scene.sharing.share(ADMIN, PAYFLOW, other, client="acme")
                seen.append("changed")
            return block

    lines = [line("T-1", day="2028-01-19"), line("T-2", occurredAt="2028-01-20T00:00:01Z")]
    scene.usage.record(ADMIN, Pipe(as_file(lines)), UsageFormat.JSONL)
    assert ["changed"] == seen
    assert 2 == len({row["price"] for row in stored(scene)})


def test_no_end_of_a_file(scene: Services) -> None:
    """An empty file records nothing, not even an event."""
    before = len(events(scene))
    assert (0, 0, 0, 0) == counts(record(scene))
    assert before == len(events(scene))


def test_whose(scene: Services) -> None:
    """Without an integration a line counts for the client's default gateway, else the only platform's."""
    ours = scene.clients.find(ADMIN, "acme/Ours").id
    mine = own(scene, "Main", test=False, environment=Environment.SANDBOX).id
    record(scene, line("by client"), line("by name", integration="Main"), line("by id", integration=mine))
    record(
        scene,
        line("by path", integration=f"{PAYFLOW}/Ours"),
        line("by slug and account", merchantAccount=account(scene, mine).id),
    )
    scene.checks.test(ADMIN, mine)
    scene.clients.set_default(ADMIN, mine)
    record(scene, line("by default"), line("by client"))
    found = {row["transactionId"]: row["integration"] for row in stored(scene)}
    assert {
        "by client": ours,
        "by name": mine,
        "by id": mine,
        "by path": ours,
        "by slug and account": mine,
        "by default": mine,
    } == found


def test_whose_it_is_not(scene: Services) -> None:
    """Lines whose integration is not clear are refused: nothing is guessed."""
    using(scene, "Second")
    mine = account(scene, own(scene, client="globex", test=False).id).id
    cases = {
        "ambiguous_integration": [line("a"), line("b", integration=PAYFLOW), line("c", client="globex")],
        "unknown_client": [line("d", client="nobody")],
        "unknown_account": [line("e", merchantAccount="nothing"), line("f", merchantAccount=mine)],
        "unknown_integration": [line("g", integration="nothing")],
        "missing_field": [line("h", client=None)],
    }
    for code, lines in cases.items():
        report = record(scene, *lines)
        assert [code] * len(lines) == [error.code for error in report.errors]
    assert [] == stored(scene)


def test_account_of_the_platform(scene: Services) -> None:
    """The platform's own merchant account says which platform integration; the client is needed beside it."""
    shared = scene.platform.find(ADMIN, PAYFLOW)
    platforms = account(scene, shared.id).id
    own(scene, default=True)
    report = record(
        scene, line("T-1", merchantAccount=platforms), line("T-2", client=None, merchantAccount=platforms)
    )
    assert (1, 0, 0, 1) == counts(report)
    assert [scene.clients.find(ADMIN, "acme/Ours").id] == [row["integration"] for row in stored(scene)]


def test_own_mode(scene: Services) -> None:
    """Own-mode usage is recorded in any currency, without a price and without fees."""
    own(scene, client="globex", default=True)
    assert 1 == record(scene, line("T-1", client="globex", currency="JPY")).recorded
    assert [(None, None)] == [(row["price"], row["platform"]) for row in stored(scene)]
    (view,) = scene.usage.listing(ADMIN, client="globex")
    assert (1, 10_000, None) == (view.transactions, view.volume, view.fees)
    (part,) = scene.usage.of_integration(ADMIN, "globex/Main").currencies
    assert (10_000, None, None) == (part.volume, part.fees, part.estimate)


def test_price_of_its_time(scene: Services, hand: Hand) -> None:
    """A transaction has the price of its own time and client, however late it comes."""
    hand.set(2028, 1, 21)
    scene.sharing.share(ADMIN, PAYFLOW, Pricing.of("1", 20, 0, "USD"))
    hand.set(2028, 1, 22)
    scene.sharing.share(ADMIN, PAYFLOW, Pricing.of("2", 30, 0, "USD"), client="acme")
    using(scene, client="globex")
    hand.set(2028, 1, 25)
    record(
        scene,
        *(line(f"acme-{day}", day=f"2028-01-{day}") for day in (24, 21, 20)),
        line("globex-24", client="globex", day="2028-01-24"),
    )
    fees = {view.client: view.fees for view in scene.usage.listing(ADMIN)}
    assert {"acme": (200 + 30) + (100 + 20) + (50 + 10), "globex": 100 + 20} == fees


def test_sums(scene: Services) -> None:
    """Declined and voided charges cost nothing, refunds give no fee back, currencies are kept apart."""
    scene.sharing.share(ADMIN, PAYFLOW, Pricing.of("1", 1, 0, "KWD"), effective=JOINED)
    lines = [
        *(line("a", 1001), line("b", 2002, status="declined"), line("c", 4004), void("c"), void("never")),
        *(refund("a", 500), line("d", 8008, currency="KWD"), void("a", transaction="v", status="declined")),
    ]
    record(scene, *lines)
    kwd, usd = scene.usage.listing(ADMIN)
    assert ("USD", 1, 2, 1, 1, 1) == (
        usd.currency,
        usd.transactions,
        usd.approved,
        usd.declined,
        usd.voided,
        usd.refunds,
    )
    assert (1001, 500, 5 + 10) == (usd.volume, usd.refunded, usd.fees)
    assert ("KWD", 1, 8008, 80 + 1) == (kwd.currency, kwd.transactions, kwd.volume, kwd.fees)


def test_estimate(scene: Services) -> None:
    """`client usage` has the fees so far, the minimum so far and of the month, and what that comes to."""
    record(scene, line("T-1", 10_000))
    view = scene.usage.of_integration(ADMIN, "acme/Ours")
    (part,) = view.currencies
    # 21 of 31 days are active, 10 of them (11th to 20th) until now.
    assert (60, 1613, 3387, 3387) == (part.fees, part.minimum_so_far, part.minimum, part.estimate)
    assert ("2028-01", False, 1) == (view.month, view.closed, view.transactions)
    record(scene, line("T-2", 1_000_000))
    assert [60 + 5010] == [
        part.estimate for part in scene.usage.of_integration(ADMIN, "acme/Ours").currencies
    ]
    later = scene.usage.of_integration(ADMIN, "acme/Ours", month="2028-02").currencies
    assert [(0, 0, 5000)] == [(part.fees, part.minimum_so_far, part.estimate) for part in later]
    assert [] == scene.usage.of_integration(ADMIN, "acme/Ours", month="2027-12").currencies


def test_cache(scene: Services, hand: Hand) -> None:
    """`usageThisMonth` is the running month's sum after each recording, and alone changes."""
    before = scene.clients.find(ADMIN, "acme/Ours")
    record(
        scene,
        line("a", 100),
        line("b", 200),
        line("c", 300, status="declined"),
        line("d", 7, day="2027-12-31"),
    )
    cached = scene.clients.find(ADMIN, "acme/Ours")
    assert {
        "transactions": 2,
        "volume": 300,
        "currency": "USD",
        "month": "2028-01",
        "currencies": {"USD": {"transactions": 2, "volume": 300}},
    } == cached.usage_this_month
    assert before.updated_at == cached.updated_at
    record(scene, void("b"))
    assert 100 == (scene.clients.find(ADMIN, "acme/Ours").usage_this_month or {})["volume"]
    second = own(scene, "Second")
    record(scene, line("f", 50, integration="Second"))
    assert 50 == (scene.clients.find(ADMIN, second.id).usage_this_month or {})["volume"]
    record(scene, void("f"))
    assert 0 == (scene.clients.find(ADMIN, second.id).usage_this_month or {})["volume"]
    hand.set(2028, 2, 2)
    record(scene, line("e", 1, day="2028-01-31"))
    assert {"transactions": 0, "volume": 0, "currency": None, "currencies": {}, "month": "2028-02"} == (
        scene.clients.find(ADMIN, "acme/Ours").usage_this_month
    )


def test_roles(scene: Services) -> None:
    """A service records, for its own client only if it has one; readers read; nobody learns of others."""
    acme = scene.tenants.show(ADMIN, "acme").id
    own(scene, client="globex", default=True)
    mine = Actor("token:service", Role.SERVICE, acme)
    lines = [line("T-1"), line("T-2", client="globex"), line("T-3", client="nobody")]
    report = scene.usage.record(mine, io.BytesIO(as_file(lines)), UsageFormat.JSONL)
    assert [(2, "unknown_client"), (3, "unknown_client")] == [(e.line, e.code) for e in report.errors]
    assert 1 == scene.usage.record(SERVICE, io.BytesIO(as_file(lines[1:2])), UsageFormat.JSONL).recorded
    for actor in (AUDITOR, admin_of(scene, "acme")):
        with pytest.raises(ForbiddenError):
            scene.usage.record(actor, io.BytesIO(), UsageFormat.JSONL)
    assert {"acme", "globex"} == {view.client for view in scene.usage.listing(AUDITOR)}
    assert {"acme"} == {view.client for view in scene.usage.listing(admin_of(scene, "acme"))}
    with pytest.raises(NotFoundError):
        scene.usage.listing(admin_of(scene, "acme"), client="globex")
    with pytest.raises(ForbiddenError):
        scene.usage.listing(SERVICE)
