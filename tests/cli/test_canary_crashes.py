"""A defect while secrets are in memory says where it happened, and nothing of what was there."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import typer

from avnz_int.cli import main, output
from avnz_int.crypto.cipher import Cipher
from avnz_int.demo.gateway import PayflowGateway
from avnz_int.services.probe import Prober
from avnz_int.services.tenants import Tenants
from support.canary import (
    ACCOUNT,
    CANARY,
    assert_hidden,
    assert_not_logged,
    assert_not_stored,
    keeper_of,
    watched,
)
from support.cli import Command
from support.commands import LOGIN, own
from support.scenes import written


@pytest.fixture
def keeper(command: Command) -> Iterator[Command]:
    """Command lines of somebody whose one integration has the canary as its password."""
    with PayflowGateway({ACCOUNT: CANARY}) as running:
        own(keeper_of(command, running))
        yield command


def crash(*words: object, **_: object) -> NoReturn:
    """A defect that holds the canary wherever one can: in its words, its cause, its notes, its frame."""
    password = CANARY
    error = RuntimeError(f"cannot use {password} of {words}", password)
    error.add_note(f"it was {password}")
    raise error from ValueError(password)


def after(function: Callable[..., Any]) -> Callable[..., NoReturn]:
    """The function, which does its work and then comes to a crash with what it has."""

    def crashing(*args: Any, **kwargs: Any) -> NoReturn:
        opened = function(*args, **kwargs)
        crash(opened.reveal() if hasattr(opened, "reveal") else opened)

    return crashing


@pytest.mark.parametrize("flags", [(), ("-v",), ("-vv",), ("--verbose",)], ids=str)
def test_defect(command: Command, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]) -> None:
    """A defect says its kind and asks to report it, exit 1; the secret that was in its words is not shown."""
    monkeypatch.setattr(Tenants, "listing", crash)
    text = command(*flags, "tenant", "list", exit_code=1)
    error = command("tenant", "list", "-o", "json", exit_code=1).error

    assert_hidden(text.stdout + text.stderr, "the streams")
    assert "" == text.stdout
    assert (
        "error: unexpected RuntimeError\nhint: this is a defect of avnz-int: please report it" in text.stderr
    )
    assert ("defect", "unexpected RuntimeError") == (error["code"], error["message"])
    assert bool(flags) == ("in crash" in text.stderr)
    assert bool(flags) == (str(Path(__file__)) in text.stderr)


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
@pytest.mark.parametrize(
    ("owner", "name", "words"),
    [
        (Cipher, "open", ("client", "show", "acme/Main")),
        (Cipher, "open", ("test", "acme/Main")),
        (Cipher, "reseal", ("rotate-key",)),
        (Cipher, "seal", ("client", "add", "paypal_payflow", "--client", "acme", "--name", "B", *LOGIN)),
        (Prober, "run", ("test", "acme/Main")),
        (output, "emit", ("client", "show", "acme/Main")),
    ],
    ids=lambda value: getattr(value, "__name__", value) if not isinstance(value, tuple) else value[-1],
)
def test_open_credentials(
    keeper: Command,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    owner: Any,
    name: str,
    words: tuple[str, ...],
    form: str,
) -> None:
    """A defect while credentials are open is exit 1 with a traceback of places; nothing is half done."""
    caplog.set_level(logging.DEBUG)
    before = written(keeper.url)
    monkeypatch.setattr(owner, name, after(getattr(owner, name)))
    said = watched(keeper, "-v", *words, "-o", form, code=1)

    assert "in crash" in said.stderr
    assert "" == said.stdout or name == "emit"
    assert_not_logged(caplog.records)
    monkeypatch.undo()
    assert_not_stored(keeper)
    if words[0] != "rotate-key":
        assert before == written(keeper.url)
    assert keeper("audit", "verify", "-o", "json").json["valid"]


def test_of_many(keeper: Command, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A defect in one of the threads that test many says nothing either, and the threads end."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(Cipher, "open", after(Cipher.open))
    said = watched(keeper, "-v", "test", "--all", "-o", "json", code=1)

    assert "in crash" in said.stderr
    assert_not_logged(caplog.records)


def test_typer_shows_no_locals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Typer's own tracebacks, which print variables, are off in the root and in every group made of it."""
    made: list[typer.Typer] = []
    original = typer.Typer.__init__

    def noted(self: typer.Typer, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        made.append(self)

    monkeypatch.setattr(typer.Typer, "__init__", noted)
    root = main.build()
    for name in root.commands:
        assert root.commands[name]

    # A group's own setting counts only where the group itself is called, which nothing does.
    assert [False] == [app.pretty_exceptions_enable for app in made if app.info.name == main.PROG]


def test_panic(keeper: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no Exception in Python's sense, as a panic of a library in Rust, ends at the same boundary."""

    class PanicException(BaseException):
        """As pyo3 has it."""

    def panic(*_: object) -> NoReturn:
        raise PanicException(CANARY)

    monkeypatch.setattr(Cipher, "open", panic)
    error = watched(keeper, "test", "acme/Main", "-o", "json", code=1).error

    assert ("defect", "unexpected PanicException") == (error["code"], error["message"])


CRASHING = """\
import atexit, gc, sys, threading
CANARY = sys.stdin.read()
place = sys.argv.pop(1)
def crash(*_, **__):
    raise RuntimeError(CANARY) from ValueError(CANARY)
from avnz_int.__main__ import main
from avnz_int.cli import main as face
from avnz_int.crypto.cipher import Cipher
opening = Cipher.open
def opened(self, *args):
    credentials = opening(self, *args)
    if place == "service":
        crash()
    elif place == "exit":
        atexit.register(crash)
    elif place == "thread":
        thread = threading.Thread(target=crash, args=(credentials.reveal(),))
        thread.start()
        thread.join()
    elif place == "finalizer":
        class Held:
            __del__ = crash
        Held()
    return credentials
Cipher.open = opened
if place == "outside":
    face.run = crash
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("place", ["service", "outside", "thread", "finalizer", "exit"])
def test_process(keeper: Command, place: str) -> None:
    """A process that crashes inside or outside of the boundary prints no message and no variable."""
    done = subprocess.run(
        [sys.executable, "-c", CRASHING, place, "-v", "client", "show", "acme/Main"],
        env=keeper.variables(),
        input=CANARY,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert_hidden(done.stdout + done.stderr, place)
    assert "error: unexpected RuntimeError" in done.stderr
    assert " in crash\n" in done.stderr
    assert "Traceback" not in done.stderr
    assert (1 if place in {"service", "outside"} else 0) == done.returncode
