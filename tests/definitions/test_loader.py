"""Reading seed files: what is wrong with a file is named with file, path and rule."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from avnz_int.definitions import loader
from avnz_int.errors import InvalidDefinitionError, InvalidInputError, StorageError
from avnz_int.model.enums import Category, DefinitionStatus

SEED: dict[str, Any] = {
    "provider": "acme",
    "category": "sms",
    "name": "Acme",
    "description": "SMS through Acme.",
    "credentialSchema": {"type": "object", "properties": {}},
}
HEAVY = {"jsonschema", "sqlmodel", "sqlalchemy", "httpx", "boto3", "questionary", "rich", "cryptography"}


def write(folder: Path, seed: Any = SEED, *, name: str = "acme.json") -> Path:
    """A seed file with this content: bytes and text as they are, else as JSON."""
    path = folder / name
    raw = seed if isinstance(seed, str | bytes) else json.dumps(seed)
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    return path


def problems_of(path: Path) -> list[dict[str, str]]:
    """What `read_seed` finds wrong; every problem names the file, and the message says it too."""
    with pytest.raises(InvalidDefinitionError) as caught:
        loader.read_seed(path)
    found: list[dict[str, str]] = caught.value.details["problems"]
    assert {str(path)} == {problem["file"] for problem in found}
    for problem in found:
        assert f"{problem['file']}: {problem['path']}: {problem['rule']}" in caught.value.message
    return found


def test_names() -> None:
    """The names of the shipped providers are the stems of their files, in order."""
    names = loader.provider_names()
    assert sorted(path.stem for path in loader.seeds_dir().glob("*.json")) == names


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel's own seeds come before a checkout's; with neither the installation is incomplete."""
    monkeypatch.setattr(loader, "__file__", str(tmp_path / "src" / "avnz_int" / "definitions" / "loader.py"))
    with pytest.raises(StorageError, match="missing"):
        loader.seeds_dir()
    for folder in ("seeds/definitions", "src/avnz_int/_seeds/definitions"):
        (tmp_path / folder).mkdir(parents=True)
        assert tmp_path / folder == loader.seeds_dir()


def test_names_unread(tmp_path: Path) -> None:
    """Names come from the file names alone: files are not read, others and hidden ones passed over."""
    for name in ("b.json", "a.json", ".c.json", "d.txt"):
        write(tmp_path, "not JSON", name=name)
    expected = ["a", "b"]
    assert expected == loader.provider_names(tmp_path)


@pytest.mark.parametrize("read", [loader.provider_names, loader.read_seeds])
def test_no_folder(tmp_path: Path, read: Any) -> None:
    """A folder that is not there is invalid input that names it."""
    with pytest.raises(InvalidInputError, match="nowhere"):
        read(tmp_path / "nowhere")


def test_defaults(tmp_path: Path) -> None:
    """Keys with a default in the specification's model may be left out."""
    seed = loader.read_seed(write(tmp_path))
    expected = loader.Seed(
        provider="acme",
        category=Category.SMS,
        name="Acme",
        description="SMS through Acme.",
        logo_url=None,
        documentation_url=None,
        is_org_only=False,
        is_client_allowed=True,
        is_platform_offered=False,
        credential_schema={"type": "object", "properties": {}},
        settings_schema=None,
        required_compliance=(),
        status=DefinitionStatus.ACTIVE,
        path=tmp_path / "acme.json",
    )
    assert expected == seed


def test_property_order(tmp_path: Path) -> None:
    """Properties keep the order of the file, for it is the order of the questions."""
    names = ["zeta", "alpha", "mid"]
    schema = {"type": "object", "properties": {name: {} for name in names}}
    seed = loader.read_seed(write(tmp_path, SEED | {"credentialSchema": schema}))
    assert names == list(seed.credential_schema["properties"])


@pytest.mark.parametrize(
    ("change", "path", "rule"),
    [
        ({"category": "mail"}, "$.category", "must be one of authentication,"),
        ({"category": None}, "$.category", "must be one of authentication,"),
        ({"status": "new"}, "$.status", "must be one of active, beta, deprecated"),
        ({"provider": "other"}, "$.provider", 'must be the file\'s name, "acme"'),
        ({"provider": 1}, "$.provider", "must be a string"),
        ({"name": " "}, "$.name", "must be a line of text"),
        ({"name": "a\nb"}, "$.name", "must be a line of text"),
        ({"description": 1}, "$.description", "must be a string"),
        ({"logoUrl": "http://example.com/x.svg"}, "$.logoUrl", "must be an https URL or null"),
        ({"documentationUrl": 1}, "$.documentationUrl", "must be an https URL or null"),
        ({"isOrgOnly": 1}, "$.isOrgOnly", "must be true or false"),
        ({"isClientAllowed": "yes"}, "$.isClientAllowed", "must be true or false"),
        ({"isPlatformOffered": None}, "$.isPlatformOffered", "must be true or false"),
        ({"credentialSchema": []}, "$.credentialSchema", "must be an object"),
        ({"settingsSchema": True}, "$.settingsSchema", "must be an object"),
        ({"requiredCompliance": ["soc3"]}, "$.requiredCompliance", "must be a list of soc2,"),
        ({"requiredCompliance": ["soc2", "soc2"]}, "$.requiredCompliance", "must be a list of soc2,"),
        ({"requiredCompliance": "soc2"}, "$.requiredCompliance", "must be a list of soc2,"),
        ({"categroy": "sms"}, "$.categroy", "is not a key of a definition"),
    ],
)
def test_wrong_key(tmp_path: Path, change: dict[str, Any], path: str, rule: str) -> None:
    """A key that is unknown or holds the wrong thing is named with its rule."""
    found = problems_of(write(tmp_path, SEED | change))
    assert [path] == [problem["path"] for problem in found]
    assert found[0]["rule"].startswith(rule)


@pytest.mark.parametrize("key", SEED)
def test_missing_key(tmp_path: Path, key: str) -> None:
    """A key without a default is named when it is missing."""
    found = problems_of(write(tmp_path, {k: v for k, v in SEED.items() if k != key}))
    assert {"path": f"$.{key}", "rule": "is missing"}.items() <= found[0].items()


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ('{\n  "provider": "acme",\n}', "must be JSON (line 3, column 1:"),
        ("", "must be JSON (line 1, column 1:"),
        ('{"a": NaN}', "must be JSON (NaN is not)"),
        ("[" * 100_000, "must be JSON of reasonable depth"),
        ('{"a": ' + "9" * 5000 + "}", "must hold no number of thousands of digits"),
        ("[]", "must be an object"),
        (b"\xef\xbb\xbf{}", "must not begin with a byte order mark"),
        (b'{"name": "\xff"}', "must be UTF-8 (byte 10 is not)"),
    ],
)
def test_no_json(tmp_path: Path, content: str | bytes, rule: str) -> None:
    """A file that is not UTF-8 JSON says so, with the place."""
    found = problems_of(write(tmp_path, content))
    assert len(found) == 1
    assert found[0]["path"] == "$"
    assert found[0]["rule"].startswith(rule)


def test_unreadable(tmp_path: Path) -> None:
    """A file that cannot be read is a problem of that file."""
    found = problems_of(tmp_path / "gone.json")
    expected = "must be readable (No such file or directory)"
    assert expected == found[0]["rule"]


def test_duplicate_key(tmp_path: Path) -> None:
    """A key that stands twice is named with the path of its object, also where its parent stands twice."""
    text = json.dumps(SEED)[:-1] + ', "settingsSchema": {"a": {"b": 1, "b": 2}}, "name": "A", "name": "B"}'
    found = {(p["path"], p["rule"]) for p in problems_of(write(tmp_path, text))}
    assert ("$.settingsSchema.a", 'the key "b" stands twice') in found
    assert ("$", 'the key "name" stands twice') in found
    lost = json.dumps(SEED)[:-1] + ', "settingsSchema": {"x": 1, "x": 2}, "settingsSchema": {}}'
    found = {(p["path"], p["rule"]) for p in problems_of(write(tmp_path, lost))}
    assert ("$", 'the key "x" stands twice') in found


def test_duplicate_in_list(tmp_path: Path) -> None:
    """The path of a key that stands twice counts the items of lists."""
    text = json.dumps(SEED)[:-1] + ', "settingsSchema": {"anyOf": [{}, {"b": 1, "b": 2}]}}'
    expected = ["$.settingsSchema.anyOf[1]"]
    assert expected == [p["path"] for p in problems_of(write(tmp_path, text))]


@pytest.mark.parametrize("stem", ["Acme", "1acme", "ac-me", "_acme", "a" * 65])
def test_file_name(tmp_path: Path, stem: str) -> None:
    """A file name that is no provider key is refused: it becomes the name of a module."""
    found = problems_of(write(tmp_path, SEED | {"provider": stem}, name=f"{stem}.json"))
    expected = ["$.provider"]
    assert expected == [problem["path"] for problem in found]


def test_all_problems(tmp_path: Path) -> None:
    """Problems of all files come in one error; the message names ten and counts the rest."""
    for i in range(6):
        write(tmp_path, {"provider": f"a{i}", "name": 1}, name=f"a{i}.json")
    with pytest.raises(InvalidDefinitionError) as caught:
        loader.read_seeds(tmp_path)
    assert len(caught.value.details["problems"]) == 6 * 4
    assert {f"a{i}.json" for i in range(6)} == {
        Path(problem["file"]).name for problem in caught.value.details["problems"]
    }
    assert caught.value.message.endswith("and 14 more")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("strpe", ["stripe"]),
        ("Stripe", ["stripe"]),
        ("authorize.net", ["authorize_net"]),
        ("payflow", ["paypal_payflow"]),
        ("paypal-payflow", ["paypal_payflow"]),
        ("zzzzzz", []),
        ("", []),
    ],
)
def test_nearest(asked: str, expected: list[str]) -> None:
    """A mistyped, shortened or differently written name finds the provider; nonsense finds none."""
    assert expected == loader.nearest(asked, loader.provider_names())[:1]


def test_nothing_heavy() -> None:
    """Reading all seeds and validating them loads no heavy library."""
    code = (
        "import sys; from avnz_int.definitions import loader, schema; "
        "assert not any(schema.validate_definition(s) for s in loader.read_seeds()); "
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = "[]"
    assert expected == ended.stdout.strip()
