"""Configuration: flag, then environment, then default (contract, section 2). Read on first use."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import platformdirs

from avnz_int.errors import UsageError

_APP = "avnz-int"
_SCHEMA_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_TRUE = {"1", "true", "yes", "on"}


def default_database_url() -> str:
    """The embedded database in the user's data folder."""
    return f"sqlite:///{Path(platformdirs.user_data_dir(_APP, appauthor=False)) / 'avnz-int.db'}"


def default_keyring_url() -> str:
    """The keyring file in the user's configuration folder, apart from the data."""
    path = Path(platformdirs.user_config_dir(_APP, appauthor=False)) / "keyring.json"
    return "file://" + quote(str(path))


def has_password(database_url: str) -> bool:
    """Whether a database URL carries a password, in its user part or in its query."""
    return not database_url.startswith("sqlite") and database_url != without_password(database_url)


def without_password(database_url: str) -> str:
    """The URL fit for showing; cut by hand, since a URL that does not parse is shown too."""
    scheme, separator, rest = database_url.partition("://")
    if not separator or scheme.startswith("sqlite"):
        return database_url
    address, question, query = rest.partition("?")
    # The last @ ends the user part, even where the password holds one that should have been escaped.
    user, at, host = address.rpartition("@")
    shown = f"{scheme}://{user.partition(':')[0]}{at}{host}"
    kept = "&".join(pair for pair in query.split("&") if not pair.lower().startswith("password="))
    return f"{shown}?{kept}" if question and kept else shown


def truthy(value: str | None) -> bool:
    """Whether an environment variable that switches something on does so."""
    return (value or "").strip().lower() in _TRUE


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are and how to talk.

    Attributes:
        database_url: `sqlite:///…` or `postgresql+psycopg://…`; may hold a password, so it is never shown.
        schema: PostgreSQL schema of our tables.
        keyring_url: `file:///…`.
        endpoints: provider -> base URL that stands in for the provider's own.
        client: default of `--client`.
        no_input: never ask.
    """

    database_url: str = field(repr=False)
    schema: str
    keyring_url: str
    endpoints: Mapping[str, str]
    token: str | None = field(default=None, repr=False)
    client: str | None = None
    no_input: bool = False

    @property
    def database_shown(self) -> str:
        """The database URL without its password."""
        return without_password(self.database_url)

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        database_url: str | None = None,
        keyring_url: str | None = None,
        no_input: bool = False,
    ) -> Settings:
        """The settings from flags (keyword arguments), environment and defaults.

        Raises:
            UsageError: a URL or name that cannot be used.
        """
        env = os.environ if environ is None else environ
        url = database_url or env.get("AVNZ_INT_DATABASE_URL") or default_database_url()
        schema = env.get("AVNZ_INT_SCHEMA") or "public"
        if not _SCHEMA_NAME.fullmatch(schema):
            raise UsageError(
                "AVNZ_INT_SCHEMA is not a schema name",
                hint="use letters, digits and _, starting with a letter",
            )
        prefix = "AVNZ_INT_ENDPOINT_"
        return cls(
            database_url=_checked_url(url),
            schema=schema,
            keyring_url=keyring_url or env.get("AVNZ_INT_KEYRING") or default_keyring_url(),
            endpoints={
                name[len(prefix) :].lower(): value
                for name, value in env.items()
                if name.startswith(prefix) and value
            },
            token=env.get("AVNZ_INT_TOKEN") or None,
            client=env.get("AVNZ_INT_CLIENT") or None,
            no_input=no_input or truthy(env.get("CI")) or truthy(env.get("AVNZ_INT_NO_INPUT")),
        )


def _checked_url(url: str) -> str:
    if url.startswith("sqlite:///") and url not in {"sqlite:///", "sqlite:///:memory:"}:
        return url
    if url.startswith("postgresql+psycopg://"):
        return url
    if url.startswith(("postgresql://", "postgres://")):
        return "postgresql+psycopg://" + url.partition("://")[2]
    raise UsageError(
        f"cannot use a database of the kind {url.partition(':')[0]!r}",
        hint="use sqlite:///<file> or postgresql+psycopg://<user>@<host>/<database>",
    )
