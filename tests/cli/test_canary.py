"""A secret never shows: on no stream, in no log, not in the database, whatever command runs or fails."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.demo.gateway import PayflowGateway
from support.canary import (
    ACCOUNT,
    CANARY,
    ENDPOINT,
    FORMS,
    assert_hidden,
    assert_not_logged,
    assert_not_stored,
    keeper_of,
    log_of,
    open_log,
    watched,
)
from support.cli import Command
from support.commands import LITERALS, LOGIN, leaves, own, shared, takes_output, using, words_of
from support.gateway import FaultGateway, echo, echo_page
from support.named_tests import exists

LAST = ("client delete", "platform delete", "tenant remove")
"""Run behind all others, which need what these delete."""
CODES = {"billing close": 5, "doctor": 5, "platform add": 5, "platform delete": 5, "tenant remove": 5}
"""Command -> exit code of its first run: what it would make is there, what it would end is needed, and an
integration that was switched off is a default, and there is nothing to bill so early."""
APART = {
    "demo": "tests/cli/test_processes.py::test_demo",
    "db copy": "tests/cli/test_canary.py::test_every_command",
    "import-env": "tests/cli/test_import_env.py::test_import",
    "keyring migrate": "tests/cli/test_canary.py::test_every_command",
    "run": "tests/cli/test_run.py::test_environment",
}
"""Command that the walk leaves out -> the test that runs it."""


@pytest.fixture
def knowing() -> Iterator[PayflowGateway]:
    """A gateway whose account has the canary as its password."""
    with PayflowGateway({ACCOUNT: CANARY}) as running:
        yield running


@pytest.fixture
def keeper(on_both: Command, knowing: PayflowGateway) -> Command:
    """Command lines of somebody whose password is the canary."""
    return keeper_of(on_both, knowing)


def assert_nowhere(command: Command, caplog: pytest.LogCaptureFixture) -> None:
    """Neither log nor database nor any file beside those that the test made holds the canary."""
    assert_not_logged(caplog.records)
    assert_not_stored(command)


KINDS = [
    ("command", "json"),
    ("on_postgres", "json"),
    # What is printed does not hang on the database: one kind shows the other forms.
    *(pytest.param("command", form, marks=pytest.mark.slow) for form in ("table", "csv", "jsonl")),
]


@pytest.mark.parametrize(("kind", "form"), KINDS)
def test_every_command(
    kind: str,
    form: str,
    knowing: PayflowGateway,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every command in every form, where it succeeds and, once things are deleted, where it fails."""
    keeper = keeper_of(request.getfixturevalue(kind), knowing)
    caplog.set_level(logging.DEBUG)
    own(keeper)
    shared(keeper)
    using(keeper)
    # So that there are credentials to go back to.
    keeper("client", "update", "acme/Main", *LOGIN)
    keeper("platform", "update", "paypal_payflow", *LOGIN)
    names = [name for name in leaves() if name not in {*APART, *LAST}]

    def code_of(name: str) -> int:
        words = (*words_of(name), "-o", form) if takes_output(name) else words_of(name)
        return watched(keeper, "-v", *words).code

    codes = {name: code_of(name) for name in (*names, *LAST)}
    # What fails for want of an argument shows nothing because it has nothing: see ARGUMENTS.
    assert {name: CODES.get(name, 0) for name in codes} == codes
    assert set(leaves()) == {*codes, *APART}
    gone = [name for name in names if "acme/Main" in words_of(name)]
    assert gone
    assert [] == [name for name in gone if code_of(name) == 0]
    copied = f"sqlite:///{keeper.folder / 'copied.db'}"
    assert 0 == watched(keeper, "-v", "db", "copy", "--to", copied).code
    moved = f"file://{keeper.folder / 'moved.json'}"
    assert 0 == watched(keeper, "-v", "keyring", "migrate", "--to", moved).code
    assert_nowhere(keeper, caplog)


def test_none_forgotten() -> None:
    """A command that the walk leaves out is one of the tree, and the test that runs it instead is there."""
    assert set(APART) <= set(leaves())
    assert [] == [test for test in APART.values() if not exists(test)]


def test_audit_trail(keeper: Command) -> None:
    """An export of the trail and its checkpoint hold facts of every kind of deed, and no secret."""
    own(keeper)
    shared(keeper)
    keeper("client", "update", "acme/Main", *LITERALS, "--credential", "password=env:PAYFLOW_PASSWORD")
    keeper("client", "show", "acme/Main")
    keeper("test", "acme/Main")
    keeper("rotate-key")
    checkpoint = keeper.folder / "checkpoint.json"
    said = watched(keeper, "audit", "export", "--checkpoint", str(checkpoint), code=0)

    told = {json.loads(line)["action"] for line in said.stdout.splitlines()}
    assert {"client:create", "client:update", "credentials:read", "client:test", "key:rotate"} <= told
    assert_hidden(checkpoint.read_text(), "the checkpoint")


def test_write_ahead_log(command: Command, knowing: PayflowGateway) -> None:
    """SQLite's log, where each change stands before the file has it, holds no secret either."""
    keeper_of(command, knowing)
    reader = open_log(command.url)
    own(command)
    command("client", "update", "acme/Main", *LITERALS, "--credential", "password=env:PAYFLOW_PASSWORD")
    command("rotate-key")
    log = log_of(command.url).read_bytes().decode("latin-1")
    reader.close()

    # As every sealed value begins; without one nothing was looked at.
    assert base64.urlsafe_b64encode(b'{"alg":"dir"').decode() in log
    assert_hidden(log, "the write-ahead log")


def test_failures(keeper: Command, caplog: pytest.LogCaptureFixture) -> None:
    """A canary in every way in which it can be given wrongly, and a provider that repeats it."""
    caplog.set_level(logging.DEBUG)
    own(keeper)
    add = ("client", "add", "paypal_payflow", "--client", "acme", "--name", "Second")
    wrong_file = keeper.file("given", CANARY)
    broken = keeper.file("given.json", f'{{"password": "{CANARY}", ')
    extra = keeper.file("given-extra.json", {"partner": "PayPal", "passwort": CANARY, "user": [CANARY]})
    listed = keeper.file("given-list.json", f'["{CANARY}"]')
    password = (*LITERALS, "--credential", "password=env:PAYFLOW_PASSWORD")
    wrong: tuple[tuple[str, ...], ...] = (
        (*add, *LITERALS, "--credential", f"password={CANARY}"),
        (*add, *LITERALS, "--credential", "password", CANARY),
        (*add, "--credential", CANARY),
        (*add, "--credential", f"partner=@{wrong_file}", "--credential", f"vendor=@{wrong_file}"),
        (*add, "--credentials-file", broken),
        (*add, "--credentials-file", extra),
        (*add, "--credentials-file", listed),
        (*add, "--credentials-file", wrong_file),
        (*add, *password, "--setting", f"password={CANARY}"),
        (*add, *password, "--mode", "platform"),
        ("client", "add", "twilio", "--client", "acme", "--credential", f"authToken=@{wrong_file}"),
        ("client", "add", "webhook", "--client", "acme", "--credential", f"headers=@{wrong_file}"),
        ("platform", "add", "sentry", "--credential", f"dsn=@{wrong_file}"),
        ("client", "update", "acme/Main", "--credential", f"password=@{wrong_file}"),
        ("client", "update", "acme/Main", *LITERALS, "--credential", "password=-"),
    )
    for words in wrong:
        for form in ("table", "json"):
            assert 0 != watched(keeper, "-v", *words, "-o", form, stdin=CANARY + CANARY).code, words
    for answer in (echo, echo_page):
        with FaultGateway(answer) as repeating:
            for words in (
                (*add, *password),
                ("test", "acme/Main"),
                ("client", "update", "acme/Main", *password),
            ):
                result = watched(keeper, "-v", *words, "-o", "json", env={ENDPOINT: repeating.url})
                assert result.code in {6, 7}
            assert repeating.requests
    assert_nowhere(keeper, caplog)


@given(before=st.binary(max_size=5), after=st.binary(max_size=5))
def test_forms_are_found(before: bytes, after: bytes) -> None:
    """What looks for the canary finds it inside of other texts, however these are encoded."""
    inside = before.decode("latin-1") + CANARY + after.decode("latin-1")
    raw = before + CANARY.encode() + after
    for text in (
        inside,
        inside[::-1],
        quote(inside, safe=""),
        escape(inside),
        json.dumps(inside),
        json.dumps(json.dumps(inside)),
        repr(raw),
        raw.hex(),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        inside.encode("utf-16-le").decode("latin-1"),
    ):
        with pytest.raises(AssertionError):
            assert_hidden(text, "an encoded text")


def test_no_false_alarm(tmp_path: Path) -> None:
    """A text without the canary passes, and no form is so short that it would stand anywhere by chance."""
    assert_hidden(Path(__file__).read_text(encoding="utf-8"), "this file")
    assert min(map(len, FORMS)) > 8
