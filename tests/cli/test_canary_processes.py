"""A secret never shows beside the streams either: in temporary files, arguments, children's environments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from avnz_int.demo.gateway import PayflowGateway
from support.canary import (
    ACCOUNT,
    CANARY,
    FORMS,
    assert_hidden,
    assert_not_stored,
    keeper_of,
    other_secrets,
)
from support.cli import Command
from support.commands import leaves, own, shared, takes_output, using, words_of
from support.services import add_many, make_services

pytestmark = pytest.mark.slow

APART = {"demo", "db copy", "keyring migrate", "client delete", "platform delete", "tenant remove"}
APART |= {"import-env", "run"}
_TESTS = Path(__file__).parents[1]


@pytest.fixture
def keeper(on_both: Command) -> Iterator[Command]:
    """Command lines of somebody whose integrations have the canary as their password."""
    with PayflowGateway({ACCOUNT: CANARY}) as running:
        command = keeper_of(on_both, running)
        own(command)
        shared(command)
        using(command)
        yield command


def watch(command: Command, *commands: tuple[str, ...], **variables: str) -> tuple[dict[str, Any], str]:
    """What a process that ran the command lines did, and all that it said."""
    report = command.folder / "given-report.json"
    temporary = command.folder / "temporary"
    temporary.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-P", str(_TESTS / "support" / "watching.py")],
        env=command.variables(
            {"TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1", "AVNZ_INT_LOG": "DEBUG", **variables}
        ),
        cwd=temporary,
        input=json.dumps({"report": str(report), "commands": commands}),
        capture_output=True,
        text=True,
        check=True,
        timeout=110,
    )
    assert [] == list(temporary.iterdir()), "left behind"
    found: dict[str, Any] = json.loads(report.read_text())
    return found, done.stdout + done.stderr


def test_files_and_children(keeper: Command) -> None:
    """No command writes a secret to any file, be it for a moment, or hands one to a child; DEBUG is on."""
    names = [name for name in leaves() if name not in APART]
    lines = [
        ("-v", *words_of(name), *(("-o", form) if takes_output(name) else ()))
        for form in ("json", "table")
        for name in names
    ]
    lines += [
        ("-v", "rotate-key", "--master"),
        ("-v", "rotate-key", "--workers", "3"),
        ("-v", "test", "--all"),
    ]
    lines += [("-v", "client", "delete", "acme/Main", "--yes")]
    found, said = watch(keeper, *lines)

    hidden = FORMS | other_secrets(keeper)
    assert 1 not in found["codes"], said
    assert_hidden(said, "the streams", hidden)
    assert_hidden(json.dumps(found["children"], ensure_ascii=False), "the children", hidden)
    for path, content in found["removed"]:
        assert_hidden(content, path)
    # Our own folders, and nothing beside them: a temporary folder may lie on another disk.
    places = tuple(str(keeper.folder / name) for name in ("data", "keys"))
    assert [] == [path for path in found["written"] if not path.startswith((*places, os.devnull))]
    assert_not_stored(keeper)
    # What was looked at was there to be looked at.
    assert any(Path(path).parent == keeper.keyring.parent for path, _ in found["removed"])
    assert keeper.url.startswith("postgresql") == bool(found["children"])


def children_of(pid: int) -> list[int]:
    """The processes that one has started and not yet seen end."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(word) for task in tasks for word in (task / "children").read_text().split()]
    except OSError:
        return []


def said_of(pid: int, name: str) -> str | None:
    """What the system says of a process; None where it is gone, or tells nobody."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().decode("latin-1")
    except OSError:
        return None


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
def test_workers(on_postgres: Command) -> None:
    """The processes of a rotation show no secret in their arguments, and no variable but the caller's."""
    services = make_services(on_postgres.url, on_postgres.keyring)
    add_many(services, 300)
    services.close()
    given = on_postgres.variables()
    seen: dict[int, dict[str, str]] = {}
    with subprocess.Popen(
        [sys.executable, "-m", "avnz_int", "rotate-key", "--workers", "3", "--batch-size", "1", "-o", "json"],
        env=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as running:
        while running.poll() is None:
            for pid in children_of(running.pid):
                facts = {name: said_of(pid, name) for name in ("cmdline", "environ", "limits")}
                seen.setdefault(pid, {}).update({name: said for name, said in facts.items() if said})
            time.sleep(0.005)
        assert running.stdout is not None
        assert 300 == json.loads(running.stdout.read())["resealed"]

    workers = [facts for facts in seen.values() if "reseal_workers" in facts.get("cmdline", "")]
    assert 2 == len(workers)
    caller = {f"{name}={value}" for name, value in given.items()}
    for facts in workers:
        assert_hidden(facts["cmdline"], "the arguments", other_secrets(on_postgres))
        # Ours to read only as root: for others it is closed.
        told = {one for one in facts.get("environ", "").split("\0") if one}
        # Python sets this one for itself where the locale is C.
        assert set() == {one for one in told - caller if not one.startswith("LC_CTYPE=")}
        limit = next(line for line in facts["limits"].splitlines() if line.startswith("Max core"))
        assert "0" == limit.split()[4]
