"""`plan` and `apply` on the command line."""

from __future__ import annotations

import json

import pytest

from support.cli import Command
from support.scenes import REFUSED, SteeredGateway
from support.services import PASSWORD

SMALL = """\
apiVersion: avnz-int/1
kind: Manifest
clients:
  - slug: acme
    integrations:
      - provider: paypal_payflow
        name: Main
        environment: sandbox
        credentials: {partner: PayPal, vendor: acme, user: acme, password: env:PAYFLOW_PASSWORD}
"""


def test_plan_and_apply(on_both: Command) -> None:
    """A plan exits 5 and changes nothing, an apply makes it so, and a plan then exits 0."""
    file = on_both.file("acme.yaml", SMALL)
    planned = on_both("plan", "-f", file, exit_code=5)
    assert planned.stdout.splitlines() == [
        "+ client    acme/paypal_payflow/Main",
        "    mode                  own",
        "    environment           sandbox",
        "    credentials.partner   PayPal",
        "    credentials.vendor    acme",
        "    credentials.user      acme",
        "    credentials.password  (secret)",
        "1 to create, 0 to update, 0 to delete",
    ]
    assert "1 to create" in planned.stderr
    assert [] == on_both("client", "list", "-o", "json").json

    told = on_both("apply", "-f", file, "--yes", "-o", "json").json
    assert (1, 0, 0) == (told["create"], told["update"], told["delete"])
    (made,) = on_both("client", "list", "-o", "json").json
    assert ("Main", "active", True) == (made["name"], made["status"], made["isVerified"])

    again = on_both("plan", "-f", file)
    assert "no changes: the database is as the file says\n" == again.stdout
    assert {"changes": [], "create": 0, "update": 0, "delete": 0} == on_both(
        "apply", "-f", file, "-o", "json"
    ).json


def test_json(command: Command) -> None:
    """The plan in JSON has each change with its fields, and the counts, which the error has, too."""
    result = command("plan", "-f", command.file("acme.yaml", SMALL), "-o", "json", exit_code=5)
    (change,) = result.json["changes"]
    assert ["action", "kind", "ref", "fields", "notes", "refused"] == list(change)
    assert {"field": "environment", "old": None, "new": "sandbox"} in change["fields"]
    assert ("differs", {"create": 1, "update": 0, "delete": 0}) == (
        result.error["code"],
        result.error["details"],
    )


def test_json_file_and_standard_input(command: Command) -> None:
    """JSON is YAML too, and `-` reads standard input."""
    text = json.dumps(
        {"apiVersion": "avnz-int/1", "kind": "Manifest", "clients": [{"slug": "new", "name": "Nü 😀"}]},
        indent="\t",
    )
    command("apply", "-f", "-", "--yes", stdin=text)
    assert "Nü 😀" == command("tenant", "show", "new", "-o", "json").json["name"]


def test_nobody_to_ask(command: Command) -> None:
    """Without a terminal `apply` needs --yes, and says so after the plan."""
    file = command.file("acme.yaml", SMALL)
    result = command("apply", "-f", file, exit_code=2)
    assert "--yes" in result.stderr
    assert "1 to create" in result.stdout
    assert [] == command("client", "list", "-o", "json").json


def test_refused_credentials(command: Command, gateway: SteeredGateway) -> None:
    """What a provider rejects is exit 6, what says nothing is exit 7; nothing is applied."""
    file = command.file("acme.yaml", SMALL.replace("clients:", "organization: {name: Other}\nclients:"))
    gateway.says = REFUSED
    error = command("apply", "-f", file, "--yes", "-o", "json", exit_code=6).error
    assert ["acme/paypal_payflow/Main"] == [one["ref"] for one in error["details"]["failed"]]
    gateway.says = "no name-value pairs at all"
    command("apply", "-f", file, "--yes", exit_code=7)
    assert [] == command("client", "list", "-o", "json").json
    assert "avnz" == command("tenant", "show", "avnz", "-o", "json").json["name"]

    command("apply", "-f", file, "--yes", "--no-test")
    (made,) = command("client", "list", "-o", "json").json
    assert "pending" == made["status"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("env:PAYFLOW_PASSWORD", PASSWORD, ["line 9", "credentials.password", "is secret"]),
        ("env:PAYFLOW_PASSWORD", f"'{PASSWORD}'", ["credentials.password", "is secret"]),
        ("PAYFLOW_PASSWORD", "NOT_SET", ["line 9", "env:NOT_SET is not set"]),
        ("env:PAYFLOW_PASSWORD", "file:nowhere", ["file:nowhere: No such file"]),
        ("paypal_payflow", "paypal_payflo", ["line 6", "paypal_payflow?"]),
        ("environment: sandbox", "environment: sandboxx", ["line 8", "sandbox, production"]),
        ("vendor: acme", "vender: acme", ["vender", "vendor"]),
        ("        name: Main\n", "        name: Main\n        name: Main\n", ["line 8", "line 7"]),
        ("kind: Manifest", "kind: Manifesto", ["line 2", "must be Manifest"]),
        ("name: Main", "name: 12", ["line 7", "must be a string"]),
        ("clients:", "customers:", ["line 3: customers: there is no such field"]),
        ("{partner: PayPal, ", "{", ["line 9", "credentials.partner: is missing"]),
        ("name: Main", "name: *main", ["line 7", "alias"]),
        ("[", "[", []),
    ],
)
def test_wrong_files(command: Command, old: str, new: str, words: list[str]) -> None:
    """What is wrong with a file is exit 2 with line and field, and never shows a value."""
    text = SMALL.replace(old, new) if words else f"{SMALL}   ]: {PASSWORD}"
    result = command("plan", "-f", command.file("acme.yaml", text), exit_code=2)
    assert "" == result.stdout
    assert PASSWORD not in result.stderr
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_nothing_secret_is_shown(command: Command, form: str) -> None:
    """Neither plan nor apply shows a secret, old or new, in any form; nor does the trail or the export."""
    file = command.file("acme.yaml", SMALL)
    command("apply", "-f", file, "--yes", "--no-test")
    secret = "canary of a password"
    changed = {"PAYFLOW_PASSWORD": secret}
    results = [
        command("plan", "-f", file, "-o", form, env=changed, exit_code=5),
        command("apply", "-f", file, "--yes", "-o", form, env=changed, exit_code=6),
        command("apply", "-f", file, "--yes", "--no-test", "-o", form, env=changed),
        command("audit", "list", "-o", "json"),
        command("export", "--format", "manifest"),
    ]
    assert "(secret changed)" in results[0].stdout
    for result in results:
        for word in (secret, "canary", PASSWORD):
            assert word not in result.stdout + result.stderr


def test_export(on_both: Command) -> None:
    """An exported manifest is what is there: a plan of it finds nothing to do, even with --prune."""
    on_both("apply", "-f", on_both.file("acme.yaml", SMALL), "--yes")
    path = on_both.folder / "all.yaml"
    on_both("export", "--format", "manifest", "--output-file", str(path))
    assert 0o600 == path.stat().st_mode & 0o777
    assert path.read_text() == on_both("export", "--format", "manifest").stdout
    on_both("plan", "-f", str(path), "--prune")
    assert "credentials: stored" in path.read_text()
    on_both("export", "--format", "manifest", "--client", "acme", exit_code=2)
    on_both("export", "--format", "manifest", "-o", "json", exit_code=2)


def test_prune(command: Command) -> None:
    """--prune deletes what the file does not name, and what cannot go is exit 5 before anything is asked."""
    text = SMALL.replace("clients:", "clients:\n  - {slug: globex, companies: []}")
    command("apply", "-f", command.file("acme.yaml", text), "--yes")
    empty = command.file("none.yaml", "{apiVersion: avnz-int/1, kind: Manifest, clients: []}")
    refused = command("apply", "-f", empty, "--prune", exit_code=5)
    planned = command("plan", "-f", empty, "--prune", "-o", "json", exit_code=5)
    assert "avnz-int apply" not in planned.error["hint"]
    assert "refused: it has merchant accounts" in refused.stdout
    assert "acme: it has merchant accounts" in refused.stderr
    told = command("plan", "-f", empty, "-o", "json", exit_code=0).json
    assert [] == told["changes"]
    assert 1 == len(command("client", "list", "-o", "json").json)
