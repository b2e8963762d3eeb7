"""The recipes of the README, run as they stand there, by a shell, against a gateway on loopback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from support.cli import Command
from support.commands import own, shared, using
from support.services import PASSWORD, execute

# Processes of many commands, one after the other.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

README = Path(__file__).parents[2] / "README.md"
SEEDS = Path(__file__).parents[2] / "seeds"
BLOCK = re.compile(r"<!-- recipe-([\w-]+) -->\n```sh\n(.*?)```", re.DOTALL)
RECIPES = dict(BLOCK.findall(README.read_text(encoding="utf-8")))


def follow(
    command: Command, recipe: str, env: dict[str, str | None] | None = None
) -> subprocess.CompletedProcess[str]:
    """What the recipe does in the folder of the test: the first command that fails ends it."""
    programs = command.folder / "programs"
    programs.mkdir(exist_ok=True)
    for name, words in (("avnz-int", "-m avnz_int"), ("python3", "")):
        script = programs / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        script.chmod(0o755)
    path = os.pathsep.join((str(programs), os.environ["PATH"]))
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", RECIPES[recipe]],
        env=command.variables({"PATH": path, **(env or {})}),
        cwd=command.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )


def done(command: Command, recipe: str, env: dict[str, str | None] | None = None) -> str:
    """What a recipe that must succeed says on standard output."""
    result = follow(command, recipe, env)
    assert 0 == result.returncode, result.stdout + result.stderr
    return result.stdout


def test_every_recipe_is_run() -> None:
    """No recipe stands in the README without a test that follows it."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert [] == [name for name in RECIPES if f'"{name}"' not in text]
    assert {"validate", "seed", "drift", "nightly", "rotation", "env", "postgresql"} == set(RECIPES)


def test_definitions(command: Command) -> None:
    """Seeds are checked, brought into the database, and what differs later is found with its exit code."""
    definitions = command.folder / "seeds" / "definitions"
    definitions.mkdir(parents=True)
    for seed in (SEEDS / "definitions").glob("*.json"):
        (definitions / seed.name).write_bytes(seed.read_bytes())
    done(command, "validate")
    done(command, "seed")
    done(command, "drift")

    seed = definitions / "stripe.json"
    was = seed.read_text(encoding="utf-8")
    seed.write_text(was.replace('"name": "Stripe"', '"name": "Stripe Payments"', 1), encoding="utf-8")
    assert 5 == follow(command, "drift").returncode
    assert "Stripe" == command("definitions", "show", "stripe", "-o", "json").json["name"]
    done(command, "seed")
    done(command, "drift")
    assert "Stripe Payments" == command("definitions", "show", "stripe", "-o", "json").json["name"]

    seed.write_text(was.replace('"category"', '"kategory"', 1), encoding="utf-8")
    refused = follow(command, "validate")
    assert (2, True) == (refused.returncode, "stripe.json" in refused.stdout + refused.stderr)


def test_nightly(command: Command) -> None:
    """All that is due is tested and reported, nothing is due twice; each exit code means what is said."""
    own(command)
    shared(command)
    url = command.url
    done(command, "nightly")
    report = command.folder / "connections.xml"
    assert [] == list(ET.parse(report).iter("testcase"))

    for table in ("ClientIntegration", "PlatformIntegration"):
        execute(url, f'UPDATE "{table}" SET "lastTestedAt" = \'2020-01-01T00:00:00.000Z\'')
    done(command, "nightly")
    assert 2 == len(list(ET.parse(report).iter("testcase")))
    lines = (command.folder / "connections.jsonl").read_text().splitlines()
    assert [True, True] == [json.loads(line)["success"] for line in lines]

    old = 'UPDATE "ClientIntegration" SET "lastTestedAt" = \'2020-01-01T00:00:00.000Z\''
    own(command, "Wrong", "--no-test")
    wrong = command.file("wrong", "not the password")
    new = ("partner=PayPal", "vendor=acme", "user=acme", f"password=@{wrong}")
    command(
        "client",
        "update",
        "acme/Wrong",
        "--no-test",
        *(word for one in new for word in ("--credential", one)),
    )
    assert 6 == follow(command, "nightly").returncode
    (listed,) = command("client", "list", "--status", "error", "-o", "json").json
    assert "Wrong" == listed["name"]

    command("client", "delete", "acme/Wrong", "--yes")
    execute(url, old)
    nobody: dict[str, str | None] = {"AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW": "http://127.0.0.1:9"}
    assert 7 == follow(command, "nightly", nobody).returncode
    assert [] == command("client", "list", "--status", "error", "-o", "json").json

    execute(url, old)
    execute(url, "UPDATE \"ClientIntegration\" SET environment = 'sandbox'")
    assert 8 == follow(command, "nightly").returncode


def test_rotation(on_both: Command) -> None:
    """After a rotation everything opens by a new key, the older data key is gone, the trail is whole."""
    own(on_both)
    shared(on_both)
    using(on_both)
    before = on_both("rotate-key", "--status", "-o", "json").json["activeKeyId"]
    (master,) = on_both("keyring", "show", "-o", "json").json["keys"]
    said = done(on_both, "rotation")

    after = on_both("rotate-key", "--status", "-o", "json").json
    assert before != after["activeKeyId"]
    assert {after["activeKeyId"]: 2} == after["rows"]
    assert before not in [
        row[0] for row in execute(on_both.url, 'SELECT id FROM "DataKey" WHERE "wrappedKey" IS NOT NULL')
    ]
    assert master["id"] in [key["id"] for key in on_both("keyring", "show", "-o", "json").json["keys"]]
    assert "the audit trail is whole" in said
    for name in ("before.json", "after.json"):
        assert 0o600 == (on_both.folder / name).stat().st_mode & 0o777
        on_both("audit", "verify", "--checkpoint", str(on_both.folder / name))
    on_both("test", "acme/Main")


def test_env(command: Command) -> None:
    """What a .env file held is stored and tested, its lines can go, and the program gets it from `run`."""
    given = f"PORT=80\nPAYFLOW_VENDOR=acme\nexport PAYFLOW_PWD='{PASSWORD}'\nPAYFLOW_PARTNER = PayPal\n"
    command.file(".env", given)
    command.file("charge", '#!/bin/sh\nprintf %s "$PAYFLOW_PASSWORD" > charged\n', mode=0o700)
    result = follow(command, "env")
    assert 0 == result.returncode, result.stderr

    assert PASSWORD not in result.stdout + result.stderr + (command.folder / "imported.json").read_text()
    assert "PORT=80\n" == (command.folder / ".env.rest").read_text()
    assert PASSWORD == (command.folder / "charged").read_text()
    assert given == (command.folder / ".env").read_text()
    assert 0o600 == (command.folder / "imported.json").stat().st_mode & 0o777


def test_postgresql(command: Command, empty_postgres_url: str) -> None:
    """What SQLite held is in PostgreSQL, opens by the same keyring, and needs the token made before."""
    own(command)
    shared(command)
    shown = command("client", "show", "acme/Main", "-o", "json").json["credentials"]
    said = done(command, "postgresql", {"TARGET": empty_postgres_url})
    assert "postgresql" in said

    there = {
        "AVNZ_INT_DATABASE_URL": empty_postgres_url,
        "AVNZ_INT_TOKEN": (command.folder / "operator.token").read_text().strip(),
    }
    assert shown == command("client", "show", "acme/Main", "-o", "json", env=there).json["credentials"]
    command("test", "acme/Main", env=there)
    assert 4 == command("client", "list", env={**there, "AVNZ_INT_TOKEN": None}, exit_code=None).code
    assert 5 == follow(command, "postgresql", {"TARGET": empty_postgres_url}).returncode
