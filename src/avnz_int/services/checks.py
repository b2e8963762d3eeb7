"""Connection tests of stored integrations: open (transaction 1), ask the provider, record (transaction 2)."""

from __future__ import annotations

from dataclasses import replace

from avnz_int.db import platform, rows
from avnz_int.db.integrations import CLIENT_TABLE, PLATFORM_TABLE
from avnz_int.errors import ChangedMeanwhileError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, CheckCode, Mode, Outcome, Role, Status
from avnz_int.model.views.integrations import CheckView
from avnz_int.providers.contract import CheckReport
from avnz_int.services import access, integrations, refs, testing
from avnz_int.services.probe import Prober
from avnz_int.services.testing import Opened
from avnz_int.services.vault import Notify
from avnz_int.services.work import Work, Writing


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
        if isinstance(opened, CheckView):
            return opened
        report = self._prober.run(opened.request(self._prober, timeout_s))
        with self._work.writing(actor, testing.ACTION[opened.table], opened.target) as work:
            return testing.record(work, self._prober, self._notify, opened, report, actor)

    def _open(self, actor: Actor, ref: str, client: str | None) -> Opened | CheckView:
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
                        return _last_result(asked["id"], row)
            if table == PLATFORM_TABLE:
                access.require_admin(actor, Action.PLATFORM_TEST)
            found = integrations.definition(work.connection, row["provider"])
            work.target = Target(table, row["id"], row.get("clientId"))
            return testing.open_row(work, self._work.vault, table, row, found, asked=asked)


def _used(work: Writing, asked: rows.Row) -> rows.Row:
    row = platform.by_id(work.connection, asked["platformIntegrationId"])
    if row is None:
        raise ChangedMeanwhileError("the platform integration was deleted meanwhile")
    return row


def _last_result(asked_id: str, row: rows.Row) -> CheckView:
    """What a client_admin is told of the platform's integration: its last result, without asking anybody."""
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
    shown = testing.view(asked_id, row, CheckReport(outcome, code, message))
    return replace(shown, tested_at=row["lastTestedAt"] or row["createdAt"])
