"""The man page and the command reference: made from the commands, complete, and well formed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from avnz_int.cli import reference
from support.commands import every_command, leaves

UPDATE = bool(os.environ.get("AVNZ_INT_UPDATE_GOLDEN"))
README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("name", [reference.MAN, reference.MARKDOWN])
def test_current(name: str) -> None:
    """The files are what the commands say; `poe reference` writes them."""
    path = reference.FOLDER / name
    text = reference.texts()[name]
    if UPDATE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    assert text == path.read_text(encoding="utf-8")


def test_complete() -> None:
    """Every command and each of its options stands in the reference."""
    text = reference.markdown()
    sections = dict(re.findall(r"^## avnz-int (.+)\n((?:(?!^## ).*\n)*)", text, re.MULTILINE))

    assert set(leaves()) == set(sections)
    for words, command in every_command():
        name = " ".join(words)
        if name in sections:
            options = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
            assert [] == [o for o in options if o.startswith("--") and o not in sections[name]]


def test_environment() -> None:
    """The man page has every variable of the README's table of configuration, and each exit code."""
    text = reference.man().replace("\\-", "-")
    table = README.read_text().partition("### Configuration")[2].partition("\n## ")[0]
    named = set(re.findall(r"`((?:AVNZ_INT|AWS)_[A-Z_]+[A-Z])", table)) - {"AWS_PROFILE", "AWS_REGION"}

    assert {name for name in named if name not in text} == set()
    assert [0, 1, 2, 3, 4, 5, 6, 7, 8, 126, 127, 130] == [code for code, _ in reference.exit_codes()]


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_formatted() -> None:
    """The man page is formatted without a warning, and shows dashes that can be copied."""
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww"], input=reference.man().encode(), capture_output=True, check=True
    )

    assert b"" == done.stderr
    assert b"--columns" in re.sub(rb"\x1b\[[0-9;]*m|.\x08", b"", done.stdout)
