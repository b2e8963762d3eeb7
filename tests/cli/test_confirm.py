"""What cannot be undone needs `--yes` where nobody can be asked; with it, it is done."""

from __future__ import annotations

import pytest

from support.cli import Command
from support.commands import MANIFEST, own, platform, shared, using
from support.scenes import written

DEEDS = {
    "tenant": ("tenant", "remove", "shop"),
    "client": ("client", "delete", "acme/Main"),
    "platform": ("platform", "delete", "paypal_payflow"),
    "apply": ("apply", "-f", MANIFEST),
    "share --off": ("share", "paypal_payflow", "--off"),
    "share --revoke": ("share", "paypal_payflow", "--off", "--revoke"),
}


@pytest.mark.parametrize("name", DEEDS)
def test_needs_yes(command: Command, name: str) -> None:
    """In a pipe, with `--no-input` and in CI it is exit 2 without `--yes`, and nothing is changed."""
    own(command)
    shared(command)
    before = written(command.url)

    for more, env in (
        ((), {}),
        (("--no-input",), {}),
        ((), {"CI": "true"}),
        ((), {"AVNZ_INT_NO_INPUT": "1"}),
    ):
        error = command.fails(*DEEDS[name], *more, exit_code=2, env=env)
        assert ("usage", "repeat the command with --yes") == (error["code"], error["hint"])
    assert before == written(command.url)


def test_unknown_first(command: Command) -> None:
    """Whether it is there is said before it is asked whether it may go."""
    for words in (("tenant", "remove", "x"), ("client", "delete", "acme/x"), ("platform", "delete", "okta")):
        assert "not_found" == command.fails(*words, exit_code=3)["code"]


def test_done(on_both: Command) -> None:
    """With `--yes` it is done, and what is gone is printed."""
    own(on_both)
    platform(on_both)
    assert "Main" == on_both("client", "delete", "acme/Main", "-y", "-o", "json").json["name"]
    assert (
        "paypal_payflow"
        == on_both("platform", "delete", "paypal_payflow", "--yes", "-o", "json").json["provider"]
    )
    assert "shop" == on_both("tenant", "remove", "shop", "--yes", "-o", "json").json["slug"]

    assert [] == on_both("client", "list", "-o", "json").json
    assert [] == on_both("platform", "list", "-o", "json").json
    assert ["avnz", "acme", "globex"] == [row["slug"] for row in on_both("tenant", "list", "-o", "json").json]


def test_share_off(on_both: Command) -> None:
    """`--off` ends the offer and not its use; `--revoke` ends that too, after naming who."""
    shared(on_both)
    using(on_both)
    on_both("share", "paypal_payflow", "--off", "--yes")
    assert "active" == on_both("client", "show", "acme/Ours", "-o", "json").json["effectiveStatus"]
    refused = on_both.fails(
        "client", "add", "paypal_payflow", "--client", "globex", "--mode", "platform", exit_code=5
    )
    assert "not_shared" == refused["code"]

    said = on_both("share", "paypal_payflow", "--off", "--revoke", "--yes")
    assert "acme/Ours" in said.stderr
    assert "inactive" == on_both("client", "show", "acme/Ours", "-o", "json").json["effectiveStatus"]


def test_no_input_before_the_command(command: Command) -> None:
    """`--no-input` stands before the command, too."""
    own(command)
    said = command("--no-input", "client", "delete", "acme/Main", exit_code=2)

    assert "--yes" in said.stderr
