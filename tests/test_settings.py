"""Settings: flag, then environment, then default, no password shown; and the clock's ids and times."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from avnz_int import clock
from avnz_int.errors import UsageError
from avnz_int.settings import Settings, has_password, truthy, without_password

POSTGRES = "postgresql+psycopg://"
# Everything that may stand unescaped before the @ of a URL, and what people write there all the same.
PASSWORDS = st.text(st.characters(min_codepoint=33, exclude_characters="@", codec="utf-8"), min_size=8)


@given(PASSWORDS, st.sampled_from(["h/db", "h:5432/db", "/db?host=/run/pg", "[::1]:5432/db", "h"]))
def test_password_is_never_shown(password: str, rest: str) -> None:
    """Whatever a password is made of, it is found, and what is shown has none of it."""
    url = f"{POSTGRES}u:{password}@{rest}"
    assert has_password(url)
    assert f"{POSTGRES}u@{rest}" == without_password(url)


@pytest.mark.parametrize("name", ["password", "PASSWORD", "Password"])
def test_password_in_the_query(name: str) -> None:
    """A password in the query is found and taken out; the rest of the query stays."""
    url = f"{POSTGRES}u@h/db?connect_timeout=3&{name}=hunter2&sslmode=require"
    assert has_password(url)
    assert f"{POSTGRES}u@h/db?connect_timeout=3&sslmode=require" == without_password(url)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////var/lib/a@b:c/avnz.db",
        f"{POSTGRES}u@h/db",
        f"{POSTGRES}h:5432/db",
        f"{POSTGRES}h/db?sslmode=require",
        f"{POSTGRES}/db",
    ],
)
def test_nothing_to_hide(url: str) -> None:
    """A URL without a password is shown as it is."""
    assert not has_password(url)
    assert url == without_password(url)
    assert make_url(url).password is None


def test_repr_has_no_password() -> None:
    """Neither the repr of the settings nor what they show holds the password or the token."""
    settings = Settings.load(
        {"AVNZ_INT_DATABASE_URL": f"{POSTGRES}u:hunter2@h/db", "AVNZ_INT_TOKEN": "token-canary"}
    )
    assert "hunter2" not in repr(settings) + settings.database_shown
    assert "canary" not in repr(settings)


def test_flag_before_environment() -> None:
    """A flag goes before the environment, which goes before the default."""
    environment = {"AVNZ_INT_DATABASE_URL": "sqlite:///env.db", "AVNZ_INT_KEYRING": "file:///env.json"}
    settings = Settings.load(environment, database_url="sqlite:///flag.db", keyring_url="file:///flag.json")
    assert ("sqlite:///flag.db", "file:///flag.json") == (settings.database_url, settings.keyring_url)
    settings = Settings.load(environment)
    assert ("sqlite:///env.db", "file:///env.json") == (settings.database_url, settings.keyring_url)


def test_defaults(tmp_path: Path) -> None:
    """Without anything set the database is in the data folder, the keyring in the configuration folder."""
    settings = Settings.load({})
    assert f"sqlite:///{tmp_path}/data/avnz-int/avnz-int.db" == settings.database_url
    assert f"file://{tmp_path}/config/avnz-int/keyring.json" == settings.keyring_url
    assert ("public", {}, None, None, False) == (
        settings.schema,
        settings.endpoints,
        settings.token,
        settings.client,
        settings.no_input,
    )


def test_from_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's own environment is read where none is given; empty variables count as not set."""
    monkeypatch.setenv("AVNZ_INT_DATABASE_URL", "sqlite:///mine.db")
    monkeypatch.setenv("AVNZ_INT_CLIENT", "")
    settings = Settings.load()
    assert ("sqlite:///mine.db", None) == (settings.database_url, settings.client)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "mysql://u:hunter2@h/db",
        "nonsense",
        "hunter2:x",
        "postgresql+asyncpg://u:hunter2@h/db",
        "",
    ],
)
def test_unusable_database(url: str) -> None:
    """A database of another kind is refused, with what to use, without its password; an empty one is none."""
    if not url:
        assert Settings.load({"AVNZ_INT_DATABASE_URL": url}).database_url.startswith("sqlite:///")
        return
    with pytest.raises(UsageError) as caught:
        Settings.load({"AVNZ_INT_DATABASE_URL": url})
    assert "hunter2@" not in f"{caught.value.message} {caught.value.hint}"
    assert "sqlite:///" in str(caught.value.hint)


@pytest.mark.parametrize("prefix", ["postgresql", "postgres"])
def test_driver_is_psycopg(prefix: str) -> None:
    """The usual spellings of a PostgreSQL URL mean psycopg 3."""
    assert f"{POSTGRES}u@h/db" == Settings.load({"AVNZ_INT_DATABASE_URL": f"{prefix}://u@h/db"}).database_url


@pytest.mark.parametrize("schema", ["a b", 'x"; DROP', "1a", "x" * 64, "é", "a-b"])
def test_schema_name(schema: str) -> None:
    """A schema that is no plain name is refused."""
    with pytest.raises(UsageError):
        Settings.load({"AVNZ_INT_SCHEMA": schema})
    assert "billing_1" == Settings.load({"AVNZ_INT_SCHEMA": "billing_1"}).schema


def test_endpoints() -> None:
    """Endpoints are found by their variable's end, in lower case; empty ones are none."""
    settings = Settings.load(
        {"AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW": "http://127.0.0.1:1", "AVNZ_INT_ENDPOINT_NMI": ""}
    )
    assert {"paypal_payflow": "http://127.0.0.1:1"} == settings.endpoints


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", True), ("TRUE", True), (" yes ", True), ("on", True), ("0", False), ("", False), (None, False)],
)
def test_truthy(value: str | None, expected: bool) -> None:
    """What switches a variable on."""
    assert expected is truthy(value)
    assert expected is Settings.load({"CI": value or ""}).no_input


# --- clock ---------------------------------------------------------------------------------------


def test_ids() -> None:
    """Ids have cuid2's shape, all letters and digits are used everywhere, and none comes twice."""
    ids = [clock.new_id() for _ in range(2000)]
    assert all(re.fullmatch(r"[a-z][a-z0-9]{23}", made) for made in ids)
    assert 2000 == len(set(ids))
    assert 26 == len({made[0] for made in ids})
    assert all(len({made[place] for made in ids}) == 36 for place in range(1, 24))


def test_ids_after_a_fork() -> None:
    """What was drawn ahead is not given by two processes."""
    clock.new_id()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, "".join(clock.new_id() for _ in range(100)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as theirs:
        text = theirs.read()
    ids = {text[start : start + 24] for start in range(0, len(text), 24)}

    assert 100 == len(ids)
    assert ids.isdisjoint(clock.new_id() for _ in range(100))


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))])))
def test_times(moment: datetime) -> None:
    """A time is written in UTC with three digits and `Z`, and read back to the millisecond."""
    if not timedelta(days=1) < moment.replace(tzinfo=None) - datetime.min < timedelta(days=3652000):  # noqa: DTZ901
        return
    text = clock.rfc3339(moment)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    read = clock.parse_rfc3339(text)
    assert timedelta(0) <= moment - read < timedelta(milliseconds=1)
    assert UTC == read.tzinfo


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05", "2026-01-02", "soon", ""])
def test_no_time(text: str) -> None:
    """A time without an offset, and what is no time, is refused."""
    with pytest.raises(ValueError):
        clock.parse_rfc3339(text)


def test_now() -> None:
    """The present has milliseconds and no more, as the database keeps them."""
    moment = clock.now()
    assert (0, UTC) == (moment.microsecond % 1000, moment.tzinfo)
    assert moment == clock.parse_rfc3339(clock.rfc3339(moment))
