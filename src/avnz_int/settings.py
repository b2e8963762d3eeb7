"""Configuration: flag, then environment, then default (contract, section 2). Read on first use."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import quote, unquote, unquote_plus, urlsplit

from avnz_int.errors import UsageError

_APP = "avnz-int"
_SCHEMA_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_TRUE = {"1", "true", "yes", "on"}
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_WITH_PORT = re.compile(r"(?:\[(?P<six>[^\[\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?")

AllowedHost = tuple[str | IPv4Network | IPv6Network, int | None]
"""A host name in lower case or a network, and the one port that is meant, None for all."""


def default_database_url() -> str:
    """The embedded database in the user's data folder."""
    import platformdirs  # noqa: PLC0415  # 5 ms that whoever names a database does not pay

    return f"sqlite:///{Path(platformdirs.user_data_dir(_APP, appauthor=False)) / 'avnz-int.db'}"


def default_keyring_url() -> str:
    """The keyring file in the user's configuration folder, apart from the data."""
    import platformdirs  # noqa: PLC0415

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
    # A : before the first @ begins a password; it ends at the last @, even where it holds one, or a ? or a /.
    colon, at = rest.find(":"), rest.find("@")
    if 0 <= colon < at:
        rest = rest[:colon] + rest[rest.rindex("@") :]
    address, question, query = rest.partition("?")
    kept = "&".join(pair for pair in query.split("&") if not _is_password(pair.partition("=")[0]))
    shown = f"{scheme}://{address}"
    return f"{shown}?{kept}" if question and kept else shown


def _is_password(parameter: str) -> bool:
    return unquote_plus(parameter).lower().endswith("password")


def truthy(value: str | None) -> bool:
    """Whether an environment variable that switches something on does so."""
    return (value or "").strip().lower() in _TRUE


def allowed_host(entry: str) -> AllowedHost:
    """What an entry of `AVNZ_INT_ALLOW_HOSTS` names: a host, host:port, IP address or CIDR block.

    Raises:
        ValueError: none of these.
    """
    text = entry.strip().lower()
    if (network := _network(text)) is not None:
        return network, None
    parts = _WITH_PORT.fullmatch(text)
    if parts is None:
        raise ValueError("no host")
    port = None if parts["port"] is None else int(parts["port"])
    if port is not None and not 0 < port < 65536:
        raise ValueError("no port")
    name = parts["six"] or parts["host"]
    if "/" not in name and (network := _network(name)) is not None:
        return network, port
    labels = name.split(".")
    if parts["six"] or not all(map(_LABEL.fullmatch, labels)) or _NUMBER.fullmatch(labels[-1]):
        raise ValueError("no host")
    return name, port


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
        allow_hosts: what user-supplied addresses may name although it is private, as `allowed_host` reads it.
    """

    database_url: str = field(repr=False)
    schema: str
    keyring_url: str
    endpoints: Mapping[str, str]
    token: str | None = field(default=None, repr=False)
    client: str | None = None
    no_input: bool = False
    allow_hosts: tuple[str, ...] = ()

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a file of this machine."""
        return self.database_url.startswith("sqlite")

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that hold the database and the keyring, where they are files; some may not be there."""
        found = []
        if self.is_embedded:
            database = self.database_url.partition(":///")[2]
            found += [Path(database + end) for end in ("", "-wal", "-shm", "-journal")]
        if self.keyring_url.startswith("file:"):
            found.append(Path(unquote(urlsplit(self.keyring_url).path, errors="surrogateescape")))
        return tuple(found)

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
            database_url=checked_url(url),
            schema=schema,
            keyring_url=keyring_url or env.get("AVNZ_INT_KEYRING") or default_keyring_url(),
            endpoints={
                name[len(prefix) :].lower(): value
                for name, value in env.items()
                if name.startswith(prefix) and value
            },
            token=env.get("AVNZ_INT_TOKEN"),
            client=env.get("AVNZ_INT_CLIENT") or None,
            no_input=no_input or truthy(env.get("CI")) or truthy(env.get("AVNZ_INT_NO_INPUT")),
            allow_hosts=_checked_hosts(env.get("AVNZ_INT_ALLOW_HOSTS") or ""),
        )


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None


def _checked_hosts(text: str) -> tuple[str, ...]:
    entries = tuple(entry for entry in map(str.strip, text.split(",")) if entry)
    for place, entry in enumerate(entries, 1):
        try:
            allowed_host(entry)
        except ValueError:
            raise UsageError(
                f"AVNZ_INT_ALLOW_HOSTS: entry {place} is no host, host:port, IP address or CIDR block",
                hint="separate entries by commas: sentry.internal, 10.0.7.15:8443, fd12::/48",
            ) from None
    return entries


def checked_url(url: str) -> str:
    """A database URL of a kind that can be used.

    Raises:
        UsageError: it is of another kind.
    """
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
