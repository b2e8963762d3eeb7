"""Every command of the tree, and the command lines that tests give again and again."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from avnz_int.cli import main
from support.cli import Command

LITERALS = ("--credential", "partner=PayPal", "--credential", "vendor=acme", "--credential", "user=acme")
"""What of a Payflow login is no secret."""
LOGIN = (*LITERALS, "--credential", "password=env:PAYFLOW_PASSWORD")
PRICE = ("--percentage-fee", "0.5", "--flat-fee", "10", "--monthly-minimum", "5000")
MANIFEST = str(Path(__file__).with_name("manifest.yaml"))
"""A manifest that asks for one more integration."""

ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "tenant add": ("later",),
    "tenant show": ("acme",),
    "tenant rename": ("acme", "--name", "Other"),
    "tenant remove": ("acme", "--yes"),
    "definitions show": ("okta",),
    "definitions schema": ("error",),
    "platform show": ("paypal_payflow",),
    "platform add": ("paypal_payflow", *LOGIN),
    "platform update": ("paypal_payflow", "--description", "Ours"),
    "platform enable": ("paypal_payflow",),
    "platform disable": ("paypal_payflow",),
    "platform rollback": ("paypal_payflow",),
    "platform delete": ("paypal_payflow", "--yes"),
    "client show": ("acme/Main",),
    "client add": ("paypal_payflow", "--client", "acme", *LOGIN),
    "client available": ("--client", "acme"),
    "client update": ("acme/Main", "--description", "Theirs"),
    "client set-default": ("acme/Main",),
    "client enable": ("acme/Main",),
    "client disable": ("acme/Main",),
    "client rollback": ("acme/Main",),
    "client delete": ("acme/Main", "--yes"),
    "client usage": ("acme/Main",),
    "billing close": ("--month", "2020-01"),
    "test": ("acme/Main",),
    "import": ("/dev/null",),
    "share": ("paypal_payflow", "--flat-fee", "10"),
    "plan": ("-f", MANIFEST),
    "apply": ("-f", MANIFEST, "--yes"),
    "merchant show": ("acme/Main",),
    "merchant route": ("--client", "acme"),
    "merchant pool add": ("Cards", "--client", "acme", "--account", "acme/Main"),
    "merchant pool remove": ("Cards", "--client", "acme", "--yes"),
    "resolve": ("--all", "--category", "payment_gateway"),
    "token create": ("--role", "auditor", "--name", "later"),
    "token revoke": ("later", "--yes"),
    "import-env": ("/dev/null", "--yes"),
    "run": ("--client", "acme", "--", "true"),
    "db copy": ("--to", "sqlite:////dev/null/copy.db"),
    "keyring migrate": ("--to", "file:///dev/null/keyring.json"),
}
"""Command -> arguments that it cannot do without; they speak of what `own` and `platform` make."""


def every_command() -> Iterator[tuple[tuple[str, ...], Any]]:
    """(words, command) of every group and every command, the root first."""

    def below(words: tuple[str, ...], found: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        yield words, found
        inner: Mapping[str, Any] = getattr(found, "commands", {})
        for name in inner:
            yield from below((*words, name), inner[name])

    yield from below((), main.build())


def leaves() -> list[str]:
    """The words of every command that is no group, joined by spaces."""
    return [" ".join(words) for words, found in _tree().items() if not hasattr(found, "commands")]


@functools.cache
def _tree() -> dict[tuple[str, ...], Any]:
    """Every command by its words: to import them all takes a second."""
    return dict(every_command())


def takes_output(name: str) -> bool:
    """Whether a command of the tree has `-o`."""
    found = _tree()[tuple(name.split())]
    return any("-o" in parameter.opts for parameter in found.params)


def own(command: Command, name: str = "Main", *more: str, client: str = "acme") -> dict[str, Any]:
    """A new Payflow integration with a client's own credentials, which its gateway knows."""
    made: dict[str, Any] = command(
        "client", "add", "paypal_payflow", "--client", client, "--name", name, *LOGIN, *more, "-o", "json"
    ).json
    return made


def platform(command: Command, *more: str) -> dict[str, Any]:
    """The platform's new Payflow integration."""
    made: dict[str, Any] = command("platform", "add", "paypal_payflow", *LOGIN, *more, "-o", "json").json
    return made


def shared(command: Command) -> dict[str, Any]:
    """The platform's new Payflow integration, offered to clients."""
    made = platform(command)
    command("share", "paypal_payflow", *PRICE, "-o", "json")
    return made


def using(command: Command, name: str = "Ours", client: str = "acme") -> dict[str, Any]:
    """A client integration that uses the platform's."""
    words = ("client", "add", "paypal_payflow", "--client", client, "--mode", "platform", "--name", name)
    made: dict[str, Any] = command(*words, "-o", "json").json
    return made


def words_of(name: str) -> tuple[str, ...]:
    """A command line of a command, with arguments that it cannot do without."""
    return (*name.split(), *ARGUMENTS.get(name, ()))
