"""What a connection test does with rows: open their credentials, then record what the provider said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from avnz_int import clock
from avnz_int.crypto.cipher import Cipher
from avnz_int.db import clients, platform, rows
from avnz_int.db.integrations import CLIENT_TABLE, PLATFORM_TABLE
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, AuditOutcome, Environment, Outcome, Status, TestResult
from avnz_int.model.lifecycle import Standing, after_test
from avnz_int.model.secret import Credentials
from avnz_int.model.views.integrations import CheckView
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.services import chain, integrations, refs
from avnz_int.services import merchants as accounts
from avnz_int.services.integrations import Definition
from avnz_int.services.probe import Prober
from avnz_int.services.vault import Notify, Vault
from avnz_int.services.work import Writing

ACTION = {PLATFORM_TABLE: Action.PLATFORM_TEST, CLIENT_TABLE: Action.CLIENT_TEST}
TESTED = ("credentialsUpdatedAt", "settings", "environment")
"""The columns that tell whether a row still has what was tested; a new data key is no other credential."""
TABLES = {PLATFORM_TABLE: platform.PLATFORM, CLIENT_TABLE: clients.INTEGRATION}


@dataclass(frozen=True, slots=True)
class Opened:
    """A row with its credentials open; `asked` is the row that was named, perhaps one that uses this one."""

    asked: rows.Row
    table: str
    row: rows.Row
    found: Definition
    credentials: Credentials

    @property
    def target(self) -> Target:
        """For audit events."""
        return Target(self.table, self.row["id"], self.row.get("clientId"))

    @property
    def ref(self) -> str:
        """What people call it; `row` is one of `db.clients` or `db.platform`."""
        if self.table == PLATFORM_TABLE:
            return f"{refs.PLATFORM_WORD}/{self.row['provider']}"
        return f"{self.row['client']}/{self.row['name']}"

    def request(self, prober: Prober, timeout_s: float | None) -> CheckRequest:
        """What a check is given."""
        return prober.request(
            self.found,
            self.credentials,
            self.row["settings"],
            Environment(self.row["environment"]),
            of_platform=self.table == PLATFORM_TABLE,
            timeout_s=timeout_s,
        )


def open_row(
    work: Writing, vault: Vault, table: str, row: rows.Row, found: Definition, *, asked: rows.Row
) -> Opened:
    """The row with its credentials open, which is recorded.

    Raises:
        SealBrokenError, KeyMissingError: they do not open.
    """
    return open_with(work, vault.cipher(work.connection), table, row, found, asked=asked)


def open_with(
    work: Writing, cipher: Cipher, table: str, row: rows.Row, found: Definition, *, asked: rows.Row
) -> Opened:
    """As `open_row`, for many rows with one cipher."""
    credentials = cipher.open(row["credentials"], integrations.place(table, row, found))
    opened = Opened(asked, table, row, found, credentials)
    work.record({"purpose": "test"}, action=Action.CREDENTIALS_READ, target=opened.target)
    return opened


def record(
    work: Writing, prober: Prober, notify: Notify, opened: Opened, report: CheckReport, actor: Actor
) -> CheckView:
    """What the test found, recorded; the row's status follows, unless what was tested was changed."""
    return record_all(work, prober, notify, [(opened, report)], actor)[0]


def record_all(
    work: Writing, prober: Prober, notify: Notify, done: Sequence[tuple[Opened, CheckReport]], actor: Actor
) -> list[CheckView]:
    """As `record`, for many."""
    current: dict[str, rows.Row] = {}
    for table, columns in TABLES.items():
        ids = [opened.row["id"] for opened, _ in done if opened.table == table]
        current |= rows.by_ids(work.connection, columns, ids, lock=True)
    changed: dict[str, list[tuple[str, rows.Row]]] = {table: [] for table in TABLES}
    followed: list[tuple[str, rows.Row]] = []
    for opened, report in done:
        row = current.get(opened.row["id"])
        facts = prober.facts(opened.found, report)
        if row is None or any(row[name] != opened.row[name] for name in TESTED):
            facts["stale"] = True
            notify(
                f"{opened.ref}: the credentials or settings were changed during the test, "
                "so the result says nothing of what is stored now"
            )
        elif report.outcome is not Outcome.UNSUPPORTED:
            values = _values(opened.table, row, report, actor)
            changed[opened.table].append((row["id"], values))
            found = integrations.changes(row, values)
            facts |= found
            if "status" in found:
                followed.append((opened.table, {**row, **values}))
        outcome = AuditOutcome.SUCCESS if report.outcome is Outcome.OK else AuditOutcome.FAILURE
        work.record(facts, action=ACTION[opened.table], target=opened.target, outcome=outcome)
    for table, updates in changed.items():
        rows.change_all(work.connection, TABLES[table], updates)
    for table, row in followed:
        _follow(work, table, row, actor)
    return [view(opened.asked["id"], opened.row, report) for opened, report in done]


def view(asked_id: str, row: rows.Row, report: CheckReport) -> CheckView:
    """The result as it is shown."""
    return CheckView(
        id=asked_id,
        provider=row["provider"],
        environment=Environment(row["environment"]),
        success=report.success,
        outcome=report.outcome,
        code=report.code,
        message=report.message,
        latency=report.latency_ms,
        tested_at=clock.now(),
    )


def _follow(work: Writing, table: str, after: rows.Row, actor: Actor) -> None:
    moment = after["updatedAt"]
    if table == PLATFORM_TABLE:
        accounts.follow_platform(work.connection, after, actor, moment)
    else:
        # What has credentials of its own stands on no platform integration.
        own = {**after, "platformStatus": None}
        accounts.follow_client(work.connection, own, work.organization["id"], actor, moment)


def _values(table: str, current: rows.Row, report: CheckReport, actor: Actor) -> dict[str, Any]:
    """The columns that a test sets; an unreachable provider changes neither status nor verification."""
    moment = integrations.next_moment(current["updatedAt"])
    ok = report.outcome is Outcome.OK
    verified = current["isVerified"] if table == CLIENT_TABLE else current["lastTestResult"] == "success"
    now = Standing(Status(current["status"]), is_verified=verified)
    then = after_test(now, report.outcome)
    values: dict[str, Any] = {
        "status": then.status.value,
        "lastTestedAt": moment,
        "lastTestResult": (TestResult.SUCCESS if ok else TestResult.FAILURE).value,
        "errorMessage": None if ok else chain.storable(report.message),
        "updatedAt": moment,
    }
    if table == CLIENT_TABLE and (ok or then.is_verified != now.is_verified):
        values |= {
            "isVerified": then.is_verified,
            "verifiedAt": moment if then.is_verified else None,
            "verifiedBy": actor.id if then.is_verified else None,
        }
    return values
