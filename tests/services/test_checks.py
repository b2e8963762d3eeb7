"""Connection tests of what is stored: stale results, platform mode, and sealed values that do not open."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from avnz_int.errors import ForbiddenError, KeyMissingError, NotFoundError, SealBrokenError
from avnz_int.model.enums import Action, Environment
from avnz_int.model.inputs import Changes, NewClient, NewPlatform
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.samples import sample
from support.scenes import (
    ADMIN,
    AUDITOR,
    GARBAGE,
    PAYFLOW,
    REFUSED,
    SERVICE,
    SteeredGateway,
    admin_of,
    events,
    own,
    platform,
    row,
    using,
)
from support.services import execute, payflow_credentials


def test_ok(services: Services, gateway: SteeredGateway) -> None:
    """A test gives provider, environment, outcome and latency, and records its opening and its result."""
    view = own(services, test=False)
    check = services.checks.test(ADMIN, "acme/Main")
    assert (view.id, PAYFLOW, "production", True, "ok", "ok") == (
        check.id,
        check.provider,
        check.environment,
        check.success,
        check.outcome,
        check.code,
    )
    assert check.latency is not None
    opening, result = events(services)[-2:]
    assert (Action.CREDENTIALS_READ, view.id, {"purpose": "test"}) == (
        opening.action,
        opening.target_id,
        opening.changes,
    )
    changes = result.changes or {}
    assert (Action.CLIENT_TEST, view.id, gateway.url, ["pending", "active"]) == (
        result.action,
        result.target_id,
        changes["endpoint"],
        changes["status"],
    )


@pytest.mark.parametrize("change", ["credentials", "deleted"])
def test_stale(
    services: Services,
    gateway: SteeredGateway,
    open_services: Callable[[], Services],
    notices: list[str],
    change: str,
) -> None:
    """The result of credentials that were replaced or deleted during the test is recorded as stale only."""
    view = own(services, test=False)
    other = open_services()
    wanted = Changes(credentials=payflow_credentials("the newer one"))
    happenings: dict[str, Callable[[], object]] = {
        "credentials": lambda: other.clients.update(ADMIN, view.id, wanted, test=False),
        "deleted": lambda: other.clients.delete(ADMIN, view.id),
    }
    gateway.meanwhile = happenings[change]
    assert services.checks.test(ADMIN, view.id).success is True
    assert ["pending"] * (change != "deleted") == [v.status for v in services.clients.listing(ADMIN)]
    last = events(services)[-1]
    assert (Action.CLIENT_TEST, True) == (last.action, (last.changes or {})["stale"])
    assert any("during the test" in notice for notice in notices)


def test_not_stale(
    services: Services, gateway: SteeredGateway, open_services: Callable[[], Services]
) -> None:
    """A new name, a new data key, a disabling or another test meanwhile do not make the result stale."""
    view = own(services, test=False)
    other = open_services()
    gateway.meanwhile = lambda: (
        other.clients.update(ADMIN, view.id, Changes(name="Renamed")),
        other.keys.rotate(ADMIN),
        other.checks.test(ADMIN, view.id),
        other.clients.disable(ADMIN, view.id),
    )
    services.checks.test(ADMIN, view.id)
    now = services.clients.show(ADMIN, view.id)
    assert ("Renamed", "inactive", True) == (now.name, now.status, now.is_verified)
    assert [] == [event for event in events(services) if "stale" in (event.changes or {})]


def test_platform_mode(services: Services, gateway: SteeredGateway) -> None:
    """An org_admin tests the platform's; a client_admin hears its last result and nobody is asked."""
    shared = platform(services, share=True)
    view = using(services)
    gateway.says = REFUSED
    check = services.checks.test(ADMIN, view.id)
    assert (view.id, "rejected") == (check.id, check.outcome)
    assert "error" == row(services, "PlatformIntegration", shared.id)["status"]
    asked = len(gateway.requests)
    heard = services.checks.test(admin_of(services, "acme"), "acme/Ours")
    assert (False, "rejected", None) == (heard.success, heard.outcome, heard.latency)
    gateway.says = None
    services.checks.test(ADMIN, "platform/" + PAYFLOW)
    assert services.checks.test(admin_of(services, "acme"), view.id).success is True
    gateway.says = GARBAGE
    services.checks.test(ADMIN, shared.id)
    heard = services.checks.test(admin_of(services, "acme"), view.id)
    assert (False, "unreachable") == (heard.success, heard.outcome)
    assert asked + 2 == len(gateway.requests)


def test_untested_platform(services: Services) -> None:
    """What a client_admin hears of a platform integration that was never tested is neither good nor bad."""
    platform(services, test=False, share=True)
    using(services)
    heard = services.checks.test(admin_of(services, "acme"), "acme/Ours")
    assert (None, "unsupported") == (heard.success, heard.outcome)


def test_who_may(services: Services, gateway: SteeredGateway) -> None:
    """Auditors and services may not test; a client_admin learns of nothing but the own client's."""
    platform(services, test=False)
    mine, theirs = own(services, test=False), own(services, client="globex", test=False)
    for actor in (AUDITOR, SERVICE):
        for ref in (mine.id, "platform/" + PAYFLOW):
            with pytest.raises(ForbiddenError):
                services.checks.test(actor, ref)
    for ref in (theirs.id, "globex/Main", "platform/" + PAYFLOW, "platform/okta", PAYFLOW):
        with pytest.raises(NotFoundError):
            services.checks.test(admin_of(services, "acme"), ref)
    assert [] == gateway.requests
    assert services.checks.test(admin_of(services, "acme"), mine.id).success is True


def _sealed(url: str, table: str, row_id: str) -> dict[str, Any]:
    ((value,),) = execute(url, f'SELECT credentials FROM "{table}" WHERE id = :id', id=row_id)
    found: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
    return found


def _put(url: str, table: str, row_id: str, column: str, value: str) -> None:
    kind = "jsonb" if url.startswith("postgresql") and value.startswith("{") else "text"
    execute(
        url,
        f'UPDATE "{table}" SET "{column}" = CAST(:value AS {kind}) WHERE id = :id',
        value=value,
        id=row_id,
    )


def _refused(services: Services, ref: str, gateway: SteeredGateway, row_id: str) -> None:
    """Testing is refused with exit 8, an event, and no request."""
    asked = len(gateway.requests)
    with pytest.raises(SealBrokenError) as caught:
        services.checks.test(ADMIN, ref)
    assert (8, row_id) == (caught.value.exit_code, caught.value.details["id"])
    assert asked == len(gateway.requests)
    last = events(services)[-1]
    assert (Action.CREDENTIALS_READ, "failure", row_id) == (last.action, last.outcome, last.target_id)


def test_altered(services: Services, prepared_url: str, gateway: SteeredGateway) -> None:
    """A stored credential of which any part was altered does not open, and nothing is sent."""
    view = own(services, test=False)
    sound = _sealed(prepared_url, "ClientIntegration", view.id)
    for member in ("ciphertext", "tag", "iv", "aad", "protected"):
        first, rest = sound[member][0], sound[member][1:]
        broken = sound | {member: ("B" if first != "B" else "C") + rest}
        _put(prepared_url, "ClientIntegration", view.id, "credentials", json.dumps(broken))
        _refused(services, view.id, gateway, view.id)
    now = row(services, "ClientIntegration", view.id)
    assert ("pending", None) == (now["status"], now["lastTestedAt"])
    _put(prepared_url, "ClientIntegration", view.id, "credentials", json.dumps(sound))
    assert services.checks.test(ADMIN, view.id).success is True


def test_copied(services: Services, prepared_url: str, gateway: SteeredGateway) -> None:
    """A ciphertext copied to another row, client or table does not open there, and nothing is sent."""
    first = own(services, "First", test=False)
    targets = [
        ("ClientIntegration", own(services, "Second", test=False).id),
        ("ClientIntegration", own(services, "Third", client="globex", test=False).id),
        ("PlatformIntegration", platform(services, test=False).id),
    ]
    stolen = json.dumps(_sealed(prepared_url, "ClientIntegration", first.id))
    for table, row_id in targets:
        _put(prepared_url, table, row_id, "credentials", stolen)
        _refused(services, row_id, gateway, row_id)
    assert services.checks.test(ADMIN, first.id).success is True


@pytest.mark.parametrize(
    ("column", "value"), [("environment", "sandbox"), ("provider", "nmi"), ("clientId", "")]
)
def test_moved(
    services: Services, prepared_url: str, gateway: SteeredGateway, column: str, value: str
) -> None:
    """A row whose environment, provider or client was changed behind the services' back does not open."""
    view = own(services, test=False)
    _put(
        prepared_url,
        "ClientIntegration",
        view.id,
        column,
        value or services.tenants.show(ADMIN, "globex").id,
    )
    _refused(services, view.id, gateway, view.id)


def test_redirected(services: Services, prepared_url: str, gateway: SteeredGateway) -> None:
    """Credentials whose destination setting was changed by SQL do not open; another setting does no harm."""
    given = sample("webhook")
    new = NewClient("acme", "webhook", credentials=Secret(given.credentials), settings=given.settings)
    view = services.clients.add(ADMIN, new, test=False)
    harmless = json.dumps(given.settings | {"timeoutSeconds": 3})
    _put(prepared_url, "ClientIntegration", view.id, "settings", harmless)
    assert not services.clients.show(ADMIN, view.id).unreadable
    evil = json.dumps(given.settings | {"url": "https://evil.example.com/"})
    _put(prepared_url, "ClientIntegration", view.id, "settings", evil)
    _refused(services, view.id, gateway, view.id)


def test_broken_platform_of_a_client(services: Services, prepared_url: str, gateway: SteeredGateway) -> None:
    """In platform mode the refusal names the platform's row, whose credentials do not open."""
    shared = platform(services, test=False, share=True)
    using(services)
    execute(prepared_url, "UPDATE \"PlatformIntegration\" SET environment = 'sandbox'")
    _refused(services, "acme/Ours", gateway, shared.id)


def test_lost_key(services: Services, prepared_url: str, gateway: SteeredGateway) -> None:
    """A row sealed by a key that is not there is refused as a missing key; nothing is sent."""
    view = own(services, test=False)
    services.keys.rotate(ADMIN, new_key=True)
    value = _sealed(prepared_url, "ClientIntegration", view.id)
    header = json.dumps({"alg": "dir", "enc": "A256GCM", "kid": "a" * 24}, separators=(",", ":"))
    value["protected"] = base64.urlsafe_b64encode(header.encode()).decode().rstrip("=")
    _put(prepared_url, "ClientIntegration", view.id, "credentials", json.dumps(value))
    with pytest.raises(KeyMissingError):
        services.checks.test(ADMIN, view.id)
    assert [] == gateway.requests
    assert ("credentials:read", "failure") == (events(services)[-1].action, events(services)[-1].outcome)


def test_update_of_a_broken_row(services: Services, prepared_url: str, gateway: SteeredGateway) -> None:
    """A row that does not open is mended by giving its credentials anew."""
    view = own(services, test=False)
    execute(prepared_url, "UPDATE \"ClientIntegration\" SET environment = 'sandbox'")
    after = services.clients.update(ADMIN, view.id, Changes(credentials=payflow_credentials()))
    assert ("active", False, "sandbox") == (after.status, after.unreadable, after.environment)
    assert Environment.SANDBOX == services.checks.test(ADMIN, view.id).environment


def test_platform_broken(services: Services, prepared_url: str, gateway: SteeredGateway) -> None:
    """A platform row whose destination moved is refused, shown as unreadable, and listed as it was."""
    given = sample("auth0")
    view = services.platform.add(
        ADMIN, NewPlatform("auth0", Secret(given.credentials), settings=given.settings), test=False
    )
    evil = json.dumps(given.settings | {"domain": "evil.us.auth0.com"})
    _put(prepared_url, "PlatformIntegration", view.id, "settings", evil)
    _refused(services, view.id, gateway, view.id)
    assert services.platform.show(ADMIN, "auth0").unreadable
    assert ["••••"] == [listed.credentials for listed in services.platform.listing(ADMIN)]
