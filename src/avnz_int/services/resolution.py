"""Which integration is in force for a client or company in a category, and why not another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from avnz_int.db import resolution, rows
from avnz_int.errors import NotFoundError
from avnz_int.model.actor import Actor
from avnz_int.model.encode import encode
from avnz_int.model.enums import Action, Category, Environment
from avnz_int.model.routing import CandidateView, InForceView, Level, ResolutionView, Rule
from avnz_int.services import access, candidates, layers, refs
from avnz_int.services.candidates import Candidate, Surroundings
from avnz_int.services.work import Work

_ACTION = Action.INTEGRATION_RESOLVE


class Resolution:
    """Resolves categories to integrations for every role; opens no credentials."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def resolve(
        self,
        actor: Actor,
        category: Category,
        *,
        client: str | None = None,
        company: str | None = None,
        environment: Environment = Environment.PRODUCTION,
        explain: bool = False,
    ) -> ResolutionView:
        """What is in force for a client, or for a company through its client.

        Args:
            actor: of a client sees what that client may know of.
            category: what for.
            client: slug; this or `company`.
            company: slug.
            environment: where.
            explain: with the origin of every setting.

        Raises:
            NotFoundError: no such tenant that the actor may know of, or nothing is in force; then
                `details["candidates"]` has each integration and the rule that dropped it.
        """
        with self._work.reading(actor, _ACTION) as work:
            owner = refs.owner(work.connection, actor, client, company)
            access.require_user(actor, _ACTION, owner)
            around = Surroundings.read(work.connection, actor, category, environment)
            own = resolution.client_candidates(work.connection, category, owner["id"])
        found = candidates.ordered(own, around)
        view = _view(owner["slug"], company, found, around, explain=explain)
        listed = [one.view(around) for one in found]
        if view.in_force is None:
            raise _nothing(view, listed)
        return replace(view, candidates=listed)

    def resolve_all(
        self,
        actor: Actor,
        category: Category,
        *,
        environment: Environment = Environment.PRODUCTION,
        explain: bool = False,
    ) -> list[ResolutionView]:
        """The same for every client that the actor may know of, by slug, in a constant number of queries.

        Args:
            actor: of a client gets that one.
            category: what for.
            environment: where.
            explain: with every candidate, and the origin of every setting.
        """
        with self._work.reading(actor, _ACTION) as work:
            access.require(actor, _ACTION, *access.USERS)
            around = Surroundings.read(work.connection, actor, category, environment)
            clients = resolution.client_slugs(work.connection, actor.client_id)
            own: dict[str, list[rows.Row]] = {}
            for row in resolution.client_candidates(work.connection, category, actor.client_id):
                own.setdefault(row["clientId"], []).append(row)
        views = []
        for client in clients:
            found = candidates.ordered(own.get(client["id"], ()), around)
            view = _view(client["slug"], None, found, around, explain=explain)
            views.append(replace(view, candidates=[one.view(around) for one in found]) if explain else view)
        return views


def _view(
    client: str, company: str | None, found: Sequence[Candidate], around: Surroundings, *, explain: bool
) -> ResolutionView:
    """Without candidates."""
    taken = found[0] if found and found[0].position else None
    return ResolutionView(
        client=client,
        company=company,
        category=around.category.value,
        environment=around.environment.value,
        in_force=None if taken is None else _in_force(taken, around, explain=explain),
        candidates=None,
    )


def _in_force(taken: Candidate, around: Surroundings, *, explain: bool) -> InForceView:
    row, of_client = taken.row, taken.level is Level.CLIENT
    settings, origins = layers.settings_of(taken, around)
    return InForceView(
        id=row["id"],
        level=taken.level,
        rule=taken.rule,
        provider=row["provider"],
        name=row["name"],
        mode=row["mode"] if of_client else None,
        environment=row["environment"],
        client_integration_id=row["id"] if of_client else None,
        platform_integration_id=row["platformIntegrationId"] if of_client else row["id"],
        merchant_account_id=row["merchantAccountId"],
        settings=settings,
        origins=origins if explain else None,
    )


def _nothing(view: ResolutionView, listed: Sequence[CandidateView]) -> NotFoundError:
    whom = view.client if view.company is None else f"{view.company} (of {view.client})"
    why = "; ".join(f"{one.provider} {one.name}: {one.reason}" for one in listed)
    hints = []
    if any(one.rule is not Rule.NOT_TAKEN_UP for one in listed):
        hints = [f"avnz-int client list --client {view.client} shows them: test or enable one of them"]
    if any(one.rule is Rule.NOT_TAKEN_UP for one in listed):
        hints += [f"avnz-int client available --client {view.client} shows what can be taken up"]
    hint = "; ".join(hints) or f"avnz-int client add --client {view.client} makes one"
    return NotFoundError(
        f"nothing is in force for {whom} in {view.category} ({view.environment})"
        + (f": {why}" if why else ""),
        hint=hint,
        details={
            "client": view.client,
            "company": view.company,
            "category": view.category,
            "environment": view.environment,
            "candidates": encode(list(listed)),
        },
    )
