"""The README does what it says: its commands run as printed, its tables come from the code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from avnz_int import errors
from avnz_int.cli.main import build
from avnz_int.demo.gateway import PayflowGateway

README = Path(__file__).parents[1] / "README.md"
UPDATE = bool(os.environ.get("AVNZ_INT_UPDATE_GOLDEN"))
TOUR = re.compile(r"<!-- tour -->\n```console\n(.*?)```", re.DOTALL)
EXIT_CODES = re.compile(r"<!-- exit-codes -->\n\n?((?:\|.*\n)*)")
MEANING = {
    0: "done (a broken pipe is quiet)",
    1: "a defect: please report",
    2: "usage or invalid input",
    3: "not found",
    4: "not authenticated or not permitted",
    5: "conflict: exists, in use, changed meanwhile, not initialised or not migrated, or differs",
    6: "a provider rejected the credentials, or a connection test failed",
    7: "a provider, the database, the disk or the key service cannot be used now: try again",
    8: "a key is missing or open to others, a ciphertext or the audit trail fails its integrity check",
    126: "`run`: the command cannot be executed",
    127: "`run`: there is no such command",
    130: "interrupted",
}
NORMAL = (
    (re.compile(r"\b[a-z][a-z0-9]{23}\b"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "<time>"),
    (re.compile(r'(latency"?:?\s+)\d+'), r"\1<ms>"),
    (re.compile(r"(sqlite:///|file://)\S+?/avnz-int/"), r"\1~/avnz-int/"),
    (re.compile(r"os:\w+"), "os:you"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
)


def normal(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, word in NORMAL:
        text = pattern.sub(word, text)
    return re.sub(r" +", " ", text)


@pytest.fixture
def tour_shell(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of somebody who follows the tour, with the loopback gateway of `demo --gateway`."""
    commands = tmp_path / "bin"
    commands.mkdir()
    script = commands / "avnz-int"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m avnz_int "$@"\n')
    script.chmod(0o755)
    home = Path("/home/you")
    with PayflowGateway({("PayPal", "acmeagency", "acmeagency"): "loopback-only-1"}) as gateway:
        yield {
            "PATH": f"{commands}:{os.environ['PATH']}",
            "HOME": str(home),
            "XDG_DATA_HOME": str(tmp_path / "share"),
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "LANG": "C.UTF-8",
            "AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW": gateway.url,
        }


@pytest.mark.slow
def test_tour(tour_shell: dict[str, str], tmp_path: Path) -> None:
    """Every command of the tour prints what the README shows."""
    text = README.read_text()

    def run(block: re.Match[str]) -> str:
        printed = ""
        for line in block.group(1).splitlines():
            if not line.startswith("$ "):
                continue
            done = subprocess.run(
                [shutil.which("bash") or "bash", "-c", line[2:]],
                env=tour_shell,
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert 0 == done.returncode, line + done.stderr
            printed += line + "\n" + "".join(f"{part.rstrip()}\n" for part in done.stdout.splitlines())
        return f"<!-- tour -->\n```console\n{printed}```"

    ran = TOUR.sub(run, text)
    if UPDATE:
        home = re.compile(re.escape(str(tmp_path / "share")) + "|" + re.escape(str(tmp_path / "config")))
        places = {
            str(tmp_path / "share"): "/home/you/.local/share",
            str(tmp_path / "config"): "/home/you/.config",
        }
        ran = home.sub(lambda found: places[found.group()], ran)
        if normal(ran) != normal(text):
            README.write_text(re.sub(r"os:\w+", "os:you", ran))
    else:
        assert normal(text) == normal(ran)


def test_exit_codes() -> None:
    """The table of exit codes is the error tree's."""
    codes: dict[int, set[str]] = {code: set() for code in MEANING}
    waiting = [errors.AvnzError]
    while waiting:
        found = waiting.pop()
        waiting += found.__subclasses__()
        if found is not errors.AvnzError:
            codes[found.exit_code].add(found.code)
    codes[1].add("defect")
    table = "| exit | meaning | `error.code` |\n|---|---|---|\n" + "".join(
        f"| {code} | {MEANING[code]} | {', '.join(f'`{word}`' for word in sorted(codes[code]))} |\n"
        for code in sorted(MEANING)
    )
    text = README.read_text()
    if UPDATE:
        README.write_text(EXIT_CODES.sub("<!-- exit-codes -->\n\n" + table.replace("\\", r"\\"), text))

    assert table == (EXIT_CODES.search(README.read_text()) or [""] * 2)[1]


def test_every_command_is_listed() -> None:
    """Every command and group has its place in the table of commands."""
    names = set(build().commands)
    table = README.read_text().partition("## Commands")[2].partition("### Configuration")[0]

    assert [] == sorted(name for name in names if f"`{name}" not in table)
