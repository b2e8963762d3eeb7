"""What each role may do with every command, and what a client_admin learns of other clients: nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from avnz_int import clock
from support.cli import Command, Result
from support.commands import every_command, leaves, own, shared, words_of
from support.services import dump


def token(command: Command, role: str, *more: str, name: str) -> str:
    """The text of a new token."""
    words = ("--role", role, "--name", name, *more)
    return str(command("token", "create", *words, "-o", "json").json["token"])


def presented(command: Command, role: str) -> dict[str, str | None]:
    """What somebody with a token of this role has in the environment; a client_admin is acme's."""
    more = ("--client", "acme") if role == "client_admin" else ()
    return {"AVNZ_INT_TOKEN": token(command, role, *more, name=role)}


# --- what each role may do ------------------------------------------------------------------------

ADMINS = {
    *("tenant add", "tenant rename", "tenant remove", "definitions seed", "share", "rotate-key"),
    *("platform add", "platform update", "platform enable", "platform disable", "platform delete"),
    *(
        "keyring show",
        "keyring migrate",
        "keyring prune",
        "token create",
        "token revoke",
        "init",
        "db upgrade",
    ),
}
READERS = {
    *("platform list", "platform show", "token list", "audit list", "audit verify", "audit export"),
    *("db current", "db check"),
}
CLIENTS = {
    *("client add", "client update", "client set-default", "client enable", "client disable"),
    *("client delete", "test"),
}
CLIENT_READERS = {"client list", "client show", "client available", "tenant list", "tenant tree"}
ALL = {
    *("whoami", "tenant show", "definitions list", "definitions show", "definitions validate"),
    *("merchant list", "merchant show"),
}
MAY = {
    "org_admin": ADMINS | READERS | CLIENTS | CLIENT_READERS | ALL,
    "client_admin": CLIENTS | CLIENT_READERS | ALL,
    "auditor": READERS | CLIENT_READERS | ALL,
    "service": ALL,
}


def judged(command: Command, role: str) -> dict[str, Result]:
    """The commands that a role is not refused, or refused, as the table says."""
    own(command)
    shared(command)
    token(command, "auditor", name="later")
    env = presented(command, role)
    wrong = {}

    def run(name: str) -> Result:
        # To a client_admin a definition that is not for clients is none.
        words = ("definitions", "show", "nmi") if name == "definitions show" else words_of(name)
        return command(*words, "-o", "json", env=env, exit_code=None)

    before = unchanging(command)
    for name in sorted(MAY["org_admin"] - MAY[role]):
        result = run(name)
        if (result.code, result.stdout) != (4, ""):
            wrong[name] = result
    assert before == unchanging(command)
    # What deletes comes last.
    for name in sorted(MAY[role], key=lambda name: (name.endswith("delete"), name)):
        result = run(name)
        if result.code:
            wrong[name] = result
    assert command("audit", "verify", "-o", "json").json["valid"]
    return wrong


def unchanging(command: Command) -> dict[str, list[tuple[Any, ...]]]:
    """What a refused command leaves alone: all but the trail, and the note of when a token was used."""
    rows = dump(command.url)
    return {table: rows[table] for table in rows if not table.startswith("Audit") and table != "Token"}


@pytest.mark.slow
@pytest.mark.parametrize("role", ["client_admin", "auditor", "service"])
def test_every_command(command: Command, role: str) -> None:
    """A role is refused with exit 4 exactly what it may not do, and changes nothing by trying."""
    assert {} == judged(command, role)


@pytest.mark.slow
@pytest.mark.parametrize("role", ["client_admin", "auditor", "service"])
def test_every_command_on_postgresql(on_postgres: Command, role: str) -> None:
    """On PostgreSQL, too."""
    assert {} == judged(on_postgres, role)


def test_table_is_of_commands() -> None:
    """The table of roles names commands that there are."""
    assert set() == MAY["org_admin"] - set(leaves())


def test_nothing_shared(command: Command) -> None:
    """Where nothing is shared a client_admin is not told to share: it may not."""
    words = ("client", "add", "paypal_payflow", "--mode", "platform")
    error = command.fails(*words, exit_code=5, env=presented(command, "client_admin"))

    assert ("not_shared", "ask the organization to share one; or use --mode own") == (
        error["code"],
        error["hint"],
    )


def test_own_client(on_both: Command) -> None:
    """A client_admin needs no `--client`: it is the own one's, wherever a command takes it."""
    own(on_both, "Foreign", client="globex")
    env = presented(on_both, "client_admin")
    made = on_both(
        *("client", "add", "paypal_payflow", "--name", "Mine", "--no-test", "-o", "json"),
        *words_of("client add")[5:],
        env=env,
    ).json
    assert "acme" == made["client"]
    for words in (("client", "list"), ("merchant", "list")):
        assert {"acme"} == {row["client"] for row in on_both(*words, "-o", "json", env=env).json}
    assert made["id"] == on_both("client", "show", "Mine", "-o", "json", env=env).json["id"]
    tenants = on_both("tenant", "list", "-o", "json", env=env).json
    assert ["avnz", "acme", "shop"] == [tenant["slug"] for tenant in tenants]
    assert "globex" not in on_both("tenant", "tree", "-o", "json", env=env).stdout
    who = on_both("whoami", env=env).stdout
    assert ["client", "acme"] in [line.split() for line in who.splitlines()]


# --- another client does not exist ----------------------------------------------------------------

TAKES_CLIENT = {
    " ".join(words)
    for words, found in every_command()
    if not hasattr(found, "commands") and any("--client" in parameter.opts for parameter in found.params)
}
ABOUT_CLIENTS = sorted(
    (TAKES_CLIENT | {name for name in leaves() if any("acme" in word for word in words_of(name))}) - {"run"}
)
"""`run` would put another program in this process's place: `services/test_running.py` asks it the same."""


def lines(name: str, other: str, ref: str) -> list[tuple[str, ...]]:
    """Command lines of a command about a client of this slug, or about its thing with this id."""
    words = tuple(word for word in words_of(name) if word != "--all")
    found = [tuple(word.replace("acme", other) for word in words)] if any("acme" in w for w in words) else []
    if any(word.startswith("acme/") for word in words):
        found += [
            tuple(short if word.startswith("acme/") else word for word in words) for short in (ref, ref[:8])
        ]
    if name in TAKES_CLIENT and "--client" not in words:
        found.append((*words, "--client", other))
    if name == "test":
        found.append(("test", "--all", "--client", other))
    return found


@pytest.mark.parametrize("name", ABOUT_CLIENTS)
def test_another_client(command: Command, name: str) -> None:
    """Whether another client's thing is there or not, a client_admin is told the same, in the same words."""
    foreign = own(command, client="globex")["id"]
    own(command)
    token(command, "auditor", name="later")
    env = presented(command, "client_admin")
    nothing = clock.new_id()

    def told(words: tuple[str, ...], other: str, ref: str) -> tuple[int, str, str]:
        result = command(*words, "-o", "json", env=env, exit_code=None)
        error = result.stderr.replace(ref, "<id>").replace(ref[:8], "<short>").replace(other, "<other>")
        return result.code, result.stdout, error

    pairs = zip(lines(name, "globex", foreign), lines(name, "nobody", nothing), strict=True)
    said = [(told(there, "globex", foreign), told(gone, "nobody", nothing)) for there, gone in pairs]
    assert said
    # Last, since it may delete what it is about.
    allowed = command(*words_of(name), "-o", "json", env=env, exit_code=None).code != 4
    for there, gone in said:
        assert there == gone
        assert "" == there[1]
        assert there[0] == 3 or (there[0] == 4 and not allowed)
        assert {"error"} == set(json.loads(there[2].splitlines()[-1]))
