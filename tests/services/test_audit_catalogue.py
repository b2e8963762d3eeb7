"""The catalogue of actions: each is recorded by a service, and stands in the README."""

from __future__ import annotations

import io
import os
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from avnz_int.errors import ForbiddenError, HiddenError, UnauthenticatedError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, Category, KeyPurpose, Role
from avnz_int.model.files import UsageFormat
from avnz_int.model.inputs import Changes
from avnz_int.model.routing import MemberChanges, Transaction
from avnz_int.model.tokens import NewToken
from avnz_int.services.manifests import Source
from avnz_int.wiring import Services
from support.metering import active_once
from support.scenes import (
    ADMIN,
    PAYFLOW,
    PRICE,
    SERVICE,
    SteeredGateway,
    admin_of,
    expire_previous,
    own,
    platform,
    replaced,
)
from support.services import make_services

README = Path(__file__).parents[2] / "README.md"
UPDATE = bool(os.environ.get("AVNZ_INT_UPDATE_GOLDEN"))
TABLE = re.compile(r"<!-- actions -->\n\n?((?:\|.*\n)*)")
MANIFEST = Source("apiVersion: avnz-int/1\nkind: Manifest\nclients:\n  - {slug: applied}\n", "m.yaml", Path())
REFUSED = "reading it was refused"


def _stranger(services: Services) -> Actor:
    return admin_of(services, "acme")


def _close(services: Services) -> object:
    active_once(services.settings.database_url)
    return services.billing.close(ADMIN, "2020-01")


def _pool(services: Services) -> object:
    if not services.clients.listing(ADMIN):
        own(services, "Card")
    changes = MemberChanges("Card", weight=len(services.audit.listing(ADMIN)))
    return services.pools.put(ADMIN, "Cards", changes, client="acme")


CATALOGUE: dict[Action, tuple[str, Callable[[Services], object] | None]] = {
    Action.ORGANIZATION_CREATE: ("`init` made the organization", None),
    Action.DATABASE_MIGRATE: ("`init` or `db upgrade` changed the database's schema", None),
    Action.TENANT_CREATE: ("a client or company was added", lambda s: s.tenants.add(ADMIN, "new")),
    Action.TENANT_RENAME: (
        "a tenant's name was changed",
        lambda s: s.tenants.rename(ADMIN, "new", name="New"),
    ),
    Action.TENANT_REMOVE: ("a client or company was removed", lambda s: s.tenants.remove(ADMIN, "new")),
    Action.TENANT_READ: (REFUSED, lambda s: s.tenants.tree(SERVICE)),
    Action.DEFINITION_SEED: ("definitions were created, updated or deprecated", None),
    Action.DEFINITION_READ: (REFUSED, lambda s: s.definitions.compare(SERVICE)),
    Action.PLATFORM_CREATE: ("a platform integration was added", platform),
    Action.PLATFORM_READ: (REFUSED, lambda s: s.platform.listing(SERVICE)),
    Action.PLATFORM_UPDATE: (
        "a platform integration was changed",
        lambda s: s.platform.update(ADMIN, PAYFLOW, Changes(name="Other")),
    ),
    Action.PLATFORM_ROLLBACK: (
        "a platform integration's previous credentials were put in force again",
        lambda s: (replaced(s, PAYFLOW, test=True), s.platform.rollback(ADMIN, PAYFLOW)),
    ),
    Action.PLATFORM_DISABLE: (
        "a platform integration was taken out of force",
        lambda s: s.platform.disable(ADMIN, PAYFLOW),
    ),
    Action.PLATFORM_ENABLE: (
        "a platform integration was put in force",
        lambda s: s.platform.enable(ADMIN, PAYFLOW),
    ),
    Action.PLATFORM_TEST: (
        "a platform integration's credentials were tested",
        lambda s: s.checks.test(ADMIN, f"platform/{PAYFLOW}"),
    ),
    Action.PLATFORM_SHARE: (
        "a platform integration was offered to clients, its price was changed, or the offer ended",
        lambda s: s.sharing.share(ADMIN, PAYFLOW, PRICE),
    ),
    Action.PLATFORM_DELETE: (
        "a platform integration was deleted",
        lambda s: s.platform.delete(ADMIN, PAYFLOW),
    ),
    Action.CLIENT_CREATE: ("a client integration was added", own),
    Action.CLIENT_READ: (REFUSED, lambda s: s.clients.listing(SERVICE)),
    Action.CLIENT_UPDATE: (
        "a client integration was changed",
        lambda s: s.clients.update(ADMIN, "acme/Main", Changes(priority=1)),
    ),
    Action.CLIENT_ROLLBACK: (
        "a client integration's previous credentials were put in force again",
        lambda s: (replaced(s, "acme/Main", test=True), s.clients.rollback(ADMIN, "acme/Main")),
    ),
    Action.CLIENT_DISABLE: (
        "a client integration was taken out of force",
        lambda s: s.clients.disable(ADMIN, "acme/Main"),
    ),
    Action.CLIENT_ENABLE: (
        "a client integration was put in force",
        lambda s: s.clients.enable(ADMIN, "acme/Main"),
    ),
    Action.CLIENT_SET_DEFAULT: (
        "a client integration became the default of its category",
        lambda s: s.clients.set_default(ADMIN, "acme/Main"),
    ),
    Action.CLIENT_TEST: (
        "a client integration's credentials were tested",
        lambda s: s.checks.test(ADMIN, "acme/Main"),
    ),
    Action.CREDENTIALS_READ: (
        "credentials were opened: by `show`, `run`, a test, an export or an update; `purpose` says which",
        lambda s: s.clients.show(ADMIN, "acme/Main"),
    ),
    Action.CREDENTIALS_FINGERPRINT: (
        "fingerprints of stored credentials were made anew",
        lambda s: s.keys.rotate_purpose(ADMIN, KeyPurpose.FINGERPRINT),
    ),
    Action.CREDENTIALS_DESTROY: (
        "previous credentials were destroyed, since their grace time was over",
        lambda s: (expire_previous(s), s.keys.rotate(ADMIN)),
    ),
    Action.CLIENT_DELETE: (
        "a client integration was deleted",
        lambda s: s.clients.delete(ADMIN, "acme/Main"),
    ),
    Action.MERCHANT_READ: (
        "another client's merchant accounts were asked for",
        lambda s: s.merchants.listing(_stranger(s), client="globex"),
    ),
    Action.KEY_CREATE: ("a data key was made", lambda s: s.keys.rotate(ADMIN, new_key=True)),
    Action.KEY_ROTATE: (
        "rows were sealed by a new data key, or data keys wrapped by a new master key",
        lambda s: s.keys.rotate_master(ADMIN),
    ),
    Action.KEY_RETIRE: (
        "older data keys were erased, or a needed one was to be",
        lambda s: s.keys.retire(SERVICE),
    ),
    Action.KEY_READ: (REFUSED, lambda s: s.keys.status(SERVICE)),
    Action.KEYRING_READ: ("the master keys were shown", lambda s: s.keyrings.show(SERVICE)),
    Action.KEYRING_MIGRATE: (
        "data keys were wrapped by another keyring",
        lambda s: s.keyrings.migrate(SERVICE, "file:///none"),
    ),
    Action.KEYRING_PRUNE: (
        "master keys that nothing needs were removed",
        lambda s: s.keyrings.prune(SERVICE, ["none"]),
    ),
    Action.AUDIT_READ: (REFUSED, lambda s: s.audit.listing(SERVICE)),
    Action.AUDIT_EXPORT: ("the audit trail was exported", lambda s: s.audit.export(ADMIN)),
    Action.TOKEN_CREATE: (
        "an access token was made",
        lambda s: s.tokens.create(ADMIN, NewToken(Role.AUDITOR, "new")),
    ),
    Action.TOKEN_READ: (REFUSED, lambda s: s.tokens.listing(SERVICE)),
    Action.TOKEN_REVOKE: ("an access token was revoked", lambda s: s.tokens.revoke(ADMIN, "new")),
    Action.TOKEN_USE: (
        "a token was refused, or missing where one is needed; `cause` says why; the role is `none`",
        lambda s: s.tokens.identify("avnzint_none", "os:stranger"),
    ),
    Action.INTEGRATION_RESOLVE: (
        "what is in force for another client was asked for",
        lambda s: s.resolution.resolve(_stranger(s), Category.PAYMENT_GATEWAY, client="globex"),
    ),
    Action.MERCHANT_ROUTE: (
        "another client's transactions were to be routed",
        lambda s: s.routing.route(_stranger(s), Transaction(), client="globex"),
    ),
    Action.POOL_CREATE: ("a pool of merchant accounts was made", _pool),
    Action.POOL_UPDATE: ("an account was put into a pool, changed in it or taken out", _pool),
    Action.POOL_REMOVE: (
        "a pool of merchant accounts was removed",
        lambda s: s.pools.remove(ADMIN, "Cards", client="acme"),
    ),
    Action.POOL_READ: (
        "another client's pools were asked for",
        lambda s: s.pools.listing(_stranger(s), client="globex"),
    ),
    Action.USAGE_RECORD: (
        "transactions were recorded, up to ten thousand lines of a file",
        lambda s: s.usage.record(ADMIN, io.BytesIO(b"{}"), UsageFormat.JSONL),
    ),
    Action.USAGE_READ: (REFUSED, lambda s: s.usage.listing(SERVICE)),
    Action.BILLING_CLOSE: ("a month was closed", _close),
    Action.BILLING_READ: (REFUSED, lambda s: s.billing.listing(SERVICE)),
    Action.BULK_EXPORT: (
        "records were exported: how many of each kind, and whether masked, for a passphrase or for whose key",
        lambda s: list(s.bulk_export.masked(ADMIN)),
    ),
    Action.BULK_IMPORT: (
        "records were imported: how many; what each of them did stands before it",
        lambda s: s.bulk_import.run(ADMIN, lambda: iter(())),
    ),
    Action.DATABASE_COPY: (
        "the database was copied into another, or was to be; of one that failed a second event says why",
        lambda s: s.copying.copy(SERVICE, "sqlite:///none"),
    ),
    Action.DOCTOR_READ: (
        "`doctor` opened what is sealed, to see whether it opens (how many did, how many did not), or was to",
        lambda s: s.doctor.examine(SERVICE),
    ),
    Action.DOCTOR_FIX: (
        "`doctor --fix` mended something; the changes say what",
        lambda s: s.doctor.mend(SERVICE),
    ),
    Action.MANIFEST_READ: (REFUSED, lambda s: s.manifests.plan(SERVICE, MANIFEST)),
    Action.MANIFEST_APPLY: (
        "a manifest was applied; the events of what it changed follow",
        lambda s: s.manifests.apply(ADMIN, s.manifests.plan(ADMIN, MANIFEST)),
    ),
    Action.MANIFEST_EXPORT: (
        "all that a manifest can describe was exported, without credentials",
        lambda s: s.manifests.export(ADMIN),
    ),
}
"""Action -> when it is recorded, and a deed that does so; None: what made the test's database did it.

A deed that is refused is recorded as any other, with the outcome `denied`.
"""


def recorded(services: Services) -> Counter[str]:
    """How often each action stands in the trail."""
    return Counter(event.action for event in services.audit.listing(ADMIN))


def test_every_action(on_sqlite: str, keyring: Path, gateway: SteeredGateway) -> None:
    """Every action is recorded by some service, and every service records one of them."""
    services = make_services(on_sqlite, keyring, gateway.url)
    before = recorded(services)
    silent = []
    for action, (_, deed) in CATALOGUE.items():
        if deed is not None:
            with suppress(ForbiddenError, HiddenError, UnauthenticatedError):
                deed(services)
        after = recorded(services)
        if after[action] <= (0 if deed is None else before[action]):
            silent.append(action.value)
        before = after
    services.close()

    assert [] == silent
    assert set(Action) == set(CATALOGUE)
    assert set(before) <= {action.value for action in Action}


def test_form() -> None:
    """An action is `noun:verb`."""
    assert [] == [action for action in Action if not re.fullmatch(r"[a-z]+:[a-z_]+", action)]


def test_readme() -> None:
    """The README's table of actions is the enum's."""
    table = "| action | recorded when |\n|---|---|\n" + "".join(
        f"| `{action}` | {CATALOGUE[action][0]} |\n" for action in Action
    )
    text = README.read_text()
    if UPDATE:
        README.write_text(TABLE.sub(lambda _: f"<!-- actions -->\n\n{table}", text))

    assert table == (TABLE.search(README.read_text()) or [""] * 2)[1]
