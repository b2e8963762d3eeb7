"""A password that nothing may show, the forms in which it could show itself, and the places to look."""

from __future__ import annotations

import base64
import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from avnz_int.demo.gateway import PayflowGateway
from avnz_int.model.secret import written_forms
from support.cli import Command, Result
from support.services import dump

CANARY = "c4N&r<Y>%+=/ '~#7;k"
"""A password that Payflow could have, of characters that every way of escaping changes."""
ENDPOINT = "AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW"
GIVEN = "given"
"""What the names of files begin with in which a test itself wrote the canary."""
ACCOUNT = ("PayPal", "acme", "acme")
_SHORTEST = 8


def _base64_inside(raw: bytes) -> Iterator[str]:
    """The parts of a longer text's base64 that stand for `raw`, wherever in that text it begins."""
    for ahead in range(3):
        coded = base64.b64encode(b"\0" * ahead + raw + b"\0" * 3).decode()
        # Characters that hold bits of the neighbours, too, are not the canary's alone.
        whole = coded[-(-ahead * 8 // 6) : (ahead + len(raw)) * 8 // 6]
        yield from (whole, whole.translate(str.maketrans("+/", "-_")))


def forms_of(secret: str) -> frozenset[str]:
    """How a secret may stand in a text: plain, escaped, encoded, backwards."""
    raw = secret.encode()
    plain = {
        *written_forms(secret),
        *_base64_inside(raw),
        raw.hex(),
        raw.hex().upper(),
        raw.hex(" "),
        repr(raw)[2:-1],
        repr(secret)[1:-1],
        # As repr writes it beside a double quote.
        secret.replace("'", "\\'"),
        # As bytes of a file that holds UTF-16, read one by one.
        secret.encode("utf-16-le").decode("latin-1"),
        json.dumps(json.dumps(secret))[3:-3],
    }
    return frozenset(form for text in plain for form in (text, text[::-1]) if len(form) > _SHORTEST)


FORMS = forms_of(CANARY)


def assert_hidden(text: str, where: str, forms: Iterable[str] = FORMS) -> None:
    """No form of the canary stands in the text."""
    assert [] == [form for form in forms if form in text], where


def keeper_of(command: Command, knowing: PayflowGateway) -> Command:
    """The command lines of somebody whose password, which the gateway knows, is the canary."""
    command.environment |= {ENDPOINT: knowing.url, "PAYFLOW_PASSWORD": CANARY}
    return command


def other_secrets(command: Command) -> frozenset[str]:
    """Forms of what else is secret: master keys as they stand in the keyring, the database's password."""
    keys = json.loads(command.keyring.read_text())["keys"]
    found = {form for key in keys for form in forms_of(key["k"])}
    return frozenset(found | forms_of(urlsplit(command.url).password or ""))


def watched(
    command: Command,
    *args: str,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    code: int | None = None,
) -> Result:
    """What a command line says, whatever its exit code; no canary and no key is in it, and no defect."""
    before = other_secrets(command)
    result = command(*args, exit_code=code, env=dict(env or {}), stdin=stdin)
    assert result.code != 1 or code == 1, result
    assert_hidden(
        result.stdout + result.stderr, f"avnz-int {' '.join(args)}", FORMS | before | other_secrets(command)
    )
    return result


def assert_not_stored(command: Command) -> None:
    """Neither rows nor files of the database, nor any other file but the given ones, hold the canary."""
    for table, rows in dump(command.url).items():
        assert_hidden(repr(rows), table)
        assert_hidden(json.dumps(rows, default=str), table)
    if command.url.startswith("sqlite"):
        connection = sqlite3.connect(command.url.removeprefix("sqlite:///"))
        assert_hidden("\n".join(connection.iterdump()), "the dump")
        connection.close()
    for path in command.folder.rglob("*"):
        if path.is_file() and not path.name.startswith(GIVEN):
            assert_hidden(path.read_bytes().decode("latin-1"), path.name)


def assert_not_logged(records: Iterable[logging.LogRecord]) -> None:
    """No log record of any library holds it, neither its text nor its arguments."""
    for record in records:
        assert_hidden(f"{record.getMessage()} {record.__dict__}", record.name)


def open_log(url: str) -> sqlite3.Connection:
    """A reader of an SQLite database that keeps others from emptying the write-ahead log at their end."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN")
    connection.execute('SELECT count(*) FROM "Client"').fetchone()
    return connection


def log_of(url: str) -> Path:
    """The write-ahead log."""
    return Path(url.removeprefix("sqlite:///") + "-wal")
