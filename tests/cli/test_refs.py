"""What a command line may call an integration by, and what it is told where that is not clear."""

from __future__ import annotations

import pytest

from support.cli import Command
from support.commands import LOGIN, own, platform
from support.services import execute

IDS = ("aaaaaa1" + "0" * 17, "aaaaaa2" + "0" * 17)


def test_forms(on_both: Command) -> None:
    """An id, a prefix of it, CLIENT/NAME, CLIENT/PROVIDER/NAME, and with a client the bare name."""
    made = own(on_both, "My PayPal Account")
    other = own(on_both, "My PayPal Account", client="globex")
    acme: dict[str, str | None] = {"AVNZ_INT_CLIENT": "acme"}

    for ref in (
        made["id"],
        made["id"][:6],
        "acme/My PayPal Account",
        "acme/paypal_payflow/My PayPal Account",
    ):
        assert made["id"] == on_both("client", "show", ref, "-o", "json").json["id"]
    for words, env in ((("--client", "acme"), {}), ((), acme)):
        found = on_both("client", "show", "My PayPal Account", *words, "-o", "json", env=env).json
        assert made["id"] == found["id"]
    over = on_both("client", "show", "My PayPal Account", "--client", "globex", "-o", "json", env=acme).json
    assert other["id"] == over["id"]


def test_platform_forms(on_both: Command) -> None:
    """The platform's are found by provider, platform/PROVIDER, id and prefix; in `test`, too."""
    made = platform(on_both, "--name", "Main gateway")

    for ref in ("paypal_payflow", "platform/paypal_payflow", made["id"], made["id"][:6]):
        assert made["id"] == on_both("platform", "show", ref, "-o", "json").json["id"]
    for ref in ("platform/paypal_payflow", made["id"]):
        assert made["id"] == on_both("test", ref, "-o", "json").json["id"]


def test_ids_of_another_client(on_both: Command) -> None:
    """AVNZ_INT_CLIENT stands for bare names: an id, or the beginning of one, is found wherever it is."""
    made, ours = own(on_both), platform(on_both)
    globex: dict[str, str | None] = {"AVNZ_INT_CLIENT": "globex"}
    for ref in (made["id"], made["id"][:6]):
        assert made["id"] == on_both("client", "show", ref, "-o", "json", env=globex).json["id"]
        assert made["id"] == on_both("test", ref, "-o", "json", env=globex).json["id"]
        assert "not_found" == on_both.fails("client", "show", ref, "--client", "globex", exit_code=3)["code"]
        assert "not_found" == on_both.fails("test", ref, "--client", "globex", exit_code=3)["code"]
    for ref in (ours["id"], ours["id"][:6]):
        assert ours["id"] == on_both("test", ref, "-o", "json", env=globex).json["id"]
    for ref in ("Main", "paypal_payflow"):
        assert "not_found" == on_both.fails("test", ref, exit_code=3, env=globex)["code"]


def test_short_prefix(command: Command) -> None:
    """Five characters of an id are none."""
    made = own(command)

    assert "not_found" == command.fails("client", "show", made["id"][:5], exit_code=3)["code"]


def test_ambiguous_prefix(on_both: Command) -> None:
    """A prefix of two ids is exit 2, and both are named."""
    for name, new in zip(("A", "B"), IDS, strict=True):
        words = ("client", "add", "klaviyo", "--client", "acme", "--name", name, "--no-test", "-o", "json")
        key = {"KEY": "pk_" + "0" * 34}
        made = on_both(*words, "--credential", "apiKey=env:KEY", env=key).json
        execute(
            on_both.url, 'UPDATE "ClientIntegration" SET id = :new WHERE id = :old', new=new, old=made["id"]
        )

    error = on_both.fails("client", "disable", "aaaaaa", exit_code=2)
    assert "ambiguous_ref" == error["code"]
    expected = [f"acme/klaviyo/{name} ({new})" for name, new in zip(("A", "B"), IDS, strict=True)]
    assert expected == error["details"]["candidates"]
    for candidate in expected:
        assert candidate in error["message"]


def test_ambiguous_name(command: Command) -> None:
    """A name that two providers' integrations bear is exit 2; with the provider it is clear."""
    own(command, "Main")
    words = ("client", "add", "nmi", "--client", "acme", "--name", "Main", "--no-test", "-o", "json")
    made = command(*words, "--credential", "securityKey=env:KEY", env={"KEY": "example-security-key"}).json

    error = command.fails("client", "show", "acme/Main", exit_code=2)
    assert "ambiguous_ref" == error["code"]
    refs = [candidate.partition(" (")[0] for candidate in error["details"]["candidates"]]
    assert ["acme/nmi/Main", "acme/paypal_payflow/Main"] == refs
    assert made["id"] == command("client", "show", "acme/nmi/Main", "-o", "json").json["id"]


@pytest.mark.parametrize("ref", ["globex/Main", "globex/paypal_payflow/Main"])
def test_foreign(command: Command, ref: str) -> None:
    """What a REF spells out wins over `--client`; the other client has no such thing."""
    own(command)

    assert "not_found" == command.fails("client", "show", ref, "--client", "acme", exit_code=3)["code"]


def test_default_client(command: Command) -> None:
    """AVNZ_INT_CLIENT stands for `--client` wherever a command takes it."""
    acme: dict[str, str | None] = {"AVNZ_INT_CLIENT": "acme"}
    own(command, client="globex")
    command("client", "add", "paypal_payflow", "--name", "Mine", *LOGIN, env=acme)

    for words in (("client", "list"), ("merchant", "list")):
        assert ["Mine"] == [row["name"] for row in command(*words, "-o", "json", env=acme).json]
    clients = {event["clientId"] for event in command("audit", "list", "-o", "json", env=acme).json}
    assert 1 == len(clients)
    assert None not in clients
    command("client", "set-default", "Mine", env=acme)
    command("client", "disable", "Mine", env=acme)
    command("client", "delete", "Mine", "--yes", env=acme)
    for words in (("client", "list"), ("client", "available"), ("merchant", "list"), ("audit", "list")):
        assert "not_found" == command.fails(*words, exit_code=3, env={"AVNZ_INT_CLIENT": "nobody"})["code"]
