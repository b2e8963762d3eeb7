"""Makes the own-mode client integrations of a manifest together: there may be ten thousand of them.

What `ClientIntegrations.add` does for one, with a few statements for all: the same rows, accounts and events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from avnz_int.db import bulk, rows
from avnz_int.db.integrations import CLIENT_TABLE
from avnz_int.errors import ConflictError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, Mode, Status
from avnz_int.model.inputs import NewClient, Unset
from avnz_int.model.manifest import Deed
from avnz_int.services import client_rows, integrations, sealing
from avnz_int.services.manifest_steps import ClientStep
from avnz_int.services.manifest_tests import Tested, environment_of
from avnz_int.services.probe import Prober
from avnz_int.services.vault import Vault
from avnz_int.services.work import Writing


def fits(step: ClientStep) -> bool:
    """Whether the step makes an integration with credentials of its own."""
    wanted = step.wanted
    return step.action is Deed.CREATE and wanted is not None and wanted.mode is Mode.OWN


def create(
    work: Writing,
    vault: Vault,
    prober: Prober,
    actor: Actor,
    steps: Sequence[ClientStep],
    tested: Mapping[str, Tested],
) -> None:
    """Make the integrations of steps that fit; none of them is there, and each was found valid.

    Args:
        work: the open transaction.
        vault: seals.
        prober: knows what an audit event holds of a test.
        actor: who applies.
        steps: what is to be made.
        tested: REF -> what its test found.
    """
    if steps:
        client_rows.insert(work, actor, _rows(work, vault, prober, actor, steps, tested))


def _rows(
    work: Writing,
    vault: Vault,
    prober: Prober,
    actor: Actor,
    steps: Sequence[ClientStep],
    tested: Mapping[str, Tested],
) -> Iterator[rows.Row]:
    seals = sealing.Seals(work.connection, vault, CLIENT_TABLE, len(steps))
    owners = bulk.clients_by_slug(work.connection, {step.wanted.client for step in steps if step.wanted})
    for step in steps:
        row, facts = _row(work, actor, step, owners, tested)
        if step.credentials is None or step.found is None:
            raise RuntimeError(f"{step.ref} is to be made without credentials")
        row |= seals.columns(row, step.found, step.credentials)
        target = client_rows.target(row)
        work.record(integrations.changes({}, row) | facts, action=Action.CLIENT_CREATE, target=target)
        done = tested.get(step.ref)
        if done is not None:
            work.record(prober.facts(step.found, done.report), action=Action.CLIENT_TEST, target=target)
        yield row


def _row(
    work: Writing,
    actor: Actor,
    step: ClientStep,
    owners: Mapping[str, rows.Row],
    tested: Mapping[str, Tested],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row but for its credentials, and what its event holds of a default that it takes."""
    wanted, found = step.wanted, step.found
    owner = owners.get(wanted.client) if wanted is not None else None
    if wanted is None or found is None or owner is None:
        raise ConflictError(f"{step.ref}: its client is not there", hint="run avnz-int plan again")
    done = tested.get(step.ref)
    new = NewClient(
        wanted.client,
        wanted.provider,
        name=str(wanted.name),
        description=None if isinstance(wanted.description, Unset) else wanted.description,
        settings=None if isinstance(wanted.settings, Unset) else wanted.settings,
        environment=environment_of(step),
        is_default=wanted.is_default is True,
        priority=0 if isinstance(wanted.priority, Unset) else wanted.priority,
    )
    accepted = bool(done and done.report.success)
    row = client_rows.new_row(
        work, actor, new, owner=owner, found=found, name=str(wanted.name), accepted=accepted
    )
    if step.switch is False:
        row["status"] = Status.INACTIVE.value
    previous = client_rows.take_default(work, row, actor) if new.is_default else None
    return row, client_rows.moved_default(previous)
