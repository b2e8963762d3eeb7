"""A secret never shows: on no stream, in no log, not in the database, whatever command runs or fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from avnz_int.demo.gateway import PayflowGateway
from avnz_int.model.secret import written_forms
from avnz_int.services.tenants import Tenants
from support.cli import Command, Result
from support.commands import LITERALS, leaves, own, shared, using, words_of
from support.gateway import FaultGateway, echo, echo_page
from support.services import dump

CANARY = "c4N&r<Y>%+=/ '~#7;k"
"""A password that Payflow could have, of characters that every way of escaping changes."""
FORMS = {form for form in written_forms(CANARY) if len(form) > 8}
ENDPOINT = "AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW"
LAST = ("client delete", "platform delete", "tenant remove")


def assert_hidden(text: str, where: str) -> None:
    """No form of the canary stands in the text."""
    assert [] == [form for form in FORMS if form in text], where


@pytest.fixture
def knowing() -> Iterator[PayflowGateway]:
    """A gateway whose account has the canary as its password."""
    with PayflowGateway({("PayPal", "acme", "acme"): CANARY}) as running:
        yield running


@pytest.fixture
def keeper(on_both: Command, knowing: PayflowGateway) -> Command:
    """Command lines of somebody whose password is the canary."""
    on_both.environment |= {ENDPOINT: knowing.url, "PAYFLOW_PASSWORD": CANARY}
    return on_both


def watched(command: Command, *args: str, env: Mapping[str, str] | None = None, stdin: str = "") -> Result:
    """What a command line says, whatever its exit code; the canary is not in it."""
    result = command(*args, exit_code=None, env=dict(env or {}), stdin=stdin)
    assert result.code != 1, result
    assert_hidden(result.stdout + result.stderr, f"avnz-int {' '.join(args)}")
    return result


def assert_nowhere(command: Command, caplog: pytest.LogCaptureFixture) -> None:
    """Neither log nor database nor any file beside those that the test made holds the canary."""
    for record in caplog.records:
        assert_hidden(f"{record.getMessage()} {record.__dict__}", record.name)
    for table, rows in dump(command.url).items():
        assert_hidden(repr(rows), table)
    for path in command.folder.rglob("*"):
        if path.is_file() and not path.name.startswith("given"):
            assert_hidden(path.read_bytes().decode("latin-1"), path.name)


def test_every_command(keeper: Command, caplog: pytest.LogCaptureFixture) -> None:
    """Every command in every form, where it succeeds and, once things are deleted, where it fails."""
    caplog.set_level(logging.DEBUG)
    own(keeper)
    shared(keeper)
    using(keeper)
    names = [
        name
        for name in leaves()
        if name not in {"demo", "run", "db copy", "import-env", "keyring migrate", *LAST}
    ]
    # What is printed does not hang on the database: one form shows what each has kept.
    for form in ("json", "table", "csv", "jsonl") if keeper.url.startswith("sqlite") else ("json",):
        for name in (*names, *LAST):
            result = watched(keeper, "-v", *words_of(name), "-o", form)
            if form == "json" and name not in {"tenant remove", "platform add", "client add", "tenant add"}:
                assert 0 == result.code or "dependents" in result.stderr, (name, result)
    copied = f"sqlite:///{keeper.folder / 'copied.db'}"
    assert 0 == watched(keeper, "-v", "db", "copy", "--to", copied).code
    moved = f"file://{keeper.folder / 'moved.json'}"
    assert 0 == watched(keeper, "-v", "keyring", "migrate", "--to", moved).code
    assert_nowhere(keeper, caplog)


def test_failures(keeper: Command, caplog: pytest.LogCaptureFixture) -> None:
    """A canary in every way in which it can be given wrongly, and a provider that repeats it."""
    caplog.set_level(logging.DEBUG)
    own(keeper)
    add = ("client", "add", "paypal_payflow", "--client", "acme", "--name", "Second")
    given = keeper.file("given", CANARY)
    broken = keeper.file("given.json", f'{{"password": "{CANARY}", ')
    extra = keeper.file("given-extra.json", {"partner": "PayPal", "passwort": CANARY, "user": [CANARY]})
    listed = keeper.file("given-list.json", f'["{CANARY}"]')
    password = (*LITERALS, "--credential", "password=env:PAYFLOW_PASSWORD")
    wrong: tuple[tuple[str, ...], ...] = (
        (*add, *LITERALS, "--credential", f"password={CANARY}"),
        (*add, *LITERALS, "--credential", "password", CANARY),
        (*add, "--credential", CANARY),
        (*add, "--credential", f"partner=@{given}", "--credential", f"vendor=@{given}"),
        (*add, "--credentials-file", broken),
        (*add, "--credentials-file", extra),
        (*add, "--credentials-file", listed),
        (*add, "--credentials-file", given),
        (*add, *password, "--setting", f"password={CANARY}"),
        (*add, *password, "--mode", "platform"),
        ("client", "add", "twilio", "--client", "acme", "--credential", f"authToken=@{given}"),
        ("client", "add", "webhook", "--client", "acme", "--credential", f"headers=@{given}"),
        ("platform", "add", "sentry", "--credential", f"dsn=@{given}"),
        ("client", "update", "acme/Main", "--credential", f"password=@{given}"),
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


@pytest.mark.parametrize("flags", [(), ("-v",), ("-vv",), ("--verbose",)], ids=str)
def test_defect(command: Command, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]) -> None:
    """A defect says its kind and asks to report it, exit 1; the secret that was in its words is not shown."""

    def crash(*_: object) -> None:
        password = CANARY
        raise RuntimeError(f"cannot use {password}") from ValueError(password)

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
