"""The walk through a new integration: asks for what the command line left out, in the order of a form.

provider, mode, name, each credential, each required setting, environment, default, "Test & Save". Nothing is
written here: a walk that is broken off leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from avnz_int.cli import fields, prompts
from avnz_int.definitions import schema
from avnz_int.errors import (
    CancelledError,
    ConflictError,
    InvalidInputError,
    NotSharedError,
    SchemaViolationError,
)
from avnz_int.model.actor import Actor
from avnz_int.model.enums import DefinitionStatus, Environment, Mode, Status, TenantKind
from avnz_int.model.filters import Filter
from avnz_int.model.names import checked_name
from avnz_int.model.pricing import Pricing

if TYPE_CHECKING:
    from avnz_int.model.views.definitions import DefinitionView, OfferView
    from avnz_int.services.integrations import Definition
    from avnz_int.wiring import Services


@dataclass(frozen=True, slots=True)
class Given:
    """What is known of a new integration; None is not known yet.

    Attributes:
        client: the slug; stays None for a platform integration.
        credentials: field -> JSON value.
        settings: field -> JSON value.
        test: whether to ask the provider before saving.
    """

    provider: str | None = None
    client: str | None = None
    mode: Mode | None = None
    name: str | None = None
    credentials: Mapping[str, Any] = field(default_factory=dict, repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Environment | None = None
    is_default: bool | None = None
    test: bool | None = None


def wanted(
    given: Given,
    credential_schema: Mapping[str, Any] | None,
    settings_schema: Mapping[str, Any] | None = None,
) -> bool:
    """Whether something is missing that a person could be asked for.

    Args:
        given: what the command line said.
        credential_schema: of the provider; None while provider or client are not known.
        settings_schema: of the provider.
    """
    if given.provider is None or credential_schema is None:
        return True
    if fields.lacking(settings_schema, given.settings):
        return True
    if given.mode is Mode.PLATFORM:
        return False
    return not given.credentials or fields.lacking(credential_schema, given.credentials)


@prompts.quiet()
def complete_platform(services: Services, actor: Actor, given: Given) -> Given:
    """Everything about a new platform integration, asked for where it was not given.

    Raises:
        CancelledError: the person broke off; nothing was saved.
        AvnzError: as `PlatformIntegrations.require_addable`, before any further question.
        SchemaViolationError: what was given breaks a rule.
    """
    provider = given.provider or choose_platform_provider(services, actor)
    found = services.platform.require_addable(actor, provider)
    _refuse_bad(found, given)
    given = replace(given, provider=provider)
    if given.name is None:
        given = replace(given, name=_ask_name(found.name, taken=set()))
    given = _with_fields(found, given, with_credentials=True)
    given = _with_environment(services, found, given)
    return replace(given, test=_ask_to_save(found, given))


@prompts.quiet()
def complete_client(services: Services, actor: Actor, given: Given) -> Given:
    """Everything about a new client integration, asked for where it was not given.

    Raises:
        CancelledError: the person broke off; nothing was saved.
        AvnzError: as `ClientIntegrations.require_addable`, before any further question.
        NotSharedError: platform mode was given, and the organization shares none.
        SchemaViolationError: what was given breaks a rule.
    """
    client = given.client or choose_client(services, actor)
    provider = given.provider or choose_client_provider(services, actor, client, mode=given.mode)
    found, offer = services.clients.require_addable(actor, client, provider)
    _refuse_bad(found, given)
    given = replace(given, client=client, provider=provider)
    given = replace(given, mode=given.mode or _ask_mode(found, offer, given))
    own = given.mode is Mode.OWN
    if not own and offer.platform is None:
        from avnz_int.services.client_rows import not_shared_hint  # noqa: PLC0415  # only where it is told

        raise NotSharedError(
            f"the organization shares no integration of {provider} with its clients",
            hint=not_shared_hint(actor, provider),
        )
    if given.name is None:
        present = services.clients.listing(actor, client=client, limits=Filter(provider=provider))
        given = replace(given, name=_ask_name(found.name, taken={one.name for one in present}))
    given = _with_fields(found, given, with_credentials=own)
    if own:
        given = _with_environment(services, found, given)
    elif given.environment is None and offer.platform is not None:
        given = replace(given, environment=Environment(offer.platform.environment))
    if given.is_default is None:
        category = _words(found.category)
        question = f"Set as default {category} for {client} ({given.environment})?"
        given = replace(given, is_default=prompts.confirm(question, default=False))
    if own:
        return replace(given, test=_ask_to_save(found, given))
    if not prompts.confirm(f"{_platform_mode(found, offer)}, in {given.environment}?", default=True):
        raise CancelledError(prompts.CANCELLED)
    return given


# --- provider, client, mode, name ----------------------------------------------------------------


def choose_platform_provider(services: Services, actor: Actor) -> str:
    """The provider that was picked among those the organization has no integration of.

    Raises:
        ConflictError: it has one of each.
    """
    present = {one.provider for one in services.platform.listing(actor)}
    free = [one for one in services.definitions.listing(actor) if one.provider not in present]
    choices = _provider_choices(free)
    if not choices:
        raise ConflictError(
            "the organization has an integration of every provider already",
            hint="avnz-int platform list shows them",
        )
    return prompts.select("Provider", choices)


def choose_client(services: Services, actor: Actor) -> str:
    """The slug of the client that was picked.

    Raises:
        ConflictError: there is no client.
    """
    tenants = services.tenants.listing(actor)
    choices = [(f"{one.name} ({one.slug})", one.slug) for one in tenants if one.kind is TenantKind.CLIENT]
    if not choices:
        raise ConflictError("there is no client yet", hint="avnz-int tenant add SLUG --name NAME adds one")
    return prompts.select("Client", choices)


def choose_client_provider(services: Services, actor: Actor, client: str, *, mode: Mode | None = None) -> str:
    """The provider that was picked among those the client may use, in that mode if one is given.

    Raises:
        NotSharedError: platform mode, and the organization shares nothing.
        ConflictError: clients may use no provider at all.
    """
    offers = services.clients.available(actor, client=client)
    choices = _provider_choices([one for one in offers if mode is None or mode.value in one.modes])
    if choices:
        return prompts.select(f"Provider for {client}", choices)
    if mode is Mode.PLATFORM:
        from avnz_int.services.client_rows import not_shared_hint  # noqa: PLC0415  # only where it is told

        raise NotSharedError(
            "the organization shares no integration with its clients",
            hint=not_shared_hint(actor, "PROVIDER"),
        )
    raise ConflictError("clients may use no provider", hint="avnz-int definitions seed brings them back")


def _provider_choices(found: Iterable[DefinitionView | OfferView]) -> list[tuple[str, str]]:
    usable = [one for one in found if one.status != DefinitionStatus.DEPRECATED]
    usable.sort(key=lambda one: (one.category, one.name.lower()))
    return [
        (
            f"{_words(one.category)}: {one.name} ({one.provider})"
            + (" [beta]" if one.status == DefinitionStatus.BETA else ""),
            one.provider,
        )
        for one in usable
    ]


def _ask_mode(found: Definition, offer: OfferView, given: Given) -> Mode:
    if offer.platform is None or given.credentials:
        return Mode.OWN
    choices = [("Use my own credentials", Mode.OWN), (_platform_mode(found, offer), Mode.PLATFORM)]
    return prompts.select(f"Credentials for {found.name}", choices)


def _platform_mode(found: Definition, offer: OfferView) -> str:
    what = "gateway" if found.category == "payment_gateway" else found.name
    if offer.platform is None:
        return f"Use the platform {what}"
    price = Pricing.from_json(offer.platform.client_pricing).shown()
    working = offer.platform.status == Status.ACTIVE
    return f"Use the platform {what} at {price}" + ("" if working else f" ({offer.platform.status} now)")


def _ask_name(default: str, *, taken: set[str]) -> str:
    # Heavy (SQLAlchemy), and loaded by now.

    def reason(text: str) -> str | None:
        try:
            name = checked_name(text)
        except InvalidInputError as exc:
            return exc.message
        return "is taken: choose another name" if name in taken else None

    proposed = default
    number = 2
    while proposed in taken:
        proposed = f"{default} {number}"
        number += 1
    return checked_name(prompts.text("Name", default=proposed, validate=reason))


# --- credentials and settings --------------------------------------------------------------------


def _with_fields(found: Definition, given: Given, *, with_credentials: bool) -> Given:
    if with_credentials and (
        not given.credentials or fields.lacking(found.credential_schema, given.credentials)
    ):
        questions = schema.question_order(found.credential_schema)
        answers = fields.ask_object(found.credential_schema, given.credentials, questions)
        given = replace(given, credentials=answers)
    needed = tuple(one for one in schema.question_order(found.settings_schema) if one.required)
    return replace(given, settings=fields.ask_object(found.settings_schema, given.settings, needed))


def _refuse_bad(found: Definition, given: Given) -> None:
    """Values that were given are not asked for again: a bad one ends the walk before its first question."""
    bad = [v.as_dict() for v in fields.bad_values(found.credential_schema, given.credentials)]
    wrong_settings = fields.bad_values(found.settings_schema, given.settings)
    bad += [v.as_dict() | {"field": f"settings.{v.field}"} for v in wrong_settings]
    if bad:
        raise SchemaViolationError(f"invalid fields for {found.provider}", bad)


# --- environment, saving -------------------------------------------------------------------------


def _with_environment(services: Services, found: Definition, given: Given) -> Given:
    if given.environment is not None:
        return given
    elsewhere = services.settings.endpoints.get(found.provider)
    places = [str(given.settings[name]) for name in found.destination_fields if given.settings.get(name)]
    if elsewhere:
        where = f"the credentials are sent to {elsewhere} in place of {found.name}, whichever it is"
    elif places:
        where = f"the credentials are sent to {found.name}: {', '.join(places)}"
    else:
        where = f"whose servers the credentials are sent to: {found.name}'s for real or for trying out"
    choices = [(one.value, one) for one in (Environment.PRODUCTION, Environment.SANDBOX)]
    picked = prompts.select(
        "Environment",
        choices,
        default=Environment.PRODUCTION,
        instruction=where,
    )
    return replace(given, environment=picked)


def _ask_to_save(found: Definition, given: Given) -> bool:
    choices: list[tuple[str, bool | None]] = []
    if given.test is not False:
        choices.append(("Test & Save", True))
    if given.test is not True:
        choices.append(("Save without testing", False))
    choices.append(("Cancel", None))
    verb = "Save" if given.test is False else "Test & Save"
    picked = prompts.select(f"{verb} {found.name} in {given.environment}?", choices)
    if picked is None:
        raise CancelledError(prompts.CANCELLED)
    return picked


def _words(category: str) -> str:
    return category.replace("_", " ")
