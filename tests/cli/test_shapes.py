"""The JSON of every command, as keys and types: golden files, made anew with `AVNZ_INT_UPDATE_GOLDEN=1`."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from support.cli import Command
from support.commands import LOGIN, PRICE, own, platform, using
from support.services import PASSWORD

GOLDEN = Path(__file__).parent / "golden" / "shapes"
UPDATE = bool(os.environ.get("AVNZ_INT_UPDATE_GOLDEN"))
_KINDS = (
    ("time", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    ("id", r"[a-z][a-z0-9]{23}"),
    ("mac", r"[0-9a-f]{64}"),
)


def shape(value: Any) -> Any:
    """Keys and names of types: ids, times and MACs by their form, a list as the set of its items."""
    if isinstance(value, dict):
        return {("<id>" if shape(key) == "id" else key): shape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [json.loads(item) for item in sorted({json.dumps(shape(part)) for part in value})]
    if isinstance(value, str):
        return next((kind for kind, form in _KINDS if re.fullmatch(form, value)), "str")
    return "null" if value is None else type(value).__name__


def told(command: Command, *args: str, exit_code: int = 0) -> Any:
    """The one JSON value that a command prints."""
    return command(*args, "-o", "json", exit_code=exit_code).json


def scene(command: Command) -> dict[str, Any]:
    """Name of a golden file -> what a command printed, in the order of a day's work."""
    found = {"init": told(command, "init"), "whoami": told(command, "whoami")}
    # Only PostgreSQL has schemas.
    assert (None if command.url.startswith("sqlite") else "public") == found["whoami"].pop("schema")
    found["tenant-add"] = told(command, "tenant", "add", "later", "--name", "Later Inc")
    found["tenant-rename"] = told(command, "tenant", "rename", "later", "--name", "Last Inc")
    found["tenant-remove"] = told(command, "tenant", "remove", "later", "--yes")
    found["definitions-list"] = told(command, "definitions", "list", "--category", "email_marketing")[:1]
    found["definitions-show"] = told(command, "definitions", "show", "paypal_payflow")
    found["definitions-seed"] = told(command, "definitions", "seed")
    found["definitions-check"] = told(command, "definitions", "seed", "--check")
    found["definitions-validate"] = told(command, "definitions", "validate")
    found["platform-add"] = platform(command)
    found["share"] = told(command, "share", "paypal_payflow", *PRICE)
    found["client-available"] = [
        offer
        for offer in told(command, "client", "available", "--client", "acme")
        if offer["provider"] == "paypal_payflow"
    ]
    found["client-add"] = own(command, "Main", "--default")
    found["client-add-platform"] = using(command)
    found["share-list"] = told(command, "share", "--list")
    for group, ref in (("platform", "paypal_payflow"), ("client", "acme/Main")):
        found[f"{group}-list"] = told(command, group, "list")
        found[f"{group}-show"] = told(command, group, "show", ref)
        found[f"{group}-update"] = told(command, group, "update", ref, "--description", "The first")
        told(command, group, "update", ref, *LOGIN)
        found[f"{group}-rollback"] = told(command, group, "rollback", ref)
        found[f"{group}-disable"] = told(command, group, "disable", ref)
        found[f"{group}-enable"] = told(command, group, "enable", ref)
    found["client-set-default"] = told(command, "client", "set-default", "acme/Main")
    found["test"] = told(command, "test", "acme/Main")
    found["test-several"] = told(command, "test", "acme/Main", "platform/paypal_payflow")
    found["rotate-key"] = told(command, "rotate-key")
    found["rotate-key-status"] = told(command, "rotate-key", "--status")
    found["keyring-show"] = told(command, "keyring", "show")
    found["keyring-prune"] = told(command, "keyring", "prune", "--yes")
    found["merchant-list"] = told(command, "merchant", "list")
    found["merchant-show"] = told(command, "merchant", "show", "acme/Main")
    found["tenant-list"] = told(command, "tenant", "list")
    found["tenant-show"] = told(command, "tenant", "show", "shop")
    found["tenant-tree"] = told(command, "tenant", "tree")
    found["audit-list"] = told(command, "audit", "list", "--action", "client:create", "--limit", "1")
    found["audit-verify"] = told(command, "audit", "verify")
    found["db-current"] = told(command, "db", "current")
    found["db-check"] = told(command, "db", "check")
    found["db-upgrade"] = told(command, "db", "upgrade")
    copy = f"sqlite:///{command.folder / 'copy.db'}"
    found["db-copy"] = told(command, "db", "copy", "--to", copy)
    found["error-dependents"] = command.fails("platform", "delete", "paypal_payflow", "--yes", exit_code=5)
    found["error-fields"] = command.fails(
        "client", "add", "paypal_payflow", "--client", "globex", exit_code=2
    )
    found["error-provider"] = command.fails("platform", "add", "paypal", exit_code=2)
    found["error-several"] = command("test", "acme/Main", "acme/x", "-o", "json", exit_code=3).error
    given = command.file("given.env", f"PAYFLOW_VENDOR=acme\nPAYFLOW_PWD='{PASSWORD}'\nAWS_REGION=x\nA=b\n")
    words = ("import-env", given, "--client", "globex", "--yes")
    found["import-env"] = told(command, *words)
    command.file("given.env", "STRIPE_SECRET_KEY=a\n")
    found["import-env-problems"] = told(command, *words, "--dry-run", exit_code=2)
    found["client-delete"] = told(command, "client", "delete", "acme/Main", "--yes")
    found["share-off"] = told(command, "share", "paypal_payflow", "--off", "--revoke", "--yes")
    found["client-delete-platform"] = told(command, "client", "delete", "acme/Ours", "--yes")
    found["platform-delete"] = told(command, "platform", "delete", "paypal_payflow", "--yes")
    return found


def test_golden(on_both: Command) -> None:
    """Every command prints the keys and types that were looked at last, on both databases."""
    shapes = {name: shape(value) for name, value in scene(on_both).items()}
    for name, value in shapes.items():
        path = GOLDEN / f"{name}.json"
        if UPDATE and on_both.url.startswith("sqlite"):  # jsonb has an order of its own
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        assert json.loads(path.read_text(encoding="utf-8")) == value, name
    if UPDATE:
        for path in GOLDEN.iterdir():
            if path.stem not in shapes:
                path.unlink()

    assert set(shapes) == {path.stem for path in GOLDEN.iterdir()}


def test_contract() -> None:
    """The key sets that are promised hold, in the order in which they are promised."""
    promised = {
        "init": "organization database keyring definitions token",
        "whoami": "database keyring organization actor role",
        "test": "id provider environment success outcome code message latency testedAt",
        "rotate-key": "activeKeyId resealed pending unreadable rows",
        "rotate-key-status": "activeKeyId resealed pending unreadable rows",
        "audit-verify": "valid events firstBadSequence reason",
        "error-provider": "code message hint details",
    }
    read = {name: json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8")) for name in promised}

    assert {name: keys.split() for name, keys in promised.items()} == {
        name: list(keys) for name, keys in read.items()
    }


def test_models() -> None:
    """What stands for a model has the model's fields under the model's names."""
    stamps = {"createdAt", "updatedAt", "createdBy", "updatedBy"}
    tested = {"lastTestedAt", "lastTestResult", "errorMessage"}
    expected = {
        "definitions-show": {
            *("id", "category", "provider", "name", "description", "logoUrl", "documentationUrl"),
            *("isOrgOnly", "isClientAllowed", "isPlatformOffered", "credentialSchema", "settingsSchema"),
            *("requiredCompliance", "status", "createdAt", "updatedAt"),
        },
        "platform-show": {
            *("id", "organizationId", "category", "provider", "name", "description", "credentials"),
            *("settings", "isSharedWithClients", "clientPricing", "environment", "status", *tested, *stamps),
        },
        "client-show": {
            *("id", "clientId", "category", "provider", "name", "description", "mode", "credentials"),
            *("platformIntegrationId", "settings", "isDefault", "priority", "environment", "status"),
            *("isVerified", "verifiedAt", "verifiedBy", "usageThisMonth", *tested, *stamps),
        },
        "merchant-show": {
            *("id", "clientIntegrationId", "platformIntegrationId", "provider", "name", "status"),
        },
    }
    read = {name: set(json.loads((GOLDEN / f"{name}.json").read_text())) for name in expected}

    assert {} == {name: fields - read[name] for name, fields in expected.items() if fields - read[name]}


def test_whole_object(command: Command) -> None:
    """`add` and `update` print the object that now stands, of the same shape as `show`."""
    made = own(command)
    updated = told(command, "client", "update", "acme/Main", "--name", "Other")
    shown = told(command, "client", "show", made["id"])

    assert list(made) == list(updated) == list(shown)
    assert "Other" == updated["name"] == shown["name"]
    assert made["updatedAt"] < updated["updatedAt"] == shown["updatedAt"]
