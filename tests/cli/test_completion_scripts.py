"""The completion scripts: up to date, and what real shells make of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Self

import pexpect
import pytest

from avnz_int.cli import completion_scripts
from support.filled import ODD, fill

COMPLETIONS = Path(__file__).parents[2] / "completions"


def test_scripts() -> None:
    """The scripts are those that `poe completions` writes."""
    stored = {path.name: path.read_text() for path in COMPLETIONS.iterdir()}

    assert completion_scripts.scripts() == stored


def test_script_task(tmp_path: Path) -> None:
    """The task writes each script into the folder it is given."""
    completion_scripts.main(str(tmp_path))

    assert {path.name for path in COMPLETIONS.iterdir()} == {path.name for path in tmp_path.iterdir()}


def test_script_syntax() -> None:
    """Bash parses its script."""
    subprocess.run(["bash", "-n", COMPLETIONS / "avnz-int.bash"], check=True, timeout=20)


START = {
    "bash": (["--norc", "--noprofile", "-i"], "source {}"),
    "zsh": (["-f", "-i"], "autoload -U compinit; compinit -u -D; source {}"),
    "fish": (["--no-config", "-i"], "source {}"),
}
# Bash is everywhere; the others are tried where they are.
SHELLS = ["bash", *(shell for shell in ("zsh", "fish") if shutil.which(shell))]
LINES = [
    ("avnz-int platform add pa", ["platform", "add", "paypal_payflow"]),
    ("avnz-int defi", ["definitions"]),
    ("avnz-int test acme/My", ["test", "acme/My PayPal Account"]),
    ("avnz-int test 'acme/My P", ["test", "acme/My PayPal Account"]),
    ('avnz-int test "acme/My', ["test", "acme/My PayPal Account"]),
    ("avnz-int test acme/My\\ Pay", ["test", "acme/My PayPal Account"]),
    ("avnz-int test acme/Foo:", ["test", "acme/Foo: bar"]),
    ("avnz-int test acme/i", ["test", f"acme/{ODD}"]),
    ("avnz-int test 'acme/it", ["test", f"acme/{ODD}"]),
    ('avnz-int test "acme/i', ["test", f"acme/{ODD}"]),
    ("avnz-int test acme/Gr", ["test", "acme/Größe"]),
    ("avnz-int client show --client acme My", ["client", "show", "--client", "acme", "My PayPal Account"]),
    ("avnz-int client list --client=gl", ["client", "list", "--client=globex"]),
    ("avnz-int audit list --action=key:ro", ["audit", "list", "--action=key:rotate"]),
    ("avnz-int client add nmi --credential sec", ["client", "add", "nmi", "--credential", "securityKey="]),
    ("avnz-int client add nmi --credential=sec", ["client", "add", "nmi", "--credential=securityKey="]),
    (
        "avnz-int --database-url sqlite:///other.db client list --client gl",
        ["--database-url", "sqlite:///other.db", "client", "list", "--client", "globex"],
    ),
    ("avnz-int definitions validate oth", ["definitions", "validate", "other.db"]),
]


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_shell(shell: str, tmp_path: Path) -> None:
    """A TAB in a real shell completes the word, quoted so that the command gets the very value."""
    fill(f"sqlite:///{tmp_path / 'other.db'}", tmp_path)
    with Shell(shell, tmp_path) as screen:
        completed = {line: screen.complete(line) for line, _ in LINES}

    assert dict(LINES) == completed


class Shell:
    """A shell on a pseudo-terminal, with the completion script read.

    Args:
        name: of the shell.
        folder: the working folder, and home; `other.db` in it is the configured database.
    """

    def __init__(self, name: str, folder: Path) -> None:
        program = folder / "bin" / "avnz-int"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m avnz_int "$@"\n')
        program.chmod(0o755)
        environ = {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "AVNZ_INT_DATABASE_URL": f"sqlite:///{folder / 'other.db'}",
        }
        words, self._start = START[name]
        self._script = COMPLETIONS / f"avnz-int.{name}"
        self._child: pexpect.spawn[str] = pexpect.spawn(
            name, words, env=environ, encoding="utf-8", timeout=30, cwd=folder, dimensions=(40, 240)
        )
        self._child.delaybeforesend = None
        self._child.ptyproc.delayafterclose = 0.01

    def __enter__(self) -> Self:
        self._child.sendline(f"{self._start.format(self._script)}; echo rea''dy")
        self._child.expect("ready")
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close(force=True)

    def complete(self, line: str) -> list[str]:
        """The words of the command after a TAB, as the shell would hand them over."""
        # Keys wait for the TAB: to the beginning of the line, and the command's words are printed instead.
        self._child.send(f"{line}\t\x01printf '<%s>\\n' \r")
        self._child.sendline("echo do''ne")
        self._child.expect("<avnz-int>\r\n")
        self._child.expect("done\r\n")
        return re.findall(r"<([^\r\n]*)>\r\n", self._child.before or "")
