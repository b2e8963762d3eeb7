"""Plans and applies of manifests: what is asked for is there afterwards, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from avnz_int.errors import (
    AvnzError,
    ChangedMeanwhileError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    RejectedError,
    UnverifiedError,
)
from avnz_int.model.enums import Action
from avnz_int.model.inputs import Changes, NewClient
from avnz_int.model.manifest import Change, PlanView
from avnz_int.services.manifests import Plan, Source
from avnz_int.wiring import Services
from support.scenes import ADMIN, AUDITOR, REFUSED, SERVICE, SteeredGateway, admin_of, events, own, written
from support.services import PASSWORD, columns_of, payflow_credentials

pytestmark = pytest.mark.sqlite_first

HEAD = "apiVersion: avnz-int/1\nkind: Manifest\n"
LOGIN = "{partner: PayPal, vendor: acme, user: acme, password: env:PAYFLOW_PASSWORD}"
PLATFORM = f"""\
platform:
  - provider: paypal_payflow
    name: Our Payflow
    environment: sandbox
    credentials: {LOGIN}
    share:
      prices:
        - {{percentageFee: 0.5, flatFee: 10, monthlyMinimum: 5000}}
        - {{percentageFee: 0.25, flatFee: 5, currency: EUR}}
        - {{client: initech, percentageFee: 0.3, flatFee: 8}}
      defaultForNewClients: true
"""
CLIENTS = """\
clients:
  - slug: acme
    name: Acme Inc
    companies:
      - {slug: shop, name: The shop}
      - {slug: outlet}
    integrations:
      - provider: paypal_payflow
        name: Main
        environment: production
        default: true
        priority: 3
        credentials:
          partner: PayPal
          vendor: acme
          user: acme
          password: file:secrets/payflow
      - {provider: paypal_payflow, name: Ours, mode: platform}
    pools:
      - name: Cards
        strategy: weighted
        members:
          - {account: Main, weight: 3, monthlyLimit: 100000, currencies: [USD]}
  - slug: initech
    integrations:
      - {provider: paypal_payflow, name: Theirs, mode: platform, default: true, status: inactive}
  - slug: hooli
"""
POOLS = """\
pools:
  - name: Own
    members:
      - {account: paypal_payflow}
"""
FULL = f"{HEAD}organization: {{slug: avnz, name: Avnz Payments}}\n{PLATFORM}{CLIENTS}{POOLS}"
MAIN = f"""\
{HEAD}clients:
  - slug: acme
    integrations:
      - {{provider: paypal_payflow, name: Main, credentials: {LOGIN}}}
"""


class Desk:
    """Plans and applies what stands in a folder."""

    def __init__(self, services: Services, folder: Path) -> None:
        self.services = services
        self.folder = folder

    def made(self, text: str, *, prune: bool = False) -> Plan:
        """The plan itself."""
        return self.services.manifests.plan(ADMIN, Source(text, "m.yaml", self.folder), prune=prune)

    def plan(self, text: str, *, prune: bool = False) -> list[Change]:
        """What a plan says."""
        return self.made(text, prune=prune).view.changes

    def apply(self, text: str, *, prune: bool = False, test: bool = True) -> PlanView:
        """What an apply did."""
        return self.services.manifests.apply(ADMIN, self.made(text, prune=prune), test=test)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the manifest and its secrets are."""
    monkeypatch.setenv("PAYFLOW_PASSWORD", PASSWORD)
    secret = tmp_path / "manifest" / "secrets" / "payflow"
    secret.parent.mkdir(parents=True)
    secret.write_text(f"{PASSWORD}\n")
    secret.chmod(0o600)
    return tmp_path / "manifest"


@pytest.fixture
def desk(services: Services, folder: Path) -> Desk:
    """Plans and applies over the test's database."""
    return Desk(services, folder)


def told(changes: list[Change]) -> dict[str, str]:
    """REF -> deed."""
    return {change.ref: change.action.value for change in changes}


def fields(changes: list[Change]) -> dict[str, tuple[Any, Any]]:
    """Field -> old and new, of the only change."""
    (change,) = changes
    return {field.field: (field.old, field.new) for field in change.fields}


def test_whole_round(desk: Desk) -> None:
    """What is applied is there; a second plan, and one of the export, find nothing to do."""
    services = desk.services
    done = desk.apply(FULL)
    assert (done.create, done.update, done.delete) == (9, 3, 0)
    ours, main = services.clients.listing(ADMIN, client="acme")
    assert ("Main", 3, True, "active", True) == (
        main.name,
        main.priority,
        main.is_default,
        main.status,
        main.is_verified,
    )
    assert ("Ours", "platform", "sandbox") == (ours.name, ours.mode, ours.environment)
    (enrolled,) = services.clients.listing(ADMIN, client="hooli")
    assert "Our Payflow" == enrolled.name
    (theirs,) = services.clients.listing(ADMIN, client="initech")
    assert ("Theirs", "inactive", True) == (theirs.name, theirs.status, theirs.is_default)
    (share,) = services.sharing.listing(ADMIN)
    assert {(None, "USD", 10), (None, "EUR", 5), ("initech", "USD", 8)} == {
        (price.client, price.currency, price.flat_fee) for price in share.prices
    }
    assert {"Own": [], "Cards": [100000]} == {
        pool.name: [one.monthly_limit for one in pool.members if one.monthly_limit]
        for pool in services.pools.listing(ADMIN)
    }
    assert services.audit.verify(ADMIN).valid

    before = written(services.settings.database_url)
    assert [] == desk.plan(FULL)
    assert [] == desk.apply(FULL).changes
    exported = services.manifests.export(ADMIN)
    assert PASSWORD not in exported
    assert [] == desk.plan(exported, prune=True)
    assert before == written(services.settings.database_url)


def test_one_event_each(desk: Desk) -> None:
    """An apply leaves an event of its own, and the event of every resource that it touched."""
    before = len(events(desk.services))
    desk.apply(FULL)
    made = [one.action for one in events(desk.services)[before:]]
    assert Action.MANIFEST_APPLY == made[0]
    wanted = {
        Action.PLATFORM_CREATE: 1,
        Action.TENANT_CREATE: 3,
        Action.TENANT_RENAME: 3,
        Action.CLIENT_CREATE: 4,
        Action.POOL_CREATE: 2,
    }
    assert wanted == {action: made.count(action) for action in wanted}


def test_drift(desk: Desk) -> None:
    """What somebody changed by hand is found, and an apply sets it right."""
    desk.apply(FULL)
    services = desk.services
    services.clients.update(ADMIN, "acme/Main", Changes(priority=9))
    services.clients.disable(ADMIN, "acme/Main")
    assert {"priority": (9, 3)} == fields(desk.plan(FULL))
    text = FULL.replace("priority: 3", "priority: 3\n        status: active")
    assert {"priority": (9, 3), "status": ("inactive", "active")} == fields(desk.plan(text))
    services.tenants.rename(ADMIN, "shop", name="Other")
    assert ["shop", "acme/paypal_payflow/Main"] == [change.ref for change in desk.plan(text)]
    desk.apply(text)
    assert [] == desk.plan(text)
    assert "active" == services.clients.find(ADMIN, "acme/Main").status


def test_partial(desk: Desk) -> None:
    """A section, or a field, that the file leaves out is not touched, not even by --prune."""
    desk.apply(FULL)
    for text in (HEAD, HEAD + PLATFORM, f"{HEAD}{POOLS}", f"{HEAD}organization: {{}}\n"):
        assert [] == desk.plan(text, prune=True)
    alone = "clients:\n  - {slug: acme}\n  - {slug: initech}\n  - {slug: hooli}\n  - {slug: globex}\n"
    assert [] == desk.plan(HEAD + alone, prune=True)


def test_secret_changed(desk: Desk, monkeypatch: pytest.MonkeyPatch, gateway: SteeredGateway) -> None:
    """A changed secret is seen without opening the stored one, never shown, and tested before it is saved."""
    desk.apply(MAIN)
    before = len(events(desk.services))
    monkeypatch.setenv("PAYFLOW_PASSWORD", "another secret 77")
    (change,) = desk.plan(MAIN)
    assert {"credentials.password": ("(secret)", "(secret changed)")} == fields([change])
    assert before == len(events(desk.services))
    assert "another secret" not in repr(desk.made(MAIN))
    with pytest.raises(RejectedError) as caught:
        desk.apply(MAIN)
    assert "another secret" not in str(vars(caught.value))
    desk.apply(MAIN, test=False)
    assert [] == desk.plan(MAIN)
    assert "another secret" not in str([one.changes for one in events(desk.services)])


def test_unknown_fingerprint(desk: Desk) -> None:
    """Without a fingerprint by the key in force the credentials count as changed, which is said."""
    desk.apply(MAIN)
    with desk.services.database.write() as connection:
        connection.exec_driver_sql('UPDATE "ClientIntegration" SET "credentialsFingerprints" = NULL')
    (change,) = desk.plan(MAIN)
    assert {"credentials": ("(unknown)", "(secret changed)")} == fields([change])
    assert "--purpose fingerprint" in change.notes[0]
    desk.apply(MAIN)
    assert [] == desk.plan(MAIN)


def test_stored(desk: Desk) -> None:
    """`stored` leaves credentials alone; a change that sends them elsewhere needs them in the file."""
    desk.apply(MAIN)
    stored = MAIN.replace(LOGIN, "stored")
    assert [] == desk.plan(stored)
    with pytest.raises(InvalidInputError, match=r"line 6.*environment: a change sends"):
        desk.plan(stored.replace("credentials", "environment: sandbox, credentials"))
    with pytest.raises(InvalidInputError, match="nothing is stored yet"):
        desk.plan(stored.replace("name: Main", "name: New"))
    moved = MAIN.replace("credentials", "environment: sandbox, credentials")
    desk.apply(moved)
    assert "sandbox" == desk.services.clients.find(ADMIN, "acme/Main").environment
    assert [] == desk.plan(moved)


def test_changed_meanwhile(desk: Desk, gateway: SteeredGateway) -> None:
    """What changed between the plan and its apply is not overwritten, and nothing else is applied."""
    desk.apply(MAIN)
    text = MAIN.replace("name: Main,", "name: Main, priority: 5,").replace(
        "slug: acme", "slug: acme\n    name: New"
    )
    plan = desk.made(text)
    desk.services.clients.update(ADMIN, "acme/Main", Changes(description="mine"))
    with pytest.raises(ChangedMeanwhileError):
        desk.services.manifests.apply(ADMIN, plan)
    assert "acme" == desk.services.tenants.show(ADMIN, "acme").name

    other = MAIN.replace("name: Main", "name: Second")
    gateway.meanwhile = lambda: own(desk.services, "Second", test=False)
    with pytest.raises(ChangedMeanwhileError):
        desk.apply(other)


def test_all_or_nothing(desk: Desk, gateway: SteeredGateway) -> None:
    """Where one test fails, nothing is applied, and the refusal is on record."""
    before = written(desk.services.settings.database_url)
    gateway.says = REFUSED
    with pytest.raises(RejectedError) as caught:
        desk.apply(FULL)
    refs = ["platform/paypal_payflow", "acme/paypal_payflow/Main"]
    assert refs == [one["ref"] for one in caught.value.details["failed"]]
    assert before == written(desk.services.settings.database_url)
    assert 2 == sum(one.outcome == "failure" for one in events(desk.services))


def test_prune(desk: Desk) -> None:
    """What the sections of the file name no more is deleted with --prune only, what uses it first."""
    desk.apply(FULL)
    text = FULL.replace("      - {provider: paypal_payflow, name: Ours, mode: platform}\n", "")
    text = text.replace("      - {slug: outlet}\n", "").replace("  - slug: hooli\n", "")
    text = text[: text.index("pools:\n  - name: Own")] + "pools: []\n"
    assert [] == desk.plan(text)
    refused = {change.ref: change.refused for change in desk.plan(text, prune=True)}
    assert {"globex", "hooli", "outlet", "platform/Own", "acme/paypal_payflow/Ours"} < set(refused)
    assert refused["globex"] is None
    assert "on record" in str(refused["hooli"]) or "merchant accounts" in str(refused["hooli"])
    with pytest.raises(ConflictError, match="hooli"):
        desk.apply(text, prune=True)

    kept = text.replace("  - slug: initech\n", "  - {slug: hooli, integrations: []}\n  - slug: initech\n")
    done = desk.apply(kept, prune=True)
    assert {"delete"} == set(told(done.changes).values())
    assert [] == desk.plan(kept, prune=True)
    assert [] == desk.services.clients.listing(ADMIN, client="hooli")
    assert ["Cards"] == [pool.name for pool in desk.services.pools.listing(ADMIN)]


def test_prune_in_use(desk: Desk) -> None:
    """A platform integration that clients go on using is not pruned, which the plan says."""
    desk.apply(FULL)
    (change,) = desk.plan(f"{HEAD}platform: []\n", prune=True)
    assert ("delete", "platform/paypal_payflow") == (change.action, change.ref)
    assert "acme/paypal_payflow/Ours" in str(change.refused)


def test_cannot_change(desk: Desk) -> None:
    """What cannot change is refused by the plan, with the reason, before anything is done."""
    desk.apply(FULL)
    for old, new, words in (
        ("name: Ours, mode: platform}", f"name: Ours, credentials: {LOGIN}}}", "mode cannot change"),
        ("    environment: sandbox\n", "    environment: production\n", "its environment cannot change"),
        ("strategy: weighted", "strategy: weighted\n        environment: sandbox", "its environment cannot"),
        ("      - {slug: outlet}\n", "      - {slug: globex}\n", "another kind of tenant"),
    ):
        assert old in FULL
        with pytest.raises(ConflictError, match=words):
            desk.apply(FULL.replace(old, new, 1))
    with pytest.raises(ConflictError, match="organization avnz"):
        desk.plan(FULL.replace("slug: avnz", "slug: other"))


@pytest.mark.parametrize(
    ("old", "new", "error", "words"),
    [
        ("name: Theirs,", "name: Theirs, environment: production,", InvalidInputError, "is in sandbox"),
        ("account: Main", "account: Nowhere", InvalidInputError, "line .*no payment gateway of this name"),
        ("client: initech", "client: nobody", InvalidInputError, "no client 'nobody'"),
        ("name: Ours, mode", "name: Ours, default: true, mode", None, ""),
        ("name: Main\n        environment: production", "name: Main\n        environment: sandbox", None, ""),
    ],
)
def test_against_the_database(
    desk: Desk, old: str, new: str, error: type[AvnzError] | None, words: str
) -> None:
    """What only the whole of file and database can tell is told with its line."""
    assert old in FULL
    if error is None:
        desk.plan(FULL.replace(old, new))
        return
    with pytest.raises(error, match=words):
        desk.plan(FULL.replace(old, new))


def test_two_defaults(desk: Desk) -> None:
    """Two defaults of one category and environment are a mistake; one that moves is told."""
    text = FULL.replace("name: Ours, mode", "name: Ours, default: true, mode")
    with pytest.raises(InvalidInputError, match="'Main' is the default"):
        desk.plan(text.replace("environment: production", "environment: sandbox"))
    desk.apply(MAIN.replace("name: Main,", "name: Main, default: true,"))
    (change,) = desk.plan(MAIN.replace("name: Main,", "name: Other, default: true,"))
    assert ["paypal_payflow/Main is the default no more"] == change.notes


def test_platform_only(desk: Desk) -> None:
    """A provider that clients may not use is forbidden, before its fields are looked at."""
    with pytest.raises(ForbiddenError, match="for the platform only"):
        desk.plan(MAIN.replace("paypal_payflow", "okta"))


def test_enabling(desk: Desk, gateway: SteeredGateway) -> None:
    """What never passed a test is tested before it is put in force; --no-test cannot."""
    desk.apply(MAIN, test=False)
    desk.services.clients.disable(ADMIN, "acme/Main")
    text = MAIN.replace("name: Main,", "name: Main, status: active,")
    (change,) = desk.plan(text)
    assert ["it is tested before it is put in force"] == change.notes
    with pytest.raises(UnverifiedError):
        desk.apply(text, test=False)
    gateway.says = REFUSED
    with pytest.raises(RejectedError):
        desk.apply(text)
    gateway.says = None
    desk.apply(text)
    view = desk.services.clients.find(ADMIN, "acme/Main")
    assert ("active", True) == (view.status, view.is_verified)
    assert [] == desk.plan(text)


def test_sharing_ends(desk: Desk) -> None:
    """`share: false` ends the offer, a price in the file replaces the one in force, one to come waits."""
    desk.apply(FULL)
    dearer = FULL.replace("percentageFee: 0.5,", "percentageFee: 0.6,")
    change = fields(desk.plan(dearer))
    assert ["price[all USD]"] == list(change)
    desk.apply(dearer)
    later = dearer.replace(
        "        - {client: initech",
        "        - {percentageFee: 0.7, flatFee: 1, effectiveAt: 2999-01-01}\n        - {client: initech",
    )
    assert ["price[all USD] from 2999-01-01T00:00:00.000Z"] == list(fields(desk.plan(later)))
    desk.apply(later)
    assert [] == desk.plan(later)
    assert [] == desk.plan(desk.services.manifests.export(ADMIN), prune=True)
    # By the file the price since 2020 is in force; the one without a time was before.
    since = dearer.replace(
        "        - {client: initech",
        "        - {percentageFee: 0.6, flatFee: 2, effectiveAt: 2020-01-01}\n        - {client: initech",
    )
    assert ["price[all USD] from 2020-01-01T00:00:00.000Z"] == list(fields(desk.plan(since)))
    desk.apply(since)
    assert [] == desk.plan(since)
    desk.apply(later)
    ended = f"{HEAD}platform:\n  - {{provider: paypal_payflow, share: false}}\n"
    assert {"isSharedWithClients": (True, False)} == fields(desk.plan(ended))
    desk.apply(ended)
    assert [] == desk.plan(ended)
    prices = desk.services.sharing.show(ADMIN, "paypal_payflow").prices
    desk.apply(later)
    assert [] == desk.plan(later)
    assert prices == desk.services.sharing.show(ADMIN, "paypal_payflow").prices


def test_pools_change(desk: Desk) -> None:
    """A pool has the members that the file names, with the values that it gives."""
    desk.apply(FULL)
    more = FULL.replace("{account: Main, weight: 3,", "{account: Main, weight: 5,")
    assert {"members[paypal_payflow/Main].weight": (3, 5)} == fields(desk.plan(more))
    desk.apply(more)
    assert [] == desk.plan(more)
    other = more.replace("strategy: weighted", "strategy: priority").replace(
        "{account: Main, weight: 5, monthlyLimit: 100000, currencies: [USD]}",
        "{account: paypal_payflow/Second}",
    )
    other = other.replace(
        "    pools:",
        f"      - {{provider: paypal_payflow, name: Second, credentials: {LOGIN}}}\n    pools:",
        1,
    )
    desk.apply(other)
    (_, pool) = desk.services.pools.listing(ADMIN)
    assert ("priority", ["Second"]) == (pool.strategy, [one.name for one in pool.members])
    assert [] == desk.plan(other)
    assert [] == desk.plan(desk.services.manifests.export(ADMIN))


@pytest.mark.parametrize("role", ["auditor", "service", "client"])
def test_roles(desk: Desk, role: str) -> None:
    """Only an org_admin plans, applies or exports; each refusal is on record."""
    services = desk.services
    actor = {"auditor": AUDITOR, "service": SERVICE}.get(role) or admin_of(services, "acme")
    plan = desk.made(MAIN)
    deeds: list[Callable[[], object]] = [
        lambda: services.manifests.plan(actor, Source(MAIN, "m.yaml", desk.folder)),
        lambda: services.manifests.apply(actor, plan),
        lambda: services.manifests.export(actor),
    ]
    for deed in deeds:
        with pytest.raises(ForbiddenError):
            deed()
    assert 3 == sum(one.outcome == "denied" for one in events(services))


def test_constant_queries(desk: Desk) -> None:
    """A plan asks as often for forty integrations as for two."""
    item = "      - {{provider: paypal_payflow, name: N{}, credentials: {}}}\n"

    def text(count: int) -> str:
        items = "".join(item.format(number, LOGIN) for number in range(count))
        return f"{HEAD}clients:\n  - slug: acme\n    integrations:\n{items}"

    asked: list[str] = []
    counts = []
    engine = desk.services.database.engine
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    for count in (2, 40):
        desk.apply(text(count), test=False)
        asked.clear()
        assert ["globex"] == [change.ref for change in desk.plan(text(count), prune=True)]
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert counts[0] <= 20


def test_made_as_by_hand(desk: Desk) -> None:
    """What an apply makes has the columns, the account and the events of what is added one by one."""
    services = desk.services
    login = payflow_credentials()
    services.clients.add(ADMIN, NewClient("globex", "paypal_payflow", name="Main", credentials=login))
    by_hand = [(one.action, sorted(one.changes or {})) for one in events(services)[-2:]]
    desk.apply(MAIN)
    assert by_hand == [(one.action, sorted(one.changes or {})) for one in events(services)[-2:]]
    url, own_words = services.settings.database_url, {"id", "clientId", "clientIntegrationId", "credentials"}
    for table in ("ClientIntegration", "MerchantAccount"):
        first, second = (
            {name: value for name, value in row.items() if name not in own_words and not name.endswith("At")}
            for row in columns_of(url, table)
        )
        assert first == second
    assert all(services.checks.test(ADMIN, ref).success for ref in ("globex/Main", "acme/Main"))


def test_strategy_alone(desk: Desk) -> None:
    """A pool whose strategy changes and nothing else keeps its accounts, named in short as they are."""
    desk.apply(FULL)
    desk.apply(FULL.replace("strategy: weighted", "strategy: priority"))
    (pool,) = [one for one in desk.services.pools.listing(ADMIN) if one.name == "Cards"]

    assert ("priority", ["Main"], [3]) == (
        pool.strategy,
        [member.name for member in pool.members],
        [member.weight for member in pool.members],
    )
