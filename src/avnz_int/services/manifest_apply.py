"""Takes the steps of a plan inside one transaction, by the services' own methods, rules and events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from avnz_int.model.actor import Actor
from avnz_int.model.enums import Mode
from avnz_int.model.inputs import NewClient, NewPlatform, Unset
from avnz_int.model.manifest import Deed, WantedMember, WantedPrice
from avnz_int.model.routing import MemberChanges
from avnz_int.services import manifest_batch, testing
from avnz_int.services.clients import ClientIntegrations
from avnz_int.services.joined import Joined
from avnz_int.services.manifest_steps import (
    ClientStep,
    IntegrationStep,
    PlatformStep,
    PoolStep,
    Step,
    TenantStep,
)
from avnz_int.services.manifest_terms import ATTRIBUTES
from avnz_int.services.manifest_tests import Tested, environment_of
from avnz_int.services.platform import PlatformIntegrations
from avnz_int.services.pools import Pools
from avnz_int.services.probe import Prober
from avnz_int.services.sharing import Sharing
from avnz_int.services.tenants import Tenants
from avnz_int.services.vault import Notify
from avnz_int.services.work import Work, Writing


class Applier:
    """Takes steps.

    Args:
        work: opened the transaction.
        outer: the transaction.
        prober: knows what an audit event holds of a test.
        notify: told what the services tell.
        actor: who applies.
        tested: REF -> what its test found; REFs that were to be tested and are not here are saved unverified.
    """

    def __init__(
        self,
        work: Work,
        outer: Writing,
        prober: Prober,
        notify: Notify,
        actor: Actor,
        tested: Mapping[str, Tested],
    ) -> None:
        self._outer = outer
        self._prober = prober
        self._notify = notify
        self._actor = actor
        self._tested = tested
        self._joined = Joined(work, outer)
        self._tenants = Tenants(self._joined, notify)
        self._sharing = Sharing(self._joined, notify)
        self._pools = Pools(self._joined, notify)

    def run(self, steps: Sequence[Step]) -> None:
        """Take all of them; an order that serves what depends on another: offers, tenants, what uses them."""
        kept = [step for step in steps if step.action is not Deed.DELETE]
        platform = [step for step in kept if isinstance(step, PlatformStep)]
        for offer in platform:
            self._platform(offer)
        for tenant in kept:
            if isinstance(tenant, TenantStep):
                self._tenant(tenant)
        for offer in platform:
            # The clients whose own prices these are may be new.
            self._price(offer, [price for price in offer.prices if price.client is not None])
        self._clients([step for step in kept if isinstance(step, ClientStep)])
        for pool in kept:
            if isinstance(pool, PoolStep):
                self._pool(pool)
        for gone in steps:
            if gone.action is Deed.DELETE:
                self._delete(gone)

    def _clients(self, steps: Sequence[ClientStep]) -> None:
        """What is there and what is the platform's one by one; what is new of the clients' own together."""
        new = []
        for step in steps:
            if manifest_batch.fits(step):
                new.append(step)
            else:
                self._client(step)
        vault = self._joined.vault
        manifest_batch.create(self._outer, vault, self._prober, self._actor, new, self._tested)

    # --- tenants -----------------------------------------------------------------------------

    def _tenant(self, step: TenantStep) -> None:
        if step.action is Deed.CREATE:
            self._tenants.add(
                self._actor, step.slug, name=step.name, under=step.under, enrolled=step.enrolled
            )
        else:
            self._tenants.rename(self._actor, step.slug, name=step.name)

    # --- integrations ------------------------------------------------------------------------

    def _answering(self, step: IntegrationStep) -> tuple[Prober, bool]:
        """A prober that knows what the test found, and whether there was one."""
        done = self._tested.get(step.ref)
        if done is None:
            return self._prober, False
        report = done.report
        return self._prober.answering(lambda _: report), done.opened is None

    def _platform(self, step: PlatformStep) -> None:
        wanted = step.wanted
        if wanted is None:
            return
        prober, test = self._answering(step)
        service = PlatformIntegrations(self._joined, prober, self._notify)
        if step.action is Deed.CREATE and step.credentials is not None:
            service.add(
                self._actor,
                NewPlatform(
                    wanted.provider,
                    step.credentials,
                    name=None if isinstance(wanted.name, Unset) else wanted.name,
                    description=None if isinstance(wanted.description, Unset) else wanted.description,
                    settings=None if isinstance(wanted.settings, Unset) else wanted.settings,
                    environment=environment_of(step),
                ),
                test=test,
            )
        elif step.changes is not None:
            service.update(self._actor, wanted.provider, step.changes, test=test)
        self._verify(step)
        if step.switch is not None:
            (service.enable if step.switch else service.disable)(self._actor, wanted.provider)
        if step.unshared:
            self._sharing.unshare(self._actor, wanted.provider)
        self._price(step, [price for price in step.prices if price.client is None])
        if step.default_for_new is not None:
            self._sharing.share(self._actor, wanted.provider, default_for_new=step.default_for_new)

    def _price(self, step: PlatformStep, prices: Sequence[WantedPrice]) -> None:
        for price in prices:
            self._sharing.share(
                self._actor,
                step.ref,
                price.pricing,
                client=price.client,
                effective=price.effective,
            )

    def _client(self, step: ClientStep) -> None:
        wanted = step.wanted
        if wanted is None:
            return
        prober, test = self._answering(step)
        service = ClientIntegrations(self._joined, prober, self._notify)
        ref = step.row["id"] if step.row is not None else ""
        if step.action is Deed.CREATE:
            made = service.add(
                self._actor,
                NewClient(
                    wanted.client,
                    wanted.provider,
                    name=str(wanted.name),
                    mode=Mode.PLATFORM,
                    description=None if isinstance(wanted.description, Unset) else wanted.description,
                    settings=None if isinstance(wanted.settings, Unset) else wanted.settings,
                    is_default=wanted.is_default is True,
                    priority=0 if isinstance(wanted.priority, Unset) else wanted.priority,
                ),
                test=test,
            )
            ref = made.id
        elif step.changes is not None:
            service.update(self._actor, ref, step.changes, test=test)
        self._verify(step)
        if step.switch is not None:
            (service.enable if step.switch else service.disable)(self._actor, ref)

    def _verify(self, step: IntegrationStep) -> None:
        """Record the test of stored credentials, without which they could not be put in force."""
        done = self._tested.get(step.ref)
        if done is not None and done.opened is not None:
            testing.record(self._outer, self._prober, self._notify, done.opened, done.report, self._actor)

    # --- pools -------------------------------------------------------------------------------

    def _pool(self, step: PoolStep) -> None:
        wanted = step.wanted
        if wanted is None:
            return
        for member in step.puts:
            changes = MemberChanges(
                self._account(wanted.client, member),
                strategy=None if isinstance(wanted.strategy, Unset) else wanted.strategy,
                environment=None if isinstance(wanted.environment, Unset) else wanted.environment.value,
                **{
                    ATTRIBUTES[column]: value
                    for column, value in member.values.items()
                    if _is_said(column, value)
                },
            )
            self._pools.put(self._actor, wanted.name, changes, client=wanted.client)
        for account in step.gone:
            self._pools.remove(self._actor, wanted.name, account=account, client=wanted.client)

    def _account(self, client: str | None, member: WantedMember) -> str:
        return (
            f"platform/{member.provider}" if client is None else f"{client}/{member.provider}/{member.name}"
        )

    # --- what goes ---------------------------------------------------------------------------

    def _delete(self, step: Step) -> None:
        row = step.row or {}
        if isinstance(step, PoolStep):
            self._pools.remove(self._actor, row["name"], client=row["client"])
        elif isinstance(step, ClientStep):
            ClientIntegrations(self._joined, self._prober, self._notify).delete(self._actor, row["id"])
        elif isinstance(step, PlatformStep):
            PlatformIntegrations(self._joined, self._prober, self._notify).delete(
                self._actor, row["provider"]
            )
        elif isinstance(step, TenantStep):
            self._tenants.remove(self._actor, step.slug)


def _is_said(column: str, value: object) -> bool:
    """Whether a value is one that can be set: without a limit there is no currency of limits."""
    return column != "limitCurrency" or value is not None
