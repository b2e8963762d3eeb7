"""What the client-integration service does with rows: find, hold, make and show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from avnz_int import clock
from avnz_int.db import clients, merchants, platform, rows
from avnz_int.db.integrations import CLIENT_TABLE
from avnz_int.errors import ChangedMeanwhileError, ExistsError, InvalidInputError, NotSharedError
from avnz_int.model import names
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, Environment, Mode, Role, Status, TestResult
from avnz_int.model.inputs import NewClient
from avnz_int.model.lifecycle import Standing, after_replacement, when_saved
from avnz_int.model.views.definitions import OfferView, PlatformOfferView
from avnz_int.services import access, field_order, integrations, refs, sealing
from avnz_int.services import merchants as accounts
from avnz_int.services.integrations import Definition
from avnz_int.services.prices import PriceBook, shown
from avnz_int.services.work import Reading, Writing

_PART = 250
"""Integrations that are made while those before them are inserted."""


def new_row(
    work: Writing,
    actor: Actor,
    new: NewClient,
    *,
    owner: rows.Row,
    found: Definition,
    name: str,
    accepted: bool,
) -> dict[str, Any]:
    """The columns of a new integration, but for its credentials; `accepted`: it passed a test."""
    moment = clock.now()
    standing = when_saved(tested=accepted, can_be_pending=True)
    environment = new.environment or Environment.PRODUCTION
    used = None
    if new.mode is Mode.PLATFORM:
        used = shared(work, actor, found, new.environment)
        verified = used["lastTestResult"] == TestResult.SUCCESS
        standing = Standing(Status.ACTIVE, is_verified=verified)
        environment = Environment(used["environment"])
    return {
        "id": clock.new_id(),
        "clientId": owner["id"],
        "provider": found.provider,
        "category": found.category,
        "name": name,
        "description": names.checked_text(new.description),
        "mode": new.mode.value,
        "credentials": None,
        "credentialsKeyId": None,
        "credentialsFingerprints": None,
        **sealing.NONE_BEFORE,
        "credentialsUpdatedAt": moment if new.mode is Mode.OWN else None,
        "platformIntegrationId": used["id"] if used else None,
        "settings": dict(new.settings or {}) or None,
        "environment": environment.value,
        "isDefault": new.is_default,
        "priority": new.priority,
        "status": standing.status.value,
        "isVerified": standing.is_verified,
        "verifiedAt": moment if standing.is_verified else None,
        "verifiedBy": actor.id if standing.is_verified else None,
        "lastTestedAt": moment if accepted else None,
        "lastTestResult": TestResult.SUCCESS.value if accepted else None,
        "errorMessage": None,
        "createdAt": moment,
        "updatedAt": moment,
        "createdBy": actor.id,
        "updatedBy": None,
    }


def insert(work: Writing, actor: Actor, made: Iterable[rows.Row]) -> None:
    """Insert new integrations, a part while the next is made, and the merchant accounts that they open."""
    organization = work.organization["id"]
    left = iter(made)
    while part := list(islice(left, _PART)):
        opened = [accounts.of_new_client(row, organization, actor) for row in part]
        work.insert(clients.INTEGRATION, part)
        work.insert(merchants.ACCOUNT, [account for account in opened if account is not None])


def verification(current: rows.Row, actor: Actor, *, accepted: bool) -> dict[str, Any]:
    """The columns that a replacement of credentials or settings sets; `accepted`: it passed a test."""
    now = Standing(Status(current["status"]), is_verified=current["isVerified"])
    then = after_replacement(now, tested=accepted, can_be_pending=True)
    moment = clock.now()
    return {
        "status": then.status.value,
        "isVerified": then.is_verified,
        "verifiedAt": moment if then.is_verified else None,
        "verifiedBy": actor.id if then.is_verified else None,
        # The last test was of what stands here no more.
        "lastTestedAt": moment if accepted else None,
        "lastTestResult": TestResult.SUCCESS.value if accepted else None,
        "errorMessage": None,
    }


def target(row: rows.Row) -> Target:
    """For audit events."""
    return Target(CLIENT_TABLE, row["id"], row["clientId"])


def find(
    work: Reading, actor: Actor, action: Action, ref: str, client: str | None, *, reading: bool = False
) -> rows.Row:
    """The row that a REF names, if the actor may act on it (or, `reading`, look at it)."""
    row = refs.client_integration(work.connection, actor, ref, client)
    work.target = target(row)
    owner = {"id": row["clientId"], "slug": row["client"]}
    access.require_client(actor, action, owner, reading=reading)
    return row


def locked(work: Writing, row: rows.Row) -> rows.Row:
    """The row as it is now, held until the transaction ends.

    Raises:
        ChangedMeanwhileError: it is not as it was read.
    """
    current = clients.by_id(work.connection, row["id"], lock=True)
    if current is None or current["updatedAt"] != row["updatedAt"]:
        raise ChangedMeanwhileError(f"{row['client']}/{row['name']} was changed by somebody else meanwhile")
    return current


def change(
    work: Writing,
    row: rows.Row,
    values: Mapping[str, Any],
    actor: Actor,
    facts: Mapping[str, Any] | None = None,
    *,
    action: Action | None = None,
) -> rows.Row:
    """The row after a change that needs no test, with its event; account and activation period follow.

    Args:
        work: the transaction.
        row: as it stands, with its client and platform integration.
        values: the columns that get other values.
        actor: who changes it.
        facts: what the event holds beside them.
        action: the deed, where it is another than the transaction's.
    """
    moment = integrations.next_moment(row["updatedAt"])
    changed = {**values, "updatedAt": moment, "updatedBy": actor.id}
    rows.change(work.connection, clients.INTEGRATION, row["id"], changed)
    work.record(integrations.changes(row, changed) | dict(facts or {}), action=action, target=target(row))
    after = {**row, **changed}
    accounts.follow_client(work.connection, after, work.organization["id"], actor, moment)
    return after


def reread(work: Reading, row_id: str) -> rows.Row:
    """The row as it is now, with its client and platform integration."""
    row = clients.by_id(work.connection, row_id)
    if row is None:
        raise ChangedMeanwhileError("the integration was deleted meanwhile")
    return row


def require_new(work: Reading, owner: rows.Row, found: Definition, name: str) -> None:
    """Refuse a second integration of this provider and name.

    Raises:
        ExistsError: it has.
    """
    if clients.by_name(work.connection, owner["id"], name, found.provider):
        raise ExistsError(
            f"{owner['slug']} has an integration of {found.provider} named {name!r} already",
            hint="choose another --name, or update that one",
        )


def not_shared_hint(actor: Actor, provider: str) -> str:
    """What this actor can do where the organization shares none of the provider's integrations."""
    if actor.role is not Role.ORG_ADMIN:
        return "ask the organization to share one; or use --mode own"
    return f"avnz-int share platform/{provider} --percentage-fee … offers one; or use --mode own"


def shared(work: Reading, actor: Actor, found: Definition, environment: Environment | None) -> rows.Row:
    """The platform integration that a client in platform mode uses.

    Raises:
        NotSharedError: the organization offers none.
        InvalidInputError: another environment was asked for.
    """
    row = platform.by_provider(work.connection, found.provider)
    if row is None or not row["isSharedWithClients"]:
        raise NotSharedError(
            f"the organization shares no integration of {found.provider} with its clients",
            hint=not_shared_hint(actor, found.provider),
        )
    if environment is not None and environment != row["environment"]:
        raise InvalidInputError(
            f"the platform's {found.provider} is in {row['environment']}: a client that uses it is too",
            hint="leave --environment out in platform mode",
        )
    return row


def take_default(work: Writing, row: Mapping[str, Any], actor: Actor) -> rows.Row | None:
    """Take the default from whichever integration has it; that one, None if none other had it."""
    group = (row["clientId"], row["category"], row["environment"])
    previous = clients.current_default(work.connection, *group)
    if previous is None or previous["id"] == row["id"]:
        return None
    changed = {
        "isDefault": False,
        # Whoever is about to change that one has to see that it is no default any more.
        "updatedAt": integrations.next_moment(previous["updatedAt"]),
        "updatedBy": actor.id,
    }
    rows.change(work.connection, clients.INTEGRATION, previous["id"], changed)
    return previous


def moved_default(previous: rows.Row | None) -> dict[str, Any]:
    """What an audit event holds of a default that moved."""
    return {} if previous is None else {"previousDefault": previous["id"]}


def offer(
    row: rows.Row, used: rows.Row | None, book: PriceBook, client_id: str | None, moment: datetime
) -> OfferView:
    """A definition as a client sees it, at the prices of a moment (client None: those for all)."""
    modes: Sequence[Mode] = (Mode.OWN, Mode.PLATFORM) if used else (Mode.OWN,)
    return OfferView(
        provider=row["provider"],
        category=row["category"],
        name=row["name"],
        description=row["description"],
        documentation_url=row["documentationUrl"],
        status=row["status"],
        modes=[mode.value for mode in modes],
        platform=None
        if used is None
        else PlatformOfferView(
            name=used["name"],
            environment=used["environment"],
            status=used["status"],
            client_pricing=book.headline(used["id"], client_id, moment) or used["clientPricing"],
            prices=[shown(version) for version in book.offered(used["id"], client_id, moment)],
        ),
        credential_schema=field_order.shown(row["credentialSchema"]),
        settings_schema=field_order.shown_settings(row["settingsSchema"]),
    )
