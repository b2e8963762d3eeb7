"""Who may do what: every method of the integration services, for every role, on own and others' things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from avnz_int.errors import AvnzError, ForbiddenError, NotFoundError, UnknownProviderError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import AuditOutcome, Role
from avnz_int.model.inputs import Changes, NewClient, NewPlatform
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.samples import sample
from support.scenes import ADMIN, AUDITOR, PAYFLOW, PRICE, SERVICE, admin_of, events, own, platform, replaced
from support.services import payflow_credentials

ALLOWED, DENIED, HIDDEN, UNKNOWN = "allowed", "denied", "hidden", "unknown provider"
_STRIPE = Secret(sample("stripe").credentials)


@dataclass(frozen=True)
class Deed:
    """Something to be done, and what comes of it.

    Attributes:
        roles: what org_admin, client_admin of acme, auditor and service get, in this order.
    """

    do: Callable[[Services, Actor], object]
    roles: tuple[str, str, str, str]


def _new(client: str) -> NewClient:
    return NewClient(client, "stripe", name="New", credentials=_STRIPE)


_ONLY_ADMIN = (ALLOWED, DENIED, DENIED, DENIED)
_READERS = (ALLOWED, DENIED, ALLOWED, DENIED)
_OWN_READ = (ALLOWED, ALLOWED, ALLOWED, DENIED)
_OWN_WRITE = (ALLOWED, ALLOWED, DENIED, DENIED)
_FOREIGN_READ = (ALLOWED, HIDDEN, ALLOWED, DENIED)
_FOREIGN_WRITE = (ALLOWED, HIDDEN, DENIED, DENIED)
_ALL = (ALLOWED, ALLOWED, ALLOWED, ALLOWED)
_FOREIGN_ALL = (ALLOWED, HIDDEN, ALLOWED, ALLOWED)

DEEDS: dict[str, Deed] = {
    "platform list": Deed(lambda s, a: s.platform.listing(a), _READERS),
    "platform show": Deed(lambda s, a: s.platform.show(a, PAYFLOW), _READERS),
    "platform show of none": Deed(lambda s, a: s.platform.show(a, "nmi"), (HIDDEN, DENIED, HIDDEN, DENIED)),
    "platform addable": Deed(lambda s, a: s.platform.require_addable(a, "stripe"), _ONLY_ADMIN),
    "platform definition": Deed(lambda s, a: s.platform.definition_of(a, PAYFLOW), _ONLY_ADMIN),
    "platform add": Deed(
        lambda s, a: s.platform.add(a, NewPlatform("stripe", _STRIPE), test=False), _ONLY_ADMIN
    ),
    "platform update": Deed(lambda s, a: s.platform.update(a, PAYFLOW, Changes(name="N")), _ONLY_ADMIN),
    "platform rollback": Deed(lambda s, a: s.platform.rollback(a, PAYFLOW), _ONLY_ADMIN),
    "platform disable": Deed(lambda s, a: s.platform.disable(a, PAYFLOW), _ONLY_ADMIN),
    "platform enable": Deed(lambda s, a: s.platform.enable(a, PAYFLOW), _ONLY_ADMIN),
    "share": Deed(lambda s, a: s.sharing.share(a, PAYFLOW, PRICE), _ONLY_ADMIN),
    "share list": Deed(lambda s, a: s.sharing.listing(a), _READERS),
    "share show": Deed(lambda s, a: s.sharing.show(a, PAYFLOW), _READERS),
    "unshare": Deed(lambda s, a: s.sharing.unshare(a, PAYFLOW, revoke=True), _ONLY_ADMIN),
    "test platform": Deed(
        lambda s, a: s.checks.test(a, "platform/" + PAYFLOW), (ALLOWED, HIDDEN, DENIED, DENIED)
    ),
    "client list": Deed(lambda s, a: s.clients.listing(a), _OWN_READ),
    "client available": Deed(lambda s, a: s.clients.available(a), _OWN_READ),
    "definitions list": Deed(lambda s, a: s.definitions.listing(a), _ALL),
    "definitions show": Deed(lambda s, a: s.definitions.show(a, PAYFLOW), _ALL),
    "definitions show platform-only": Deed(
        lambda s, a: s.definitions.show(a, "auth0"), (ALLOWED, UNKNOWN, ALLOWED, ALLOWED)
    ),
    "definitions seed": Deed(lambda s, a: s.definitions.seed(a), _ONLY_ADMIN),
    "definitions compare": Deed(lambda s, a: s.definitions.compare(a), _READERS),
    "tenant tree": Deed(lambda s, a: s.tenants.tree(a), _OWN_READ),
    "tenant list": Deed(lambda s, a: s.tenants.listing(a), _OWN_READ),
    "tenant organization": Deed(lambda s, a: s.tenants.show_organization(a), _ALL),
    "tenant add": Deed(lambda s, a: s.tenants.add(a, "new"), _ONLY_ADMIN),
    "tenant rename": Deed(lambda s, a: s.tenants.rename(a, "shop", name="N"), _ONLY_ADMIN),
    "tenant remove": Deed(lambda s, a: s.tenants.remove(a, "new"), _ONLY_ADMIN),
    "merchant list": Deed(lambda s, a: s.merchants.listing(a), _ALL),
    "merchant show platform's": Deed(lambda s, a: s.merchants.show(a, "platform/" + PAYFLOW), _FOREIGN_ALL),
    "key status": Deed(lambda s, a: s.keys.status(a), _READERS),
    "audit list": Deed(lambda s, a: s.audit.listing(a), _READERS),
    "audit verify": Deed(lambda s, a: s.audit.verify(a), _READERS),
    "audit export": Deed(lambda s, a: s.audit.export(a), _READERS),
    "doctor": Deed(lambda s, a: s.doctor.examine(a), _READERS),
    "doctor --fix": Deed(lambda s, a: s.doctor.mend(a), _ONLY_ADMIN),
    "audit follow": Deed(lambda s, a: next(s.audit.follow(a)), _READERS),
}
for _client, _read, _write, _every in (
    ("acme", _OWN_READ, _OWN_WRITE, _ALL),
    ("globex", _FOREIGN_READ, _FOREIGN_WRITE, _FOREIGN_ALL),
):
    _ref = f"{_client}/Main"
    DEEDS |= {
        f"client list {_client}": Deed(lambda s, a, c=_client: s.clients.listing(a, client=c), _read),
        f"client find {_client}": Deed(lambda s, a, r=_ref: s.clients.find(a, r), _read),
        f"client show {_client}": Deed(lambda s, a, r=_ref: s.clients.show(a, r), _read),
        f"client available {_client}": Deed(lambda s, a, c=_client: s.clients.available(a, client=c), _read),
        f"client addable {_client}": Deed(
            lambda s, a, c=_client: s.clients.require_addable(a, c, "stripe"), _write
        ),
        f"client add {_client}": Deed(lambda s, a, c=_client: s.clients.add(a, _new(c), test=False), _write),
        f"client definition {_client}": Deed(lambda s, a, r=_ref: s.clients.definition_of(a, r), _write),
        f"client update {_client}": Deed(
            lambda s, a, r=_ref: s.clients.update(a, r, Changes(priority=1)), _write
        ),
        f"client rollback {_client}": Deed(lambda s, a, r=_ref: s.clients.rollback(a, r), _write),
        f"client disable {_client}": Deed(lambda s, a, r=_ref: s.clients.disable(a, r), _write),
        f"client enable {_client}": Deed(lambda s, a, r=_ref: s.clients.enable(a, r), _write),
        f"client set-default {_client}": Deed(lambda s, a, r=_ref: s.clients.set_default(a, r), _write),
        f"client delete {_client}": Deed(lambda s, a, c=_client: s.clients.delete(a, f"{c}/New"), _write),
        f"test {_client}": Deed(lambda s, a, r=_ref: s.checks.test(a, r), _write),
        f"merchant list {_client}": Deed(lambda s, a, c=_client: s.merchants.listing(a, client=c), _every),
        f"merchant show {_client}": Deed(lambda s, a, r=_ref: s.merchants.show(a, r), _every),
        f"tenant show {_client}": Deed(lambda s, a, c=_client: s.tenants.show(a, c), _every),
    }
_EXPECTED_ERRORS: dict[str, type[AvnzError]] = {
    DENIED: ForbiddenError,
    HIDDEN: NotFoundError,
    UNKNOWN: UnknownProviderError,
}


@pytest.fixture
def scene(services: Services) -> Services:
    """Each client with an integration, and one of the platform's; all with credentials to go back to."""
    platform(services)
    replaced(services, PAYFLOW, test=True)
    for client in ("acme", "globex"):
        own(services, client=client)
        replaced(services, f"{client}/Main", test=True)
    return services


@pytest.mark.parametrize("role", list(Role))
def test_matrix(scene: Services, role: Role) -> None:
    """Each role gets what the table says, and each denial is in the audit trail with who tried."""
    actor = {
        Role.ORG_ADMIN: ADMIN,
        Role.CLIENT_ADMIN: admin_of(scene, "acme"),
        Role.AUDITOR: AUDITOR,
        Role.SERVICE: SERVICE,
    }[role]
    # What a role may not make, an org_admin makes for it to try and remove.
    for client in ("acme", "globex"):
        if role is not Role.ORG_ADMIN and not (role is Role.CLIENT_ADMIN and client == "acme"):
            scene.clients.add(ADMIN, _new(client), test=False)
    place = list(Role).index(role)
    wrong = {}
    for name, deed in DEEDS.items():
        expected = deed.roles[place]
        before = _denials(scene, actor)
        found = _outcome(scene, actor, deed)
        recorded = _denials(scene, actor) - before
        # An org_admin or auditor is denied nothing by "not found": it is not there.
        refused = expected in {DENIED, UNKNOWN} or (expected == HIDDEN and role is Role.CLIENT_ADMIN)
        if (found, recorded) != (expected, int(refused)):
            wrong[name] = (expected, found, recorded)
    assert {} == wrong
    assert scene.audit.verify(ADMIN).valid


def _outcome(services: Services, actor: Actor, deed: Deed) -> str:
    try:
        deed.do(services, actor)
    except AvnzError as exc:
        return next((name for name, kind in _EXPECTED_ERRORS.items() if isinstance(exc, kind)), repr(exc))
    return ALLOWED


def _denials(services: Services, actor: Actor) -> int:
    return sum(
        event.outcome == AuditOutcome.DENIED and event.actor_id == actor.id for event in events(services)
    )


def test_every_method_is_covered(services: Services) -> None:
    """No public method of an integration service is missing in the table."""
    source = {name: deed.do.__code__.co_names for name, deed in DEEDS.items()}
    covered = {word for names in source.values() for word in names}
    for service in (
        services.platform,
        services.clients,
        services.sharing,
        services.checks,
        services.merchants,
        services.tenants,
        services.definitions,
        services.doctor,
    ):
        public = {name for name in vars(type(service)) if not name.startswith("_")}
        assert public - covered - {"delete"} == set()


def test_platform_delete(scene: Services) -> None:
    """Only an org_admin deletes a platform integration."""
    for actor in (AUDITOR, SERVICE, admin_of(scene, "acme")):
        with pytest.raises(ForbiddenError):
            scene.platform.delete(actor, PAYFLOW)
    scene.platform.delete(ADMIN, PAYFLOW)


def test_auditor_sees_no_credentials(scene: Services) -> None:
    """To an auditor `show` gives what a listing gives: the mask, without opening anything."""
    before = len(events(scene))
    shown: list[Any] = [scene.platform.show(AUDITOR, PAYFLOW), scene.clients.show(AUDITOR, "acme/Main")]
    assert ["••••", "••••"] == [view.credentials for view in shown]
    assert before == len(events(scene))


def test_service_of_a_client(scene: Services) -> None:
    """A service token of one client is as blind for others and for the platform as its client_admin."""
    actor = Actor("token:service", Role.SERVICE, scene.tenants.show(ADMIN, "acme").id)
    assert {"acme"} == {view.client for view in scene.merchants.listing(actor)}
    assert "auth0" not in {view.provider for view in scene.definitions.listing(actor)}
    for ask in (
        lambda: scene.merchants.show(actor, "globex/Main"),
        lambda: scene.merchants.show(actor, "platform/" + PAYFLOW),
        lambda: scene.tenants.show(actor, "globex"),
        lambda: scene.merchants.listing(actor, client="globex"),
    ):
        with pytest.raises(NotFoundError):
            ask()
    with pytest.raises(UnknownProviderError):
        scene.definitions.show(actor, "auth0")


def test_client_admin_works(scene: Services) -> None:
    """A client_admin runs the whole life of an integration of the own client."""
    actor = admin_of(scene, "acme")
    view = own(scene, "Theirs", actor=actor, default=True)
    scene.clients.update(actor, view.id, Changes(credentials=payflow_credentials()))
    scene.clients.disable(actor, view.id)
    scene.clients.enable(actor, view.id)
    assert scene.checks.test(actor, view.id).success is True
    assert "••••" in scene.clients.show(actor, view.id).credentials["password"]
    scene.clients.delete(actor, view.id)
    assert {actor.id, "os:tester"} <= {event.actor_id for event in events(scene)}
