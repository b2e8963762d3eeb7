"""The text of a manifest -> what it asks for; every misfit is told, with its line and never its value."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from avnz_int.errors import InvalidInputError
from avnz_int.model import names
from avnz_int.model.enums import Environment, Mode
from avnz_int.model.inputs import UNSET, Unset
from avnz_int.model.manifest import (
    API_VERSION,
    KIND,
    STORED,
    Given,
    Literal,
    Manifest,
    Reference,
    Scheme,
    Spot,
    WantedClient,
    WantedClientIntegration,
    WantedPlatform,
    WantedTenant,
)
from avnz_int.services import manifest_terms
from avnz_int.services.manifest_fields import Fields, Problems, each, given, plain, require_once
from avnz_int.services.manifest_reading import Node, read
from avnz_int.services.saving import checked_priority

T = TypeVar("T")
_REFERENCE = re.compile(f"({'|'.join(Scheme)}):(.+)", re.DOTALL)
_PROVIDER = re.compile(r"[a-z][a-z0-9_]*")
_INTEGRATION = (
    "provider",
    "name",
    "description",
    "environment",
    "credentials",
    "settings",
    "status",
)
_STATUS = ("active", "inactive")


def parse(text: str, origin: str) -> Manifest:
    """What a file asks for.

    Args:
        text: YAML, or JSON, which is YAML too.
        origin: the file's name, for messages.

    Raises:
        InvalidInputError: it is no manifest; names the line of each misfit.
    """
    problems = Problems(origin)
    found = _Parser(problems).manifest(read(text, origin), origin)
    problems.raise_any()
    return found


class _Parser:
    """Reads object by object; what stands twice is found at the end of each list."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._slugs: dict[str, Spot] = {}

    def manifest(self, node: Node, origin: str) -> Manifest:
        """The whole file."""
        names_ = ("apiVersion", "kind", "organization", "platform", "clients", "pools")
        top = Fields(self._problems, node, "", names_, ("apiVersion", "kind"))
        for field, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
            if given(top.text(field), wanted) != wanted:
                self._problems.add(top.at(field), f"must be {wanted}")
        slug: str | Unset = UNSET
        name: str | Unset = UNSET
        about = top.node("organization")
        if about is not None:
            fields = Fields(self._problems, about, "organization", ("slug", "name"))
            slug, name = (
                fields.checked("slug", manifest_terms.slug),
                fields.checked("name", names.checked_name),
            )
        platform = each(top, "platform", self._platform)
        require_once(self._problems, platform, lambda one: (one.provider,), "this provider")
        pools = each(top, "pools", lambda item, path: manifest_terms.pool(self._problems, item, path, None))
        require_once(self._problems, pools, lambda one: (one.name,), "a pool of this name")
        return Manifest(
            origin=origin,
            organization_slug=slug,
            organization_name=name,
            organization_spot=top.at("organization"),
            platform=platform,
            clients=each(top, "clients", self._client),
            pools=pools,
        )

    # --- tenants -----------------------------------------------------------------------------

    def _client(self, node: Node, path: str) -> WantedClient:
        allowed = ("slug", "name", "companies", "integrations", "pools")
        fields = Fields(self._problems, node, path, allowed, ("slug",))
        slug = self._slug(fields)
        integrations = each(fields, "integrations", lambda item, below: self._integration(item, below, slug))
        require_once(
            self._problems, integrations, lambda one: one.key, "an integration of this provider and name"
        )
        pools = each(
            fields, "pools", lambda item, below: manifest_terms.pool(self._problems, item, below, slug)
        )
        require_once(self._problems, pools, lambda one: (one.name,), "a pool of this name")
        return WantedClient(
            slug=slug,
            name=fields.checked("name", names.checked_name),
            spot=fields.spot,
            companies=each(fields, "companies", self._company),
            integrations=integrations,
            pools=pools,
        )

    def _company(self, node: Node, path: str) -> WantedTenant:
        fields = Fields(self._problems, node, path, ("slug", "name"), ("slug",))
        return WantedTenant(self._slug(fields), fields.checked("name", names.checked_name), fields.spot)

    def _slug(self, fields: Fields) -> str:
        slug = fields.checked("slug", manifest_terms.slug)
        if isinstance(slug, Unset):
            return ""
        first = self._slugs.setdefault(slug, fields.spot)
        if first is not fields.spot:
            self._problems.add(fields.at("slug"), f"this slug stands in line {first.line} already")
        return slug

    # --- integrations ------------------------------------------------------------------------

    def _common(self, fields: Fields) -> dict[str, Any]:
        active = fields.word("status", lambda word: word == "active", _STATUS)
        return {
            "provider": given(fields.checked("provider", _provider), ""),
            "name": fields.checked("name", names.checked_name),
            "description": self._description(fields),
            "environment": fields.word("environment", Environment, tuple(Environment)),
            "credentials": self._credentials(fields),
            "settings": self._settings(fields),
            "active": active,
            "spot": fields.spot,
        }

    def _description(self, fields: Fields) -> str | Unset | None:
        text = fields.nullable_text("description")
        if isinstance(text, Unset):
            return UNSET
        return self._problems.attempt(fields.at("description"), lambda: names.checked_text(text))

    def _platform(self, node: Node, path: str) -> WantedPlatform:
        fields = Fields(self._problems, node, path, (*_INTEGRATION, "share"), ("provider",))
        return WantedPlatform(**self._common(fields), share=manifest_terms.share(self._problems, fields))

    def _integration(self, node: Node, path: str, client: str) -> WantedClientIntegration:
        allowed = (*_INTEGRATION, "mode", "default", "priority")
        fields = Fields(self._problems, node, path, allowed, ("provider", "name"))
        mode = given(fields.word("mode", Mode, tuple(Mode)), Mode.OWN)
        if mode is Mode.PLATFORM and "credentials" in fields:
            self._problems.add(fields.at("credentials"), "platform mode uses the platform's: leave them out")
        priority = fields.whole("priority")
        if priority is None:
            self._problems.add(fields.at("priority"), "must be a whole number")
        elif not isinstance(priority, Unset):
            number = priority
            self._problems.attempt(fields.at("priority"), lambda: str(checked_priority(number)))
        return WantedClientIntegration(
            **self._common(fields),
            client=client,
            mode=mode,
            is_default=fields.flag("default"),
            priority=UNSET if priority is None else priority,
        )

    def _settings(self, fields: Fields) -> dict[str, Any] | Unset:
        node = fields.node("settings")
        if node is None:
            return UNSET
        if not isinstance(node.value, dict):
            self._problems.add(fields.at("settings"), "must be an object")
            return UNSET
        return {name: plain(part) for name, part in node.value.items() if part.value is not None}

    def _credentials(self, fields: Fields) -> Given | Unset | None:
        node = fields.node("credentials")
        if node is None:
            return UNSET
        if node.value == STORED:
            return None
        spot = fields.at("credentials")
        if not isinstance(node.value, dict):
            self._problems.add(spot, f"must be an object, or {STORED}")
            return UNSET
        if not node.value:
            self._problems.add(spot, "is empty")
        return Given(
            {
                name: _value(part, f"{spot.path}.{names.shown_name(name, number)}")
                for number, (name, part) in enumerate(node.value.items(), 1)
            },
            spot,
        )


def _provider(text: str) -> str:
    if not _PROVIDER.fullmatch(text):
        raise InvalidInputError("must be a provider; avnz-int definitions list shows them")
    return text


def _value(node: Node, path: str) -> Any:
    """A reference, a literal, or an object or list of these."""
    spot = Spot(node.line, path)
    value = node.value
    if isinstance(value, dict):
        return {
            name: _value(part, f"{path}.{names.shown_name(name, number)}")
            for number, (name, part) in enumerate(value.items(), 1)
        }
    if isinstance(value, list):
        return [_value(part, f"{path}[{i}]") for i, part in enumerate(value)]
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if found:
        return Reference(Scheme(found[1]), found[2], spot)
    return Literal(plain(node), spot)
