"""What a fresh interpreter loads for a command: what is heavy comes only where it is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from avnz_int.cli.main import build
from support.filled import fill

HEAVY = {
    "alembic",
    "boto3",
    "cryptography",
    "httpx",
    "jsonschema",
    "psycopg",
    "pydantic",
    "questionary",
    "rich",
    "sqlalchemy",
    "sqlmodel",
    # Of the standard library: 20 ms of TLS and the like, where nothing is sent; 4 ms to keep memory private,
    # where no secret is in it.
    "ssl",
    "ctypes",
}
FOR_LISTINGS = {"cryptography", "ctypes", "sqlalchemy", "ssl"}
RUN = """\
import json, sys
from pathlib import Path
from avnz_int.cli.main import run
code = 1
try:
    code = run(sys.argv[2:])
except SystemExit as ended:
    code = ended.code
Path(sys.argv[1]).write_text(json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""


def loaded(tmp_path: Path, *words: str, **variables: str) -> set[str]:
    """The modules in memory after a command that succeeded."""
    report = tmp_path / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", RUN, report, *words],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    told = json.loads(report.read_text())
    assert (0, "") == (told["code"], done.stderr)
    assert done.stdout.strip()
    return set(told["modules"])


def pressed(line: str) -> dict[str, str]:
    """The variables of a TAB behind a line."""
    count = str(len(line.split(" ")))
    return {"_AVNZ_INT_COMPLETE": "complete_bash", "COMP_WORDS": f"avnz-int {line}", "COMP_CWORD": count}


def commands(modules: set[str]) -> set[str]:
    """The command modules among them."""
    prefix = "avnz_int.cli.commands."
    return {name.removeprefix(prefix) for name in modules if name.startswith(prefix)}


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["platform", "add", "--help"], ["definitions", "validate"]]
)
def test_light(tmp_path: Path, words: list[str]) -> None:
    """Help, version and the check of seed files load nothing heavy."""
    assert set() == HEAVY & loaded(tmp_path, *words)


@pytest.mark.parametrize("line", ["plat", "platform add pay", "client list --client a", "test acme/M"])
def test_light_tab(tmp_path: Path, line: str) -> None:
    """A TAB loads nothing heavy, though it may read the database, and of the commands the one on its line."""
    fill(f"sqlite:///{tmp_path / 'a.db'}", tmp_path)
    variables = {"AVNZ_INT_DATABASE_URL": f"sqlite:///{tmp_path / 'a.db'}", **pressed(line)}

    found = loaded(tmp_path, **variables)

    assert set() == HEAVY & found
    if " " in line:
        needed = {"client": {"client", "platform"}}  # client takes options from platform
        word = line.split(" ", maxsplit=1)[0]
        assert needed.get(word, {word}) == commands(found)


@pytest.mark.parametrize("words", [["client", "list"], ["platform", "list"], ["tenant", "list"]])
def test_listings(tmp_path: Path, words: list[str]) -> None:
    """A listing as JSON loads the database's libraries and nothing to ask, to draw or to send with."""
    fill(f"sqlite:///{tmp_path / 'a.db'}", tmp_path)
    url = f"sqlite:///{tmp_path / 'a.db'}"

    found = loaded(tmp_path, *words, "-o", "json", AVNZ_INT_DATABASE_URL=url)

    assert set() == (HEAVY - FOR_LISTINGS) & found


def test_nothing_imported() -> None:
    """The tree of commands names what it has without importing it; what it lists is what it makes."""
    group = build()

    assert "rotate-key" in list(group.commands)
    for name in group.commands:
        listed = group.commands.listed(name)  # type: ignore[attr-defined]
        made = group.commands[name]
        assert (name, made.name) == (listed.name, name)
        assert made.get_short_help_str(60) == listed.get_short_help_str(60)
