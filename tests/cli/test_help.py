"""Help is part of the interface: golden files, made anew with `AVNZ_INT_UPDATE_GOLDEN=1 pytest tests/cli`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from avnz_int import __version__
from support.cli import Command
from support.commands import every_command, leaves

GOLDEN = Path(__file__).parent / "golden" / "help"
UPDATE = bool(os.environ.get("AVNZ_INT_UPDATE_GOLDEN"))
"""Read when the file is loaded: a test's environment holds no settings."""
COMMANDS = [words for words, _ in every_command()]


def name_of(words: tuple[str, ...]) -> str:
    """The golden file of a command."""
    return f"{'-'.join(('avnz-int', *words))}.txt"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_golden(bare: Command, words: tuple[str, ...]) -> None:
    """The help of every command is the one that was looked at last, and goes to standard output."""
    said = bare(*words, "--help")
    path = GOLDEN / name_of(words)
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(said.stdout, encoding="utf-8")

    assert path.read_text(encoding="utf-8") == said.stdout
    assert "" == said.stderr
    assert said.stdout == bare(*words, "-h").stdout


def test_no_other_golden() -> None:
    """No golden help stands for a command that is gone."""
    expected = {name_of(words) for words in COMMANDS}
    if UPDATE:
        for path in GOLDEN.iterdir():
            if path.name not in expected:
                path.unlink()

    assert expected == {path.name for path in GOLDEN.iterdir()}


@pytest.mark.parametrize("variables", [{"COLUMNS": "60"}, {"COLUMNS": "200"}, {"CI": "1"}, {"TERM": "dumb"}])
def test_steady(bare: Command, variables: dict[str, str]) -> None:
    """Help is the same at every width, in CI and on a dumb terminal."""
    for words in ((), ("client",), ("client", "add"), ("rotate-key",), ("share",)):
        expected = (GOLDEN / name_of(words)).read_text(encoding="utf-8")
        assert expected == bare(*words, "--help", env=variables).stdout


def test_everything_is_explained() -> None:
    """Every command, option and argument says what it is for."""
    silent = [
        (words, parameter and parameter.name)
        for words, found in every_command()
        for parameter in (None, *found.params)
        if not (found.help if parameter is None else getattr(parameter, "help", None))
    ]

    assert [] == silent


def test_output_everywhere() -> None:
    """Every command that returns data takes `-o`; those that run others do not."""
    without = {
        " ".join(words)
        for words, found in every_command()
        if not hasattr(found, "commands") and not any("-o" in p.opts for p in found.params)
    }

    assert {"demo", "run"} == without


def test_contract() -> None:
    """The commands of the contract that are built so far are there, under its names."""
    expected = """init; db upgrade; db current; db check; tenant add; tenant list; tenant tree; tenant show;
    tenant rename; tenant remove; definitions list; definitions show; definitions seed; definitions validate;
    platform list; platform show; platform add; platform update; platform enable; platform disable;
    platform delete; client list; client show; client available; client add; client update;
    client set-default; client enable; client disable; client delete; test; share; rotate-key;
    merchant list; merchant show; merchant pool list;
    merchant pool add; merchant pool remove; merchant route; resolve; audit list; audit verify; whoami;
    token create; token list; token revoke; client usage;
    usage record; usage show; billing close; billing show; billing payouts"""

    assert set() == {" ".join(name.split()) for name in expected.split(";")} - set(leaves())


def test_version(bare: Command) -> None:
    """`--version` says it on standard output, in a process too."""
    assert f"avnz-int {__version__}\n" == bare("--version").stdout
    assert f"avnz-int {__version__}\n" == bare.process("--version").stdout


def test_alone(bare: Command) -> None:
    """Without a command the help goes to standard error, exit 2; as JSON it is an error object."""
    said = bare(exit_code=2)
    assert "" == said.stdout
    assert said.stderr.startswith("Usage: avnz-int")

    error = bare(exit_code=2, env={"AVNZ_INT_OUTPUT": "json"}).error
    assert ("usage", "which command?", "see avnz-int --help") == (
        error["code"],
        error["message"],
        error["hint"],
    )
