"""What a definition must keep to, beyond being JSON: `definitions validate` and the tests call this.

The vocabulary of a schema is closed: JSON Schema passes over a keyword it does not know, so `maxlength` or
`x-destinaton` would switch a rule off without a word. With every keyword known and its value typed, whatever
passes here also passes the meta-schema of JSON Schema 2020-12 (a test compares the two), and jsonschema, slow
to import, is not needed. `$ref` is left out on purpose: a definition stands alone and fetches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from avnz_int.definitions import env_names
from avnz_int.definitions.defaults import fits
from avnz_int.definitions.formats import FORMATS, compile_pattern
from avnz_int.definitions.loader import Problem, Seed
from avnz_int.definitions.violation import NOUNS
from avnz_int.model.enums import Category, Environment

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The dialect that every schema declares."""

_SECRET_NAME = re.compile(
    r"passw|pwd|secret|token|credential|signature|private_?key|api_?key|access_?key|key$|dsn$", re.IGNORECASE
)
_DESTINATION_WORD = re.compile(
    r"(?:host|hostname|domain|url|uri|region|site|endpoint|server|address|instance|residency|datacenter)s?"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_FIXED: Mapping[str, tuple[Any, str]] = {
    "$schema": (DIALECT, DIALECT),
    "type": ("object", "object"),
    "additionalProperties": (False, "false"),
}
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_CHECK = "x-check"
_CHECK_TEXTS = {"request", "permission"}
_CHECK_RULE = 'must be {"request": what the connection test asks, "permission": the least that it needs}'

Found = Iterator[tuple[str, str]]
"""Path and rule of each thing that is wrong."""


def validate_definition(seed: Seed, *, shipped: bool = False) -> list[Problem]:
    """Every rule that the definition breaks, with its path; empty if it is fit to be used.

    Args:
        seed: the definition.
        shipped: it is one of ours, which also have to say what the connection test does.
    """
    found = list(_availability(seed))
    if shipped and _CHECK not in seed.credential_schema:
        found.append((f"$.credentialSchema.{_CHECK}", f"is missing: {_CHECK_RULE}"))
    found += _schema("$.credentialSchema", seed.credential_schema, settings=False)
    if seed.settings_schema is not None:
        found += _schema("$.settingsSchema", seed.settings_schema, settings=True)
        for name in sorted(_names(seed.credential_schema) & _names(seed.settings_schema)):
            found.append(
                (f"$.settingsSchema.properties.{name}", "must have another name than a credential field")
            )
    return [Problem(path, rule, str(seed.path)) for path, rule in found]


def _availability(seed: Seed) -> Found:
    if seed.category is Category.AUTHENTICATION and not seed.is_org_only:
        yield "$.isOrgOnly", "must be true: authentication is never left to clients"
    if seed.is_org_only and seed.is_client_allowed:
        yield "$.isClientAllowed", "must be false where isOrgOnly is true"
    if seed.is_platform_offered and not seed.is_client_allowed:
        yield "$.isPlatformOffered", "must be false where clients are not allowed"


def _names(schema: Mapping[str, Any]) -> set[str]:
    properties = schema.get("properties")
    return set(properties) if isinstance(properties, dict) else set()


# --- the object as a whole -----------------------------------------------------------------------


def _schema(where: str, schema: Mapping[str, Any], *, settings: bool) -> Found:
    for key, (wanted, word) in _FIXED.items():
        value = schema.get(key)
        # In Python 0 equals False, in JSON it does not.
        if value != wanted or type(value) is not type(wanted):
            yield f"{where}.{key}", f"must be {word}"
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        yield f"{where}.properties", "must be an object of properties"
        return
    for key, value in schema.items():
        if key == _CHECK and not settings:
            yield from _told(f"{where}.{key}", value)
        elif key not in _FIXED and key != "properties":
            judge = _OBJECT_KEYWORDS.get(key, _no_keyword)
            yield from judge(f"{where}.{key}", value, properties)
    earlier: list[str] = []
    for name, field in properties.items():
        yield from _property(f"{where}.properties.{name}", name, field, earlier, settings=settings)
        earlier.append(name)


def _property(path: str, name: str, field: Any, earlier: list[str], *, settings: bool) -> Found:
    if not _FIELD_NAME.fullmatch(name):
        yield path, "must be named with letters, digits and _, a letter first"
    if not isinstance(field, dict):
        yield path, "must be an object"
        return
    for key in ("title", "description"):
        if key not in field:
            yield f"{path}.{key}", "is missing"
    yield from _field(path, field)
    yield from env_names.of_field(path, field)
    yield from _secrecy(path, name, field, settings=settings)
    yield from _destination(path, name, field, settings=settings)
    if "x-default-from" in field and field["x-default-from"] not in earlier:
        yield f"{path}.x-default-from", "must name an earlier property"


def _no_keyword(where: str, _: Any, __: Mapping[str, Any]) -> Found:
    yield where, "is not a keyword that definitions use"


def _told(where: str, value: Any) -> Found:
    if not isinstance(value, dict) or set(value) != _CHECK_TEXTS:
        yield where, _CHECK_RULE
        return
    for key, text in value.items():
        if not isinstance(text, str) or not text.strip() or not text.isprintable():
            yield f"{where}.{key}", "must be a line of text"


def _names_of(where: str, value: Any, properties: Mapping[str, Any]) -> Found:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        yield where, "must be a list of property names"
        return
    if len(set(value)) != len(value):
        yield where, "must name each property once"
    for name in value:
        if name not in properties:
            yield where, f'must name properties ("{name}" is none)'


def _dependents(where: str, value: Any, properties: Mapping[str, Any]) -> Found:
    if not isinstance(value, dict):
        yield where, "must be an object of property names"
        return
    for name, needed in value.items():
        if name not in properties:
            yield where, f'must name properties ("{name}" is none)'
        yield from _names_of(f"{where}.{name}", needed, properties)


def _alternatives(where: str, value: Any, properties: Mapping[str, Any]) -> Found:
    if not isinstance(value, list) or not value:
        yield where, "must be a list of alternatives"
        return
    for i, choice in enumerate(value):
        if not isinstance(choice, dict) or set(choice) != {"required"} or not choice["required"]:
            yield f"{where}[{i}]", 'must be {"required": [names]}'
        else:
            yield from _names_of(f"{where}[{i}].required", choice["required"], properties)


def _is_string(where: str, value: Any, _: Mapping[str, Any]) -> Found:
    if not isinstance(value, str) or not value.strip():
        yield where, "must be a string"


_OBJECT_KEYWORDS: Mapping[str, Callable[[str, Any, Mapping[str, Any]], Found]] = {
    "title": _is_string,
    "description": _is_string,
    "required": _names_of,
    "dependentRequired": _dependents,
    "anyOf": _alternatives,
    env_names.ENVIRONMENT: env_names.of_environment,
}


# --- one field -----------------------------------------------------------------------------------


def _secrecy(path: str, name: str, field: Mapping[str, Any], *, settings: bool) -> Found:
    public = field.get("x-public") is True
    if field.get("format") != "password":
        if not public and (_SECRET_NAME.search(name) or _holds_secret(field)):
            where = "in the credentials " if settings else ""
            yield f"{path}.format", f'must be "password" {where}(or "x-public": true if everybody may see it)'
        return
    if settings:
        yield f"{path}.format", "must not be password: settings are stored in clear, secrets are credentials"
    if public:
        yield f"{path}.x-public", "must not stand on a secret"
    if "default" in field:
        yield f"{path}.default", "must not stand on a secret"
    if field.get("type") == "string" and not _positive(field.get("minLength")):
        yield f"{path}.minLength", "must be at least 1: an empty secret is none"


def _destination(path: str, name: str, field: Mapping[str, Any], *, settings: bool) -> Found:
    where = f"{path}.x-destination"
    if "x-destination" in field:
        if not settings:
            yield where, "must stand on settings only"
        if field.get("type") != "string":
            yield where, "must stand on a string"
    elif settings and (_says_where(name) or field.get("format") in ("uri", "hostname")):
        yield where, "is missing: true if credentials are sent to where it says, else false"


def _says_where(name: str) -> bool:
    return any(_DESTINATION_WORD.fullmatch(word.lower()) for word in _WORD.findall(name))


def _holds_secret(field: Mapping[str, Any]) -> bool:
    inner = [field.get("items"), field.get("additionalProperties")]
    return any(isinstance(part, dict) and part.get("format") == "password" for part in inner)


def _positive(value: Any) -> bool:
    return isinstance(value, int) and value >= 1


def _field(path: str, field: Mapping[str, Any]) -> Found:
    """What holds for a property and for what an array or object holds."""
    kind = field.get("type")
    if not isinstance(kind, str) or kind not in NOUNS:
        yield f"{path}.type", "must be one of " + ", ".join(NOUNS)
        return
    sound = True
    for key, value in field.items():
        rule = _keyword(key, value, kind)
        if rule is not None:
            sound = False
            yield f"{path}.{key}", rule
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(field.get(key), dict):
            sound = False
            yield from _field(f"{path}.{key}", field[key])
    if kind == "object" and "additionalProperties" not in field:
        yield f"{path}.additionalProperties", "is missing"
    if sound and "default" in field and not fits(field["default"], field):
        yield f"{path}.default", "must keep to the other rules of the field"


def _keyword(key: str, value: Any, kind: str) -> str | None:
    """The rule that this keyword of a field breaks."""
    if key not in _FIELD_KEYWORDS:
        return "is not a keyword that definitions use"
    kinds, judge = _FIELD_KEYWORDS[key]
    if kinds and kind not in kinds:
        return f"has no effect on {NOUNS[kind]}"
    return judge(value)


def _count(value: Any) -> str | None:
    fine = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return None if fine else "must be a whole number"


def _number(value: Any) -> str | None:
    return None if isinstance(value, int | float) and not isinstance(value, bool) else "must be a number"


def _words(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be a string"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _inner(value: Any) -> str | None:
    return None if isinstance(value, dict) else "must be an object"


def _choices(value: Any) -> str | None:
    fine = isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)
    return None if fine and len(set(value)) == len(value) else "must be a list of different strings"


def _expression(value: Any) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    try:
        compile_pattern(value)
    except (re.error, OverflowError, RecursionError):
        return "must be a regular expression"
    return None


def _environments(value: Any) -> str | None:
    fine = isinstance(value, dict) and bool(value) and value.keys() <= set(Environment)
    wrong = not fine or any(_expression(pattern) for pattern in value.values())
    return "must be an environment's name -> regular expression" if wrong else None


def _format(value: Any) -> str | None:
    known = ("password", *FORMATS)
    return None if isinstance(value, str) and value in known else "must be one of " + ", ".join(known)


def _anything(_: Any) -> str | None:
    return None


_VARIABLES = ("string", "integer", "number", "boolean")
_FIELD_KEYWORDS: Mapping[str, tuple[tuple[str, ...], Callable[[Any], str | None]]] = {
    "type": ((), _anything),
    "title": ((), _words),
    "description": ((), _words),
    "default": ((), _anything),
    "enum": (("string",), _choices),
    "format": (("string", "object"), _format),
    "pattern": (("string",), _expression),
    "minLength": (("string",), _count),
    "maxLength": (("string",), _count),
    "minimum": (("integer", "number"), _number),
    "maximum": (("integer", "number"), _number),
    "items": (("array",), _inner),
    "minItems": (("array",), _count),
    "maxItems": (("array",), _count),
    "uniqueItems": (("array",), _flag),
    "additionalProperties": (("object",), _inner),
    "propertyNames": (("object",), _inner),
    "maxProperties": (("object",), _count),
    "x-default-from": (("string",), _words),
    "x-destination": ((), _flag),
    "x-environment": (("string",), _environments),
    env_names.NAMES: (_VARIABLES, env_names.judge),
    env_names.SHARED: (_VARIABLES, env_names.judge),
    "x-public": ((), _flag),
}
