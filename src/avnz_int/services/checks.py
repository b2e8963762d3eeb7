"""Connection tests of stored integrations: open (transaction 1), ask the provider, record (transaction 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from avnz_int import clock
from avnz_int.db import clients, platform, rows
from avnz_int.errors import ChangedMeanwhileError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import (
    Action,
    AuditOutcome,
    CheckCode,
    Environment,
    Mode,
    Outcome,
    Role,
    Status,
    TestResult,
)
from avnz_int.model.lifecycle import Standing, after_test
from avnz_int.model.secret import Credentials
from avnz_int.model.views import CheckView
from avnz_int.providers.contract import CheckReport
from avnz_int.services import access, integrations, refs
from avnz_int.services import merchants as accounts
from avnz_int.services.integrations import CLIENT_TABLE, PLATFORM_TABLE, Definition
from avnz_int.services.probe import Prober
from avnz_int.services.vault import Notify
from avnz_int.services.work import Work, Writing

_TESTED = ("credentialsUpdatedAt", "settings", "environment")
"""The columns that tell whether a row still has what was tested; a new data key is no other credential."""
_ACTION = {PLATFORM_TABLE: Action.PLATFORM_TEST, CLIENT_TABLE: Action.CLIENT_TEST}


@dataclass(frozen=True, slots=True)
class _Opened:
    """What transaction 1 found: the row whose credentials are used, and those; `asked` is the REF's row."""

    asked: rows.Row
    table: str
    row: rows.Row
    found: Definition
    credentials: Credentials | None

    @property
    def target(self) -> Target:
        return Target(self.table, self.row["id"], self.row.get("clientId"))


class Checks:
    """Tests what is stored (org_admin all; client_admin own mode only)."""

    def __init__(self, work: Work, prober: Prober, notify: Notify) -> None:
        self._work = work
        self._prober = prober
        self._notify = notify

    def test(
        self, actor: Actor, ref: str, *, client: str | None = None, timeout_s: float | None = None
    ) -> CheckView:
        """What the provider says of one integration now; its status follows.

        In platform mode the platform integration is tested; a client_admin gets that one's last result.

        Raises:
            SealBrokenError, KeyMissingError: the stored credentials do not open; nothing was sent.
        """
        opened = self._open(actor, ref, client)
        if opened.credentials is None:
            return _last_result(opened)
        environment = Environment(opened.row["environment"])
        report = self._prober.probe(
            opened.found,
            opened.credentials,
            opened.row["settings"],
            environment,
            of_platform=opened.table == PLATFORM_TABLE,
            timeout_s=timeout_s,
        )
        return self._record(actor, opened, report)

    def _open(self, actor: Actor, ref: str, client: str | None) -> _Opened:
        with self._work.writing(actor, Action.CREDENTIALS_READ) as work:
            table, asked = refs.integration(work.connection, actor, ref, client)
            work.target = Target(table, asked["id"], asked.get("clientId"))
            row = asked
            if table == CLIENT_TABLE:
                owner = {"id": asked["clientId"], "slug": asked["client"]}
                access.require_client(actor, Action.CLIENT_TEST, owner)
                if asked["mode"] == Mode.PLATFORM:
                    row = _used(work, asked)
                    table = PLATFORM_TABLE
                    if actor.role is not Role.ORG_ADMIN:
                        found = integrations.definition(work.connection, row["provider"])
                        return _Opened(asked, table, row, found, None)
            if table == PLATFORM_TABLE:
                access.require_admin(actor, Action.PLATFORM_TEST)
            found = integrations.definition(work.connection, row["provider"])
            work.target = Target(table, row["id"], row.get("clientId"))
            opened = _Opened(
                asked,
                table,
                row,
                found,
                self._work.vault.cipher(work.connection).open(
                    row["credentials"], integrations.place(table, row, found)
                ),
            )
            work.record({"purpose": "test"})
            return opened

    def _record(self, actor: Actor, opened: _Opened, report: CheckReport) -> CheckView:
        with self._work.writing(actor, _ACTION[opened.table], opened.target) as work:
            moment = clock.now()
            facts = self._prober.facts(opened.found, report)
            outcome = AuditOutcome.SUCCESS if report.outcome is Outcome.OK else AuditOutcome.FAILURE
            current = _current(work, opened)
            if current is None or any(current[name] != opened.row[name] for name in _TESTED):
                work.record(facts | {"stale": True}, outcome=outcome)
                self._notify(
                    f"{opened.found.name}: the credentials or settings were changed during the test, "
                    "so the result says nothing of what is stored now"
                )
            elif report.outcome is Outcome.UNSUPPORTED:
                work.record(facts, outcome=outcome)
            else:
                values = _values(opened.table, current, report, actor)
                table = platform.PLATFORM if opened.table == PLATFORM_TABLE else clients.INTEGRATION
                rows.change(work.connection, table, current["id"], values)
                work.record(facts | integrations.changes(current, values), outcome=outcome)
                after = {**current, **values}
                if opened.table == PLATFORM_TABLE:
                    accounts.follow_platform(work.connection, after, actor, values["updatedAt"])
                else:
                    accounts.follow_client(
                        work.connection, after, work.organization["id"], actor, values["updatedAt"]
                    )
            return CheckView(
                id=opened.asked["id"],
                provider=opened.row["provider"],
                environment=Environment(opened.row["environment"]),
                success=report.success,
                outcome=report.outcome,
                code=report.code,
                message=report.message,
                latency=report.latency_ms,
                tested_at=moment,
            )


def _used(work: Writing, asked: rows.Row) -> rows.Row:
    row = platform.by_id(work.connection, asked["platformIntegrationId"])
    if row is None:
        raise ChangedMeanwhileError("the platform integration was deleted meanwhile")
    return row


def _current(work: Writing, opened: _Opened) -> rows.Row | None:
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


def _last_result(opened: _Opened) -> CheckView:
    """What a client_admin is told of the platform's integration: its last result, without asking anybody."""
    row = opened.row
    success = {None: None, "success": True, "failure": False}[row["lastTestResult"]]
    outcome = {None: Outcome.UNSUPPORTED, True: Outcome.OK, False: Outcome.UNREACHABLE}[success]
    if success is False and row["status"] == Status.ERROR:
        outcome = Outcome.REJECTED
    code = {
        Outcome.OK: CheckCode.OK,
        Outcome.UNSUPPORTED: CheckCode.UNSUPPORTED,
        Outcome.REJECTED: CheckCode.BAD_CREDENTIALS,
        Outcome.UNREACHABLE: CheckCode.PROVIDER_DOWN,
    }[outcome]
    message = {
        Outcome.OK: "the platform's integration passed its last test",
        Outcome.UNSUPPORTED: "the platform's integration has not been tested",
    }.get(outcome, "the platform's integration failed its last test; the platform's operators know why")
    return CheckView(
        id=opened.asked["id"],
        provider=row["provider"],
        environment=Environment(row["environment"]),
        success=success,
        outcome=outcome,
        code=code,
        message=message,
        latency=None,
        tested_at=row["lastTestedAt"] or row["createdAt"],
    )
