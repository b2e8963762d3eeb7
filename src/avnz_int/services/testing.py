"""What a connection test does with a row: open its credentials, then record what the provider said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from avnz_int import clock
from avnz_int.db import clients, platform, rows
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, AuditOutcome, Environment, Outcome, Status, TestResult
from avnz_int.model.lifecycle import Standing, after_test
from avnz_int.model.secret import Credentials
from avnz_int.model.views import CheckView
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.services import integrations
from avnz_int.services import merchants as accounts
from avnz_int.services.integrations import CLIENT_TABLE, PLATFORM_TABLE, Definition
from avnz_int.services.probe import Prober
from avnz_int.services.vault import Notify, Vault
from avnz_int.services.work import Writing

ACTION = {PLATFORM_TABLE: Action.PLATFORM_TEST, CLIENT_TABLE: Action.CLIENT_TEST}
TESTED = ("credentialsUpdatedAt", "settings", "environment")
"""The columns that tell whether a row still has what was tested; a new data key is no other credential."""


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
    target = Target(table, row["id"], row.get("clientId"))
    place = integrations.place(table, row, found)
    credentials = vault.cipher(work.connection).open(row["credentials"], place)
    work.record({"purpose": "test"}, action=Action.CREDENTIALS_READ, target=target)
    return Opened(asked, table, row, found, credentials)


def record(
    work: Writing, prober: Prober, notify: Notify, opened: Opened, report: CheckReport, actor: Actor
) -> CheckView:
    """What the test found, recorded; the row's status follows, unless what was tested was changed."""
    facts = prober.facts(opened.found, report)
    outcome = AuditOutcome.SUCCESS if report.outcome is Outcome.OK else AuditOutcome.FAILURE
    action = ACTION[opened.table]
    current = _current(work, opened)
    if current is None or any(current[name] != opened.row[name] for name in TESTED):
        work.record(facts | {"stale": True}, action=action, target=opened.target, outcome=outcome)
        notify(
            f"{opened.found.name}: the credentials or settings were changed during the test, "
            "so the result says nothing of what is stored now"
        )
    elif report.outcome is Outcome.UNSUPPORTED:
        work.record(facts, action=action, target=opened.target, outcome=outcome)
    else:
        values = _values(opened.table, current, report, actor)
        table = platform.PLATFORM if opened.table == PLATFORM_TABLE else clients.INTEGRATION
        rows.change(work.connection, table, current["id"], values)
        changed = integrations.changes(current, values)
        work.record(facts | changed, action=action, target=opened.target, outcome=outcome)
        if "status" in changed:
            _follow(work, opened.table, {**current, **values}, actor)
    return view(opened.asked["id"], opened.row, report)


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
        accounts.follow_client(work.connection, after, work.organization["id"], actor, moment)


def _current(work: Writing, opened: Opened) -> rows.Row | None:
    if opened.table == PLATFORM_TABLE:
        return platform.by_id(work.connection, opened.row["id"], lock=True)
    return clients.by_id(work.connection, opened.row["id"], lock=True)


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
        "errorMessage": None if ok else report.message,
        "updatedAt": moment,
    }
    if table == CLIENT_TABLE and (ok or then.is_verified != now.is_verified):
        values |= {
            "isVerified": then.is_verified,
            "verifiedAt": moment if then.is_verified else None,
            "verifiedBy": actor.id if then.is_verified else None,
        }
    return values
