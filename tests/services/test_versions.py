"""Credentials that were in force before: kept sealed for a grace time, rolled back to, destroyed."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from avnz_int import clock
from avnz_int.crypto import jwe
from avnz_int.db.platform import by_provider
from avnz_int.errors import (
    ChangedMeanwhileError,
    ConflictError,
    InUseError,
    ProviderUnreachableError,
    RejectedError,
    SealBrokenError,
)
from avnz_int.model.enums import Action, Environment
from avnz_int.model.inputs import Changes, NewClient
from avnz_int.model.secret import Secret
from avnz_int.services import integrations
from avnz_int.wiring import Services
from support.scenes import (
    ADMIN,
    GARBAGE,
    PASSED,
    PAYFLOW,
    PRICE,
    REFUSED,
    SteeredGateway,
    account,
    events,
    expire_previous,
    own,
    platform,
    replaced,
    row,
    using,
)
from support.services import PASSWORD, execute, make_services, opened, payflow_credentials

pytestmark = pytest.mark.sqlite_first

NEW = "new password 77"
REFS = ("acme/Main", PAYFLOW)
PARTS = (
    "previousCredentials",
    "previousCredentialsKeyId",
    "previousCredentialsExpireAt",
    "previousEnvironment",
)


def made(services: Services, ref: str) -> tuple[str, str]:
    """The table and id of a new, tested integration."""
    if ref == PAYFLOW:
        return "PlatformIntegration", platform(services).id
    return "ClientIntegration", own(services).id


def rollback(services: Services, ref: str, **how: Any) -> Any:
    """What the rollback of an integration of either level gives."""
    return (services.clients if "/" in ref else services.platform).rollback(ADMIN, ref, **how)


def password(services: Services, ref: str) -> str:
    """The password in force."""
    if "/" in ref:
        return opened(services)[ref.split("/")[1]]
    with services.database.read() as connection:
        stored = by_provider(connection, ref) or {}
        place = integrations.place("PlatformIntegration", stored, integrations.definition(connection, ref))
        return str(services._vault.cipher(connection).open(stored["credentials"], place).reveal()["password"])


@pytest.mark.parametrize("ref", REFS)
def test_back(services: Services, gateway: SteeredGateway, ref: str) -> None:
    """A rollback tests the credentials from before and puts them in force; a second one goes forth again."""
    table, row_id = made(services, ref)
    gateway.says = PASSED
    replaced(services, ref, NEW, test=True)
    asked = len(gateway.requests)
    view = rollback(services, ref)

    assert ("active", "success", PASSWORD) == (view.status, view.last_test_result, password(services, ref))
    assert clock.now() < view.previous_credentials_expire_at <= clock.now() + timedelta(days=7)
    assert ("active", NEW) == (rollback(services, ref).status, password(services, ref))
    assert asked + 2 == len(gateway.requests)
    assert "active" == account(services, row_id).status
    reads = [e.changes for e in events(services, Action.CREDENTIALS_READ) if e.target_id == row_id]
    assert 2 == reads.count({"purpose": "rollback"})
    action = Action.CLIENT_ROLLBACK if table == "ClientIntegration" else Action.PLATFORM_ROLLBACK
    assert ["replaced"] * 2 == [(e.changes or {})["credentials"] for e in events(services, action)]


@pytest.mark.parametrize("ref", REFS)
@pytest.mark.parametrize(("says", "error"), [(REFUSED, RejectedError), (GARBAGE, ProviderUnreachableError)])
def test_refused(
    services: Services, gateway: SteeredGateway, ref: str, says: str, error: type[Exception]
) -> None:
    """Credentials from before that the provider refuses now, or cannot be asked of, change nothing."""
    table, row_id = made(services, ref)
    replaced(services, ref, test=True)
    before = row(services, table, row_id)
    gateway.says = says

    with pytest.raises(error):
        rollback(services, ref)
    assert before == row(services, table, row_id)
    gateway.says = None
    assert rollback(services, ref, test=False).status in {"pending", "inactive"}


@pytest.mark.parametrize("ref", REFS)
def test_nothing_before(services: Services, ref: str) -> None:
    """Without credentials from before, or after their grace time, a rollback is refused and says why."""
    made(services, ref)
    with pytest.raises(ConflictError, match="has no earlier credentials to go back to"):
        rollback(services, ref)
    replaced(services, ref)
    expire_previous(services)
    with pytest.raises(ConflictError, match="grace time is over") as caught:
        rollback(services, ref)

    assert caught.value.exit_code == 5


def test_platform_mode(services: Services) -> None:
    """What uses the platform's credentials has none of its own to go back to."""
    platform(services, share=True)
    using(services)

    with pytest.raises(ConflictError, match="acme/Ours has no earlier credentials") as caught:
        rollback(services, "acme/Ours")
    assert "in platform mode they are the platform's: roll that one back" == caught.value.hint


def test_destroyed_at_once(services: Services) -> None:
    """With no grace time nothing from before is kept, and what was kept goes."""
    view = own(services)
    replaced(services, "acme/Main")
    changes = Changes(credentials=payflow_credentials(), keep_previous_s=0)
    after = services.clients.update(ADMIN, view.id, changes, test=False)

    assert None is after.previous_credentials_expire_at
    stored = row(services, "ClientIntegration", view.id)
    assert [None] * 4 == [stored[name] for name in PARTS]


def test_rotation(services: Services, prepared_url: str) -> None:
    """A rotation seals credentials from before anew; what is past its time it destroys, with an event."""
    own(services)
    own(services, "Other")
    replaced(services, "acme/Main", test=True)
    replaced(services, "acme/Other", test=True)
    first = services.keys.rotate(ADMIN)
    execute(
        prepared_url,
        'UPDATE "ClientIntegration" SET "previousCredentialsExpireAt" = '
        "'2020-01-01T00:00:00.000Z' WHERE name = 'Other'",
    )
    second = services.keys.rotate(ADMIN)

    assert (4, 3) == (first.resealed, second.resealed)
    assert {second.active_key_id: 3} == {key: n for key, n in second.rows.items() if n}
    assert [{"rows": 1}] == [event.changes for event in events(services, Action.CREDENTIALS_DESTROY)]
    with pytest.raises(ConflictError):
        rollback(services, "acme/Other")
    assert "active" == rollback(services, "acme/Main").status
    assert PASSWORD == password(services, "acme/Main")


def test_place(services: Services, prepared_url: str) -> None:
    """Credentials from before are bound to their own column: moved into force by hand, they do not open."""
    view = own(services)
    replaced(services, "acme/Main")
    stored = row(services, "ClientIntegration", view.id)
    bound = json.loads(jwe.unb64url(jwe.parse(stored["previousCredentials"]).aad))
    services.checks.test(ADMIN, view.id)
    execute(prepared_url, 'UPDATE "ClientIntegration" SET "credentials" = "previousCredentials"')

    assert ["ClientIntegration", "previousCredentials", view.id] == bound[2:5]
    with pytest.raises(SealBrokenError, match="sealed for another column"):
        services.checks.test(ADMIN, view.id)


def test_other_host(services: Services) -> None:
    """Credentials from before go back to the host and environment that they were for, and nowhere else."""
    secret = Secret({"signingSecret": "whsec_" + "A" * 43 + "="})
    old = {"url": "https://one.example.com/in", "timeoutSeconds": 7}
    new = NewClient("acme", "webhook", name="hook", credentials=secret, settings=old)
    made = services.clients.add(ADMIN, new, test=False)
    services.clients.update(
        ADMIN,
        made.id,
        Changes(
            credentials=secret,
            settings={"url": "https://two.example.com/in"},
            environment=Environment.SANDBOX,
        ),
        test=False,
    )
    services.clients.update(ADMIN, made.id, Changes(settings={"timeoutSeconds": 9}), test=False)
    services.keys.rotate(ADMIN)
    after = services.clients.rollback(ADMIN, made.id, test=False)

    assert {"url": old["url"], "timeoutSeconds": 9} == after.settings
    assert Environment.PRODUCTION == after.environment
    again = services.clients.rollback(ADMIN, made.id, test=False)
    assert ("https://two.example.com/in", "sandbox") == ((again.settings or {})["url"], again.environment)
    assert not services.clients.show(ADMIN, made.id).unreadable


def test_environment_in_use(services: Services) -> None:
    """A rollback that would change the environment under clients is refused, and names them."""
    view = platform(services)
    changes = Changes(credentials=payflow_credentials(), environment=Environment.SANDBOX)
    services.platform.update(ADMIN, view.id, changes)
    services.sharing.share(ADMIN, PAYFLOW, PRICE)
    using(services)

    with pytest.raises(InUseError, match="acme/paypal_payflow/Ours: its environment cannot change"):
        rollback(services, PAYFLOW)


@pytest.mark.parametrize("ref", REFS)
def test_changed_meanwhile(services: Services, gateway: SteeredGateway, ref: str) -> None:
    """A rollback across which somebody else changed the row is refused, and leaves what they made."""
    table, row_id = made(services, ref)
    replaced(services, ref, test=True)
    service = services.clients if "/" in ref else services.platform
    gateway.meanwhile = lambda: service.update(ADMIN, ref, Changes(name="Theirs"))

    with pytest.raises(ChangedMeanwhileError) as caught:
        rollback(services, ref)
    assert caught.value.exit_code == 5
    assert [] == gateway.failures
    assert "Theirs" == row(services, table, row_id)["name"]


def test_unreadable_before(services: Services, prepared_url: str) -> None:
    """Credentials that do not open are replaced all the same; there is nothing to go back to then."""
    view = own(services)
    broken = json.dumps({"protected": "x"})
    cast = "" if prepared_url.startswith("sqlite") else "::jsonb"
    execute(prepared_url, f"""UPDATE "ClientIntegration" SET "credentials" = '{broken}'{cast}""")
    replaced(services, "acme/Main", test=True)

    assert not services.clients.show(ADMIN, view.id).unreadable
    with pytest.raises(ConflictError, match="no earlier credentials"):
        rollback(services, "acme/Main")


def test_erased_from_the_file(on_sqlite: str, keyring: Path, gateway: SteeredGateway) -> None:
    """What is destroyed does not stay in the pages of an SQLite file."""
    services = make_services(on_sqlite, keyring, gateway.url)
    view = own(services)
    replaced(services, "acme/Main")
    tag = json.loads(row(services, "ClientIntegration", view.id)["previousCredentials"])["tag"].encode()
    path = Path(on_sqlite.removeprefix("sqlite:///"))
    there = tag in path.read_bytes() + path.with_name(f"{path.name}-wal").read_bytes()
    expire_previous(services)
    services.keys.rotate(ADMIN)
    with services.database.raw() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    services.close()

    assert there
    assert tag not in path.read_bytes()
