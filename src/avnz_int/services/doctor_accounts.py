"""The doctor on what follows integrations: merchant accounts, activation periods, the sums of usage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection

from avnz_int.db import clients, doctor, platform, tenants
from avnz_int.model.doctor import Finding, Subject
from avnz_int.model.enums import Action
from avnz_int.services import activation, merchants, usage_sums
from avnz_int.services.doctor_check import (
    FIX,
    TARGET,
    Check,
    Look,
    Repair,
    mend,
    subject_of_client,
    subject_of_platform,
)

_PAGE = 200


def account_out_of_step(subject: Subject, row: Mapping[str, Any]) -> Finding:
    """What is wrong with an account, from its id and status and what its integration is `worth`."""
    if row["accountId"] is None:
        message = f"{subject.ref} is a payment gateway and has no merchant account"
    elif row["accountStatus"] != row["worth"]:
        message = f"the merchant account of {subject.ref} is {row['accountStatus']}, should be {row['worth']}"
    else:
        message = (
            f"the merchant account of {subject.ref} has another name, environment or platform integration"
        )
    return mend(ACCOUNTS.name, subject, message, FIX, fixable=True)


def period_missing(subject: Subject) -> Finding:
    """That no activation period is open."""
    message = f"{subject.ref} is active in platform mode without an activation period; --fix begins one now"
    return mend(PERIODS.name, subject, message, FIX, fixable=True)


def _accounts(look: Look) -> Iterator[Finding]:
    """Those of the platform; those of clients are found together with all else of their integrations."""
    with look.read() as connection:
        for row in doctor.platform_accounts_out_of_step(connection):
            yield account_out_of_step(subject_of_platform(row), row)


def _follow(repair: Repair) -> int:
    def of_platform(connection: Connection, after: str) -> list[str]:
        ids = [
            row["id"] for row in doctor.platform_accounts_out_of_step(connection, after=after, limit=_PAGE)
        ]
        for row_id in ids:
            row = platform.by_id(connection, row_id, lock=True)
            if row is not None:
                merchants.follow_platform(connection, row, repair.actor, repair.moment)
        return ids

    def of_clients(connection: Connection, after: str) -> list[str]:
        ids = doctor.client_accounts_out_of_step(connection, after=after, limit=_PAGE)
        organization = tenants.organization(connection) or {}
        for row_id in ids:
            row = clients.by_id(connection, row_id, lock=True)
            if row is not None:
                merchants.follow_client(connection, row, organization["id"], repair.actor, repair.moment)
        return ids

    # The platform's own first: what clients' accounts are worth follows it.
    return repair.pages(ACCOUNTS.name, of_platform) + repair.pages(ACCOUNTS.name, of_clients)


def _periods(look: Look) -> Iterator[Finding]:
    with look.read() as connection:
        for row in doctor.idle_periods(connection):
            subject = Subject("ActivationPeriod", row["id"], row["clientIntegrationId"])
            message = (
                f"an activation period of {row['clientIntegrationId']} is open, which is not active in "
                "platform mode, or is gone; --fix ends it now"
            )
            yield mend(PERIODS.name, subject, message, FIX, fixable=True)


def _in_step(repair: Repair) -> int:
    def begin(connection: Connection, after: str) -> list[str]:
        found = doctor.without_period(connection, after=after, limit=_PAGE)
        for row in found:
            activation.begin(connection, row, repair.moment)
        return [row["id"] for row in found]

    def end(connection: Connection, after: str) -> list[str]:
        found = list(doctor.idle_periods(connection, after=after, limit=_PAGE))
        for row in found:
            activation.end_period(connection, row, repair.moment)
        return [row["id"] for row in found]

    # Never for the past: what was charged, or was not, stays as it is.
    return repair.pages(PERIODS.name, begin) + repair.pages(PERIODS.name, end)


def _usage(look: Look) -> Iterator[Finding]:
    with look.read() as connection:
        for row in usage_sums.stale_caches(connection):
            subject = subject_of_client(row)
            message = f"usageThisMonth of {subject.ref} is not what was recorded this month"
            yield mend(USAGE.name, subject, message, FIX, fixable=True)


def _refresh(repair: Repair) -> int:
    # At once, not by pages: each would sum the whole month anew.
    with repair.work.writing(repair.actor, Action.DOCTOR_FIX, TARGET) as work:
        ids = usage_sums.refresh_stale(work.connection)
        for start in range(0, len(ids), _PAGE):
            work.record({"check": USAGE.name, "ids": ids[start : start + _PAGE]})
    return len(ids)


USAGE = Check("usage-this-month", _usage, _refresh)
ACCOUNTS = Check("merchant-accounts", _accounts, _follow)
PERIODS = Check("activation-periods", _periods, _in_step)
