"""The doctor on what everything else stands on: the audit trail, and the definitions in force."""

from __future__ import annotations

from collections.abc import Iterator

from avnz_int.db import doctor
from avnz_int.errors import AvnzError
from avnz_int.model.doctor import Finding, Subject
from avnz_int.services.audit import AuditTrail
from avnz_int.services.definitions import Definitions
from avnz_int.services.doctor_check import Check, Look, Repair, command, integrity, mend, note


def _chain(look: Look) -> Iterator[Finding]:
    try:
        verdict = AuditTrail(look.work).verify(look.actor, look.wanted.checkpoint)
    except AvnzError as exc:
        if look.wanted.checkpoint is not None and exc.exit_code in {2, 3}:
            raise  # the checkpoint is not there, or is none
        yield integrity(AUDIT.name, None, exc.message, exc.hint or command("audit", "verify"))
        return
    if not verdict.valid:
        at = verdict.first_bad_sequence
        subject = Subject("AuditEvent", None, None if at is None else f"event {at}")
        yield integrity(
            AUDIT.name, subject, f"the audit trail is broken: {verdict.reason}", command("audit", "verify")
        )


def _definitions(look: Look) -> Iterator[Finding]:
    report = Definitions(look.work, look.notify).compare(look.actor)
    for word, providers in (("is not there", report.created), ("is not that of its seed", report.updated)):
        for provider in providers:
            subject = Subject("IntegrationDefinition", None, provider)
            message = f"the definition of {provider} in the database {word}"
            yield mend(DEFINITIONS.name, subject, message, command("definitions", "seed"), fixable=True)
    with look.read() as connection:
        deprecated = doctor.deprecated(connection)
    for row in deprecated:
        subject = Subject("IntegrationDefinition", row["id"], row["provider"])
        message = f"{row['provider']} is deprecated, and {row['uses']} integrations use it"
        yield note(
            DEFINITIONS.name, subject, message, command("client", "list", "--provider", row["provider"])
        )


def _seed(repair: Repair) -> int:
    report = Definitions(repair.work, repair.notify).seed(repair.actor)
    mended = [*report.created, *report.updated]
    if mended:
        repair.record(DEFINITIONS.name, {"providers": mended})
    return len(mended)


AUDIT = Check("audit", _chain, needs_keys=True)
DEFINITIONS = Check("definitions", _definitions, _seed)
