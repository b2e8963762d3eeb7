"""The doctor on integrations: tests that failed or are old, defaults, what clients use of the platform's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table

from avnz_int import clock
from avnz_int.db import doctor
from avnz_int.model.doctor import Finding, Subject
from avnz_int.model.enums import Role, Status
from avnz_int.services.doctor_accounts import account_out_of_step, period_missing
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
_PAGE = 500


def subject_of(table: Table, row: Mapping[str, Any]) -> Subject:
    """A row of either table of integrations."""
    return subject_of_client(row) if table is doctor.INTEGRATION else subject_of_platform(row)


def _tested(subject: Subject) -> str:
    return command("test", ref_of(subject))


def _platform(look: Look) -> Iterator[Finding]:
    before = _tested_since(look)
    with look.read() as connection:
        for row in doctor.platform_rows(connection):
            subject, last = subject_of_platform(row), row["lastTestedAt"]
            if row["status"] == Status.ERROR:
                yield _failed(subject, row)
            elif row["status"] == Status.ACTIVE and not (isinstance(last, datetime) and last >= before):
                yield _untested(subject, row)


def _clients(look: Look) -> Iterator[Finding]:
    """What one pass finds, for this check and others."""
    with look.read() as connection:
        for row in doctor.suspect_clients(connection, _tested_since(look)):
            subject = subject_of_client(row)
            if row["failing"]:
                yield _failed(subject, row)
            if row["untested"]:
                yield _untested(subject, row)
            if row["idle"]:
                message = f"{subject.ref} is the default of {_group(row)} and is {row['worth']}"
                switched_off = row["status"] == Status.INACTIVE
                remedy = command("client", "enable", ref_of(subject)) if switched_off else _tested(subject)
                yield mend(DEFAULTS, subject, message, remedy)
            if row["cut"]:
                yield _cut_off(subject, row)
            if row["loose"]:
                yield account_out_of_step(subject, row)
            if row["open"]:
                yield period_missing(subject)


def _nothing(_: Look) -> Iterator[Finding]:
    """What it tells, `_clients` finds."""
    return iter(())


def _tested_since(look: Look) -> datetime:
    return look.moment - timedelta(seconds=look.wanted.stale_s)


def _failed(subject: Subject, row: Mapping[str, Any]) -> Finding:
    reason = f": {row['errorMessage']}" if row["errorMessage"] else ""
    return mend(STATUS, subject, f"{subject.ref} failed its last connection test{reason}", _tested(subject))


def _untested(subject: Subject, row: Mapping[str, Any]) -> Finding:
    last = row["lastTestedAt"]
    when = clock.rfc3339(last) if isinstance(last, datetime) else "never"
    return mend(TESTS, subject, f"{subject.ref} is in force and was last tested: {when}", _tested(subject))


def _cut_off(subject: Subject, row: Mapping[str, Any]) -> Finding:
    provider, status = row["platformProvider"], row["platformStatus"]
    used = f"platform/{provider}"
    if status == Status.ACTIVE:
        message = f"{subject.ref} uses {used}, which is offered to nobody new"
        return note(USE, subject, message, command("share", "--list"))
    remedy = command("platform", "enable", provider) if status == Status.INACTIVE else command("test", used)
    return mend(USE, subject, f"{subject.ref} uses {used}, which is {status}", remedy)


def _groups(look: Look) -> Iterator[Finding]:
    """What one pass over clients and categories finds, for this check and that of the tests."""
    pending = 0
    with look.read() as connection:
        groups = doctor.default_groups(connection)
        while page := list(itertools.islice(groups, _PAGE)):
            pending += sum(row["pending"] for row in page)
            wrong = [row for row in page if row["defaults"] > 1 or (row["active"] and not row["defaults"])]
            ids = [row["example"] for row in wrong if row["example"] is not None]
            named = doctor.named(connection, doctor.INTEGRATION, ids) if ids else {}
            for row in wrong:
                yield _default(row, named.get(row["example"]))
    if pending:
        message = f"{pending} client integrations wait for their first connection test"
        yield note(TESTS, None, message, command("test", "--all"))


def _default(row: Mapping[str, Any], example: Mapping[str, Any] | None) -> Finding:
    about, client, remedy = None, row["clientId"], command("client", "list")
    if example is not None:
        about, client = subject_of_client(example), example["client"]
        remedy = command("client", "set-default", ref_of(about))
    if row["defaults"]:
        message = f"{client} has {row['defaults']} defaults of {_group(row)}; there can be one"
        return mend(DEFAULTS, about, message, remedy)
    message = f"{client} has active integrations of {_group(row)} and no default"
    return note(DEFAULTS, about, message, remedy)


def _group(row: Mapping[str, Any]) -> str:
    return f"{row['category']} in {row['environment']}"


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
        yield note(TOKENS, subject, message, command("token", *words))
    if not governed:
        message = "no token of an org_admin is live: on PostgreSQL nobody can administer without one"
        yield note(TOKENS, None, message, command("token", "create", "--bootstrap"))


STATUS, TESTS, DEFAULTS, USE, TOKENS = "status", "tests", "defaults", "platform-use", "tokens"
CHECKS = (
    Check(STATUS, _platform),
    Check(TESTS, _clients),
    Check(DEFAULTS, _groups),
    Check(USE, _nothing),
    Check(TOKENS, _tokens),
)
