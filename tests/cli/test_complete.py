"""TAB: what is offered, from both kinds of database, and what real shells make of it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.cli import complete, main
from avnz_int.model.tokens import hashed, new_text
from support.filled import fill
from support.postgres import PostgresDatabases
from support.services import execute, token_of

Tab = Callable[..., list[str]]
TOKENS: dict[str, str] = {}
"""URL -> the token that its database needs."""


@pytest.fixture(scope="module")
def filled_sqlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an SQLite file with tenants and integrations."""
    folder = tmp_path_factory.mktemp("filled")
    url = f"sqlite:///{folder / 'avnz int#1.db'}"
    fill(url, folder)
    return url


@pytest.fixture(scope="module")
def filled_postgres(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresDatabases) -> Iterator[str]:
    """The URL of a PostgreSQL database with tenants and integrations."""
    name = postgres.create_database()
    folder = tmp_path_factory.mktemp("filled")
    fill(postgres.url(name), folder)
    TOKENS[postgres.url(name)] = token_of(folder / "keyring.json").read_text()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(params=["sqlite", "postgres"])
def filled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a filled database, which is the configured one; the test runs once on each kind."""
    url = str(request.getfixturevalue(f"filled_{request.param}"))
    monkeypatch.setenv("AVNZ_INT_DATABASE_URL", url)
    monkeypatch.delenv("AVNZ_INT_TOKEN", raising=False)
    if url in TOKENS:
        monkeypatch.setenv("AVNZ_INT_TOKEN", TOKENS[url])
    return url


@pytest.fixture
def tab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tab:
    """What a TAB behind a line offers; it always succeeds, and says nothing else."""

    def ask(line: str) -> list[str]:
        monkeypatch.setenv("_AVNZ_INT_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", f"avnz-int {line}")
        monkeypatch.setenv("COMP_CWORD", str(len(re.split(r"(?<!\\) ", line))))
        with pytest.raises(SystemExit) as ended:
            main.run([])
        said = capsys.readouterr()
        assert (0, "") == (ended.value.code, said.err)
        return said.out.splitlines() if said.out.strip() else []

    return ask


# --- what is offered ------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["platform add pay", "client add pay", "client list --provider pay"])
def test_providers(tab: Tab, line: str) -> None:
    """Providers come from the seeds, without any database."""
    assert ["paypal_payflow"] == tab(line)


def test_commands(tab: Tab) -> None:
    """Commands, options and values of options are offered as Typer does."""
    assert ["rotate-key"] == tab("rot")
    assert "--provider" in tab("client list --pro")
    assert ["sandbox"] == tab("client list --environment san")
    assert "client" in tab("--version ")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("client list --client ", ["acme", "globex"]),
        ("client list --client=gl", ["globex"]),
        ("tenant show ", ["acme", "avnz", "globex", "shop"]),
        ("tenant add x --under g", ["globex"]),
        ("platform show ", ["paypal_payflow"]),
        ("platform show platform/p", ["platform/paypal_payflow"]),
        ("client show globex", ["globex/Other"]),
        ("client show nobody", []),
        ("test plat", ["platform/paypal_payflow"]),
        ("test platform/paypal_payflow gl", ["globex/Other"]),
        ("client show acme/My\\ Pay", ["acme/My PayPal Account"]),
        ("client show acme/M", ["acme/My PayPal Account"]),
        ("client show --client globex ", ["Other", "globex/Other"]),
        ("test --client globex O", ["Other"]),
        ("client show --client globex acme", []),
        ("client show --client nobody ", []),
    ],
)
def test_rows(tab: Tab, filled: str, line: str, offered: list[str]) -> None:
    """Tenants and refs come from the database, as they may be written at that place."""
    found = tab(line)

    # The name that two integrations share has a test of its own.
    assert offered == [value for value in found if not value.endswith("/Main")]


FIELDS = ["partner=", "password="]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("client add paypal_payflow --credential p", FIELDS),
        ("client add paypal_payflow --credential=p", FIELDS),
        ("client add paypal_payflow --credential partner=x --credential pas", ["password="]),
        ("client add paypal_payflow --credential password=", []),
        ("client add --credential p", []),
        ("client add ../paypal_payflow --credential p", []),
        ("platform add webhook --setting u", ["url="]),
        ("platform add twilio --setting zzz", []),
    ],
)
def test_fields(tab: Tab, line: str, offered: list[str]) -> None:
    """Names of fields come from the seed of the provider on the line; of values nothing is offered."""
    assert offered == tab(line)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("platform update paypal_payflow --credential p", FIELDS),
        ("platform update platform/paypal_payflow --credential p", FIELDS),
        ("platform update {platform} --credential p", FIELDS),
        ("client update globex/Other --credential p", FIELDS),
        ("client update acme/nmi/Main --credential s", ["securityKey="]),
        ("client update acme/Main --credential s", []),
        ("client update --client globex Other --credential p", FIELDS),
        ("client update {client} --credential p", FIELDS),
        ("client update nobody --credential p", []),
    ],
)
def test_fields_of_ref(tab: Tab, filled: str, line: str, offered: list[str]) -> None:
    """A REF tells the provider, if it names one integration."""
    ids = {
        "platform": str(execute(filled, 'SELECT id FROM "PlatformIntegration"')[0][0]),
        "client": str(execute(filled, """SELECT id FROM "ClientIntegration" WHERE name = 'Other'""")[0][0])[
            :8
        ],
    }
    assert offered == tab(line.format(**ids))


def test_companies(tab: Tab, filled: str) -> None:
    """--company is offered companies, and no other tenants."""
    assert ["shop"] == tab("run --company ") == tab("resolve --company ")


def test_failing(tab: Tab, filled: str) -> None:
    """--fail is offered accounts, integrations and providers."""
    assert ["paypal_payflow"] == tab("merchant route --fail pay")
    assert ["Other"] == tab("merchant route --client globex --fail Ot")
    (account, *_) = tab("merchant show ")
    assert [account] == tab(f"merchant route --fail {account}")


def test_shared_name(tab: Tab, filled: str) -> None:
    """Where two integrations of a client have one name, what is offered names the provider."""
    assert ["acme/paypal_payflow/Main"] == tab("client show acme/pay")
    assert ["acme/nmi/Main"] == tab("client show acme/nmi/")
    assert [] == tab("client show --client acme Mai")


def test_client_variable(tab: Tab, filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """AVNZ_INT_CLIENT stands in for --client."""
    monkeypatch.setenv("AVNZ_INT_CLIENT", "globex")

    assert ["Other"] == tab("client show O")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("100%", ["acme/100%_a"]), ("100_", []), ("%", []), ("\\\\", []), ("main", []), ("Grö", ["acme/Größe"])],
)
def test_literal(tab: Tab, filled: str, typed: str, offered: list[str]) -> None:
    """What was typed is compared as it is: no wildcards, upper and lower case differ."""
    assert offered == tab(f"client show acme/{typed}")


def test_merchants(tab: Tab, filled: str) -> None:
    """Merchant accounts are offered by id."""
    found = tab("merchant show ")

    assert 10 == len(found)
    assert [found[0]] == tab(f"merchant show {found[0][:-1]}")


def test_flag(tab: Tab, filled_sqlite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--database-url on the line decides where is looked."""
    monkeypatch.setenv("AVNZ_INT_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    url = filled_sqlite.replace(" ", "\\ ")

    assert [] == tab("client list --client gl")
    assert ["globex"] == complete_words(url, "client list --client gl")


def complete_words(url: str, line: str) -> list[str]:
    """What is offered behind `avnz-int --database-url URL` and a line, by a process of its own."""
    environ = {
        **os.environ,
        "_AVNZ_INT_COMPLETE": "complete_bash",
        "COMP_WORDS": f"avnz-int --database-url {url} {line}",
        "COMP_CWORD": str(2 + len(line.split(" "))),
    }
    command = [sys.executable, "-m", "avnz_int"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert "" == done.stderr
    return done.stdout.splitlines()


def test_schema(tab: Tab, filled_postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """AVNZ_INT_SCHEMA decides where is looked; what is no name of a schema finds nothing."""
    monkeypatch.setenv("AVNZ_INT_DATABASE_URL", filled_postgres)
    monkeypatch.setenv("AVNZ_INT_TOKEN", TOKENS[filled_postgres])
    assert ["globex"] == tab("client list --client gl")

    for schema in ("elsewhere", 'public" -c x=y'):
        monkeypatch.setenv("AVNZ_INT_SCHEMA", schema)
        assert [] == tab("client list --client gl")


# --- who is asking --------------------------------------------------------------------------------


def issued(url: str, role: str, client: str | None = None, ends: str | None = None) -> str:
    """The text of a new token, put into the table behind the program's back."""
    text = new_text()
    columns = (
        'id, "organizationId", "clientId", name, role, prefix, hash, "expiresAt", "createdAt", "updatedAt"'
    )
    owner = '(SELECT id FROM "Client" WHERE slug = :client)'
    then = "'2026-01-01T00:00:00.000Z'"
    end = f"'{ends}'" if ends else "NULL"
    execute(
        url,
        f'INSERT INTO "Token" ({columns}, "createdBy")'
        f" SELECT :id, id, {owner}, 'tab', :role, 'avnzint_', :hash, {end}, {then}, {then}, 'me'"
        ' FROM "Organization"',
        id=hashed(text)[:24],
        client=client,
        role=role,
        hash=hashed(text),
    )
    return text


LINES = ("client list --client ", "tenant show ", "platform show ", "client show ", "test ", "merchant show ")


def test_client_admin(tab: Tab, filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client_admin is offered the own client and what is its own."""
    monkeypatch.setenv("AVNZ_INT_TOKEN", issued(filled, "client_admin", "globex"))

    assert ["globex"] == tab("client list --client ")
    assert ["globex"] == tab("tenant show ")
    assert [] == tab("platform show ")
    assert ["globex/Other"] == tab("client show ")
    assert ["globex/Other"] == tab("test ")
    assert 1 == len(tab("merchant show "))
    assert [] == tab("client show --client acme ")


@pytest.mark.parametrize("way", ["unknown", "malformed", "expired", "service"])
def test_no_token(tab: Tab, filled: str, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """A token that is not valid, or may list nothing, is offered nothing; an auditor what there is."""
    everything = [tab(line) for line in LINES]
    assert all(everything)
    monkeypatch.setenv("AVNZ_INT_TOKEN", issued(filled, "auditor", ends="2999-01-01T00:00:00.000Z"))
    assert everything == [tab(line) for line in LINES]

    text = {
        "unknown": new_text,
        "malformed": lambda: "none",
        "expired": lambda: issued(filled, "org_admin", ends="2026-01-01T00:00:00.000Z"),
        "service": lambda: issued(filled, "service"),
    }[way]()
    monkeypatch.setenv("AVNZ_INT_TOKEN", text)
    assert [[]] * len(LINES) == [tab(line) for line in LINES]


# --- databases that cannot be used ----------------------------------------------------------------


def test_no_database(tab: Tab, tmp_path: Path) -> None:
    """Without a database nothing is offered, and none is made."""
    assert [] == tab("test ")
    assert [] == list(tmp_path.rglob("*.db*"))


def test_not_ours(tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged file, a database without our tables and a folder offer nothing."""
    damaged, empty = tmp_path / "damaged.db", tmp_path / "empty.db"
    damaged.write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    sqlite3.connect(empty).close()
    for path in (damaged, empty, tmp_path):
        monkeypatch.setenv("AVNZ_INT_DATABASE_URL", f"sqlite:///{path}")
        assert [] == tab("client list --client a")


def test_locked(tab: Tab, filled_sqlite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that another process keeps to itself offers nothing, soon."""
    path = tmp_path / "locked.db"
    shutil.copy(filled_sqlite.removeprefix("sqlite:///"), path)
    monkeypatch.setenv("AVNZ_INT_DATABASE_URL", f"sqlite:///{path}")
    assert ["acme"] == tab("client list --client a")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    holder.execute('UPDATE "Client" SET "name" = "name"')
    try:
        since = time.monotonic()
        assert [] == tab("client list --client a")
        assert time.monotonic() - since < 5
    finally:
        holder.close()


def test_no_server(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer, and a URL that is none, offer nothing."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"postgresql+psycopg://u:p@127.0.0.1:{unused.getsockname()[1]}/d"
        for url in (address, "mysql://x", "nonsense", "sqlite://"):
            monkeypatch.setenv("AVNZ_INT_DATABASE_URL", url)
            assert [] == tab("client list --client a")


def test_by_hand(tab: Tab, filled_sqlite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that somebody wrote into the database with a line end in it is not offered as two."""
    path = tmp_path / "byhand.db"
    shutil.copy(filled_sqlite.removeprefix("sqlite:///"), path)
    with sqlite3.connect(path) as connection:
        connection.execute('UPDATE "ClientIntegration" SET "name" = ? WHERE "name" = ?', ("a\nb", "Other"))
    connection.close()
    monkeypatch.setenv("AVNZ_INT_DATABASE_URL", f"sqlite:///{path}")

    assert [] == tab("client show globex/")


@given(st.lists(st.text(alphabet="abß/ ", max_size=4), max_size=500), st.sampled_from(["", "a", "b/"]))
def test_many(values: list[str], typed: str) -> None:
    """Of very many values so few are offered that a shell takes them, with the beginning they all share."""
    everything = [value for value in values if value.startswith(typed)]
    offered = complete._fit(values, typed)

    assert len(offered) <= 200
    assert set(offered) <= set(everything)
    # Not of paths: a shell compares characters.
    assert os.path.commonprefix(everything) == os.path.commonprefix(offered)  # noqa: RUF071
