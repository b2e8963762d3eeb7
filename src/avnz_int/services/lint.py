"""The doctor on secrets that nobody opens: their keyed fingerprints say which are the same, and whose.

Neither a secret nor a fingerprint is in any finding: rows are named by REF and field.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.db import definitions, keys
from avnz_int.db import lint as queries
from avnz_int.db.integrations import CLIENT_TABLE
from avnz_int.definitions import schema
from avnz_int.model.doctor import Finding, Subject
from avnz_int.model.enums import KeyPurpose
from avnz_int.services.doctor_check import (
    Check,
    Look,
    mend,
    replace_credentials,
    subject_of_client,
    subject_of_platform,
)
from avnz_int.services.doctor_integrations import subject_of
from avnz_int.services.doctor_seals import FINGERPRINTS

_NAMED = 10
"""Places of one secret that are named; of more their number is told."""


def _same(look: Look) -> Iterator[Finding]:
    with look.read() as connection:
        active = keys.active(connection, KeyPurpose.FINGERPRINT)
        secret = _secret_fields(connection)
        if active is None or not secret:
            return
        found = queries.same_secrets(connection, active["id"], secret)
        for _, group in itertools.groupby(found, lambda row: row["mark"]):
            yield _told(group)


def _secret_fields(connection: Connection) -> list[tuple[str, str]]:
    return [
        (row["provider"], field)
        for row in definitions.listing(connection)
        if isinstance(row["credentialSchema"], Mapping)
        for field in schema.secret_fields(row["credentialSchema"])
    ]


def _told(group: Iterator[Mapping[str, Any]]) -> Finding:
    first = next(group)
    subject = _subject(first)
    places, count, of_platform = [_place(first)], 1, first["owner"] == queries.PLATFORM_OWNER
    for row in group:
        count += 1
        of_platform |= row["owner"] == queries.PLATFORM_OWNER
        if len(places) < _NAMED:
            places.append(_place(row))
    reasons = []
    if first["owners"] > 1:
        reasons.append(
            "with the platform and with clients" if of_platform else f"with {first['owners']} clients"
        )
    if first["environments"] > 1:
        reasons.append("in sandbox and in production")
    more = f" and {count - len(places)} more" if count > len(places) else ""
    return mend(
        SAME.name,
        subject,
        f"the same secret stands {' and '.join(reasons)}: {', '.join(places)}{more}",
        replace_credentials(subject),
    )


def _subject(row: Mapping[str, Any]) -> Subject:
    return subject_of_client(row) if row["kind"] == CLIENT_TABLE else subject_of_platform(row)


def _place(row: Mapping[str, Any]) -> str:
    return f"{_subject(row).ref} ({row['field']}, {row['environment']})"


def _misplaced(look: Look) -> Iterator[Finding]:
    with look.read() as connection:
        for table, row in queries.misplaced(connection):
            subject = subject_of(table, row)
            yield mend(
                MISPLACED.name,
                subject,
                f"{subject.ref} is in {row['environment']}, and its keys say that they are of {row['told']}",
                replace_credentials(subject),
            )


def _old(look: Look) -> Iterator[Finding]:
    before = look.moment - timedelta(seconds=look.wanted.max_age_s)
    with look.read() as connection:
        for table, row in queries.old_secrets(connection, before):
            subject, since = subject_of(table, row), row["since"]
            when = clock.rfc3339(since) if isinstance(since, datetime) else str(since)
            message = f"the credentials of {subject.ref} were last replaced at {when}"
            yield mend(OLD.name, subject, message, replace_credentials(subject))


SAME = Check("lint-same-secret", _same)
MISPLACED = Check("lint-environment", _misplaced)
OLD = Check("lint-age", _old)
CHECKS: Sequence[Check] = (FINGERPRINTS, SAME, MISPLACED, OLD)
