"""Who may do what: every method of every service, for every role, on own and others' things."""

from __future__ import annotations

import inspect
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from avnz_int import clock
from avnz_int.errors import AvnzError, ForbiddenError, NotFoundError, UnknownProviderError
from avnz_int.model.actor import Actor
from avnz_int.model.bulk import Selection
from avnz_int.model.enums import AuditOutcome, Category, KeyPurpose, Role
from avnz_int.model.env_import import EnvFile, EnvWanted
from avnz_int.model.files import UsageFormat
from avnz_int.model.filters import TestSelection
from avnz_int.model.inputs import Changes, NewClient, NewPlatform
from avnz_int.model.manifest import Manifest
from avnz_int.model.routing import MemberChanges, Transaction
from avnz_int.model.running import RunWanted
from avnz_int.model.secret import Secret
from avnz_int.model.simulation import Month, OwnFees
from avnz_int.model.tokens import NewToken
from avnz_int.services.bulk_locks import for_recipient
from avnz_int.services.manifests import Plan, Source
from avnz_int.wiring import Services
from support.metering import active_once
from support.samples import sample
from support.scenes import ADMIN, AUDITOR, PAYFLOW, PRICE, SERVICE, admin_of, events, own, platform, replaced
from support.services import payflow_credentials

pytestmark = pytest.mark.sqlite_first

ALLOWED, DENIED, HIDDEN, UNKNOWN = "allowed", "denied", "hidden", "unknown provider"
_LOCK = for_recipient(
    ec.derive_private_key(7, ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
)
_MANIFEST = Source("apiVersion: avnz-int/1\nkind: Manifest\n", "m.yaml", Path())
_UNCHANGED = Plan(Manifest("m.yaml"), {}, (), clock.now(), prune=False)
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
_OWN_USE = (ALLOWED, ALLOWED, DENIED, ALLOWED)
_FOREIGN_USE = (ALLOWED, HIDDEN, DENIED, ALLOWED)
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
    "manifest plan": Deed(lambda s, a: s.manifests.plan(a, _MANIFEST), _ONLY_ADMIN),
    "manifest apply": Deed(lambda s, a: s.manifests.apply(a, _UNCHANGED), _ONLY_ADMIN),
    "manifest export": Deed(lambda s, a: s.manifests.export(a), _ONLY_ADMIN),
    "share": Deed(lambda s, a: s.sharing.share(a, PAYFLOW, PRICE), _ONLY_ADMIN),
    "share simulate": Deed(
        lambda s, a: s.sharing.simulate(a, PAYFLOW, Month(1, 1), OwnFees(), pricing=PRICE), _READERS
    ),
    "share list": Deed(lambda s, a: s.sharing.listing(a), _READERS),
    "share show": Deed(lambda s, a: s.sharing.show(a, PAYFLOW), _READERS),
    "unshare": Deed(lambda s, a: s.sharing.unshare(a, PAYFLOW, revoke=True), _ONLY_ADMIN),
    "test platform": Deed(
        lambda s, a: s.checks.test(a, "platform/" + PAYFLOW), (ALLOWED, HIDDEN, DENIED, DENIED)
    ),
    "client list": Deed(lambda s, a: s.client_listing.listing(a), _OWN_READ),
    "client list of clients": Deed(lambda s, a: s.clients.listing(a), _OWN_READ),
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
    "pool list": Deed(lambda s, a: s.pools.listing(a), _ALL),
    "pool put the organization's": Deed(
        lambda s, a: s.pools.put(a, "Cards", MemberChanges("platform/" + PAYFLOW)),
        (ALLOWED, HIDDEN, DENIED, DENIED),
    ),
    "resolve all": Deed(lambda s, a: s.resolution.resolve_all(a, Category.PAYMENT_GATEWAY), _ALL),
    "resolve of a company": Deed(
        lambda s, a: s.resolution.resolve(a, Category.PAYMENT_GATEWAY, company="shop"), _ALL
    ),
    "route the organization's": Deed(lambda s, a: s.routing.route(a, Transaction()), _ALL),
    "key status": Deed(lambda s, a: s.keys.status(a), _READERS),
    "usage record": Deed(
        lambda s, a: s.usage.record(a, io.BytesIO(), UsageFormat.JSONL), (ALLOWED, DENIED, DENIED, ALLOWED)
    ),
    "usage show": Deed(lambda s, a: s.usage.listing(a), _OWN_READ),
    "billing close": Deed(lambda s, a: s.billing.close(a, "2020-01"), _ONLY_ADMIN),
    "billing list": Deed(lambda s, a: s.billing.listing(a), _OWN_READ),
    "billing estimate": Deed(lambda s, a: s.billing.estimate(a), _OWN_READ),
    "billing payouts": Deed(lambda s, a: s.payouts.listing(a), _OWN_READ),
    "import": Deed(lambda s, a: s.bulk_import.run(a, lambda: iter(())), _OWN_WRITE),
    "export": Deed(lambda s, a: list(s.bulk_export.masked(a)), _OWN_READ),
    "export bundle": Deed(lambda s, a: list(s.bulk_export.sealed(a, _LOCK)), _OWN_WRITE),
    "db copy": Deed(lambda s, a: s.copying.copy(a, f"sqlite:///{tempfile.mkdtemp()}/copy.db"), _ONLY_ADMIN),
    "run of the platform's": Deed(
        lambda s, a: s.running.variables(a, RunWanted(platform=True)), (ALLOWED, DENIED, DENIED, ALLOWED)
    ),
    "import-env of the platform": Deed(
        lambda s, a: s.env_import.plan(a, EnvFile(Secret({})), EnvWanted()), _ONLY_ADMIN
    ),
    "audit list": Deed(lambda s, a: s.audit.listing(a), _READERS),
    "audit verify": Deed(lambda s, a: s.audit.verify(a), _READERS),
    "audit export": Deed(lambda s, a: s.audit.export(a), _READERS),
    "platform find": Deed(lambda s, a: s.platform.find(a, PAYFLOW), _READERS),
    "key preview": Deed(lambda s, a: s.keys.preview(a), _ONLY_ADMIN),
    "key rotate": Deed(lambda s, a: s.keys.rotate(a), _ONLY_ADMIN),
    "key rotate master": Deed(lambda s, a: s.keys.rotate_master(a), _ONLY_ADMIN),
    "key rotate purpose": Deed(lambda s, a: s.keys.rotate_purpose(a, KeyPurpose.AUDIT), _ONLY_ADMIN),
    "key retire": Deed(lambda s, a: s.keys.retire(a), _ONLY_ADMIN),
    "keyring show": Deed(lambda s, a: s.keyrings.show(a), _ONLY_ADMIN),
    "keyring prunable": Deed(lambda s, a: s.keyrings.prunable(a), _ONLY_ADMIN),
    "keyring prune": Deed(lambda s, a: s.keyrings.prune(a, []), _ONLY_ADMIN),
    "init": Deed(lambda s, a: s.setup.init(a, organization=None), _ONLY_ADMIN),
    "upgrade": Deed(lambda s, a: s.setup.upgrade(a), _ONLY_ADMIN),
    "schema current": Deed(lambda s, a: s.schema.current(a), _READERS),
    "schema differences": Deed(lambda s, a: s.schema.differences(a), _READERS),
    "token list": Deed(lambda s, a: s.tokens.listing(a), _READERS),
    "token find": Deed(lambda s, a: s.tokens.find(a, "other"), _READERS),
    "token create": Deed(lambda s, a: s.tokens.create(a, NewToken(Role.AUDITOR, "new")), _ONLY_ADMIN),
    "token bootstrap": Deed(lambda s, a: s.tokens.bootstrap(a, NewToken(Role.ORG_ADMIN, "b")), _ONLY_ADMIN),
    "token revoke": Deed(lambda s, a: s.tokens.revoke(a, "other"), _ONLY_ADMIN),
    "sweep choose": Deed(lambda s, a: s.sweep.choose(a, TestSelection()), _OWN_WRITE),
    "sweep choose platform": Deed(
        lambda s, a: s.sweep.choose(a, TestSelection(platform_only=True)), _ONLY_ADMIN
    ),
    "doctor": Deed(lambda s, a: s.doctor.examine(a), _READERS),
    "doctor --fix": Deed(lambda s, a: s.doctor.mend(a), _ONLY_ADMIN),
    "audit follow": Deed(lambda s, a: next(s.audit.follow(a)), _READERS),
}
for _client, _read, _write, _every, _use in (
    ("acme", _OWN_READ, _OWN_WRITE, _ALL, _OWN_USE),
    ("globex", _FOREIGN_READ, _FOREIGN_WRITE, _FOREIGN_ALL, _FOREIGN_USE),
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
        f"export {_client}": Deed(
            lambda s, a, c=_client: list(s.bulk_export.masked(a, Selection(client=c))), _read
        ),
        f"run {_client}": Deed(lambda s, a, c=_client: s.running.variables(a, RunWanted(client=c)), _use),
        f"run {_client} by REF": Deed(lambda s, a, r=_ref: s.running.variables(a, RunWanted(refs=[r])), _use),
        f"import-env {_client}": Deed(
            lambda s, a, c=_client: s.env_import.plan(a, EnvFile(Secret({})), EnvWanted(c)), _write
        ),
        f"test {_client}": Deed(lambda s, a, r=_ref: s.checks.test(a, r), _write),
        f"sweep choose {_client}": Deed(
            lambda s, a, c=_client: s.sweep.choose(a, TestSelection(client=c)), _write
        ),
        f"merchant list {_client}": Deed(lambda s, a, c=_client: s.merchants.listing(a, client=c), _every),
        f"merchant show {_client}": Deed(lambda s, a, r=_ref: s.merchants.show(a, r), _every),
        f"resolve {_client}": Deed(
            lambda s, a, c=_client: s.resolution.resolve(a, Category.PAYMENT_GATEWAY, client=c), _every
        ),
        f"route {_client}": Deed(lambda s, a, c=_client: s.routing.route(a, Transaction(), client=c), _every),
        f"pool list {_client}": Deed(lambda s, a, c=_client: s.pools.listing(a, client=c), _every),
        f"pool put {_client}": Deed(
            lambda s, a, c=_client: s.pools.put(a, "Cards", MemberChanges("Main"), client=c), _write
        ),
        f"pool remove {_client}": Deed(
            lambda s, a, c=_client: s.pools.remove(a, "Cards", account="Main", client=c), _write
        ),
        f"usage show {_client}": Deed(lambda s, a, c=_client: s.usage.listing(a, client=c), _read),
        f"client usage {_client}": Deed(lambda s, a, r=_ref: s.usage.of_integration(a, r), _read),
        f"billing list {_client}": Deed(lambda s, a, c=_client: s.billing.listing(a, client=c), _read),
        f"billing estimate {_client}": Deed(lambda s, a, c=_client: s.billing.estimate(a, client=c), _read),
        f"billing payouts {_client}": Deed(lambda s, a, c=_client: s.payouts.listing(a, client=c), _read),
        f"tenant show {_client}": Deed(lambda s, a, c=_client: s.tenants.show(a, c), _every),
    }
# The last one: the keyring that `Services` was opened with is not the one in use then.
DEEDS["keyring migrate"] = Deed(
    lambda s, a: s.keyrings.migrate(a, f"{s.settings.keyring_url}.{a.role}"), _ONLY_ADMIN
)
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
    services.tokens.create(ADMIN, NewToken(Role.AUDITOR, "other"))
    active_once(services.settings.database_url)
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


_ELSEWHERE = {
    ("platform", "delete"): "test_platform_delete: what others use is not deleted, whoever asks",
    ("billing", "show"): "test_billing.py::test_shown: there is nothing to show before a month is closed",
    ("env_import", "save"): "it takes what `plan` gave, and is `add` and `update` of the other services",
    ("sweep", "open_batch"): "test_sweep_of_others: it takes what `choose` gave",
    ("sweep", "record_batch"): "it takes what `open_batch` gave",
    ("sweep", "run"): "it takes what `choose` gave, and is these two",
}
"""Methods that no row of the table can show, and what does."""

_NOBODY_ASKS = {
    ("setup", "organization"): "a slug, to whoever may open the database",
    ("tokens", "identify"): "it says who is asking",
    ("tokens", "refuse_stranger"): "it says that nobody is asking",
}
"""Methods without an actor."""


class _Asked(Exception):  # noqa: N818  # no error: what a deed would call
    pass


class _Listener:
    """Stands for `Services`: raises the service and the method that a deed asks for."""

    def __init__(self, *path: str) -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        if name == "settings":
            return self
        if self._path:
            raise _Asked(*self._path, name)
        return _Listener(name)


def _asked(deed: Deed) -> tuple[str, ...]:
    with pytest.raises(_Asked) as found:
        deed.do(_Listener(), ADMIN)  # type: ignore[arg-type]
    return found.value.args


def test_every_method_is_covered(services: Services) -> None:
    """No public method of any service is missing in the table; each takes an actor, but for those named."""
    methods: dict[tuple[str, str], Any] = {}
    for name, found in vars(Services).items():
        if isinstance(found, cached_property) and not name.startswith("_"):
            service = getattr(services, name)
            if type(service).__module__.startswith("avnz_int.services."):
                public = inspect.getmembers(type(service), inspect.isfunction)
                methods |= {(name, word): method for word, method in public if word[0] != "_"}
    with_actor = {key for key, method in methods.items() if "actor" in inspect.signature(method).parameters}

    assert set(_NOBODY_ASKS) == set(methods) - with_actor
    assert set() == with_actor - {_asked(deed) for deed in DEEDS.values()} - set(_ELSEWHERE)


def test_sweep_of_others(scene: Services) -> None:
    """What another chose is not tested for an actor who may not: nothing is opened, and nothing sent."""
    everything = scene.sweep.choose(ADMIN, TestSelection())
    for actor in (AUDITOR, SERVICE, admin_of(scene, "acme")):
        before = len(events(scene))
        with pytest.raises((ForbiddenError, NotFoundError)):
            scene.sweep.run(actor, everything)
        opened = [event for event in events(scene)[before:] if event.outcome != AuditOutcome.DENIED]
        assert [] == opened


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
