"""Reading and verifying the audit trail; writing it is the business of `work`."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from avnz_int.db import audit, keys, rows
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, KeyPurpose
from avnz_int.model.inputs import EventFilter
from avnz_int.model.secret import Secret
from avnz_int.model.views import AuditVerdict, AuditView
from avnz_int.services import access, chain, refs
from avnz_int.services.work import Work


@dataclass(frozen=True, slots=True)
class _Bad:
    sequence: int | None
    reason: str


class AuditTrail:
    """Lists and verifies events (roles org_admin and auditor)."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def listing(
        self, actor: Actor, limits: EventFilter | None = None, *, client: str | None = None
    ) -> list[AuditView]:
        """Events, oldest first; with a limit the newest ones."""
        with self._work.reading(actor, Action.AUDIT_READ) as work:
            access.require(actor, Action.AUDIT_READ, *access.READERS)
            wanted = limits or EventFilter()
            if client is not None:
                owner = refs.client(work.connection, actor, client)["id"]
                wanted = replace(wanted, client_id=owner)
            return [_view(row) for row in audit.listing(work.connection, wanted)]

    def verify(self, actor: Actor) -> AuditVerdict:
        """Whether every chain is whole: nothing edited, inserted, removed, moved or cut off.

        A tail that was cut together with its `AuditHead` needs a checkpoint kept elsewhere to be seen.

        Raises:
            KeyMissingError: an audit key cannot be opened, so nothing can be said.
        """
        with self._work.reading(actor, Action.AUDIT_READ) as work:
            access.require(actor, Action.AUDIT_READ, *access.READERS)
            material = {
                row["id"]: self._work.vault.material(row)
                for row in keys.listing(work.connection, KeyPurpose.AUDIT)
                if row["wrappedKey"] is not None
            }
            total = 0
            bad: list[_Bad] = []
            heads = audit.heads(work.connection)
            missing = {work.organization["id"], chain.SYSTEM} - {head["chain"] for head in heads}
            bad += [_Bad(None, f"the chain {name} has no end (AuditHead)") for name in sorted(missing)]
            for head in heads:
                count, wrong = _verify(work.connection, head, material)
                total += count
                if wrong is not None:
                    bad.append(wrong)
        first = bad[0] if bad else None
        return AuditVerdict(
            valid=first is None,
            events=total,
            first_bad_sequence=first.sequence if first else None,
            reason=first.reason if first else None,
        )


def _verify(
    connection: Connection, head: rows.Row, material: dict[str, Secret[bytes]]
) -> tuple[int, _Bad | None]:
    """How many events a chain has, and the first that is wrong.

    Events may be added meanwhile: those up to the end that was read are checked, then that none stands
    behind the end of the chain as it is now.
    """
    name, end = head["chain"], head["sequence"]
    if not isinstance(end, int):  # SQLite keeps any text there
        return 0, _Bad(None, f"the end (AuditHead) of the chain {name} was altered")
    sequence, previous, count = 0, chain.GENESIS, 0
    wrong: _Bad | None = None
    for event in audit.events(connection, name, until=end):
        count += 1
        if wrong is not None:
            continue
        sequence += 1
        if event["sequence"] != sequence:
            wrong = _Bad(sequence, f"event {sequence} of the chain {name} is missing")
        elif event["previousMac"] != previous:
            wrong = _Bad(sequence, f"event {sequence} of the chain {name} does not follow the one before it")
        else:
            wrong = _wrong_mac(event, material)
        previous = event["mac"]
    beyond = audit.count_beyond(connection, name)
    if wrong is None:
        if sequence < end:
            wrong = _Bad(sequence + 1, f"the chain {name} was cut off after event {sequence}")
        elif beyond:
            wrong = _Bad(sequence + 1, f"the chain {name} was added to after event {sequence}")
        elif head["mac"] != previous:
            wrong = _Bad(sequence or None, f"the end (AuditHead) of the chain {name} was altered")
    return count + beyond, wrong


def _wrong_mac(event: rows.Row, material: dict[str, Secret[bytes]]) -> _Bad | None:
    key = material.get(event["keyId"])
    at = f"event {event['sequence']} of the chain {event['chain']}"
    if key is None:
        return _Bad(event["sequence"], f"{at} names an audit key that is not here: {event['keyId']}")
    try:
        expected = chain.event_mac(key, chain.as_signed(event))
    except (TypeError, ValueError, RecursionError):  # a BLOB on SQLite, text that is not JSON
        expected = ""
    # As bytes: of text, compare_digest takes only ASCII.
    if not hmac.compare_digest(expected.encode(), str(event["mac"]).encode("utf-8", "replace")):
        return _Bad(event["sequence"], f"{at} was altered")
    return None


def _view(row: rows.Row) -> AuditView:
    return AuditView(
        sequence=row["sequence"],
        occurred_at=row["occurredAt"],
        actor_id=row["actorId"],
        actor_role=row["actorRole"],
        action=row["action"],
        target_type=row["targetType"],
        target_id=row["targetId"],
        client_id=row["clientId"],
        outcome=row["outcome"],
        changes=row["changes"],
        request_id=row["requestId"],
        id=row["id"],
        organization_id=row["organizationId"],
        chain=row["chain"],
        key_id=row["keyId"],
        previous_mac=row["previousMac"],
        mac=row["mac"],
    )
