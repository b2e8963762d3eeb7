"""`import-env`: integrations from the variables of an environment file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from avnz_int.db import clients, definitions, platform, rows
from avnz_int.definitions import env_names
from avnz_int.errors import AvnzError, InvalidInputError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, DefinitionStatus, Environment, Role
from avnz_int.model.env_import import (
    EnvAmbiguous,
    EnvCandidate,
    EnvFile,
    EnvFound,
    EnvLeft,
    EnvPlan,
    EnvWanted,
)
from avnz_int.model.inputs import Changes, NewClient, NewPlatform
from avnz_int.model.secret import Secret
from avnz_int.services import access, env_matching, integrations, refs
from avnz_int.services.clients import ClientIntegrations
from avnz_int.services.env_matching import Match, Variable
from avnz_int.services.integrations import Definition
from avnz_int.services.platform import PlatformIntegrations
from avnz_int.services.vault import Notify
from avnz_int.services.work import Reading, Work


class EnvImport:
    """Finds and saves what an environment file holds (org_admin, or client_admin of that client).

    Args:
        work: the database.
        of_platform: saves platform integrations.
        of_clients: saves client integrations.
        notify: told what a person should know of the file.
    """

    def __init__(
        self, work: Work, of_platform: PlatformIntegrations, of_clients: ClientIntegrations, notify: Notify
    ) -> None:
        self._work = work
        self._platform = of_platform
        self._clients = of_clients
        self._notify = notify

    def plan(self, actor: Actor, file: EnvFile, wanted: EnvWanted) -> EnvPlan:
        """What the file holds; nothing is sent, changed or shown of any value.

        Raises:
            NotFoundError: no such client.
            ForbiddenError: the role may not save such integrations, or clients none of a provider.
            UnknownProviderError: `providers` names one that is not there, as far as the actor may know.
            ConflictError: `providers` names a deprecated one.
        """
        action = Action.PLATFORM_CREATE if wanted.client is None else Action.CLIENT_CREATE
        with self._work.reading(actor, action) as work:
            owner = _owner(work, actor, wanted, action)
            hidden = actor.role is not Role.ORG_ADMIN
            every = [
                Definition.of(row)
                for row in integrations.sound(definitions.listing(work.connection, client_allowed=hidden))
            ]
            usable = [
                found
                for found in every
                if found.status is not DefinitionStatus.DEPRECATED
                and (owner is None or found.is_client_allowed)
                and (not wanted.providers or found.provider in wanted.providers)
            ]
            _require_known(work, actor, wanted)
            values = {name: value.strip() for name, value in file.values.reveal().items()}
            sound = {n: v for n, v in values.items() if v and not env_matching.placeholder(v)}
            variables = env_matching.known(sound)
            shared = env_matching.contested(every)
            matches = {found.provider: env_matching.match(found, variables, shared) for found in usable}
            candidates = [
                _candidate(work, owner, found, matches[found.provider], sound, wanted)
                for found in usable
                if _told(matches[found.provider], found, wanted)
            ]
        chosen = {one.found.provider for one in candidates}
        for provider in sorted(chosen):
            for name in sorted(matches[provider].exposed):
                self._notify(
                    f"{name} is a secret under a name that browsers are given: replace it at {provider}"
                )
        used = {name for one in candidates for name in one.variables}
        ambiguous = _ambiguous(variables, used, usable, shared)
        unclear = {one.variable for one in ambiguous}
        reasons = _reasons(every, usable, matches, chosen, variables)
        left = [
            EnvLeft(name, _reason(value, sound.get(name)) or reasons.get(name))
            for name, value in values.items()
            if name not in used | unclear
        ]
        return EnvPlan(candidates, ambiguous, left)

    def save(
        self,
        actor: Actor,
        one: EnvCandidate,
        wanted: EnvWanted,
        *,
        test: bool = True,
        timeout_s: float | None = None,
    ) -> tuple[EnvFound, AvnzError | None]:
        """What became of a candidate, and why it was not saved; saved in the way of `add` and `update`."""
        found = one.found
        if found.problems:
            names = ", ".join(_words(problem["field"], problem["variables"]) for problem in found.problems)
            error: AvnzError = InvalidInputError(
                f"{found.provider}: missing or wrong: {names}", hint="mend the file, then import it again"
            )
            return replace(found, result="incomplete", code=error.code, message=error.message), error
        if found.exists and not wanted.update:
            return replace(found, result="skipped", message="there is one already"), None
        try:
            made = self._save(actor, one, wanted, test=test, timeout_s=timeout_s)
        except AvnzError as exc:
            return replace(found, result="failed", code=exc.code, message=exc.message), exc
        return replace(found, result="updated" if found.exists else "created", id=made), None

    def _save(
        self, actor: Actor, one: EnvCandidate, wanted: EnvWanted, *, test: bool, timeout_s: float | None
    ) -> str:
        found, environment = one.found, Environment(one.found.environment)
        settings = dict(one.settings) or None
        if found.exists:
            changes = Changes(credentials=one.credentials, settings=settings or {}, environment=environment)
            if wanted.client is None:
                view = self._platform.update(actor, found.provider, changes, test=test, timeout_s=timeout_s)
                return view.id
            ref = f"{wanted.client}/{found.provider}/{found.name}"
            return self._clients.update(actor, ref, changes, test=test, timeout_s=timeout_s).id
        if wanted.client is None:
            new = NewPlatform(found.provider, one.credentials, settings=settings, environment=environment)
            return self._platform.add(actor, new, test=test, timeout_s=timeout_s).id
        theirs = NewClient(
            wanted.client,
            found.provider,
            name=found.name,
            credentials=one.credentials,
            settings=settings,
            environment=environment,
        )
        return self._clients.add(actor, theirs, test=test, timeout_s=timeout_s).id


def _owner(work: Reading, actor: Actor, wanted: EnvWanted, action: Action) -> rows.Row | None:
    if wanted.client is None:
        access.require_admin(actor, action)
        return None
    owner = refs.client(work.connection, actor, wanted.client)
    access.require_client(actor, action, owner)
    return owner


def _require_known(work: Reading, actor: Actor, wanted: EnvWanted) -> None:
    """Refuse a provider that `add` would not take, with what `add` raises."""
    for name in wanted.providers:
        if wanted.client is None:
            row = integrations.definition_row(work.connection, name)
        else:
            row = integrations.client_definition_row(work.connection, actor, name)
        integrations.require_open_for_new(Definition.of(row))


def _told(made: Match, found: Definition, wanted: EnvWanted) -> bool:
    """Whether the file speaks of a provider: by a name of its own, and with a credential."""
    if wanted.providers:
        return found.provider in wanted.providers
    given = any(one.field in made.taken for one in env_names.named(found.credential_schema))
    return made.own and given


def _candidate(
    work: Reading,
    owner: rows.Row | None,
    found: Definition,
    made: Match,
    values: Mapping[str, str],
    wanted: EnvWanted,
) -> EnvCandidate:
    environment, told = env_matching.environment_of(found, made, values, wanted.environment)
    if owner is None:
        exists = platform.by_provider(work.connection, found.provider) is not None
    else:
        exists = bool(clients.by_name(work.connection, owner["id"], found.name, found.provider))
    problems = made.problems
    if not made.taken:
        problems = [{"field": "credentials", "variables": [], "message": "nothing of it is in the file"}]
    view = EnvFound(
        provider=found.provider,
        name=found.name,
        environment=environment.value,
        environment_from=told,
        fields=made.taken,
        problems=problems,
        exists=exists,
    )
    return EnvCandidate(view, Secret(made.credentials), made.settings, frozenset(made.variables))


def _ambiguous(
    variables: Mapping[str, Variable], used: set[str], usable: list[Definition], shared: frozenset[str]
) -> list[EnvAmbiguous]:
    """The variables that are in the file under shared names, and that no candidate takes."""
    claims: dict[str, list[str]] = {}
    for found in usable:
        for one in env_matching.fields_of(found):
            for name in one.names:
                if name in one.shared or name in shared:
                    claims.setdefault(name, []).append(found.provider)
    unclear: dict[str, list[str]] = {}
    for name, providers in claims.items():
        if name in variables and variables[name].name not in used:
            unclear[variables[name].name] = sorted(set(providers))
    return [EnvAmbiguous(name, unclear[name]) for name in sorted(unclear)]


def _reasons(
    every: list[Definition],
    usable: list[Definition],
    matches: Mapping[str, Match],
    chosen: set[str],
    variables: Mapping[str, Variable],
) -> dict[str, str]:
    """Variable -> why it is left over, where something is known of it."""
    reasons: dict[str, str] = {}
    fit = {found.provider for found in usable}
    for found in every:
        for one in env_matching.fields_of(found):
            for name in one.own:
                if name not in variables:
                    continue
                at = variables[name].name
                if found.provider not in fit:
                    reasons[at] = f"{found.provider} is not imported here"
                elif found.provider not in chosen:
                    reasons[at] = f"the credentials of {found.provider} are not in the file"
    for provider in chosen:
        for name, first in matches[provider].outweighed.items():
            reasons[name] = f"{first} counts, with another value"
    return reasons


def _reason(value: str, sound: str | None) -> str | None:
    if not value:
        return "it is empty"
    return None if sound is not None else "it holds a placeholder"


def _words(field: str, variables: list[str]) -> str:
    return f"{field} ({' or '.join(variables)})" if variables else field
