"""Find and read the seed files `seeds/definitions/<provider>.json`.

Completion and `--help` import this module: standard library only. What is judged here is the form of a file
(JSON, keys, types); what a definition may say is judged by `avnz_int.definitions.rules`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from avnz_int.errors import InvalidDefinitionError, InvalidInputError, StorageError
from avnz_int.model.enums import Category, DefinitionStatus

COMPLIANCE = ("soc2", "pci_dss", "iso27001")
"""The standards that `requiredCompliance` may name."""

_PROVIDER = re.compile(r"[a-z][a-z0-9_]{0,63}")
_URL = re.compile(r"https://[A-Za-z0-9.-]+(?:/[!-~]*)?")
_SUFFIX = ".json"
_BOM = b"\xef\xbb\xbf"
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule of a definition.

    Attributes:
        path: where, as a JSON path (`$.credentialSchema.properties.password`).
        rule: what must hold there, as a sentence.
        file: the seed file.
    """

    path: str
    rule: str
    file: str

    def as_dict(self) -> dict[str, str]:
        """`{"file", "path", "rule"}` for `-o json`."""
        return {"file": self.file, "path": self.path, "rule": self.rule}


@dataclass(frozen=True, slots=True)
class Seed:
    """One IntegrationDefinition as its file states it; schemas are JSON Schema 2020-12 objects."""

    provider: str
    category: Category
    name: str
    description: str
    logo_url: str | None
    documentation_url: str | None
    is_org_only: bool
    is_client_allowed: bool
    is_platform_offered: bool
    credential_schema: dict[str, Any]
    settings_schema: dict[str, Any] | None
    required_compliance: tuple[str, ...]
    status: DefinitionStatus
    path: Path


def seeds_dir() -> Path:
    """The folder of the shipped seeds: inside the wheel, or the checkout's own in an editable install.

    Raises:
        StorageError: neither is there, so the installation is incomplete.
    """
    package = Path(__file__).resolve().parent.parent
    # Hatch puts the seeds into the wheel; an editable install has no such folder.
    for folder in (package / "_seeds" / "definitions", package.parent.parent / "seeds" / "definitions"):
        if folder.is_dir():
            return folder
    raise StorageError("the definitions shipped with avnz-int are missing", hint="install avnz-int again")


def provider_names(directory: Path | None = None) -> list[str]:
    """The provider keys in order: the stems of the seed files, none of which is opened.

    Raises:
        InvalidInputError: `directory` is no folder that can be read, or holds no seed.
    """
    return [path.stem for path in _seed_files(seeds_dir() if directory is None else directory)]


def is_provider(name: str) -> bool:
    """Whether it has the form of a provider key."""
    return _PROVIDER.fullmatch(name) is not None


def read_seeds(directory: Path | None = None) -> list[Seed]:
    """All definitions of a folder, by provider.

    Raises:
        InvalidDefinitionError: names every problem of every file.
        InvalidInputError: `directory` is no folder that can be read, or holds no seed.
    """
    seeds: list[Seed] = []
    problems: list[Problem] = []
    for path in _seed_files(seeds_dir() if directory is None else directory):
        seed, found = _read(path)
        problems += found
        if seed is not None:
            seeds.append(seed)
    if problems:
        raise invalid_definitions(problems)
    return seeds


def read_seed(path: Path) -> Seed:
    """The definition in one file.

    Raises:
        InvalidDefinitionError: names every problem of the file.
    """
    seed, problems = _read(path)
    if seed is None:
        raise invalid_definitions(problems)
    return seed


def invalid_definitions(problems: Iterable[Problem]) -> InvalidDefinitionError:
    """The error that names file, path and rule of each problem; `details["problems"]` holds them all."""
    found = list(problems)
    lines = [f"{p.file}: {p.path}: {p.rule}" for p in found[:_NAMED]]
    if len(found) > _NAMED:
        lines.append(f"and {len(found) - _NAMED} more")
    return InvalidDefinitionError(
        "; ".join(lines),
        hint="mend the file, then run avnz-int definitions validate",
        details={"problems": [p.as_dict() for p in found]},
    )


def nearest(name: str, names: Iterable[str]) -> list[str]:
    """Up to three of `names` that are likely meant by `name`, the likeliest first."""
    # Completion imports this module and never comes here: difflib would cost it 4 ms.
    from difflib import get_close_matches  # noqa: PLC0415

    known = {known.lower(): known for known in names}
    asked = name.lower().replace("-", "_")
    close = get_close_matches(asked, known, n=3, cutoff=0.6)
    # "payflow" is meant as paypal_payflow, but shares too little of its letters with it.
    part = [key for key in sorted(known) if len(asked) >= 3 and asked in key and key not in close]
    return [known[key] for key in (close + part)[:3]]


def _seed_files(directory: Path) -> list[Path]:
    try:
        with os.scandir(directory) as entries:
            names = sorted(e.name for e in entries if e.name.endswith(_SUFFIX) and not e.name.startswith("."))
    except OSError as exc:
        raise InvalidInputError(
            f"the definitions in {directory} cannot be read: {exc.strerror}",
            hint="name a folder of <provider>.json files",
        ) from None
    if not names:
        # No definition at all would be "deprecate them all" to --prune.
        raise InvalidInputError(
            f"{directory} holds no seed (*.json)", hint="name a folder of <provider>.json files"
        )
    return [directory / name for name in names]


def _read(path: Path) -> tuple[Seed | None, list[Problem]]:
    """The seed, or what is wrong with its file."""
    try:
        document, twice = _parse(path)
        if not isinstance(document, dict):
            _fail("must be an object")
    except _BrokenFileError as exc:
        return None, [Problem("$", exc.rule, str(path))]
    problems = [
        Problem(_path_of(document, owner), f'the key "{key}" stands twice', str(path))
        for owner, keys in twice
        for key in keys
    ]
    problems += [Problem(where, rule, str(path)) for where, rule in _form(document, path.stem)]
    return (None, problems) if problems else (_seed(document, path), [])


class _BrokenFileError(Exception):
    """The file holds no JSON; `rule` says why."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def _fail(rule: str) -> NoReturn:
    raise _BrokenFileError(rule)


def _parse(path: Path) -> tuple[Any, list[tuple[dict[str, Any], list[str]]]]:
    """The JSON value, and each object in it that has a key twice, with those keys."""
    twice: list[tuple[dict[str, Any], list[str]]] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            keys = [key for key, _ in pairs]
            twice.append((members, sorted({key for key in keys if keys.count(key) > 1})))
        return members

    try:
        raw = path.read_bytes()
    except OSError as exc:
        _fail(f"must be readable ({exc.strerror})")
    if raw.startswith(_BOM):
        _fail("must not begin with a byte order mark")
    try:
        text = raw.decode()
    except UnicodeDecodeError as exc:
        _fail(f"must be UTF-8 (byte {exc.start} is not)")
    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=_no_constant), twice
    except json.JSONDecodeError as exc:
        _fail(f"must be JSON (line {exc.lineno}, column {exc.colno}: {exc.msg})")
    except RecursionError:
        _fail("must be JSON of reasonable depth")
    except ValueError:
        _fail("must hold no number of thousands of digits")


def _no_constant(name: str) -> NoReturn:
    _fail(f"must be JSON ({name} is not)")


def _path_of(document: Any, wanted: dict[str, Any]) -> str:
    """Where `wanted` stands; the root if a later twin of its key has pushed it out."""
    waiting: list[tuple[str, Any]] = [("$", document)]
    while waiting:
        where, value = waiting.pop()
        if value is wanted:
            return where
        if isinstance(value, dict):
            waiting += [(f"{where}.{key}", member) for key, member in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{where}[{i}]", member) for i, member in enumerate(value)]
    return "$"


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if not value.strip() or not value.isprintable():
        return "must be a line of text"
    return None


def _url(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and _URL.fullmatch(value)):
        return None
    return "must be an https URL or null"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _one_of(words: Iterable[str]) -> Callable[[Any], str | None]:
    known = tuple(str(word) for word in words)
    rule = "must be one of " + ", ".join(known)
    return lambda value: None if isinstance(value, str) and value in known else rule


def _object(value: Any) -> str | None:
    return None if isinstance(value, dict) else "must be an object"


def _standards(value: Any) -> str | None:
    if (
        isinstance(value, list)
        and all(word in COMPLIANCE for word in value)
        and len(set(value)) == len(value)
    ):
        return None
    return "must be a list of " + ", ".join(COMPLIANCE) + ", each at most once"


_KEYS: Mapping[str, Callable[[Any], str | None]] = {
    "provider": _text,
    "category": _one_of(Category),
    "name": _text,
    "description": _text,
    "logoUrl": _url,
    "documentationUrl": _url,
    "isOrgOnly": _flag,
    "isClientAllowed": _flag,
    "isPlatformOffered": _flag,
    "credentialSchema": _object,
    "settingsSchema": lambda value: None if value is None else _object(value),
    "requiredCompliance": _standards,
    "status": _one_of(DefinitionStatus),
}
# The other keys have the defaults that the specification's model gives them.
_REQUIRED = ("provider", "category", "name", "description", "credentialSchema")


def _form(document: dict[str, Any], stem: str) -> Iterator[tuple[str, str]]:
    """Path and rule of everything in the file's first level that is wrong."""
    if not is_provider(stem):
        yield "$.provider", "the file's name must be a provider key: a-z, 0-9 and _, a letter first"
    for key in _REQUIRED:
        if key not in document:
            yield f"$.{key}", "is missing"
    for key, value in document.items():
        judge = _KEYS.get(key)
        rule = "is not a key of a definition" if judge is None else judge(value)
        if rule is not None:
            yield f"$.{key}", rule
    if isinstance(document.get("provider"), str) and document["provider"] != stem:
        yield "$.provider", f'must be the file\'s name, "{stem}"'


def _seed(document: dict[str, Any], path: Path) -> Seed:
    return Seed(
        provider=document["provider"],
        category=Category(document["category"]),
        name=document["name"],
        description=document["description"],
        logo_url=document.get("logoUrl"),
        documentation_url=document.get("documentationUrl"),
        is_org_only=document.get("isOrgOnly", False),
        is_client_allowed=document.get("isClientAllowed", True),
        is_platform_offered=document.get("isPlatformOffered", False),
        credential_schema=document["credentialSchema"],
        settings_schema=document.get("settingsSchema"),
        required_compliance=tuple(document.get("requiredCompliance", ())),
        status=DefinitionStatus(document.get("status", DefinitionStatus.ACTIVE)),
        path=path,
    )
