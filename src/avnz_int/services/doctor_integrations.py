"""The doctor on integrations: tests that failed or are old, defaults, what clients use of the platform's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table

from avnz_int import clock
from avnz_int.db import clients, doctor
from avnz_int.model.doctor import Finding, Subject
from avnz_int.model.enums import Role, Status
from avnz_int.services.doctor_check import (
    Check,
    Look,
    command,
    mend,
    note,
    ref_of,
    subject_of_client,
    subject_of_platform,
)

_WEEK = timedelta(days=7)


def subject_of(table: Table, row: Mapping[str, Any]) -> Subject:
    """A row of either table of integrations."""
    return subject_of_client(row) if table is doctor.INTEGRATION else subject_of_platform(row)


def _tested(subject: Subject) -> str:
    return command("test", ref_of(subject))


def _failing(look: Look) -> Iterator[Finding]:
    with look.read() as connection:
        for table, row in doctor.failing(connection):
            subject = subject_of(table, row)
            reason = f": {row['errorMessage']}" if row["errorMessage"] else ""
            message = f"{subject.ref} failed its last connection test{reason}"
            yield mend(FAILING.name, subject, message, _tested(subject))


def _stale(look: Look) -> Iterator[Finding]:
    before = look.moment - timedelta(seconds=look.wanted.stale_s)
    with look.read() as connection:
        for table, row in doctor.stale(connection, before):
            subject, last = subject_of(table, row), row["lastTestedAt"]
            when = clock.rfc3339(last) if isinstance(last, datetime) else "never"
            message = f"{subject.ref} is in force and was last tested: {when}"
            yield mend(STALE.name, subject, message, _tested(subject))
        pending = doctor.count_pending(connection)
    if pending:
        message = f"{pending} client integrations wait for their first connection test"
        yield note(STALE.name, None, message, command("test", "--all"))


def _defaults(look: Look) -> Iterator[Finding]:
    with look.read() as connection:
        for row in doctor.idle_defaults(connection):
            subject = subject_of_client(row)
            remedy = _tested(subject)
            if row["status"] == Status.INACTIVE:
                remedy = command("client", "enable", ref_of(subject))
            message = f"{subject.ref} is the default of {_group(row)} and is {row['worth']}"
            yield mend(DEFAULTS.name, subject, message, remedy)
        counts = list(doctor.default_counts(connection))
        ids = [row["example"] for row in counts if row["example"] is not None]
        named = {key: clients.by_id(connection, key) for key in ids}
    for row in counts:
        example = named.get(row["example"])
        about, client, remedy = None, row["clientId"], command("client", "list")
        if example is not None:
            about, client = subject_of_client(example), example["client"]
            remedy = command("client", "set-default", ref_of(about))
        if row["defaults"]:
            message = f"{client} has {row['defaults']} defaults of {_group(row)}; there can be one"
            yield mend(DEFAULTS.name, about, message, remedy)
        else:
            message = f"{client} has active integrations of {_group(row)} and no default"
            yield note(DEFAULTS.name, about, message, remedy)


def _group(row: Mapping[str, Any]) -> str:
    return f"{row['category']} in {row['environment']}"


def _cut_off(look: Look) -> Iterator[Finding]:
    with look.read() as connection:
        for row in doctor.cut_off(connection):
            subject = subject_of_client(row)
            used = f"platform/{row['platformProvider']}"
            status = row["platformStatus"]
            if status != Status.ACTIVE:
                switched_off = status == Status.INACTIVE
                remedy = (
                    command("platform", "enable", row["platformProvider"])
                    if switched_off
                    else command("test", used)
                )
                yield mend(USE.name, subject, f"{subject.ref} uses {used}, which is {status}", remedy)
            else:
                message = f"{subject.ref} uses {used}, which is offered to nobody new"
                yield note(USE.name, subject, message, command("share", "--list"))


def _tokens(look: Look) -> Iterator[Finding]:
    with look.read() as connection:
        ending = doctor.ending_tokens(connection, look.moment + _WEEK)
        governed = look.database.is_sqlite or doctor.has_live_token(
            connection, Role.ORG_ADMIN.value, look.moment
        )
    for row in ending:
        subject = Subject("Token", row["id"], row["name"])
        end = row["expiresAt"]
        told = clock.rfc3339(end) if isinstance(end, datetime) else str(end)
        over = isinstance(end, datetime) and end <= look.moment
        message = f"the {row['role']} token {row['name']} {'ended' if over else 'ends'} at {told}"
        words = ("revoke", row["id"], "--yes") if over else ("create", "--role", row["role"])
        yield note(TOKENS.name, subject, message, command("token", *words))
    if not governed:
        message = "no token of an org_admin is live: on PostgreSQL nobody can administer without one"
        yield note(TOKENS.name, None, message, command("token", "create", "--bootstrap"))


FAILING = Check("status", _failing)
STALE = Check("tests", _stale)
DEFAULTS = Check("defaults", _defaults)
USE = Check("platform-use", _cut_off)
TOKENS = Check("tokens", _tokens)
