"""Test & Save: what adding and updating have in common on both levels.

A change is planned outside any transaction (validate, test), then written if the row is still the one that
was planned for. The network is never asked inside a transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Table

from avnz_int import clock
from avnz_int.db import rows
from avnz_int.db.integrations import CLIENT_TABLE, PLATFORM_TABLE
from avnz_int.errors import InvalidInputError, KeyMissingError, SealBrokenError
from avnz_int.model import names
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, AuditOutcome, Environment, Mode, Outcome
from avnz_int.model.inputs import KEEP_PREVIOUS_S, Changes, Unset
from avnz_int.model.secret import Credentials
from avnz_int.providers.contract import CheckReport
from avnz_int.services import integrations, refs, sealing, showing
from avnz_int.services.integrations import Definition
from avnz_int.services.probe import Prober, refusal
from avnz_int.services.vault import Notify
from avnz_int.services.work import Work, Writing

_MAX_PRIORITY = 2**31 - 1


def checked_priority(priority: int) -> int:
    """A priority that every database can hold.

    Raises:
        InvalidInputError: out of range.
    """
    if not 0 <= priority <= _MAX_PRIORITY:
        raise InvalidInputError(f"priority must be from 0 to {_MAX_PRIORITY}")
    return priority


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A row as it was read, its table, and the definition in force."""

    table: str
    row: rows.Row
    found: Definition

    @property
    def name(self) -> str:
        """What people call it."""
        if self.table == CLIENT_TABLE:
            return f"{self.row['client']}/{self.row['name']}"
        return f"{refs.PLATFORM_WORD}/{self.row['provider']}"

    @property
    def target(self) -> Target:
        """For audit events."""
        return Target(
            self.table, self.row["id"], self.row["clientId"] if self.table == CLIENT_TABLE else None
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """A validated change.

    Attributes:
        values: columns that get other values.
        credentials: the new ones, None if the stored ones stay.
        settings: as they will be.
        wants_test: whether what is sent to the provider changes.
        keep: how long replaced credentials stay to be rolled back to.
    """

    before: Snapshot
    values: dict[str, Any]
    credentials: Credentials | None
    settings: Mapping[str, Any] | None
    environment: Environment
    wants_test: bool
    keep: timedelta

    @property
    def replaces(self) -> bool:
        """Whether the credentials are replaced."""
        return self.credentials is not None

    def shown(self) -> dict[str, Any] | str | None:
        """What an update shows of the credentials: new ones masked, untouched ones as a listing does."""
        if self.credentials is None:
            return showing.listed_credentials(self.before.row)
        return showing.shown_credentials(self.before.found, self.credentials)


class Saver:
    """Plans, tests and writes changes of integrations."""

    def __init__(self, work: Work, prober: Prober, notify: Notify) -> None:
        self._work = work
        self._prober = prober
        self._notify = notify

    def facts(self, found: Definition, report: CheckReport) -> dict[str, Any]:
        """What an audit event holds of a test."""
        return self._prober.facts(found, report)

    def probe(
        self,
        actor: Actor,
        action: Action,
        target: Target,
        found: Definition,
        credentials: Credentials,
        settings: Mapping[str, Any] | None,
        environment: Environment,
        timeout_s: float | None,
    ) -> CheckReport:
        """The report of credentials that may be saved: accepted, or of a provider without a test.

        Raises:
            RejectedError, ProviderUnreachableError, InvalidInputError: they may not; recorded.
        """
        with self._work.reading(actor, action, target) as reading:
            # Nothing is sent that could not be sealed afterwards.
            self._work.vault.cipher(reading.connection)
        of_platform = target.type == PLATFORM_TABLE
        request = self._prober.request(
            found, credentials, settings, environment, of_platform=of_platform, timeout_s=timeout_s
        )
        report = self._prober.run(request)
        error = refusal(report, found, environment)
        if error is not None:
            with self._work.writing(actor, action, target) as work:
                work.record(
                    {"provider": found.provider, **self.facts(found, report)}, outcome=AuditOutcome.FAILURE
                )
            raise error
        if report.outcome is Outcome.UNSUPPORTED:
            self._notify(f"{report.message}; saved unverified")
        return report

    def plan(self, before: Snapshot, wanted: Changes) -> Plan:
        """The change, validated against the definition.

        Raises:
            SchemaViolationError: fields or rules are broken.
            InvalidInputError: the credentials would go elsewhere and are not given anew.
        """
        row, found = before.row, before.found
        values = _labels(wanted, of_client=before.table == CLIENT_TABLE)
        settings = integrations.settings_of(row["settings"])
        if not isinstance(wanted.settings, Unset):
            settings = integrations.merged_settings(settings, wanted.settings)
            values["settings"] = settings
        elif not isinstance(wanted.credentials, Unset) and settings != row["settings"]:
            # Those that are no object must go: nothing can be sealed beside them.
            values["settings"] = settings
        environment = Environment(row["environment"])
        if not isinstance(wanted.environment, Unset):
            environment = wanted.environment
            values["environment"] = environment.value
        credentials = None if isinstance(wanted.credentials, Unset) else wanted.credentials
        values = {name: value for name, value in values.items() if value != row[name]}
        platform_mode = row.get("mode") == Mode.PLATFORM
        if platform_mode:
            _refuse_in_platform_mode(credentials, values)
        if credentials is not None or "settings" in values:
            integrations.require_valid(found, credentials=credentials, settings=settings)
        moved = integrations.moved_destinations(found, row["settings"], settings)
        if "environment" in values:
            moved.append("environment")
        if moved and credentials is None and not platform_mode:
            raise InvalidInputError(
                f"{', '.join(moved)}: a change sends the credentials elsewhere, so they are needed again",
                hint="give all of them with --credential or --credentials-file",
                details={"fields": moved},
            )
        wants_test = not platform_mode and (credentials is not None or "settings" in values)
        return Plan(
            before,
            values,
            credentials,
            settings,
            environment,
            wants_test,
            keep=timedelta(seconds=wanted.keep_previous_s),
        )

    def plan_back(self, actor: Actor, before: Snapshot) -> Plan:
        """The change that puts the previous credentials in force again, with the hosts that they were for.

        Opening them is recorded. Those in force now become the previous ones.

        Raises:
            ConflictError: there are none, or their time is over.
            SealBrokenError, KeyMissingError: they do not open.
            SchemaViolationError: the definition in force takes them no more.
        """
        row, found = before.row, before.found
        sealing.require_previous(row, before.name, clock.now())
        with self._work.writing(actor, Action.CREDENTIALS_READ, before.target) as work:
            place = integrations.place(before.table, row, found, column=sealing.PREVIOUS)
            credentials = self._work.vault.cipher(work.connection).open(row[sealing.PREVIOUS], place)
            work.record({"purpose": "rollback"})
        then = row["previousSettings"] or {}
        hosts = {name: then.get(name) for name in found.destination_fields}
        settings = integrations.merged_settings(row["settings"], hosts)
        wanted = {"settings": settings, "environment": row["previousEnvironment"]}
        integrations.require_valid(found, credentials=credentials, settings=settings)
        return Plan(
            before,
            {name: value for name, value in wanted.items() if value != row[name]},
            credentials,
            settings,
            Environment(row["previousEnvironment"]),
            wants_test=True,
            keep=timedelta(seconds=KEEP_PREVIOUS_S),
        )

    def test_plan(
        self, actor: Actor, action: Action, plan: Plan, timeout_s: float | None
    ) -> CheckReport | None:
        """The report of what the plan would save, None where nothing that is sent to the provider changes.

        Raises:
            RejectedError, ProviderUnreachableError: it is not to be saved.
            SealBrokenError, KeyMissingError: the stored credentials, which stay, do not open.
        """
        if not plan.wants_test:
            return None
        before = plan.before
        credentials = plan.credentials
        if credentials is None:
            credentials = self.open(actor, before, purpose="update")
        return self.probe(
            actor,
            action,
            before.target,
            before.found,
            credentials,
            plan.settings,
            plan.environment,
            timeout_s,
        )

    def open(self, actor: Actor, before: Snapshot, *, purpose: str) -> Credentials:
        """The stored credentials; opening them, or failing to, is recorded.

        Raises:
            SealBrokenError, KeyMissingError: they do not open.
        """
        with self._work.writing(actor, Action.CREDENTIALS_READ, before.target) as work:
            place = integrations.place(before.table, before.row, before.found)
            opened = self._work.vault.cipher(work.connection).open(before.row["credentials"], place)
            work.record({"purpose": purpose})
        return opened

    def show(self, work: Writing, before: Snapshot) -> dict[str, Any] | None:
        """The stored credentials masked, None where they do not open; either is recorded."""
        try:
            place = integrations.place(before.table, before.row, before.found)
            opened = self._work.vault.cipher(work.connection).open(before.row["credentials"], place)
        except (SealBrokenError, KeyMissingError) as exc:
            work.record({"purpose": "show", "reason": exc.code}, outcome=AuditOutcome.FAILURE)
            self._notify(exc.message)
            return None
        work.record({"purpose": "show"})
        return showing.shown_credentials(before.found, opened)

    def write(
        self,
        work: Writing,
        table: Table,
        current: rows.Row,
        values: Mapping[str, Any],
        plan: Plan,
        actor: Actor,
    ) -> rows.Row:
        """The row after the change; sealed anew where the credentials are replaced, with its audit event."""
        changed = {
            **values,
            "updatedAt": integrations.next_moment(current["updatedAt"]),
            "updatedBy": actor.id,
        }
        after = {**current, **changed}
        if plan.credentials is not None or "settings" in values:
            # The definition says which settings decide where credentials go.
            integrations.require_same(work.connection, plan.before.found)
        if plan.credentials is not None:
            before, moment = plan.before, changed["updatedAt"]
            at = (work.connection, self._work.vault, before.table)
            changed |= sealing.columns(*at, after, before.found, plan.credentials)
            changed |= sealing.kept(*at, current, before.found, moment=moment, grace=plan.keep)
            changed["credentialsUpdatedAt"] = moment
        rows.change(work.connection, table, current["id"], changed)
        work.record(integrations.changes(current, changed))
        return {**current, **changed}


def _labels(wanted: Changes, *, of_client: bool) -> dict[str, Any]:
    """The columns that are nobody's business but ours: name, description, priority."""
    if not of_client and not (isinstance(wanted.priority, Unset) and isinstance(wanted.is_default, Unset)):
        raise InvalidInputError("a platform integration has neither a priority nor a default")
    values: dict[str, Any] = {}
    if not isinstance(wanted.name, Unset):
        values["name"] = names.checked_name(wanted.name)
    if not isinstance(wanted.description, Unset):
        values["description"] = names.checked_text(wanted.description)
    if not isinstance(wanted.priority, Unset):
        values["priority"] = checked_priority(wanted.priority)
    return values


def _refuse_in_platform_mode(credentials: Credentials | None, values: Mapping[str, Any]) -> None:
    if credentials is not None:
        raise InvalidInputError(
            "an integration in platform mode uses the platform's credentials and has none of its own",
            hint="add one in own mode instead: avnz-int client add --mode own",
        )
    if "environment" in values:
        raise InvalidInputError(
            "an integration in platform mode has the environment of the platform integration it uses"
        )
