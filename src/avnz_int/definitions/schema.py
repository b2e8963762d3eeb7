"""Judge credentials and settings by a definition's schemas; tell a prompt what to ask, in which order.

jsonschema is imported when something is judged, never at start-up. Its own messages hold the value that was
refused, so none of them is passed on: field, rule and words of ours.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from avnz_int.definitions import quick
from avnz_int.definitions.formats import FORMATS, compile_pattern
from avnz_int.definitions.rules import DIALECT, validate_definition
from avnz_int.definitions.violation import NOUNS, Violation, explain, unfit
from avnz_int.errors import SchemaViolationError

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = [
    "Field",
    "Kept",
    "Tested",
    "Violation",
    "coerce",
    "destination_fields",
    "is_sound",
    "question_order",
    "require_valid",
    "secret_fields",
    "tested",
    "validate_definition",
    "violations",
    "with_defaults",
]

Schema = Mapping[str, Any]
Environments = tuple[tuple[str, str, Callable[[str], object]], ...]
"""Field, an environment that its value may tell, and what finds that."""

_NO_FIELDS: Schema = {
    "$schema": DIALECT,
    "type": "object",
    "properties": {},
    "additionalProperties": False,
}
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Field:
    """What a prompt needs to ask for one property.

    Attributes:
        default_from: the field, asked earlier, whose answer is the default.
        pattern: as in the schema; `violations()` judges the answer.
    """

    name: str
    title: str
    description: str
    secret: bool
    required: bool
    default: Any
    default_from: str | None
    enum: tuple[str, ...] | None
    type: str
    pattern: str | None


@dataclass(frozen=True, slots=True)
class Tested:
    """What a definition says of its connection test.

    Attributes:
        request: what the test asks the provider.
        permission: the least that the credentials need for it.
    """

    request: str
    permission: str


class Kept(dict[str, Any]):
    """A schema with its validator, for judging many values: finding the validator costs what judging does.

    It must not be changed once something was judged by it.
    """

    validator: Validator | None = None
    _quick: Callable[[dict[str, Any]], bool] | None = None
    _asked = False

    def surely_valid(self, value: dict[str, Any]) -> bool:
        """Whether a value keeps to the schema, where that is quickly seen; False says nothing.

        jsonschema takes 25 us for four strings, this 3: most of what many values cost.
        """
        if not self._asked:
            self._asked, self._quick = True, quick.compiled(self)
        return self._quick is not None and self._quick(value)

    @cached_property
    def environments(self) -> Environments:
        """The patterns of `told_environment`, found once."""
        return _environments(self)

    @cached_property
    def destinations(self) -> tuple[str, ...]:
        """What `destination_fields` gives, found once."""
        return _destinations(self)

    def kept_validator(self) -> Validator:
        """The validator, found once."""
        if self.validator is None:
            self.validator = _validator(json.dumps(self, sort_keys=True))
        return self.validator


def violations(schema: Schema | None, value: Any) -> list[Violation]:
    """All rules of the schema that `value` breaks, in the order of its properties; None allows no field."""
    schema = _NO_FIELDS if schema is None else schema
    if not isinstance(value, dict):
        return [Violation("", "type", "must be a JSON object")]
    if schema is _NO_FIELDS and not value:
        return []
    found = dict.fromkeys(unfit(value))
    if any(v.rule == "depth" for v in found):
        # jsonschema would run out of stack.
        return list(found)
    if isinstance(schema, Kept):
        if not found and schema.surely_valid(value):
            return []
        validator = schema.kept_validator()
    else:
        validator = _validator(json.dumps(schema, sort_keys=True))
    for error in validator.iter_errors(value):
        found |= dict.fromkeys(explain(schema, error))
    if not found:
        return []
    place = {name: i for i, name in enumerate(schema["properties"])}
    # What is empty or of another type is told so once, not also that it does not match.
    told = {
        v.field for v in found if v.rule == "type" or (v.rule == "minLength" and value.get(v.field) == "")
    }
    kept = [v for v in found if v.field not in told or v.rule not in ("pattern", "format", "enum")]
    return sorted(kept, key=lambda v: place.get(v.field.split(".", 1)[0], len(place)))


def require_valid(what: str, schema: Schema | None, value: Any) -> None:
    """Refuse a `value` that breaks the schema.

    Raises:
        SchemaViolationError: `what` says whose fields they are; names every field and rule, no value.
    """
    found = violations(schema, value)
    if found:
        raise SchemaViolationError(what, [v.as_dict() for v in found])


def is_sound(stored: object) -> bool:
    """Whether what stands in a database is a schema as far as the functions here go by it."""
    if not isinstance(stored, Mapping):
        return False
    fields = stored.get("properties", {})
    return isinstance(fields, Mapping) and all(isinstance(field, Mapping) for field in fields.values())


def secret_fields(schema: Schema | None) -> tuple[str, ...]:
    """The names of the properties that nobody may be shown."""
    return tuple(name for name, field in _properties(schema) if field.get("format") == "password")


def told_environment(schema: Schema, credentials: Mapping[str, Any]) -> str | None:
    """The environment that credentials say of themselves (`x-environment` patterns); None if none does."""
    known = schema.environments if isinstance(schema, Kept) else _environments(schema)
    for name, environment, fits in known:
        value = credentials.get(name)
        if isinstance(value, str) and fits(value):
            return environment
    return None


def _environments(schema: Schema) -> Environments:
    return tuple(
        (name, str(environment), compile_pattern(pattern).search)
        for name, field in _properties(schema)
        for environment, pattern in field.get("x-environment", {}).items()
    )


def destination_fields(settings_schema: Schema | None) -> tuple[str, ...]:
    """The names of the settings that decide where the credentials are sent."""
    if isinstance(settings_schema, Kept):
        return settings_schema.destinations
    return _destinations(settings_schema)


def _destinations(settings_schema: Schema | None) -> tuple[str, ...]:
    return tuple(name for name, field in _properties(settings_schema) if field.get("x-destination") is True)


def question_order(schema: Schema | None) -> tuple[Field, ...]:
    """The properties as questions, in the order to ask them."""
    required = set((schema or {}).get("required", ()))
    return tuple(
        Field(
            name=name,
            title=field.get("title", name),
            description=field.get("description", ""),
            secret=field.get("format") == "password",
            required=name in required,
            default=copy.deepcopy(field.get("default")),
            default_from=field.get("x-default-from"),
            enum=tuple(field["enum"]) if "enum" in field else None,
            type=field["type"],
            pattern=field.get("pattern"),
        )
        for name, field in _properties(schema)
    )


def tested(credential_schema: Schema) -> Tested | None:
    """What the definition says of its connection test; a third party's may say nothing."""
    told = credential_schema.get("x-check")
    return None if told is None else Tested(told["request"], told["permission"])


def with_defaults(settings_schema: Schema | None, settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """The settings, and the schema's default for each that is not set."""
    defaults = {
        name: copy.deepcopy(field["default"])
        for name, field in _properties(settings_schema)
        if "default" in field
    }
    return defaults | dict(settings or {})


def coerce(schema: Schema | None, name: str, text: str, *, what: str = "invalid value") -> Any:
    """`text` as the JSON type of the field `name`; as it is where the field is a string or unknown.

    Raises:
        SchemaViolationError: the text is no such value; `what` says whose field it is.
    """
    kind = dict(_properties(schema)).get(name, {}).get("type", "string")
    try:
        return _read(kind, text.strip()) if kind in NOUNS and kind != "string" else text
    except (ValueError, RecursionError):
        violation = Violation(name, "type", f"must be {NOUNS[kind]}")
        # From None: the cause's message quotes the text.
        raise SchemaViolationError(what, [violation.as_dict()]) from None


def _read(kind: str, text: str) -> Any:
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind in ("number", "array", "object"):
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_never)
        fine = isinstance(value, {"array": list, "object": dict}.get(kind, (int, float)))
        if fine and not isinstance(value, bool):
            return value
    raise ValueError(kind)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _never(_: str) -> Any:
    raise ValueError("no JSON number")


def _properties(schema: Schema | None) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return () if schema is None else schema.get("properties", {}).items()


# --- jsonschema ----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _dialect() -> Any:
    """JSON Schema 2020-12 with patterns as ECMA-262 reads them, enforced formats and no fetching."""
    from jsonschema import Draft202012Validator, FormatChecker, ValidationError  # noqa: PLC0415
    from jsonschema.validators import extend  # noqa: PLC0415

    def pattern(_: Any, wanted: str, value: Any, __: Any) -> Iterator[ValidationError]:
        if isinstance(value, str) and not compile_pattern(wanted).search(value):
            yield ValidationError("pattern")

    def test_of(fits: Any) -> Any:
        return lambda value: not isinstance(value, str) or fits(value)

    checker = FormatChecker(formats=())
    for name, (fits, _) in FORMATS.items():
        checker.checks(name)(test_of(fits))
    # The stubs leave extend() untyped.
    make: Any = extend
    return make(Draft202012Validator, validators={"pattern": pattern}), checker


@lru_cache(maxsize=256)
def _validator(canonical: str) -> Validator:
    """A kept validator of the schema: making one costs fifty times what using it costs."""
    from referencing import Registry  # noqa: PLC0415

    cls, checker = _dialect()
    # An empty registry fetches nothing, whatever a schema may refer to.
    validator: Validator = cls(json.loads(canonical), format_checker=checker, registry=Registry())
    return validator
