"""Client integrations: a client's own credentials for a provider, or the use of the platform's."""

from __future__ import annotations

from avnz_int import clock
from avnz_int.db import clients, keys, merchants, platform, rows
from avnz_int.db import definitions as definition_rows
from avnz_int.db.integrations import CLIENT_TABLE
from avnz_int.errors import (
    InvalidInputError,
    UnverifiedError,
)
from avnz_int.model import names
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, Environment, Mode, Role, Status
from avnz_int.model.filters import Filter
from avnz_int.model.inputs import Changes, NewClient, Unset
from avnz_int.model.views.definitions import OfferView
from avnz_int.model.views.integrations import ClientView
from avnz_int.providers.contract import CheckReport
from avnz_int.services import access, activation, client_rows, integrations, prices, refs, sealing, showing
from avnz_int.services import merchants as accounts
from avnz_int.services.client_listing import ClientListing
from avnz_int.services.integrations import Definition
from avnz_int.services.probe import Prober
from avnz_int.services.saving import Plan, Saver, Snapshot, checked_priority
from avnz_int.services.vault import Notify
from avnz_int.services.work import Work


class ClientIntegrations(ClientListing):
    """Configure, show, switch and delete client integrations (org_admin, or client_admin of that client)."""

    def __init__(self, work: Work, prober: Prober, notify: Notify) -> None:
        super().__init__(work)
        self._notify = notify
        self._saver = Saver(work, prober, notify)

    def show(self, actor: Actor, ref: str, *, client: str | None = None) -> ClientView:
        """One, with its credentials masked; opening them is recorded. An unreadable row is shown as such."""
        with self._work.writing(actor, Action.CREDENTIALS_READ) as work:
            row = client_rows.find(work, actor, Action.CLIENT_READ, ref, client, reading=True)
            if actor.role is Role.AUDITOR or row["mode"] == Mode.PLATFORM:
                return showing.listed_client(row, keys.readable_ids(work.connection))
            found = integrations.definition(work.connection, row["provider"])
            shown = self._saver.show(work, Snapshot(CLIENT_TABLE, row, found))
            return showing.client_view(row, credentials=shown, unreadable=shown is None)

    def find(self, actor: Actor, ref: str, *, client: str | None = None) -> ClientView:
        """One, as in a listing: its credentials stay closed."""
        with self._work.reading(actor, Action.CLIENT_READ) as work:
            row = client_rows.find(work, actor, Action.CLIENT_READ, ref, client, reading=True)
            return showing.listed_client(row, keys.readable_ids(work.connection))

    def definition_of(self, actor: Actor, ref: str, *, client: str | None = None) -> Definition:
        """The definition in force of an integration that is about to be changed."""
        with self._work.reading(actor, Action.CLIENT_UPDATE) as work:
            row = client_rows.find(work, actor, Action.CLIENT_UPDATE, ref, client)
            return integrations.definition(work.connection, row["provider"])

    def available(self, actor: Actor, *, client: str | None = None) -> list[OfferView]:
        """What a client may configure, and what the platform offers of it."""
        with self._work.reading(actor, Action.DEFINITION_READ) as work:
            access.require(actor, Action.DEFINITION_READ, Role.ORG_ADMIN, Role.CLIENT_ADMIN, Role.AUDITOR)
            client_id = actor.client_id
            if client is not None:
                client_id = refs.client(work.connection, actor, client)["id"]
            book, moment = prices.PriceBook.load(work.connection), clock.now()
            shared = {
                row["provider"]: row for row in platform.listing(work.connection, Filter(), shared=True)
            }
            found = definition_rows.listing(work.connection, client_allowed=True)
            return [
                client_rows.offer(row, shared.get(row["provider"]), book, client_id, moment) for row in found
            ]

    def require_addable(self, actor: Actor, client: str, provider: str) -> tuple[Definition, OfferView]:
        """The definition of a provider that the client may use, and what the platform offers of it.

        Raises:
            NotFoundError: no such client.
            ForbiddenError, UnknownProviderError: clients may not use the provider, or there is none.
        """
        with self._work.reading(actor, Action.CLIENT_CREATE) as work:
            owner = refs.client(work.connection, actor, client)
            access.require_client(actor, Action.CLIENT_CREATE, owner)
            row = integrations.client_definition_row(work.connection, actor, provider)
            found = Definition.of(row)
            shared = platform.by_provider(work.connection, provider)
            used = shared if shared and shared["isSharedWithClients"] else None
            book = prices.PriceBook.load(work.connection, [used["id"]] if used else [])
            offer = client_rows.offer(row, used, book, owner["id"], clock.now())
        warning = integrations.require_open_for_new(found)
        if warning:
            self._notify(warning)
        return found, offer

    def add(
        self, actor: Actor, new: NewClient, *, test: bool = True, timeout_s: float | None = None
    ) -> ClientView:
        """The integration that now stands: tested and active, untested and pending, or the platform's.

        Raises:
            SchemaViolationError, UnknownProviderError, InvalidInputError: the input is wrong.
            NotFoundError: no such client.
            ExistsError: the client has one of this provider and name.
            NotSharedError: platform mode, and the organization shares none.
            RejectedError, ProviderUnreachableError: the test failed; nothing was saved.
        """
        found, _ = self.require_addable(actor, new.client, new.provider)
        name = names.checked_name(found.name if new.name is None else new.name)
        names.checked_text(new.description)
        checked_priority(new.priority)
        settings = dict(new.settings or {}) or None
        with self._work.reading(actor, Action.CLIENT_CREATE) as work:
            owner = refs.client(work.connection, actor, new.client)
            client_rows.require_new(work, owner, found, name)
            if new.mode is Mode.PLATFORM:
                client_rows.shared(work, actor, found, new.environment)
        report: CheckReport | None = None
        if new.mode is Mode.OWN:
            if new.credentials is None:
                raise InvalidInputError(
                    "own mode needs credentials",
                    hint="give them with --credential or --credentials-file, or use --mode platform",
                )
            integrations.require_valid(found, credentials=new.credentials, settings=settings)
            if test:
                environment = new.environment or Environment.PRODUCTION
                report = self._saver.probe(
                    actor,
                    Action.CLIENT_TEST,
                    Target(CLIENT_TABLE, client_id=owner["id"]),
                    found,
                    new.credentials,
                    settings,
                    environment,
                    timeout_s,
                )
        elif new.credentials is not None:
            raise InvalidInputError(
                "platform mode uses the platform's credentials: give none", hint="or use --mode own"
            )
        else:
            integrations.require_valid(found, credentials=None, settings=settings)
        with self._work.writing(
            actor, Action.CLIENT_CREATE, Target(CLIENT_TABLE, client_id=owner["id"])
        ) as work:
            client_rows.require_new(work, owner, found, name)
            integrations.require_same(work.connection, found)
            row = client_rows.new_row(
                work,
                actor,
                new,
                owner=owner,
                found=found,
                name=name,
                accepted=bool(report and report.success),
            )
            work.target = client_rows.target(row)
            previous = client_rows.take_default(work, row, actor) if new.is_default else None
            if new.credentials is not None:
                row |= sealing.columns(
                    work.connection, self._work.vault, CLIENT_TABLE, row, found, new.credentials
                )
            rows.add(work.connection, clients.INTEGRATION, row)
            work.record(integrations.changes({}, row) | client_rows.moved_default(previous))
            if report is not None:
                work.record(self._saver.facts(found, report), action=Action.CLIENT_TEST)
            after = client_rows.reread(work, row["id"])
            accounts.follow_client(work.connection, after, work.organization["id"], actor, row["updatedAt"])
        shown = None if new.credentials is None else showing.shown_credentials(found, new.credentials)
        return showing.client_view(after, credentials=shown, unreadable=False)

    def update(
        self,
        actor: Actor,
        ref: str,
        wanted: Changes,
        *,
        client: str | None = None,
        test: bool = True,
        timeout_s: float | None = None,
    ) -> ClientView:
        """The integration as it now stands; what `wanted` leaves unset stays.

        Raises:
            InvalidInputError: the credentials would go elsewhere and are not given anew.
            ExistsError: the new name is taken.
            ChangedMeanwhileError: somebody else changed it during the test.
            RejectedError, ProviderUnreachableError: the test failed; nothing was changed.
        """
        with self._work.reading(actor, Action.CLIENT_UPDATE) as work:
            row = client_rows.find(work, actor, Action.CLIENT_UPDATE, ref, client)
            found = integrations.definition(work.connection, row["provider"])
            plan = self._saver.plan(Snapshot(CLIENT_TABLE, row, found), wanted)
            if "name" in plan.values:
                client_rows.require_new(
                    work, {"id": row["clientId"], "slug": row["client"]}, found, plan.values["name"]
                )
        default = None if isinstance(wanted.is_default, Unset) else wanted.is_default
        if not (plan.values or plan.replaces or default not in {None, row["isDefault"]}):
            return self.find(actor, row["id"])
        report = self._saver.test_plan(actor, Action.CLIENT_TEST, plan, timeout_s) if test else None
        return self._apply(actor, Action.CLIENT_UPDATE, plan, report, default=default)

    def rollback(
        self,
        actor: Actor,
        ref: str,
        *,
        client: str | None = None,
        test: bool = True,
        timeout_s: float | None = None,
    ) -> ClientView:
        """The integration with its previous credentials; those in force now take their place.

        Raises:
            ConflictError: there are none, or their grace time is over.
            ChangedMeanwhileError: somebody else changed it during the test.
            RejectedError, ProviderUnreachableError: the test failed; nothing was changed.
        """
        with self._work.reading(actor, Action.CLIENT_ROLLBACK) as work:
            row = client_rows.find(work, actor, Action.CLIENT_ROLLBACK, ref, client)
            found = integrations.definition(work.connection, row["provider"])
        plan = self._saver.plan_back(actor, Snapshot(CLIENT_TABLE, row, found))
        report = self._saver.test_plan(actor, Action.CLIENT_TEST, plan, timeout_s) if test else None
        return self._apply(actor, Action.CLIENT_ROLLBACK, plan, report)

    def _apply(
        self,
        actor: Actor,
        action: Action,
        plan: Plan,
        report: CheckReport | None,
        *,
        default: bool | None = None,
    ) -> ClientView:
        accepted = bool(report and report.success)
        row, found = plan.before.row, plan.before.found
        defaults = default is True and not row["isDefault"]
        undefaults = default is False and row["isDefault"]
        with self._work.writing(actor, action, client_rows.target(row)) as work:
            current = client_rows.locked(work, row)
            values = dict(plan.values)
            if plan.wants_test:
                values |= client_rows.verification(current, actor, accepted=accepted)
            if "name" in values:
                client_rows.require_new(
                    work, {"id": row["clientId"], "slug": row["client"]}, found, values["name"]
                )
            previous = None
            if defaults or (row["isDefault"] and not undefaults and "environment" in values):
                previous = client_rows.take_default(work, {**current, **values}, actor)
            if defaults or undefaults:
                values["isDefault"] = defaults
            after = self._saver.write(work, clients.INTEGRATION, current, values, plan, actor)
            if previous is not None:
                work.record(client_rows.moved_default(previous), action=Action.CLIENT_SET_DEFAULT)
            if report is not None:
                work.record(self._saver.facts(found, report), action=Action.CLIENT_TEST)
            accounts.follow_client(work.connection, after, work.organization["id"], actor, after["updatedAt"])
            unreadable = showing.looks_unreadable(after, keys.readable_ids(work.connection))
        return showing.client_view(after, credentials=plan.shown(), unreadable=unreadable)

    def set_default(self, actor: Actor, ref: str, *, client: str | None = None) -> ClientView:
        """The integration, now the default of its category and environment; another one is it no more."""
        with self._work.writing(actor, Action.CLIENT_SET_DEFAULT) as work:
            row = client_rows.locked(
                work, client_rows.find(work, actor, Action.CLIENT_SET_DEFAULT, ref, client)
            )
            if not row["isDefault"]:
                previous = client_rows.take_default(work, row, actor)
                row = client_rows.change(
                    work, row, {"isDefault": True}, actor, client_rows.moved_default(previous)
                )
            view = showing.listed_client(row, keys.readable_ids(work.connection))
        if view.effective_status != Status.ACTIVE:
            self._notify(
                f"{view.name} is the default now, but it is {view.effective_status}: nothing uses it"
            )
        return view

    def enable(self, actor: Actor, ref: str, *, client: str | None = None) -> ClientView:
        """The integration, active.

        Raises:
            UnverifiedError: it has not passed a connection test.
            NotSharedError: platform mode, and the organization shares it no more.
        """
        with self._work.writing(actor, Action.CLIENT_ENABLE) as work:
            row = client_rows.locked(work, client_rows.find(work, actor, Action.CLIENT_ENABLE, ref, client))
            if row["status"] != Status.ACTIVE:
                if row["mode"] == Mode.PLATFORM:
                    found = integrations.definition(work.connection, row["provider"])
                    client_rows.shared(work, actor, found, None)
                elif not row["isVerified"]:
                    raise UnverifiedError(
                        f"{row['client']}/{row['name']} has not passed a connection test",
                        hint=f"avnz-int test {row['client']}/{row['name']}",
                    )
                row = client_rows.change(
                    work, row, {"status": Status.ACTIVE.value, "errorMessage": None}, actor
                )
            return showing.listed_client(row, keys.readable_ids(work.connection))

    def disable(self, actor: Actor, ref: str, *, client: str | None = None) -> ClientView:
        """The integration, inactive; nothing uses it until it is enabled."""
        with self._work.writing(actor, Action.CLIENT_DISABLE) as work:
            row = client_rows.locked(work, client_rows.find(work, actor, Action.CLIENT_DISABLE, ref, client))
            if row["status"] != Status.INACTIVE:
                row = client_rows.change(work, row, {"status": Status.INACTIVE.value}, actor)
            return showing.listed_client(row, keys.readable_ids(work.connection))

    def delete(self, actor: Actor, ref: str, *, client: str | None = None) -> ClientView:
        """The integration that is gone now; its merchant account stays, closed."""
        with self._work.writing(actor, Action.CLIENT_DELETE) as work:
            row = client_rows.locked(work, client_rows.find(work, actor, Action.CLIENT_DELETE, ref, client))
            account = merchants.of_client_integration(work.connection, row["id"])
            moment = clock.now()
            accounts.close(work.connection, account, actor, moment)
            activation.end(work.connection, row["id"], moment)
            rows.remove(work.connection, clients.INTEGRATION, row["id"])
            gone = ("provider", "name", "mode", "environment", "status", "isDefault")
            facts = {name: [row[name], None] for name in gone}
            if account is not None:
                # Usage that names the closed account is told by this whose it is.
                facts["merchantAccount"] = [account["id"], None]
            work.record(facts)
            return showing.listed_client(row, keys.readable_ids(work.connection))
