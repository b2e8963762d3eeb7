"""The JSON of every command, as keys and types: golden files, made anew with `AVNZ_INT_UPDATE_GOLDEN=1`."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from avnz_int import clock
from avnz_int.cli.shapes import SHAPES, schemas
from avnz_int.cli.shapes import schema as shape_schema
from support.cli import Command
from support.commands import LOGIN, MANIFEST, PRICE, leaves, own, platform, takes_output, using
from support.metering import active_once, as_file, line
from support.services import PASSWORD

GOLDEN = Path(__file__).parent / "golden" / "shapes"
UPDATE = bool(os.environ.get("AVNZ_INT_UPDATE_GOLDEN"))
PAYMENTS = ("--category", "payment_gateway")
IN_POOL = ("--client", "acme", "--account", "Main", "--transaction-limit", "5000", "--currency", "USD")
_KINDS = (
    ("time", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    ("id", r"[a-z][a-z0-9]{23}"),
    ("mac", r"[0-9a-f]{64}"),
)
_WHO = {"actor", "actorId", "createdBy", "updatedBy", "verifiedBy", "revokedBy", "closedBy"}


def shape(value: Any) -> Any:
    """Keys and names of types: ids, times and MACs by their form, a list as the set of its items."""
    if isinstance(value, dict):
        # Who did it is the user of the operating system on one database and a token on the other.
        return {
            ("<id>" if shape(key) == "id" else key): "str" if part and key in _WHO else shape(part)
            for key, part in value.items()
        }
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
    embedded = command.url.startswith("sqlite")
    assert (None if embedded else "public") == found["whoami"].pop("schema")
    # There the user of the operating system acts, on PostgreSQL a token.
    assert embedded == found["whoami"]["actor"].startswith("os:")
    used = found["whoami"].pop("token")
    assert (None if embedded else ["name", "prefix", "expiresAt"]) == (used and list(used))
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
    found["share-simulate"] = told(
        command, "share", "paypal_payflow", "--simulate", "--count", "9", "--volume", "90000"
    )
    found["client-available"] = [
        offer
        for offer in told(command, "client", "available", "--client", "acme")
        if offer["provider"] == "paypal_payflow"
    ]
    found["client-add"] = own(command, "Main", "--default")
    found["client-add-platform"] = using(command)
    found["share-list"] = told(command, "share", "--list")
    now = clock.rfc3339(clock.now())
    usage = as_file([line("T-1", integration="Ours", occurredAt=now), line("T-2", 0.5)])
    found["usage-record"] = command("usage", "record", "-o", "json", stdin=usage, exit_code=2).json
    found["usage-show"] = told(command, "usage", "show")
    found["client-usage"] = told(command, "client", "usage", "acme/Ours")
    found["billing-estimate"] = told(command, "billing", "show", "--estimate")
    active_once(command.url)
    found["billing-close"] = told(command, "billing", "close", "--month", "2020-01")
    found["billing-show"] = told(command, "billing", "show")
    found["billing-payouts"] = told(command, "billing", "payouts", "--from", now[:10], "--to", now[:10])
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
    found["resolve"] = told(command, "resolve", "--company", "shop", *PAYMENTS, "--explain")
    found["resolve-all"] = told(command, "resolve", "--all", *PAYMENTS)
    found["error-resolve"] = command.fails("resolve", "--client", "globex", *PAYMENTS, exit_code=3)
    found["merchant-route"] = told(command, "merchant", "route", "--client", "acme")
    found["merchant-route-simulate"] = told(
        command, "merchant", "route", "--client", "acme", "--simulate", "--fail", "acme/Main"
    )
    found["merchant-pool-add"] = told(command, "merchant", "pool", "add", "Cards", *IN_POOL)
    found["merchant-pool-list"] = told(command, "merchant", "pool", "list")
    found["error-route"] = command.fails(
        "merchant", "route", "--client", "acme", "--amount", "6000", "--currency", "USD", exit_code=3
    )
    found["merchant-pool-remove"] = told(
        command, "merchant", "pool", "remove", "Cards", "--client", "acme", "--yes"
    )
    found["tenant-list"] = told(command, "tenant", "list")
    found["tenant-show"] = told(command, "tenant", "show", "shop")
    found["tenant-tree"] = told(command, "tenant", "tree")
    found["export"] = told(command, "export")
    found["export-file"] = told(command, "export", "--output-file", str(command.folder / "records.jsonl"))
    found["import"] = told(command, "import", str(command.folder / "records.jsonl"), exit_code=2)
    found["audit-list"] = told(command, "audit", "list", "--action", "client:create", "--limit", "1")
    found["audit-verify"] = told(command, "audit", "verify")
    words = ("--role", "client_admin", "--client", "acme", "--name", "shape", "--expires", "90d")
    found["token-create"] = told(command, "token", "create", *words)
    listed = told(command, "token", "list")
    found["token-list"] = [token for token in listed if token["name"] == "shape"]
    found["token-revoke"] = told(command, "token", "revoke", "shape", "--yes")
    found["doctor"] = told(command, "doctor")
    found["doctor"] = told(command, "doctor", "--fix")
    # What it finds differs between databases; the lint finds the same everywhere.
    found["doctor"]["findings"] = []
    found["doctor-lint"] = told(command, "doctor", "--lint", exit_code=5)
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
    found["plan"] = command("plan", "-f", MANIFEST, "-o", "json", exit_code=5).json
    found["apply"] = told(command, "apply", "-f", MANIFEST, "--yes")
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


def test_schemas(command: Command) -> None:
    """What every command prints keeps to the JSON Schema that is shipped for it."""
    variants = {"client-add-platform": "client-add", "client-delete-platform": "client-delete"}
    variants |= {"definitions-check": "definitions-seed", "share-list": "share", "share-off": "share"}
    variants |= {"share-simulate": "share", "test-several": "test", "rotate-key-status": "rotate-key"}
    variants |= {"resolve-all": "resolve", "billing-estimate": "billing-show"}
    variants |= {"merchant-route-simulate": "merchant-route", "export-file": "export"}
    variants |= {"doctor-lint": "doctor", "import-env-problems": "import-env"}
    made = schemas()
    wrong = {}
    for name, value in scene(command).items():
        if name == "export":
            continue  # records, as `import` takes them; the schema is that of the report on a file
        schema = made.get(variants.get(name, "error" if name.startswith("error-") else name), {})
        assert schema, name
        Draft202012Validator.check_schema(schema)
        # What `scene` takes out, since it is not the same on both databases.
        cut = {"schema": None, "token": None} if name == "whoami" else {}
        found = {"error": value} if name.startswith("error-") else value if not cut else value | cut
        problems = [problem.message for problem in Draft202012Validator(schema).iter_errors(found)]
        wrong |= {name: problems} if problems else {}

    assert wrong == {}


def test_every_schema() -> None:
    """Every command that prints JSON has a schema, and every schema is of one; it is printed by its name."""
    printing = {name for name in leaves() if takes_output(name)}

    assert {*printing, "error"} == set(SHAPES)
    for name, schema in schemas().items():
        assert schema == shape_schema(name)


def test_contract() -> None:
    """The key sets that are promised hold, in the order in which they are promised."""
    promised = {
        "init": "organization database keyring definitions token",
        "whoami": "database keyring organization actor role client",
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
