"""Platform integrations: the organization's own credentials for a provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from avnz_int import clock
from avnz_int.db import keys, merchants, platform, rows
from avnz_int.db.integrations import PLATFORM_TABLE
from avnz_int.errors import (
    ChangedMeanwhileError,
    ExistsError,
    InUseError,
    UnverifiedError,
)
from avnz_int.model import names
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, Role, Status, TestResult
from avnz_int.model.filters import Filter
from avnz_int.model.inputs import Changes, NewPlatform
from avnz_int.model.lifecycle import Standing, after_replacement, when_saved
from avnz_int.model.views.integrations import PlatformView
from avnz_int.providers.contract import CheckReport
from avnz_int.services import access, integrations, prices, refs, sealing, showing
from avnz_int.services import merchants as accounts
from avnz_int.services.integrations import Definition
from avnz_int.services.probe import Prober
from avnz_int.services.saving import Plan, Saver, Snapshot
from avnz_int.services.vault import Notify
from avnz_int.services.work import Reading, Work, Writing


class PlatformIntegrations:
    """Configure, show, switch and delete platform integrations (role org_admin; auditors may read)."""

    def __init__(self, work: Work, prober: Prober, notify: Notify) -> None:
        self._work = work
        self._notify = notify
        self._saver = Saver(work, prober, notify)

    def listing(self, actor: Actor, limits: Filter | None = None) -> list[PlatformView]:
        """All, by category and provider; opens nothing."""
        with self._work.reading(actor, Action.PLATFORM_READ) as work:
            access.require(actor, Action.PLATFORM_READ, *access.READERS)
            known = keys.readable_ids(work.connection)
            return [
                showing.listed_platform(row, known)
                for row in prices.in_step(
                    work.connection, platform.listing(work.connection, limits or Filter())
                )
            ]

    def show(self, actor: Actor, ref: str) -> PlatformView:
        """One, with its credentials masked; opening them is recorded. An unreadable row is shown as such."""
        with self._work.writing(actor, Action.CREDENTIALS_READ) as work:
            access.require(actor, Action.PLATFORM_READ, *access.READERS)
            (row,) = prices.in_step(work.connection, [refs.platform_integration(work.connection, ref)])
            if actor.role is not Role.ORG_ADMIN:
                return showing.listed_platform(row, keys.readable_ids(work.connection))
            work.target = _target(row)
            found = integrations.definition(work.connection, row["provider"])
            shown = self._saver.show(work, Snapshot(PLATFORM_TABLE, row, found))
            return showing.platform_view(row, credentials=shown, unreadable=shown is None)

    def find(self, actor: Actor, ref: str) -> PlatformView:
        """One, as in a listing: its credentials stay closed."""
        with self._work.reading(actor, Action.PLATFORM_READ) as work:
            access.require(actor, Action.PLATFORM_READ, *access.READERS)
            (row,) = prices.in_step(work.connection, [refs.platform_integration(work.connection, ref)])
            return showing.listed_platform(row, keys.readable_ids(work.connection))

    def definition_of(self, actor: Actor, ref: str) -> Definition:
        """The definition in force of an integration that is about to be changed."""
        with self._work.reading(actor, Action.PLATFORM_UPDATE) as work:
            access.require_admin(actor, Action.PLATFORM_UPDATE)
            row = refs.platform_integration(work.connection, ref)
            return integrations.definition(work.connection, row["provider"])

    def require_addable(self, actor: Actor, provider: str) -> Definition:
        """The definition of a provider that the organization has no integration of yet.

        Raises:
            UnknownProviderError: no such provider.
            ExistsError: there is one already.
        """
        with self._work.reading(actor, Action.PLATFORM_CREATE) as work:
            access.require_admin(actor, Action.PLATFORM_CREATE)
            found = integrations.definition(work.connection, provider)
            _require_new(work, found)
        warning = integrations.require_open_for_new(found)
        if warning:
            self._notify(warning)
        return found

    def add(
        self, actor: Actor, new: NewPlatform, *, test: bool = True, timeout_s: float | None = None
    ) -> PlatformView:
        """The integration that now stands: tested and active, or saved untested and inactive.

        Raises:
            SchemaViolationError, UnknownProviderError: the input is wrong.
            ExistsError: the organization has one of this provider.
            RejectedError, ProviderUnreachableError: the test failed; nothing was saved.
        """
        found = self.require_addable(actor, new.provider)
        settings = dict(new.settings or {}) or None
        integrations.require_valid(found, credentials=new.credentials, settings=settings)
        name = names.checked_name(found.name if new.name is None else new.name)
        description = names.checked_text(new.description)
        report = None
        if test:
            report = self._saver.probe(
                actor,
                Action.PLATFORM_TEST,
                Target(PLATFORM_TABLE),
                found,
                new.credentials,
                settings,
                new.environment,
                timeout_s,
            )
        accepted = bool(report and report.success)
        with self._work.writing(actor, Action.PLATFORM_CREATE) as work:
            _require_new(work, found)
            integrations.require_same(work.connection, found)
            moment = clock.now()
            standing = when_saved(tested=accepted, can_be_pending=False)
            row: dict[str, Any] = {
                "id": clock.new_id(),
                "organizationId": work.organization["id"],
                "provider": found.provider,
                "category": found.category,
                "name": name,
                "description": description,
                "settings": settings,
                "environment": new.environment.value,
                "isSharedWithClients": False,
                "clientPricing": None,
                "status": standing.status.value,
                "lastTestedAt": moment if accepted else None,
                "lastTestResult": TestResult.SUCCESS.value if accepted else None,
                "errorMessage": None,
                "credentialsUpdatedAt": moment,
                "createdAt": moment,
                "updatedAt": moment,
                "createdBy": actor.id,
                "updatedBy": None,
            }
            work.target = _target(row)
            row |= sealing.columns(
                work.connection, self._work.vault, PLATFORM_TABLE, row, found, new.credentials
            )
            row |= sealing.NONE_BEFORE
            rows.add(work.connection, platform.PLATFORM, row)
            work.record(integrations.changes({}, row))
            if report is not None:
                work.record(self._saver.facts(found, report), action=Action.PLATFORM_TEST)
            accounts.follow_platform(work.connection, row, actor, moment)
        shown = showing.shown_credentials(found, new.credentials)
        return showing.platform_view(row, credentials=shown, unreadable=False)

    def update(
        self, actor: Actor, ref: str, wanted: Changes, *, test: bool = True, timeout_s: float | None = None
    ) -> PlatformView:
        """The integration as it now stands; what `wanted` leaves unset stays.

        Raises:
            InvalidInputError: a setting that decides where credentials go, or the environment, changes
                without the credentials.
            InUseError: the environment changes under clients that use it.
            ChangedMeanwhileError: somebody else changed it during the test.
            RejectedError, ProviderUnreachableError: the test failed; nothing was changed.
        """
        with self._work.reading(actor, Action.PLATFORM_UPDATE) as work:
            access.require_admin(actor, Action.PLATFORM_UPDATE)
            row = refs.platform_integration(work.connection, ref)
            found = integrations.definition(work.connection, row["provider"])
            plan = self._saver.plan(Snapshot(PLATFORM_TABLE, row, found), wanted)
            _require_unmoved(work, row, plan.values)
        if not plan.values and not plan.replaces:
            return self.find(actor, row["id"])
        report = self._saver.test_plan(actor, Action.PLATFORM_TEST, plan, timeout_s) if test else None
        return self._apply(actor, Action.PLATFORM_UPDATE, plan, report)

    def rollback(
        self, actor: Actor, ref: str, *, test: bool = True, timeout_s: float | None = None
    ) -> PlatformView:
        """The integration with its previous credentials; those in force now take their place.

        Raises:
            ConflictError: there are none, or their grace time is over.
            InUseError: they are of another environment, and clients use the integration.
            ChangedMeanwhileError: somebody else changed it during the test.
            RejectedError, ProviderUnreachableError: the test failed; nothing was changed.
        """
        with self._work.reading(actor, Action.PLATFORM_ROLLBACK) as work:
            access.require_admin(actor, Action.PLATFORM_ROLLBACK)
            row = refs.platform_integration(work.connection, ref)
            found = integrations.definition(work.connection, row["provider"])
        plan = self._saver.plan_back(actor, Snapshot(PLATFORM_TABLE, row, found))
        report = self._saver.test_plan(actor, Action.PLATFORM_TEST, plan, timeout_s) if test else None
        return self._apply(actor, Action.PLATFORM_ROLLBACK, plan, report)

    def _apply(self, actor: Actor, action: Action, plan: Plan, report: CheckReport | None) -> PlatformView:
        accepted = bool(report and report.success)
        row, found = plan.before.row, plan.before.found
        with self._work.writing(actor, action, _target(row)) as work:
            current = _locked(work, row)
            _require_unmoved(work, current, plan.values)
            values = dict(plan.values)
            if plan.wants_test:
                now = Standing(
                    Status(current["status"]), is_verified=current["lastTestResult"] == TestResult.SUCCESS
                )
                then = after_replacement(now, tested=accepted, can_be_pending=False)
                values |= {
                    "status": then.status.value,
                    # The last test was of what stands here no more.
                    "lastTestedAt": clock.now() if accepted else None,
                    "lastTestResult": TestResult.SUCCESS.value if accepted else None,
                    "errorMessage": None,
                }
            after = self._saver.write(work, platform.PLATFORM, current, values, plan, actor)
            if report is not None:
                work.record(self._saver.facts(found, report), action=Action.PLATFORM_TEST)
            accounts.follow_platform(work.connection, after, actor, after["updatedAt"])
            return showing.platform_view(
                after,
                credentials=plan.shown(),
                unreadable=showing.looks_unreadable(after, keys.readable_ids(work.connection)),
            )

    def enable(self, actor: Actor, ref: str) -> PlatformView:
        """The integration, active.

        Raises:
            UnverifiedError: its last test did not succeed.
        """
        with self._work.writing(actor, Action.PLATFORM_ENABLE) as work:
            access.require_admin(actor, Action.PLATFORM_ENABLE)
            row = _locked(work, refs.platform_integration(work.connection, ref))
            if row["status"] != Status.ACTIVE:
                if row["lastTestResult"] != TestResult.SUCCESS or row["status"] == Status.ERROR:
                    raise UnverifiedError(
                        f"platform/{row['provider']} has not passed a connection test",
                        hint=f"avnz-int test platform/{row['provider']}",
                    )
                row = self._switch(work, row, Status.ACTIVE, actor)
            return showing.listed_platform(row, keys.readable_ids(work.connection))

    def disable(self, actor: Actor, ref: str) -> PlatformView:
        """The integration, inactive; nothing uses it until it is enabled."""
        with self._work.writing(actor, Action.PLATFORM_DISABLE) as work:
            access.require_admin(actor, Action.PLATFORM_DISABLE)
            row = _locked(work, refs.platform_integration(work.connection, ref))
            if row["status"] != Status.INACTIVE:
                row = self._switch(work, row, Status.INACTIVE, actor)
            return showing.listed_platform(row, keys.readable_ids(work.connection))

    def delete(self, actor: Actor, ref: str) -> PlatformView:
        """The integration that is gone now.

        Raises:
            InUseError: clients use it; `details["dependents"]` lists them.
        """
        with self._work.writing(actor, Action.PLATFORM_DELETE) as work:
            access.require_admin(actor, Action.PLATFORM_DELETE)
            row = _locked(work, refs.platform_integration(work.connection, ref))
            users = platform.dependents(work.connection, row["id"])
            if users:
                raise _in_use(row, users, "it cannot be deleted")
            account = merchants.of_platform_integration(work.connection, row["id"])
            accounts.close(work.connection, account, actor, clock.now())
            rows.remove(work.connection, platform.PLATFORM, row["id"])
            work.record({name: [row[name], None] for name in ("provider", "name", "environment", "status")})
            return showing.listed_platform(row, keys.readable_ids(work.connection))

    def _switch(self, work: Writing, row: rows.Row, status: Status, actor: Actor) -> rows.Row:
        moment = integrations.next_moment(row["updatedAt"])
        values: dict[str, Any] = {"status": status.value, "updatedAt": moment, "updatedBy": actor.id}
        if status is Status.ACTIVE:
            values["errorMessage"] = None
        rows.change(work.connection, platform.PLATFORM, row["id"], values)
        work.record(integrations.changes(row, values))
        after = {**row, **values}
        accounts.follow_platform(work.connection, after, actor, moment)
        return after


def _target(row: Mapping[str, Any]) -> Target:
    return Target(PLATFORM_TABLE, row["id"])


def _locked(work: Writing, row: rows.Row) -> rows.Row:
    work.target = _target(row)
    current = platform.by_id(work.connection, row["id"], lock=True)
    if current is None or current["updatedAt"] != row["updatedAt"]:
        raise ChangedMeanwhileError(f"platform/{row['provider']} was changed by somebody else meanwhile")
    return current


def _require_unmoved(work: Reading, row: rows.Row, values: Mapping[str, Any]) -> None:
    """Refuse to change the environment under clients that use it."""
    users = platform.dependents(work.connection, row["id"]) if "environment" in values else []
    if users:
        raise _in_use(row, users, "its environment cannot change")


def _require_new(work: Reading, found: Definition) -> None:
    if platform.by_provider(work.connection, found.provider) is not None:
        raise ExistsError(
            f"the organization has an integration of {found.provider} already",
            hint=f"avnz-int platform update {found.provider}, or delete it first",
        )


def _in_use(row: rows.Row, users: Sequence[rows.Row], consequence: str) -> InUseError:
    dependents = [
        {"id": user["id"], "ref": f"{user['client']}/{user['provider']}/{user['name']}"} for user in users
    ]
    named = ", ".join(dependent["ref"] for dependent in dependents)
    return InUseError(
        f"platform/{row['provider']} is used by {named}: {consequence}",
        hint="delete these client integrations first",
        details={"dependents": dependents},
    )
