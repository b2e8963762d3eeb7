"""What every command shares: the state on `ctx.obj`, and the options that stand on many commands."""

from __future__ import annotations

import re
import sys
from enum import StrEnum
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Annotated, cast

import typer

from avnz_int.cli import complete
from avnz_int.cli.printable import printable
from avnz_int.errors import UsageError
from avnz_int.model.enums import Category, Environment, Status

if TYPE_CHECKING:
    from avnz_int.cli.listing import Pick
    from avnz_int.model.actor import Actor
    from avnz_int.settings import Settings
    from avnz_int.wiring import Services


_ID = re.compile(r"[a-z][a-z0-9]{23}")


class Format(StrEnum):
    """Values of `--output`."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class State:
    """Flags given before the command, and the services built from them on first use."""

    def __init__(
        self,
        *,
        database_url: str | None = None,
        keyring: str | None = None,
        no_input: bool = False,
        color: bool = True,
    ) -> None:
        self._database_url = database_url
        self._keyring = keyring
        self._no_input = no_input
        self.color = color
        self.pick: Pick | None = None
        """What of a listing was asked for, where the command is one (`cli.listing`)."""
        self.listing = ""
        """The words of such a command."""
        self._told: set[str] = set()

    @cached_property
    def settings(self) -> Settings:
        """Flags, environment, defaults.

        Raises:
            UsageError: a value that cannot be used, or a password on the command line.
        """
        # Here and below: 15 ms that --help and TAB do not pay.
        from avnz_int.settings import Settings, has_password  # noqa: PLC0415

        if self._database_url and has_password(self._database_url):
            raise UsageError(
                "--database-url holds a password, which every process on this machine could read",
                hint="set AVNZ_INT_DATABASE_URL instead",
            )
        return Settings.load(
            database_url=self._database_url, keyring_url=self._keyring, no_input=self._no_input
        )

    @cached_property
    def services(self) -> Services:
        """The services of this command."""
        from avnz_int.wiring import Services  # noqa: PLC0415

        return Services(self.settings, self.notify)

    @property
    def actor(self) -> Actor:
        """Who is asking."""
        return self.services.actor

    @property
    def operator(self) -> Actor:
        """Who sets up or migrates: it takes no token."""
        return self.services.operator

    def interactive(self) -> bool:
        """Whether questions may be asked: a terminal on standard input, and nobody forbade it."""
        return not self.settings.no_input and sys.stdin is not None and sys.stdin.isatty()

    def client(self, given: str | None, ref: str = "") -> str | None:
        """`--client`; where the REF is a bare name `AVNZ_INT_CLIENT`, or a client_admin's own client.

        An id or a path needs no client. What may be the beginning of an id is looked for elsewhere, too.
        """
        if given or "/" in ref or _ID.fullmatch(ref):
            return given
        from avnz_int.model.filters import DefaultClient  # noqa: PLC0415  # --help and TAB make none

        client = self.settings.client or self._own_client()
        return DefaultClient(client) if client and ref else client

    def require_client(self, given: str | None) -> str:
        """As `client`, where one is needed.

        Raises:
            UsageError: none was named.
        """
        client = self.client(given)
        if not client:
            raise UsageError("which client?", hint="give --client SLUG or set AVNZ_INT_CLIENT")
        return client

    def _own_client(self) -> str | None:
        if self.settings.token is None:
            return None
        token = self.services.identity.token
        return token.client if token else None

    def known_provider(self, given: str | None) -> str | None:
        """`--provider` of a listing.

        Raises:
            UnknownProviderError: no definition has it: an empty listing would hide the misspelling.
        """
        if given is not None:
            self.services.definitions.show(self.actor, given)
        return given

    def notify(self, message: str) -> None:
        """Tell a person something beside the data, once."""
        if message not in self._told:
            self._told.add(message)
            notices.say(message)

    def close(self) -> None:
        """Give back what is open."""
        if "services" in self.__dict__:
            self.services.close()


class Notices:
    """What a person is told beside the data, on standard error.

    Where errors are told in JSON, notices are held until it is known whether there is one: standard error
    then is that one object, which has them in its `details`.
    """

    def __init__(self) -> None:
        self._held: list[str] | None = None

    def begin(self, *, hold: bool) -> None:
        """Start a command."""
        self._held = [] if hold else None

    def say(self, message: str) -> None:
        """Tell it, now or at the end."""
        if self._held is None:
            sys.stderr.write(f"avnz-int: {printable(message)}\n")
        else:
            self._held.append(message)

    def take(self) -> list[str]:
        """Those held, for an error's details."""
        held, self._held = self._held or [], None
        return held

    def end(self) -> None:
        """Tell those held: there was no error."""
        for message in self.take():
            self.say(message)


notices = Notices()


def not_empty(value: str | None) -> str | None:
    """An option's text; empty, as a script's unset variable writes it, it must not stand for the default."""
    if value == "":
        raise typer.BadParameter("it is empty; give a value, or leave the option out")
    return value


def listed(values: list[str] | None) -> list[str] | None:
    """An option's names, with commas between or one by one; a list of none is refused as an empty text is."""
    found: list[str] = []
    for text in values or ():
        names = [name.strip() for name in text.split(",") if name.strip()]
        not_empty(",".join(names))
        found += names
    return found or None


def _finite(value: float | None) -> float | None:
    if value is not None and not isfinite(value):
        raise typer.BadParameter(f"{value} is not a number of seconds")
    return value


def state_of(ctx: typer.Context) -> State:
    """The state of this run."""
    return cast("State", ctx.find_root().obj)


Output = Annotated[
    Format,
    typer.Option("--output", "-o", envvar="AVNZ_INT_OUTPUT", show_envvar=False, help="How to print."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
ClientOption = Annotated[
    str | None,
    typer.Option(
        "--client",
        metavar="SLUG",
        callback=not_empty,
        help="The client.",
        autocompletion=complete.clients,
    ),
]
MonthOption = Annotated[
    str | None,
    typer.Option("--month", metavar="YYYY-MM", callback=not_empty, help="The month (the running one)."),
]
EnvironmentFilter = Annotated[
    Environment | None, typer.Option("--environment", help="Only this environment.")
]
CategoryFilter = Annotated[Category | None, typer.Option("--category", help="Only this category.")]
StatusFilter = Annotated[Status | None, typer.Option("--status", help="Only this status.")]
ProviderFilter = Annotated[
    str | None,
    typer.Option(
        "--provider", metavar="PROVIDER", help="Only this provider.", autocompletion=complete.providers
    ),
]
ProviderArgument = Annotated[
    str | None,
    typer.Argument(metavar="[PROVIDER]", help="The provider.", autocompletion=complete.providers),
]
PlatformRef = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help="Provider, id, or 6 characters of one.",
        autocompletion=complete.platform_refs,
    ),
]
ClientRef = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help="CLIENT/NAME, CLIENT/PROVIDER/NAME, id; with --client the name.",
        autocompletion=complete.client_refs,
    ),
]
CredentialOption = Annotated[
    list[str] | None,
    typer.Option(
        "--credential",
        metavar="KEY=SOURCE",
        help="A credential: KEY=@file, KEY=env:NAME, KEY=- (standard input), KEY=value if not secret.",
        autocompletion=complete.credentials,
    ),
]
CredentialsFile = Annotated[
    str | None,
    typer.Option("--credentials-file", metavar="FILE|-", help="All credentials as one JSON object."),
]
SettingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--setting",
        metavar="KEY=VALUE",
        help="A setting of the provider.",
        autocompletion=complete.settings,
    ),
]
SettingsFile = Annotated[
    str | None, typer.Option("--settings-file", metavar="FILE|-", help="Settings as one JSON object.")
]
EnvironmentOption = Annotated[
    Environment | None, typer.Option("--environment", help="Which world they belong to (production).")
]
KeepPrevious = Annotated[
    str | None,
    typer.Option(
        "--keep-previous",
        metavar="DURATION",
        help="How long replaced credentials can be rolled back to (7d); 0s destroys them now.",
    ),
]
TestOption = Annotated[
    bool | None,
    typer.Option("--test/--no-test", help="Ask the provider before saving (default), or save unverified."),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        min=0.1,
        max=600,
        callback=_finite,
        help="Deadline of a test (30).",
    ),
]
