"""Connection tests of what a plan would save or put in force: many at once, outside any transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from avnz_int.db import clients, platform, rows
from avnz_int.db.integrations import CLIENT_TABLE, PLATFORM_TABLE
from avnz_int.errors import (
    AvnzError,
    ChangedMeanwhileError,
    InvalidInputError,
    RejectedError,
    UnverifiedError,
)
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, AuditOutcome, Environment, Outcome
from avnz_int.model.inputs import Unset
from avnz_int.model.manifest import Deed, Kind
from avnz_int.model.secret import Credentials
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.services import checking, integrations, testing
from avnz_int.services.integrations import Definition
from avnz_int.services.manifest_steps import ClientStep, IntegrationStep, PlatformStep, Step
from avnz_int.services.probe import Prober, refusal
from avnz_int.services.testing import Opened
from avnz_int.services.vault import Notify
from avnz_int.services.work import Work, Writing


@dataclass(slots=True)
class Tested:
    """What a test found.

    Attributes:
        opened: the stored credentials that were tested; None where those of the file were.
    """

    step: IntegrationStep
    request: CheckRequest
    report: CheckReport
    opened: Opened | None


@dataclass(slots=True)
class _Due:
    step: IntegrationStep
    found: Definition
    request: CheckRequest
    opened: Opened | None


class Tester:
    """Tests the steps of a plan that send something new, or put in force what never passed a test."""

    def __init__(self, work: Work, prober: Prober, notify: Notify) -> None:
        self._work = work
        self._prober = prober
        self._notify = notify

    def run(
        self, actor: Actor, steps: Sequence[Step], *, timeout_s: float | None, concurrency: int
    ) -> dict[str, Tested]:
        """REF -> what its test found; all of it may be saved.

        Raises:
            RejectedError, ProviderUnreachableError, InvalidInputError: something may not; all of it is told.
            SealBrokenError, KeyMissingError: stored credentials that are to be tested do not open.
            ChangedMeanwhileError: a row is not as it was planned for.
        """
        due = self._requests(actor, steps, timeout_s)
        if not due:
            return {}
        with self._work.reading(actor, Action.MANIFEST_APPLY) as reading:
            # Nothing is sent that could not be sealed afterwards.
            self._work.vault.cipher(reading.connection)
        reports = checking.run_all([(one.request, one.found) for one in due], concurrency)
        tested = [
            Tested(one.step, one.request, report, one.opened)
            for one, report in zip(due, reports, strict=True)
        ]
        self._judge(actor, tested)
        return {one.step.ref: one for one in tested}

    def _requests(self, actor: Actor, steps: Sequence[Step], timeout_s: float | None) -> list[_Due]:
        wanted = [
            step
            for step in steps
            if isinstance(step, IntegrationStep)
            and step.action is not Deed.DELETE
            and (step.sends or step.needs_test)
        ]
        stored = [step for step in wanted if _given(step) is None]
        opened = self._open(actor, stored) if stored else {}
        due = []
        for step in wanted:
            held = opened.get(step.ref)
            credentials = held.credentials if held else _given(step)
            if credentials is None or step.found is None:
                raise RuntimeError(f"{step.ref} is to be tested and has no credentials")
            request = self._prober.request(
                step.found,
                credentials,
                _settings(step),
                environment_of(step),
                of_platform=step.kind is Kind.PLATFORM,
                timeout_s=timeout_s,
            )
            due.append(_Due(step, step.found, request, held if step.needs_test else None))
        return due

    def _open(self, actor: Actor, steps: Sequence[IntegrationStep]) -> dict[str, Opened]:
        found = {}
        with self._work.writing(actor, Action.CREDENTIALS_READ) as work:
            cipher = self._work.vault.cipher(work.connection)
            for step in steps:
                row = current(work, step)
                table = table_of(step)
                definition = integrations.definition(work.connection, row["provider"])
                work.target = Target(table, row["id"], row.get("clientId"))
                found[step.ref] = testing.open_with(work, cipher, table, row, definition, asked=row)
        return found

    def _judge(self, actor: Actor, tested: Sequence[Tested]) -> None:
        failed: list[tuple[Tested, AvnzError]] = []
        for one in tested:
            self._prober.tell(one.report)
            if one.step.found is not None:
                error = refusal(one.report, one.step.found, environment_of(one.step))
                if error is not None:
                    failed.append((one, error))
                elif one.report.outcome is Outcome.UNSUPPORTED:
                    self._notify(f"{one.step.ref}: {one.report.message}; saved unverified")
        if not failed:
            return
        with self._work.writing(actor, Action.MANIFEST_APPLY) as work:
            for one, _ in failed:
                self._record(work, one)
        raise _gravest([(one.step.ref, error) for one, error in failed])

    def _record(self, work: Writing, one: Tested) -> None:
        row, found = one.step.row or {}, one.step.found
        if found is not None:
            table = table_of(one.step)
            work.record(
                {"provider": found.provider, **self._prober.facts(found, one.report)},
                action=testing.ACTION[table],
                target=Target(table, row.get("id"), row.get("clientId")),
                outcome=AuditOutcome.FAILURE,
            )


def require_switchable(steps: Sequence[Step]) -> None:
    """Refuse a plan that puts in force what needs a test first.

    Raises:
        UnverifiedError: something has not passed a test as it will stand.
    """
    for step in steps:
        if isinstance(step, IntegrationStep) and step.switch and (step.sends or not step.verified):
            raise UnverifiedError(
                f"{step.ref} has not passed a connection test: it cannot be put in force",
                hint="leave --no-test out, or its status",
            )


def table_of(step: IntegrationStep) -> str:
    """The table of the step's row."""
    return PLATFORM_TABLE if step.kind is Kind.PLATFORM else CLIENT_TABLE


def current(work: Writing, step: Step) -> rows.Row:
    """The whole row of a step as it is now.

    Raises:
        ChangedMeanwhileError: it is not as it was planned for.
    """
    planned = step.row or {}
    get = platform.by_id if step.kind is Kind.PLATFORM else clients.by_id
    row = get(work.connection, planned["id"])
    if row is None or row["updatedAt"] != planned["updatedAt"]:
        raise ChangedMeanwhileError(f"{step.ref} was changed by somebody else meanwhile")
    return row


def environment_of(step: IntegrationStep) -> Environment:
    """The environment that the integration will be in."""
    if step.changes is not None and not isinstance(step.changes.environment, Unset):
        return step.changes.environment
    if step.row is not None:
        return Environment(step.row["environment"])
    given = step.wanted.environment if isinstance(step, PlatformStep | ClientStep) and step.wanted else None
    return given if isinstance(given, Environment) else Environment.PRODUCTION


def _given(step: IntegrationStep) -> Credentials | None:
    """The credentials of the file that are to be tested."""
    if step.changes is not None and not isinstance(step.changes.credentials, Unset):
        return step.changes.credentials
    return step.credentials


def _settings(step: IntegrationStep) -> dict[str, object] | None:
    stored = None if step.row is None else step.row["settings"]
    if step.changes is not None and not isinstance(step.changes.settings, Unset):
        return integrations.merged_settings(stored, step.changes.settings)
    if step.row is None and isinstance(step, PlatformStep | ClientStep) and step.wanted is not None:
        given = step.wanted.settings
        return None if isinstance(given, Unset) else dict(given)
    return stored


def _gravest(failed: Sequence[tuple[str, AvnzError]]) -> AvnzError:
    """The error that stands for all: rejected before invalid before unreachable."""
    grave = {RejectedError: 0, InvalidInputError: 1}
    worst = min((error for _, error in failed), key=lambda error: grave.get(type(error), 2))
    worst.message = "; ".join(f"{ref}: {error.message}" for ref, error in failed)
    worst.hint = "nothing was applied; mend it and repeat, or save unverified with --no-test"
    worst.details = {
        "failed": [
            {"ref": ref, "code": error.code, **error.details, "message": error.message}
            for ref, error in failed
        ]
    }
    return worst
