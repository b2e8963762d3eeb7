"""Declarative configuration: what a file asks for, compared with what is there, and made so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from avnz_int import clock
from avnz_int.errors import ChangedMeanwhileError, ConflictError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action
from avnz_int.model.manifest import Given, Manifest, PlanView
from avnz_int.model.secret import Credentials
from avnz_int.services import access, manifest_diff, manifest_export, manifest_parsing, manifest_state
from avnz_int.services.manifest_apply import Applier
from avnz_int.services.manifest_fields import Problems
from avnz_int.services.manifest_references import References
from avnz_int.services.manifest_state import State
from avnz_int.services.manifest_steps import IntegrationStep, Step
from avnz_int.services.manifest_tests import Tester, require_switchable
from avnz_int.services.probe import Prober
from avnz_int.services.vault import Notify
from avnz_int.services.work import Reading, Work


@dataclass(frozen=True, slots=True)
class Source:
    """A manifest as it was read.

    Attributes:
        text: YAML, or JSON.
        origin: what messages call it.
        base: the folder that paths in it start from.
    """

    text: str
    origin: str
    base: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan, to be looked at (`view`) and to be applied."""

    manifest: Manifest
    credentials: Mapping[str, Credentials]
    steps: Sequence[Step]
    moment: datetime
    prune: bool

    @property
    def view(self) -> PlanView:
        """What is shown of it."""
        return PlanView.of([step.view for step in self.steps])

    def require_possible(self) -> None:
        """Refuse a plan in which something is refused.

        Raises:
            ConflictError: `details["refused"]` says what, and why.
        """
        refused = [step for step in self.steps if step.refused is not None]
        if refused:
            raise ConflictError(
                "; ".join(f"{step.ref}: {step.refused}" for step in refused),
                hint="nothing was applied; change the file, or what stands in the way",
                details={"refused": [{"ref": step.ref, "reason": step.refused} for step in refused]},
            )


class Manifests:
    """Plans, applies and exports manifests (role org_admin)."""

    def __init__(self, work: Work, prober: Prober, notify: Notify) -> None:
        self._work = work
        self._prober = prober
        self._notify = notify

    def plan(self, actor: Actor, source: Source, *, prune: bool = False) -> Plan:
        """What would be done; nothing is changed, and no stored credential is opened.

        Args:
            actor: who asks.
            source: the file.
            prune: whether what the file does not name in a section that it has is to go.

        Raises:
            InvalidInputError: the file is wrong, or a reference leads nowhere; every place is named.
            ForbiddenError: a provider is not for clients.
            ConflictError: the file is another organization's.
            UnavailableError: AWS or a file that a reference names cannot be used now.
        """
        manifest = manifest_parsing.parse(source.text, source.origin)
        moment = clock.now()
        with self._work.reading(actor, Action.MANIFEST_READ) as work:
            access.require_admin(actor, Action.MANIFEST_READ)
            state = self._load(work, moment, prune=prune)
        problems = Problems(source.origin)
        manifest_diff.require_known(state, manifest, problems)
        references = References(source.base, self._notify)
        credentials: dict[str, Credentials] = {}
        for ref, wanted in manifest_diff.every_integration(manifest):
            if isinstance(wanted.credentials, Given):
                found = references.credentials(
                    problems, wanted.credentials, state.definitions[wanted.provider]
                )
                if found is not None:
                    credentials[ref] = found
        problems.raise_any("see avnz-int definitions show PROVIDER for the fields")
        steps = manifest_diff.difference(state, manifest, credentials, problems, moment=moment, prune=prune)
        problems.raise_any("see avnz-int definitions show PROVIDER for the fields")
        return Plan(manifest, credentials, steps, moment, prune)

    def apply(
        self,
        actor: Actor,
        plan: Plan,
        *,
        test: bool = True,
        timeout_s: float | None = None,
        concurrency: int = 8,
    ) -> PlanView:
        """What was done: all of the plan, in one transaction.

        Args:
            actor: who applies.
            plan: made before; what changed since is not overwritten.
            test: whether what is new to a provider is tested before.
            timeout_s: the deadline of each test.
            concurrency: tests at once.

        Raises:
            ConflictError: something in it is refused.
            ChangedMeanwhileError: the database is not as it was planned for.
            RejectedError, ProviderUnreachableError: a test failed; nothing was applied.
        """
        with self._work.reading(actor, Action.MANIFEST_APPLY):
            access.require_admin(actor, Action.MANIFEST_APPLY)
        plan.require_possible()
        if not plan.steps:
            return plan.view
        if test:
            tester = Tester(self._work, self._prober, self._notify)
            tested = tester.run(actor, plan.steps, timeout_s=timeout_s, concurrency=concurrency)
        else:
            require_switchable(plan.steps)
            tested = {}
        with self._work.writing(actor, Action.MANIFEST_APPLY) as work:
            work.target = Target("Organization", work.organization["id"])
            self._require_same(self._load(work, plan.moment, prune=plan.prune), plan)
            view = plan.view
            work.record({"create": view.create, "update": view.update, "delete": view.delete})
            Applier(self._work, work, self._prober, self._notify, actor, tested).run(plan.steps)
        return view

    def export(self, actor: Actor) -> str:
        """A manifest of all that is there, by which a plan finds nothing to do; credentials stay `stored`."""
        with self._work.writing(actor, Action.MANIFEST_EXPORT) as work:
            access.require_admin(actor, Action.MANIFEST_EXPORT)
            state = self._load(work, clock.now(), prune=False)
            work.target = Target("Organization", work.organization["id"])
            work.record(
                {
                    "clients": len(state.clients),
                    "platform": len(state.platform),
                    "integrations": len(state.integrations),
                    "pools": len(state.pools),
                }
            )
        return manifest_export.render(state, clock.now())

    def _load(self, work: Reading, moment: datetime, *, prune: bool) -> State:
        return manifest_state.load(work, self._work.vault, pruning=moment if prune else None)

    def _require_same(self, state: State, plan: Plan) -> None:
        """Refuse a plan that would not be made again just so, of the very same rows."""
        problems = Problems(plan.manifest.origin)
        manifest_diff.require_known(state, plan.manifest, problems)
        again = manifest_diff.difference(
            state, plan.manifest, plan.credentials, problems, moment=plan.moment, prune=plan.prune
        )
        before, now = [_print(step) for step in plan.steps], [_print(step) for step in again]
        if before != now:
            changed = next((one[0] for one, other in zip(before, now, strict=False) if one != other), None)
            raise ChangedMeanwhileError(
                f"{changed or plan.manifest.origin}: somebody else changed something meanwhile",
                hint="run avnz-int plan again, and apply what it shows",
            )


def _print(step: Step) -> tuple[object, ...]:
    """What a step is known by: a definition that was seeded meanwhile may send credentials elsewhere."""
    found = step.found if isinstance(step, IntegrationStep) else None
    return step.ref, step.view, None if step.row is None else step.row["updatedAt"], found
