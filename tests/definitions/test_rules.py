"""The house rules of a definition: each broken one is found at its path."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, SchemaError

from avnz_int.definitions import loader, rules, schema
from avnz_int.definitions.loader import Seed
from avnz_int.model.enums import Category, DefinitionStatus

TEXT = {"type": "string", "title": "T", "description": "D"}
SECRET = TEXT | {"format": "password", "minLength": 1}


def make_schema(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A schema of these properties."""
    base = {"$schema": rules.DIALECT, "type": "object", "additionalProperties": False}
    return base | {"properties": properties} | more


def make_seed(**changes: Any) -> Seed:
    """A sound definition with some attributes changed."""
    seed = Seed(
        provider="acme",
        category=Category.SMS,
        name="Acme",
        description="SMS through Acme.",
        logo_url=None,
        documentation_url=None,
        is_org_only=False,
        is_client_allowed=True,
        is_platform_offered=False,
        credential_schema=make_schema({"id": TEXT, "token": SECRET}, required=["token"]),
        settings_schema=make_schema({"host": TEXT | {"x-destination": True}}),
        required_compliance=(),
        status=DefinitionStatus.ACTIVE,
        path=Path("acme.json"),
    )
    return replace(seed, **changes)


def found(seed: Seed) -> set[str]:
    """The paths of all problems."""
    return {problem.path for problem in schema.validate_definition(seed)}


def test_sound() -> None:
    """A definition that keeps to the rules has no problem."""
    assert not schema.validate_definition(make_seed())
    assert not schema.validate_definition(make_seed(settings_schema=None))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"category": Category.AUTHENTICATION}, "$.isOrgOnly"),
        ({"is_org_only": True}, "$.isClientAllowed"),
        ({"is_client_allowed": False, "is_platform_offered": True}, "$.isPlatformOffered"),
    ],
)
def test_availability(changes: dict[str, Any], path: str) -> None:
    """Authentication is for the organization only, and what clients may not have is not offered to them."""
    expected = {path}
    assert expected == found(make_seed(**changes))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "$schema"),
        ({"type": "array"}, "type"),
        ({"additionalProperties": True}, "additionalProperties"),
        ({"additionalProperties": 0}, "additionalProperties"),
        ({"properties": []}, "properties"),
        ({"required": ["nothing"]}, "required"),
        ({"required": "token"}, "required"),
        ({"required": ["id", "id"]}, "required"),
        ({"dependentRequired": []}, "dependentRequired"),
        ({"dependentRequired": {"nothing": ["id"]}}, "dependentRequired"),
        ({"dependentRequired": {"id": ["nothing"]}}, "dependentRequired.id"),
        ({"anyOf": []}, "anyOf"),
        ({"anyOf": [{"required": ["nothing"]}]}, "anyOf[0].required"),
        ({"anyOf": [{"required": ["id"]}, {"not": {}}]}, "anyOf[1]"),
        ({"anyOf": [{"required": []}]}, "anyOf[0]"),
        ({"title": 1}, "title"),
        ({"$ref": "https://example.com/schema"}, "$ref"),
        ({"patternProperties": {}}, "patternProperties"),
        ({"Required": ["id"]}, "Required"),
        ({"x-check": "GET /"}, "x-check"),
        ({"x-check": {"request": "R"}}, "x-check"),
        ({"x-check": {"request": "R", "permission": "P", "more": "M"}}, "x-check"),
        ({"x-check": {"request": " ", "permission": "P"}}, "x-check.request"),
        ({"x-check": {"request": "R", "permission": 1}}, "x-check.permission"),
        ({"x-check": {"request": "R\nS", "permission": "P"}}, "x-check.request"),
    ],
)
def test_object(change: dict[str, Any], path: str) -> None:
    """What a schema says of the object as a whole is judged keyword by keyword; unknown ones are refused."""
    base = make_schema({"id": TEXT, "token": SECRET})
    expected = {f"$.credentialSchema.{path}"}
    assert expected == found(make_seed(credential_schema=base | change))


def test_told_test() -> None:
    """What the test asks and needs stands on the credentials; ours must say it, a third party's may."""
    told = {"request": "Reads the account (GET /me).", "permission": "None."}
    seed = make_seed(credential_schema=make_schema({"token": SECRET}, **{"x-check": told}))
    assert not schema.validate_definition(seed, shipped=True)
    silent = schema.validate_definition(make_seed(), shipped=True)
    assert ["$.credentialSchema.x-check"] == [problem.path for problem in silent]
    elsewhere = make_seed(settings_schema=make_schema({}, **{"x-check": told}))
    expected = {"$.settingsSchema.x-check"}
    assert expected == found(elsewhere)


@pytest.mark.parametrize(
    ("field", "path"),
    [
        (None, ""),
        ({"type": "string", "description": "D"}, ".title"),
        ({"type": "string", "title": "T"}, ".description"),
        ({"title": "T", "description": "D"}, ".type"),
        (TEXT | {"type": ["string", "null"]}, ".type"),
        (TEXT | {"type": "null"}, ".type"),
        (TEXT | {"title": ""}, ".title"),
        (TEXT | {"maxlength": 3}, ".maxlength"),
        (TEXT | {"maxLength": "3"}, ".maxLength"),
        (TEXT | {"minLength": -1}, ".minLength"),
        (TEXT | {"minLength": True}, ".minLength"),
        (TEXT | {"minimum": 1}, ".minimum"),
        (TEXT | {"type": "integer", "minimum": "1"}, ".minimum"),
        (TEXT | {"type": "integer", "pattern": "^a"}, ".pattern"),
        (TEXT | {"pattern": "(["}, ".pattern"),
        (TEXT | {"pattern": 1}, ".pattern"),
        (TEXT | {"format": "phone"}, ".format"),
        (TEXT | {"enum": []}, ".enum"),
        (TEXT | {"enum": ["a", "a"]}, ".enum"),
        (TEXT | {"enum": ["a"], "default": "b"}, ".default"),
        (TEXT | {"maxLength": 1, "default": "bb"}, ".default"),
        (TEXT | {"pattern": "^a$", "default": "a\n"}, ".default"),
        (TEXT | {"format": "email", "default": "a"}, ".default"),
        (TEXT | {"default": 1}, ".default"),
        (TEXT | {"type": "integer", "default": True}, ".default"),
        (TEXT | {"type": "integer", "maximum": 3, "default": 4}, ".default"),
        (TEXT | {"type": "boolean", "default": 0}, ".default"),
        (TEXT | {"type": "object"}, ".additionalProperties"),
        (TEXT | {"type": "object", "additionalProperties": True}, ".additionalProperties"),
        (TEXT | {"type": "object", "additionalProperties": {"type": "text"}}, ".additionalProperties.type"),
        (TEXT | {"type": "array", "items": {"type": "string", "x": 1}}, ".items.x"),
        (TEXT | {"type": "array", "items": {"type": "string"}, "uniqueItems": 1}, ".uniqueItems"),
        (TEXT | {"x-default-from": "later"}, ".x-default-from"),
        (TEXT | {"x-destinaton": True}, ".x-destinaton"),
        (TEXT | {"x-public": "yes"}, ".x-public"),
        (TEXT | {"x-destination": True}, ".x-destination"),
        (SECRET | {"minLength": 0}, ".minLength"),
        (TEXT | {"format": "password"}, ".minLength"),
        (SECRET | {"default": "hunter2"}, ".default"),
        (SECRET | {"x-public": True}, ".x-public"),
        (TEXT | {"type": "object", "additionalProperties": SECRET}, ".format"),
        (TEXT | {"type": "array", "items": SECRET}, ".format"),
    ],
)
def test_field(field: Any, path: str) -> None:
    """What a credential field says is judged keyword by keyword, its default included."""
    seed = make_seed(credential_schema=make_schema({"field": field, "later": TEXT}))
    expected = {f"$.credentialSchema.properties.field{path}"}
    assert expected == found(seed)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "password",
            "userPassword",
            "passwd",
            "pwd",
            "clientSecret",
            "secretKey",
            "secretAccessKey",
            "token",
        ),
        *("authToken", "sessionToken", "apiKey", "apikey", "appKey", "privateKey", "transactionKey", "dsn"),
        *("securityKey", "webhookSecret", "apiKeySecret", "sdkKey", "api_key", "signingSecret", "credential"),
    ],
)
def test_secret_names(name: str) -> None:
    """A field whose name says secret must be one, or be marked as public."""
    path = f"$.credentialSchema.properties.{name}.format"
    open_field = make_seed(credential_schema=make_schema({name: TEXT}))
    expected = {path}
    assert expected == found(open_field)
    assert not found(make_seed(credential_schema=make_schema({name: SECRET})))
    assert not found(make_seed(credential_schema=make_schema({name: TEXT | {"x-public": True}})))


@pytest.mark.parametrize(
    "name",
    [
        *(
            "host",
            "smtpHost",
            "domain",
            "url",
            "baseUrl",
            "orgUrl",
            "endpointUrl",
            "region",
            "awsRegion",
            "site",
        ),
        *("serverPrefix", "uri", "urlPrefix", "dataResidency", "ipAddress", "endpoint"),
    ],
)
def test_destination_names(name: str) -> None:
    """A setting whose name says host must say whether credentials are sent there."""
    expected = {f"$.settingsSchema.properties.{name}.x-destination"}
    assert expected == found(make_seed(settings_schema=make_schema({name: TEXT})))
    for mark in (True, False):
        assert not found(make_seed(settings_schema=make_schema({name: TEXT | {"x-destination": mark}})))


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"pin": SECRET}, "pin.format"),
        ({"apiKey": TEXT}, "apiKey.format"),
        ({"link": TEXT | {"format": "uri"}}, "link.x-destination"),
        ({"port": TEXT | {"type": "integer", "x-destination": True}}, "port.x-destination"),
        ({"id": TEXT}, "id"),
        ({"a b": TEXT}, "a b"),
    ],
)
def test_settings(fields: dict[str, Any], path: str) -> None:
    """Settings hold no secret, say what is a destination, and do not share names with credentials."""
    expected = {f"$.settingsSchema.properties.{path}"}
    assert expected == found(make_seed(settings_schema=make_schema(fields)))


SEEDS = loader.read_seeds()
KEYWORDS = [
    *rules._FIELD_KEYWORDS,
    *("required", "properties", "anyOf", "dependentRequired", "$schema", "$id", "x-check"),
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 5)
    | st.sampled_from(["", "string", "object", "^a$", "(", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(seed=st.sampled_from(SEEDS), keyword=st.sampled_from(KEYWORDS), value=JSON, data=st.data())
def test_meta_schema(seed: Seed, keyword: str, value: Any, data: st.DataObject) -> None:
    """Whatever passes the house rules also passes the meta-schema of JSON Schema 2020-12."""
    changed = copy.deepcopy(seed.credential_schema)
    fields = changed["properties"]
    target = data.draw(st.sampled_from([changed, *fields.values()]))
    target[keyword] = value
    try:
        Draft202012Validator.check_schema(changed)
    except SchemaError:
        assert schema.validate_definition(replace(seed, credential_schema=changed))
