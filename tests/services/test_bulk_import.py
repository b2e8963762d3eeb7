"""Bulk import: what is taken, what is kept out and why, and what stands behind it."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from avnz_int.errors import ForbiddenError
from avnz_int.model.bulk import ImportOptions
from avnz_int.model.enums import Action, Environment
from avnz_int.model.files import Form, IfExists
from avnz_int.model.secret import Secret
from avnz_int.services import bulk_locks, bulk_reading
from avnz_int.services.bulk_parsing import record_of
from avnz_int.wiring import Services
from support.bulk import (
    PRICING,
    UNTESTED,
    client_record,
    counts,
    lines,
    login,
    platform_record,
    reading,
    take,
)
from support.scenes import (
    ADMIN,
    AUDITOR,
    PAYFLOW,
    REFUSED,
    SteeredGateway,
    account,
    admin_of,
    events,
    own,
    platform,
    using,
    written,
)
from support.services import add_untested, opened

pytestmark = pytest.mark.sqlite_first

SKIP = replace(UNTESTED, if_exists=IfExists.SKIP)
UPDATE = replace(UNTESTED, if_exists=IfExists.UPDATE)


def test_whole_hierarchy(services: Services) -> None:
    """Tenants, the platform's and the clients' integrations of one file stand as if they were added."""
    report = take(
        services,
        {"kind": "tenant", "slug": "initech", "name": "Initech"},
        {"kind": "tenant", "slug": "branch", "parent": "initech", "level": "company"},
        platform_record(isSharedWithClients=True, clientPricing=PRICING),
        client_record("Own", client="initech", isDefault=True, priority=3, description="Theirs"),
        client_record("Ours", client="initech", mode="platform", credentials=None),
    )

    assert ((5, 0, 0, 0), []) == (counts(report), report.errors)
    assert ("Initech", "avnz") == (
        (found := services.tenants.show(ADMIN, "initech")).name,
        found.parent,
    )
    assert "initech" == services.tenants.show(ADMIN, "branch").parent
    mine = services.clients.find(ADMIN, "initech/Own")
    assert ("pending", True, 3, "Theirs", False) == (
        *(mine.status, mine.is_default, mine.priority, mine.description),
        mine.is_verified,
    )
    assert "active" == services.clients.find(ADMIN, "initech/Ours").status
    assert services.platform.find(ADMIN, PAYFLOW).is_shared_with_clients
    assert login()["password"] == opened(services)["Own"]
    assert "pending" == account(services, mine.id).status
    assert services.audit.verify(ADMIN).valid


def test_secret_for_a_name(services: Services) -> None:
    """A secret that stands in the place of a field's name, in a record or its credentials, is not printed."""
    secret = "sk_live_c4n4ryc4n4ry"
    report = take(
        services,
        {**client_record("A"), secret: "x"},
        client_record("B", credentials={**login(), secret: "x"}),
        {**client_record("C"), "nam": "x"},
    )
    assert (3, False) == (report.failed, secret in str(report))
    assert report.errors[0].message.startswith("#")
    assert "nam: is not a field" == report.errors[2].message


def test_as_added(services: Services) -> None:
    """An imported integration has the columns, the merchant account and the event of one that was added."""
    add_untested(services, "Added")
    take(services, client_record("Imported", environment="production"))
    rows = {name: services.clients.find(ADMIN, f"acme/{name}") for name in ("Added", "Imported")}

    def plain(view: Any) -> dict[str, Any]:
        names = [name for name in type(view).__dataclass_fields__ if not name.endswith(("_at", "id"))]
        return {name: getattr(view, name) for name in names if name not in {"name", "created_by"}}

    made = events(services, Action.CLIENT_CREATE)[-2:]
    accounts = [account(services, view.id) for view in rows.values()]

    assert plain(rows["Added"]) == plain(rows["Imported"])
    assert plain(accounts[0]) == plain(accounts[1])
    first, second = ({**(event.changes or {}), "name": None} for event in made)
    assert first == second
    assert [view.id for view in rows.values()] == [event.target_id for event in made]


def test_bad_records(services: Services) -> None:
    """Each bad record is told by its line and kept out; those around it are taken."""
    report = take(
        services,
        client_record("One"),
        b"not json",
        b'{"kind": "client", "kind": "client"}',
        b"\xff",
        b"[1]",
        b'{"kind": "thing"}',
        client_record("Two", credentials={"partner": "PayPal"}),
        client_record("One"),
        client_record("Three", client="nobody"),
        client_record("Four", provider="paypal"),
        client_record("Five", colour="red"),
        client_record("Six", priority="1"),
        client_record("Se/ven"),
        client_record("Eight", credentials="••••"),
        client_record("Nine", provider="auth0"),
        client_record("Ten", mode="platform"),
        client_record("Ten", mode="platform", credentials=None),
        {"kind": "tenant", "slug": "No Slug"},
        {"kind": "tenant", "slug": "orphan", "parent": "nobody"},
        {"kind": "tenant", "slug": "acme"},
        b"",
        client_record("Last", isDefault=True),
        client_record("Rival", isDefault=True),
    )

    told = {problem.line: problem.code for problem in report.errors}
    assert {
        **dict.fromkeys((2, 3, 4, 5, 6), "invalid_input"),
        7: "invalid_fields",
        8: "invalid_input",
        9: "not_found",
        10: "unknown_provider",
        **dict.fromkeys((11, 12, 13, 14), "invalid_input"),
        15: "forbidden",
        16: "invalid_input",
        17: "not_shared",
        18: "invalid_input",
        19: "not_found",
        20: "exists",
        23: "invalid_input",
    } == told
    assert (2, 0, 0, 20) == counts(report)
    assert {"One", "Last"} == {view.name for view in services.clients.listing(ADMIN)}


def test_if_exists(services: Services) -> None:
    """What is there is an error, is left alone, or is changed where the record says so."""
    take(services, client_record(), platform_record(), {"kind": "tenant", "slug": "new", "name": "New"})
    before = services.clients.find(ADMIN, "acme/Main")
    again = (
        client_record(description="Other", credentials=login("second password")),
        platform_record(name="Renamed", credentials="••••"),
        {"kind": "tenant", "slug": "new", "name": "Newer"},
    )

    assert [(0, 0, 0, 3), (0, 0, 3, 0), (0, 3, 0, 0)] == [
        counts(take(services, *again, options=options)) for options in (UNTESTED, SKIP, UPDATE)
    ]
    after = services.clients.find(ADMIN, "acme/Main")
    assert (before.id, "Other") == (after.id, after.description)
    assert "second password" == opened(services)["Main"]
    assert "Renamed" == services.platform.find(ADMIN, PAYFLOW).name
    assert "Newer" == services.tenants.show(ADMIN, "new").name


def test_unchanged_is_skipped(services: Services) -> None:
    """A record that says what stands there changes nothing, and no event tells of a change."""
    take(services, client_record(priority=2), platform_record())
    before = written(services.settings.database_url)
    report = take(
        services,
        client_record(priority=2, credentials="••••"),
        platform_record(credentials="••••"),
        {"kind": "tenant", "slug": "acme"},
        options=UPDATE,
    )

    assert (0, 0, 3, 0) == counts(report)
    assert before == written(services.settings.database_url)


def test_update_follows_the_rules(services: Services) -> None:
    """What `update` refuses is refused here: another environment without credentials, another mode."""
    platform(services, share=True)
    own(services)
    using(services)
    report = take(
        services,
        client_record(credentials="••••"),
        client_record("Main", client="globex"),
        client_record("Ours", mode="own"),
        {"kind": "tenant", "slug": "shop", "parent": "globex"},
        options=UPDATE,
    )

    assert [(1, "invalid_input"), (3, "conflict"), (4, "conflict")] == [
        (problem.line, problem.code) for problem in report.errors
    ]
    assert "sandbox" == services.clients.find(ADMIN, "globex/Main").environment


def test_default_moves(services: Services) -> None:
    """An imported default takes the default from the one that had it, as `add --default` does."""
    take(services, client_record("First", isDefault=True))
    take(services, client_record("Second", isDefault=True))

    assert {"First": False, "Second": True} == {
        view.name: view.is_default for view in services.clients.listing(ADMIN)
    }


def test_dry_run(services: Services) -> None:
    """A dry run tells what would be done, tenants of the file included, and changes nothing."""
    take(services, client_record())
    before = written(services.settings.database_url)
    seen = len(events(services))
    report = take(
        services,
        {"kind": "tenant", "slug": "new"},
        client_record(client="new"),
        client_record(),
        client_record("Other", client="nobody"),
        options=replace(UNTESTED, dry_run=True, if_exists=IfExists.SKIP),
    )

    assert ((2, 0, 1, 1), True) == (counts(report), report.dry_run)
    assert (before, seen) == (written(services.settings.database_url), len(events(services)))


def test_validate_only(services: Services) -> None:
    """Records are looked at by themselves: what is there, and who owns it, does not count."""
    take(services, client_record())
    report = take(
        services,
        client_record(),
        client_record(client="nobody"),
        client_record("Bad", credentials={}),
        options=replace(UNTESTED, validate_only=True),
    )

    assert [3] == [problem.line for problem in report.errors]
    assert ((0, 0, 0, 1), True) == (counts(report), report.dry_run)


def test_empty_name(services: Services) -> None:
    """A tenant's empty name is refused, whether the tenant is there or not."""
    services.tenants.add(ADMIN, "there")
    records = [{"kind": "tenant", "slug": slug, "name": ""} for slug in ("new", "there")]
    report = take(services, *records, options=replace(UNTESTED, if_exists=IfExists.UPDATE))
    assert [("new", "invalid_input"), ("there", "invalid_input")] == [
        (one.ref, one.code) for one in report.errors
    ]


def test_ref_of_bad(services: Services) -> None:
    """A record that cannot be read is told by what its kind is called by."""
    records = [{**record, "nope": 1} for record in (client_record("N"), platform_record())]
    report = take(services, {"kind": "tenant", "slug": "t8", "name": "x", "nope": 1}, *records)
    provider = records[1]["provider"]
    assert ["t8", f"acme/{records[0]['provider']}/N", f"platform/{provider}"] == [
        one.ref for one in report.errors
    ]


@pytest.mark.parametrize("test", [False, True])
def test_atomic(services: Services, gateway: SteeredGateway, test: bool) -> None:
    """One bad record keeps out all; without one, all are taken in one transaction."""
    options = ImportOptions(test=test, atomic=True, batch_size=2)
    good = [client_record(f"N{number}") for number in range(5)]
    before = written(services.settings.database_url)
    report = take(services, *good, client_record("Bad", client="nobody"), options=options)

    assert ((0, 0, 0, 1), 6) == (counts(report), report.errors[0].line)
    assert before == written(services.settings.database_url)
    assert (5, 0, 0, 0) == counts(take(services, *good, options=options))
    assert {test} == {view.is_verified for view in services.clients.listing(ADMIN)}
    assert services.audit.verify(ADMIN).valid


def test_tested(services: Services, gateway: SteeredGateway) -> None:
    """What the provider accepts is active and verified, what it rejects is not saved; both are recorded."""
    report = take(
        services,
        client_record("Good"),
        client_record("Wrong", credentials=login("wrong password")),
        platform_record(),
        options=ImportOptions(),
    )

    assert [(2, "rejected")] == [(problem.line, problem.code) for problem in report.errors]
    good = services.clients.find(ADMIN, "acme/Good")
    assert ("active", True, "success") == (good.status, good.is_verified, good.last_test_result)
    assert "active" == services.platform.find(ADMIN, PAYFLOW).status
    outcomes = [event.outcome for event in events(services, Action.CLIENT_TEST)]
    assert ["failure", "success"] == sorted(outcomes)


def test_tested_update(services: Services, gateway: SteeredGateway) -> None:
    """New credentials of what is there are tested before they take the old ones' place."""
    own(services)
    gateway.says = REFUSED
    options = ImportOptions(if_exists=IfExists.UPDATE)
    report = take(services, client_record(credentials=login("wrong password")), options=options)
    assert ((0, 0, 0, 1), "rejected") == (counts(report), report.errors[0].code)
    assert login()["password"] == opened(services)["Main"]
    gateway.says = None

    assert (0, 1, 0, 0) == counts(take(services, client_record(priority=1), options=options))
    assert services.clients.find(ADMIN, "acme/Main").is_verified


def test_changed_during_the_test(services: Services, gateway: SteeredGateway) -> None:
    """What somebody else changes while it is tested is not overwritten."""
    view = own(services)
    gateway.meanwhile = lambda: services.clients.disable(ADMIN, view.id)
    report = take(services, client_record(), options=ImportOptions(if_exists=IfExists.UPDATE))

    assert "changed_meanwhile" == report.errors[0].code
    assert "inactive" == services.clients.find(ADMIN, view.id).status


def test_added_during_the_test(services: Services, gateway: SteeredGateway) -> None:
    """What somebody adds while the record is tested was not tested: it stays as it is, unverified."""
    gateway.meanwhile = lambda: own(services, test=False, environment=Environment.SANDBOX)
    report = take(services, client_record(), options=ImportOptions(if_exists=IfExists.UPDATE))

    assert "changed_meanwhile" == report.errors[0].code
    view = services.clients.find(ADMIN, "acme/Main")
    assert ("sandbox", "pending", False) == (view.environment, view.status, view.is_verified)


def test_asked_before_anything_is_locked(services: Services, open_services: Callable[[], Services]) -> None:
    """A passphrase is asked for while others can still write, also where all is one transaction."""
    own(services, test=False)
    phrase = Secret("only for this test")
    bundle = "".join(
        f"{line}\n" for line in services.bulk_export.sealed(ADMIN, bulk_locks.by_passphrase(phrase))
    ).encode()
    other = open_services()

    def unlock() -> bulk_reading.Opener:
        other.tenants.add(ADMIN, "meanwhile")
        return bulk_locks.passphrase_opener(phrase)

    records = bulk_reading.records(lambda: nullcontext(io.BytesIO(bundle)), Form.JSONL, unlock)
    options = ImportOptions(test=False, atomic=True, if_exists=IfExists.SKIP)
    report = services.bulk_import.run(ADMIN, records, options)

    assert (0, 0) == (report.failed, report.created)
    assert "meanwhile" == services.tenants.show(ADMIN, "meanwhile").slug


def test_inactive_stays_inactive(services: Services, gateway: SteeredGateway) -> None:
    """What was switched off where it came from is not switched on here, however well it tests."""
    take(services, client_record(status="inactive"), options=ImportOptions())
    view = services.clients.find(ADMIN, "acme/Main")

    assert ("inactive", True) == (view.status, view.is_verified)
    assert "inactive" == account(services, view.id).status


def test_client_admin(services: Services) -> None:
    """A client_admin imports the own client's integrations, learns nothing of others, and is recorded."""
    actor = admin_of(services, "acme")
    report = take(
        services,
        client_record("Mine"),
        client_record("Theirs", client="globex"),
        client_record("Nobody's", client="nobody"),
        client_record("Hidden", provider="auth0"),
        platform_record(),
        {"kind": "tenant", "slug": "new"},
        actor=actor,
    )

    assert (1, 0, 0, 5) == counts(report)
    theirs, nobodys = (
        problem.message.replace("globex", "X").replace("nobody", "X") for problem in report.errors[:2]
    )
    assert theirs == nobodys
    assert ["not_found", "not_found", "unknown_provider", "forbidden", "forbidden"] == [
        problem.code for problem in report.errors
    ]
    denied = [event for event in events(services) if event.outcome == "denied"]
    assert [actor.id] * 4 == [event.actor_id for event in denied]
    with pytest.raises(ForbiddenError):
        take(services, client_record(), actor=AUDITOR)


def _of_platform(name: str, **more: str) -> dict[str, Any]:
    return client_record(name, mode="platform", credentials=None, environment=None, **more)


def test_platform_mode(services: Services) -> None:
    """A client integration in platform mode has what is shared; its environment is the platform's."""
    platform(services, share=True)
    first = using(services)
    report = take(services, _of_platform("Other", client="globex"))

    assert (1, 0, 0, 0) == counts(report)
    other = services.clients.find(ADMIN, "globex/Other")
    assert (first.platform_integration_id, first.environment) == (
        other.platform_integration_id,
        other.environment,
    )


def test_batches(services: Services) -> None:
    """Tenants, updates and new integrations of many batches keep their order and are counted once."""
    records = [
        record
        for number in range(7)
        for record in (
            {"kind": "tenant", "slug": f"t{number}"},
            client_record("A", client=f"t{number}"),
            client_record("B", client=f"t{number}", isDefault=True),
        )
    ]
    seen: list[int] = []
    options = replace(UNTESTED, batch_size=4)
    report = services.bulk_import.run(
        ADMIN, reading(lines(records)), options, on_batch=lambda now: seen.append(now.records)
    )

    assert ((21, 0, 0, 0), [4, 8, 12, 16, 20, 21]) == (counts(report), seen)
    assert (0, 0, 21, 0) == counts(take(services, *records, options=replace(SKIP, batch_size=4)))


def test_shown_without_secrets() -> None:
    """Whoever prints a record that was read prints none of its credentials."""
    value = client_record("Main", credentials=login("the secret of it"))

    assert "the secret of it" not in repr(record_of(value))
