"""Data on standard output in four forms: nothing in it steers a terminal, nothing is cut in a pipe."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from avnz_int.cli.printable import json_text, printable
from support.cli import Command
from support.commands import own, shared, using
from support.services import execute

EVIL = "Ac\x1b[31mme\x9b2J\u202e\x07\r\nX"
SHOWN = "Ac�[31mme�2J���" + "�X"


def rename_by_hand(command: Command, name: str) -> None:
    """Give the client acme a name that no command would take."""
    execute(command.url, """UPDATE "Client" SET name = :name WHERE slug = 'acme'""", name=name)


def on_terminal(command: Command, *args: str, columns: int = 80) -> str:
    """What a person sees on a terminal of this width."""
    controller, terminal = pty.openpty()
    variables = command.variables({"COLUMNS": str(columns), "LANG": "C.UTF-8"})
    with subprocess.Popen(
        [sys.executable, "-m", "avnz_int", *args],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=variables,
    ) as running:
        os.close(terminal)
        seen = b""
        try:
            while chunk := os.read(controller, 65536):
                seen += chunk
        except OSError:  # the terminal's other end is closed
            pass
        assert 0 == running.wait(20)
    os.close(controller)
    return seen.decode()


def test_forms(on_both: Command) -> None:
    """A listing is an array, an object a line, or CSV with all fields under their names; all say the same."""
    own(on_both, "Main, of the shop")
    array = on_both("client", "list", "-o", "json").json
    lines = on_both("client", "list", "-o", "jsonl").lines
    rows = list(csv.DictReader(io.StringIO(on_both("client", "list", "-o", "csv").stdout)))

    assert array == lines
    assert [list(array[0])] == [list(row) for row in rows]
    expected = {
        name: value if isinstance(value, str) else "" if value is None else json.dumps(value)
        for name, value in array[0].items()
    }
    assert [expected] == rows


def test_one_object(command: Command) -> None:
    """One thing is one object, in every form on one line."""
    one = command("tenant", "show", "acme", "-o", "json")

    assert one.stdout == command("tenant", "show", "acme", "-o", "jsonl").stdout
    assert 1 == one.stdout.count("\n")
    rows = list(csv.DictReader(io.StringIO(command("tenant", "show", "acme", "-o", "csv").stdout)))
    assert [one.json] == rows


def test_nothing(command: Command) -> None:
    """A listing without rows is an empty array, no line, a header, no table; a person is told so."""
    said = command("client", "list")
    assert ("", "(nothing there)\n") == (said.stdout, said.stderr)
    for form, expected in (("json", "[]\n"), ("jsonl", "")):
        assert expected == command("client", "list", "-o", form).stdout
    assert command("client", "list", "-o", "csv").stdout.startswith("id,clientId,client,provider,")


def test_environment(command: Command) -> None:
    """AVNZ_INT_OUTPUT sets the form; an option on the command wins."""
    environment: dict[str, str | None] = {"AVNZ_INT_OUTPUT": "json"}

    assert 4 == len(command("tenant", "list", env=environment).json)
    assert (
        command("tenant", "list").stdout == command("tenant", "list", "-o", "table", env=environment).stdout
    )


def test_never_cut(command: Command) -> None:
    """In a pipe a long name stands whole on its line, whatever the width is said to be."""
    name = "N" * 150
    own(command, name)
    shared(command)
    using(command, "U" * 150)

    for words in (
        ("client", "list"),
        ("merchant", "list"),
        ("tenant", "tree"),
        ("client", "show", f"acme/{name}"),
    ):
        said = command(*words, env={"COLUMNS": "40"}).stdout
        assert any(name in line for line in said.splitlines())
        assert said == command(*words, env={"COLUMNS": "400"}).stdout
        assert all(line == line.rstrip() for line in said.splitlines())


def test_very_long_cells(command: Command) -> None:
    """In a pipe each row of a table is one line, however long it is."""
    command("tenant", "rename", "acme", "--name", "A" * 200)
    execute(command.url, """UPDATE "Client" SET name = :name WHERE slug = 'acme'""", name="A" * 10_000)

    lines = command("tenant", "list").stdout.splitlines()
    assert 1 + 4 == len(lines)
    assert any("A" * 10_000 in line for line in lines)


def test_wide_characters(command: Command) -> None:
    """Columns stand below one another where names are of wide characters."""
    command("tenant", "add", "kyoto", "--name", "京都の店")
    lines = command("tenant", "list").stdout.splitlines()
    found = next(line for line in lines if "京都の店" in line)

    # Four characters of two columns each.
    assert lines[0].index("parent") == found.index("avnz") + 4


@pytest.mark.parametrize(
    "variables", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}, {"FORCE_COLOR": "1"}], ids=str
)
def test_no_styles_in_a_pipe(command: Command, variables: dict[str, str]) -> None:
    """No escape sequence stands in a pipe."""
    own(command)
    for words in (("client", "list"), ("tenant", "tree"), ("client", "show", "acme/Main"), ("--help",)):
        assert "\x1b" not in command(*words, env=variables).stdout


@pytest.mark.slow
def test_terminal(command: Command) -> None:
    """On a terminal there is colour, which `--no-color`, NO_COLOR and a dumb terminal turn off."""
    own(command)

    assert "\x1b[32mactive" in on_terminal(command, "client", "list")
    assert "\x1b" not in on_terminal(command, "--no-color", "client", "list")
    for variable, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        command.environment[variable] = value
        assert "\x1b" not in on_terminal(command, "tenant", "tree")
        del command.environment[variable]


@pytest.mark.slow
def test_terminal_folds(command: Command) -> None:
    """What a narrow terminal cannot hold is folded there, not cut."""
    own(command, "N" * 100)
    seen = on_terminal(command, "--no-color", "merchant", "list", columns=60)

    assert 100 == seen.count("N")
    assert "…" not in seen


def test_control_characters(on_both: Command) -> None:
    """A name written by hand shows its control characters replaced, wherever people read it."""
    rename_by_hand(on_both, EVIL)
    for words in (("tenant", "list"), ("tenant", "show", "acme"), ("tenant", "tree")):
        said = on_both(*words)
        assert SHOWN in said.stdout
        assert printable(said.stdout.replace("\n", "")) == said.stdout.replace("\n", "")
    refused = on_both("tenant", "remove", "acme", exit_code=2).stderr
    assert SHOWN in refused
    assert printable(refused.replace("\n", "")) == refused.replace("\n", "")


def test_control_characters_in_json(on_both: Command) -> None:
    """In JSON they are escapes, so that the terminal sees none and a program sees them all."""
    rename_by_hand(on_both, EVIL)
    said = on_both("tenant", "show", "acme", "-o", "json")

    assert said.stdout.removesuffix("\n").isprintable()
    assert EVIL == said.json["name"]


@pytest.mark.slow
def test_control_characters_on_a_terminal(command: Command) -> None:
    """On a terminal no form lets them through, not even CSV; in a pipe CSV has them as they are."""
    rename_by_hand(command, "Ac\x1b[31mme")
    for form in ("table", "csv"):
        assert "\x1b[31m" not in on_terminal(command, "tenant", "show", "acme", "-o", form)

    assert "Ac\x1b[31mme" in command("tenant", "show", "acme", "-o", "csv").stdout


def test_hostile_argument(command: Command) -> None:
    """What was typed does not come back raw from standard error, either."""
    for form in ("table", "json"):
        said = command("tenant", "show", "\x1b[31mred", "-o", form, exit_code=3)
        assert "\x1b" not in said.stderr


@pytest.mark.parametrize(
    "value", ["", "plain", "ä…•", EVIL, "\ud800", "a\x7fb", {"k\x9b": ["\u2028"]}], ids=repr
)
def test_json_text(value: Any) -> None:
    """The JSON of a value is printable, and reads back as the value."""
    text = json_text(value)

    assert text.isprintable()
    assert value == json.loads(text)
    assert "•" not in str(value) or "•" in text
