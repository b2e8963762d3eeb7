"""Reading, exporting and verifying the audit trail; writing it is the business of `work`."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from avnz_int import clock
from avnz_int.db import audit, keys, rows
from avnz_int.errors import AuditBrokenError, KeyMissingError, SealBrokenError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, KeyPurpose
from avnz_int.model.filters import EventFilter
from avnz_int.model.secret import Secret
from avnz_int.model.views.audit import AuditVerdict, AuditView
from avnz_int.services import access, chain, checkpoints, refs
from avnz_int.services.chain import Bad, Walk
from avnz_int.services.checkpoints import Checkpoint, End
from avnz_int.services.vault import Vault
from avnz_int.services.work import Reading, Work

_PAGE = 1000
_ORDER = (
    *("sequence", "occurredAt", "actorId", "actorRole", "action", "targetType", "targetId", "clientId"),
    *("outcome", "changes", "requestId", "id", "organizationId", "chain", "keyId", "previousMac", "mac"),
)
"""The columns of an event as AuditView has them."""


class AuditTrail:
    """Lists, follows, exports and verifies events (roles org_admin and auditor)."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def listing(
        self,
        actor: Actor,
        limits: EventFilter | None = None,
        *,
        client: str | None = None,
    ) -> list[AuditView]:
        """Events, oldest first; with a limit the newest ones."""
        with self._reading(actor) as work:
            return _listed(work, actor, limits or EventFilter(), client=client)

    def follow(
        self,
        actor: Actor,
        limits: EventFilter | None = None,
        *,
        client: str | None = None,
        pause_s: float = 0.5,
    ) -> Iterator[list[AuditView]]:
        """What `listing` gives, then new events as they come, without end; each event once.

        Every batch is read in a transaction of its own. An event becomes visible with all before it in its
        chain, so that none is passed over.

        Raises:
            AuditBrokenError: a chain ends before an event that was seen.
        """
        seen: dict[str, int] = {}
        wanted = limits or EventFilter()
        while True:
            with self._reading(actor) as work:
                ends = {head["chain"]: _number(head) for head in audit.heads(work.connection)}
                gone = next((name for name, last in seen.items() if ends.get(name, 0) < last), None)
                if gone is not None:
                    raise AuditBrokenError(
                        f"the chain {gone} ends before event {seen[gone]}, which was seen",
                        hint="run avnz-int audit verify",
                        details={"firstBadSequence": ends.get(gone, 0) + 1},
                    )
                fresh = {
                    name: (seen.get(name, 0), end) for name, end in ends.items() if end > seen.get(name, 0)
                }
                views = _listed(work, actor, wanted, client=client, between=fresh) if fresh else []
                seen = ends
                # The limit is of what was there before.
                wanted = replace(wanted, limit=None)
            yield views
            time.sleep(pause_s)

    def export(self, actor: Actor, checkpoint: Path | None = None) -> Export:
        """Every event, recorded as an event first, so that this one is among them.

        Args:
            actor: who exports.
            checkpoint: gets the ends of the chains, signed, at the export's `finish`. A checkpoint that is
                there already is checked against first: evidence of a cut is not overwritten.

        Raises:
            InvalidInputError: something else than a checkpoint is at that path.
        """
        with self._work.writing(actor, Action.AUDIT_EXPORT, Target("AuditEvent")) as writing:
            access.require(actor, Action.AUDIT_EXPORT, *access.READERS)
            earlier: Checkpoint | None = None
            if checkpoint is not None:
                checkpoints.check_place(checkpoint)
                earlier = checkpoints.read(checkpoint) if checkpoint.exists() else None
            writing.record({"checkpoint": checkpoint is not None})
        return Export(self._work, actor, checkpoint, earlier)

    def verify(self, actor: Actor, checkpoint: Path | None = None) -> AuditVerdict:
        """Whether every chain is whole: nothing edited, inserted, removed, moved or cut off.

        A tail that was cut together with its `AuditHead` is seen only against a checkpoint kept elsewhere.

        Raises:
            KeyMissingError: an audit key cannot be opened, so nothing can be said.
            NotFoundError, InvalidInputError: no checkpoint is at that path.
        """
        with self._reading(actor) as work:
            given = checkpoints.read(checkpoint) if checkpoint is not None else None
            return verdict(work, self._work.vault, given)

    @contextlib.contextmanager
    def _reading(self, actor: Actor) -> Iterator[Reading]:
        with self._work.reading(actor, Action.AUDIT_READ) as work:
            access.require(actor, Action.AUDIT_READ, *access.READERS)
            yield work


def verdict(work: Reading, vault: Vault, given: Checkpoint | None = None) -> AuditVerdict:
    """What `verify` says, in a transaction that is open already."""
    bad, walks = _walks(work, _material(work, vault), given)
    total = 0
    for walk in walks:
        for event in audit.events(work.connection, walk.name, until=walk.end):
            walk.feed(event)
        beyond = audit.count_beyond(work.connection, walk.name)
        wrong = walk.finish(beyond)
        bad += [wrong] if wrong else []
        total += walk.count + beyond
    first = bad[0] if bad else None
    return AuditVerdict(
        valid=first is None,
        events=total,
        first_bad_sequence=first.sequence if first else None,
        reason=first.reason if first else None,
    )


class Export:
    """The events of one export, chain by chain: iterate, get what was given to its place, then `finish`.

    Each page is read in a transaction of its own, so that a slow reader keeps nobody waiting. Chains are
    verified on the way; what is wrong stops no event and is told by `finish`.
    """

    def __init__(self, work: Work, actor: Actor, checkpoint: Path | None, earlier: Checkpoint | None) -> None:
        self._work = work
        self._actor = actor
        self._checkpoint = checkpoint
        self._earlier = earlier
        self._bad: list[Bad] = []
        self._ends: list[End] | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Each event as a JSON-ready object; what is no JSON in the database is given as text."""
        with self._work.reading(self._actor, Action.AUDIT_EXPORT) as work:
            material = _material(work, self._work.vault, strict=False)
            self._bad, walks = _walks(work, material, self._earlier)
        ends = []
        for walk in walks:
            after: int = 0
            while page := self._page(walk, after):
                for event in page:
                    walk.feed(event)
                    yield _plain(event)
                after = page[-1]["sequence"]
            with self._work.reading(self._actor, Action.AUDIT_EXPORT) as work:
                wrong = walk.finish(audit.count_beyond(work.connection, walk.name))
            self._bad += [wrong] if wrong else []
            ends.append(End(*walk.last))
        self._ends = ends

    def finish(self) -> None:
        """Write the checkpoint, if one was asked for; call it once every event has reached its place.

        Raises:
            AuditBrokenError: a chain is broken, so nothing was signed.
            StorageError: the checkpoint cannot be written.
        """
        if self._bad:
            first = self._bad[0]
            signed = "" if self._checkpoint is None else "; no checkpoint was written"
            raise AuditBrokenError(
                f"the exported audit trail fails its check: {first.reason}{signed}",
                hint="find who changed the AuditEvent table; avnz-int audit verify checks it again",
                details={"firstBadSequence": first.sequence},
            )
        if self._checkpoint is None:
            return
        if self._ends is None:
            raise RuntimeError("an export is finished before its last event was taken")
        with self._work.reading(self._actor, Action.AUDIT_EXPORT) as work:
            organization_id = work.organization["id"]
            key_id, key = self._work.vault.audit_key(work.connection)
        signed_now = checkpoints.sign(
            key_id,
            key,
            organization_id=organization_id,
            exported_at=clock.rfc3339(clock.now()),
            ends=self._ends,
        )
        checkpoints.write(self._checkpoint, signed_now)

    def _page(self, walk: Walk, after: int) -> Sequence[rows.Row]:
        with self._work.reading(self._actor, Action.AUDIT_EXPORT) as work:
            return audit.page(work.connection, walk.name, after=after, until=walk.end, size=_PAGE)


def _listed(
    work: Reading,
    actor: Actor,
    limits: EventFilter,
    *,
    client: str | None,
    between: Mapping[str, tuple[int, int]] | None = None,
) -> list[AuditView]:
    if client is not None:
        limits = replace(limits, client_id=refs.client(work.connection, actor, client)["id"])
    return [_view(row) for row in audit.listing(work.connection, limits, between=between)]


def _number(head: rows.Row) -> int:
    if not isinstance(head["sequence"], int):  # SQLite keeps any text there
        raise AuditBrokenError(
            f"the end (AuditHead) of the chain {head['chain']} was altered", hint="run avnz-int audit verify"
        )
    return head["sequence"]


def _material(work: Reading, vault: Vault, *, strict: bool = True) -> dict[str, Secret[bytes]]:
    """Audit key id -> key; those that do not open are left out unless `strict`."""
    found = {}
    for row in keys.listing(work.connection, KeyPurpose.AUDIT):
        if row["wrappedKey"] is None:
            continue
        try:
            found[row["id"]] = vault.material(row)
        except (KeyMissingError, SealBrokenError):
            if strict:
                raise
    return found


def _walks(
    work: Reading, material: Mapping[str, Secret[bytes]], given: Checkpoint | None
) -> tuple[list[Bad], list[Walk]]:
    """What is wrong before the first event is read, and a walk for each chain."""
    bad: list[Bad] = []
    marks: dict[str, chain.Mark] = {}
    if given is not None:
        misfit = _misfit(work, given, material)
        if misfit is None:
            marks = given.marks()
        else:
            bad.append(misfit)
    heads = audit.heads(work.connection)
    missing = {work.organization["id"], chain.SYSTEM, *marks} - {head["chain"] for head in heads}
    bad += [Bad(None, f"the chain {name} has no end (AuditHead)") for name in sorted(missing)]
    return bad, [Walk(head, material, marks.get(head["chain"])) for head in heads]


def _misfit(work: Reading, given: Checkpoint, material: Mapping[str, Secret[bytes]]) -> Bad | None:
    """Why a checkpoint says nothing of this database."""
    if given.organization_id != work.organization["id"]:
        return Bad(None, f"{given.where} is of another database: organization {given.organization_id}")
    key = material.get(given.key_id)
    if key is None:
        return Bad(None, f"{given.where} names an audit key that is not here: {given.key_id}")
    if given.authentic(key):
        return None
    for end in given.ends:
        stored = audit.page(work.connection, end.chain, after=end.sequence - 1, until=end.sequence, size=1)
        if not stored or stored[0]["mac"] != end.mac:
            return Bad(
                end.sequence,
                f"{given.where} was altered: its signature does not fit, and event {end.sequence} of the "
                f"chain {end.chain} is not as it says",
            )
    return Bad(None, f"{given.where} was altered: its signature does not fit")


def _plain(event: rows.Row) -> dict[str, Any]:
    values = {
        name: value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
        for name, value in event.items()
    }
    if isinstance(values["changes"], str):
        with contextlib.suppress(ValueError, RecursionError):
            values["changes"] = json.loads(values["changes"])
    return {name: values[name] for name in _ORDER}


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
