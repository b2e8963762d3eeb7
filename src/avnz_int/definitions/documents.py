"""JSON Schemas of the files that people write, for their editors."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from avnz_int.definitions import loader, plugins
from avnz_int.definitions.loader import Seed
from avnz_int.errors import InvalidInputError, StorageError

_FOLDER = Path(__file__).resolve().parent.parent / "schemas"
_REFERENCE = {"$ref": "#/$defs/reference"}


def names() -> list[str]:
    """What there is a schema of."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def document(name: str, *, also: Collection[str] = ()) -> dict[str, Any]:
    """The schema of a kind of file, as it is shipped; `also` are other names that there are.

    Raises:
        InvalidInputError: there is no such kind.
    """
    if name not in names():
        known = sorted({*names(), *also})
        near = loader.nearest(name, known)
        words = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
        raise InvalidInputError(f"no schema {name!r}", hint=words)
    try:
        found: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_bytes())
    except (OSError, ValueError):
        raise StorageError(f"the schema {name} cannot be read", hint="install avnz-int again") from None
    return found


def for_editors(name: str, *, also: Collection[str] = ()) -> dict[str, Any]:
    """As `document`; that of a manifest has the fields of each provider too, plugins' included."""
    found = document(name, also=also)
    if name == "manifest":
        seeds = loader.read_seeds() + [one.seed for one in plugins.find() if one.seed is not None]
        _complete(found["$defs"], sorted(seeds, key=lambda seed: seed.provider))
    return found


def _complete(defs: dict[str, Any], seeds: Iterable[Seed]) -> None:
    seeds = list(seeds)
    defs["provider"]["anyOf"] = [
        {"oneOf": [{"const": seed.provider, "title": seed.name} for seed in seeds]},
        {"type": "string"},
    ]
    for level, fits in (
        ("platform", seeds),
        ("integration", [one for one in seeds if one.is_client_allowed]),
    ):
        defs[level]["allOf"] = [
            {
                "if": {"properties": {"provider": {"const": seed.provider}}, "required": ["provider"]},
                "then": {"properties": _fields(seed)},
            }
            for seed in fits
        ]


def _fields(seed: Seed) -> dict[str, Any]:
    schema = seed.credential_schema
    credentials = {
        "type": "object",
        "properties": {name: _credential(field) for name, field in schema["properties"].items()},
        "required": list(schema.get("required", ())),
        "additionalProperties": False,
    }
    settings = seed.settings_schema or {"properties": {}}
    return {
        "credentials": {"anyOf": [{"const": "stored"}, credentials]},
        "settings": {
            "properties": {name: _plain(field) for name, field in settings["properties"].items()},
            "required": list(settings.get("required", ())),
            "additionalProperties": False,
        },
    }


def _credential(field: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {name: field[name] for name in ("title", "description") if name in field}
    if field.get("format") != "password":
        literal = {name: field[name] for name in ("type", "enum") if name in field}
        return {**told, "anyOf": [_REFERENCE, literal]}
    if field["type"] in {"object", "array"}:
        inner = "additionalProperties" if field["type"] == "object" else "items"
        return {**told, "anyOf": [_REFERENCE, {"type": field["type"], inner: _REFERENCE}]}
    return {**told, **_REFERENCE}


def _plain(field: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in field.items() if not name.startswith("x-")}
