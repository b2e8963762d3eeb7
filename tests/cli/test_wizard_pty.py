"""The walks of `platform add` and `client add`, by the real command on a real pseudo-terminal."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support import machine as machines
from support.machine import Machine
from support.services import PASSWORD, add_untested, dump, make_services
from support.terminal import CLEAR, CTRL_C, DOWN, ENTER, Terminal

# A process and a terminal for each walk.
pytestmark = pytest.mark.slow

template, sharing_template = machines.template, machines.sharing_template
gateway, machine, sharing = machines.gateway, machines.machine, machines.sharing
PAYFLOW = "PayPal Payflow Pro"
PRICED = "0.5% + $0.10/txn, $50.00 a month at least"


def _credentials(screen: Terminal, password: str = PASSWORD) -> None:
    screen.answer("Partner")
    screen.answer("Vendor/Merchant ID", "acme")
    screen.answer("User")
    screen.answer("Password", password)


def test_platform(machine: Machine, tmp_path: Path) -> None:
    """`platform add` asks everything in order, repeats what is wrong with its reason, tests and saves.

    Standard output holds the JSON and nothing else, the terminal never the password.
    """
    stdout = tmp_path / "stdout"
    with machine.screen("platform", "add", "-o", "json", stdout=stdout) as screen:
        screen.asked("Provider")
        screen.sees("ai ml: Amazon Bedrock (aws_bedrock)")
        screen.sees(f"payment gateway: {PAYFLOW} (paypal_payflow)")
        screen.types("payflow" + ENTER)
        screen.answer("Name", CLEAR + "a/b")
        screen.sees("Name: a name holds neither '/' nor control characters")
        screen.answer("Name", CLEAR + "Main account")
        screen.sees("Your Payflow partner (usually PayPal)")
        screen.answer("Partner")
        screen.answer("Vendor/Merchant ID")
        screen.sees("Vendor/Merchant ID: must not be empty")
        screen.answer("Vendor/Merchant ID", 'ac"me')
        screen.sees("Vendor/Merchant ID: does not match the pattern")
        screen.answer("Vendor/Merchant ID", CLEAR + "acme")
        screen.answer("User")
        screen.answer("Password", "five5")
        screen.sees("Password: must be at least 6 characters")
        screen.answer("Password", PASSWORD)
        screen.asked("Environment")
        screen.sees(f"the credentials are sent to {machine.gateway.url}")
        screen.types(DOWN + ENTER)
        screen.answer(f"Test & Save {PAYFLOW} in sandbox?")
        assert 0 == screen.ends(), screen.transcript
        for secret in (PASSWORD, "five5"):
            assert secret not in screen.raw
    made = json.loads(stdout.read_text())
    assert {
        "provider": "paypal_payflow",
        "name": "Main account",
        "environment": "sandbox",
        "status": "active",
        "lastTestResult": "success",
    }.items() <= made.items()
    assert {"partner": "PayPal", "vendor": "acme", "user": "acme"}.items() <= made["credentials"].items()
    assert ["acme"] == [request.fields["USER"] for request in machine.gateway.requests]


def test_own(sharing: Machine) -> None:
    """`client add` asks for client, provider, mode and the rest, and the result is tested and the default."""
    with sharing.screen("client", "add") as screen:
        screen.asked("Client")
        screen.sees("acme (acme)")
        screen.types(ENTER)
        screen.answer("Provider for acme", "payflow")
        screen.asked(f"Credentials for {PAYFLOW}")
        screen.sees("Use my own credentials")
        screen.sees(f"Use the platform gateway at {PRICED}")
        screen.types(ENTER)
        screen.answer("Name")
        _credentials(screen)
        screen.answer("Environment")
        screen.asked("Set as default payment gateway for acme (production)?")
        screen.types("y")
        screen.answer(f"Test & Save {PAYFLOW} in production?")
        assert 0 == screen.ends(), screen.transcript
        assert PASSWORD not in screen.raw
        assert "Auth0" not in screen.transcript
    (made,) = sharing.clients()
    assert ("acme", PAYFLOW, "own", "production", "active", True, True) == (
        made.client,
        made.name,
        made.mode,
        made.environment,
        made.status,
        made.is_default,
        made.is_verified,
    )


def test_platform_mode(sharing: Machine) -> None:
    """Platform mode asks neither for credentials nor for the environment, and tells the price."""
    with sharing.screen("client", "add", "paypal_payflow", "--client", "acme") as screen:
        screen.answer(f"Credentials for {PAYFLOW}", DOWN)
        screen.answer("Name", CLEAR + "By the platform")
        screen.asked("Set as default payment gateway for acme (production)?")
        screen.types("n")
        screen.answer(f"Use the platform gateway at {PRICED}, in production?")
        assert 0 == screen.ends(), screen.transcript
        assert "Password" not in screen.transcript
        assert "? Environment" not in screen.transcript
    (made,) = sharing.clients()
    assert ("platform", "By the platform", "active", False) == (
        made.mode,
        made.name,
        made.effective_status,
        made.is_default,
    )
    assert made.platform_integration_id is not None


def test_only_what_is_missing(sharing: Machine) -> None:
    """What the options say is not asked for; a name that is taken is told at once."""
    services = make_services(sharing.url, sharing.folder / "keyring.json")
    add_untested(services, PAYFLOW)
    services.close()
    words = ("--mode", "own", "--credential", "vendor=acme", "--environment", "sandbox", "--no-test")
    with sharing.screen("client", "add", "paypal_payflow", "--client", "acme", *words) as screen:
        screen.asked("Name")
        screen.sees(f"{PAYFLOW} 2")
        screen.types(CLEAR + PAYFLOW + ENTER)
        screen.sees("Name: is taken")
        screen.answer("Name", CLEAR + "Second")
        screen.answer("Partner")
        screen.answer("User")
        screen.answer("Password", "never tried 1")
        screen.asked("Set as default")
        screen.types(ENTER)
        screen.asked(f"Save {PAYFLOW} in sandbox?")
        screen.sees("Save without testing")
        screen.types(ENTER)
        assert 0 == screen.ends(), screen.transcript
        assert "? Vendor" not in screen.transcript
        assert "Test & Save" not in screen.transcript
    assert {("Second", "pending", "sandbox"), (PAYFLOW, "pending", "production")} == {
        (one.name, one.status, one.environment) for one in sharing.clients()
    }
    assert [] == sharing.gateway.requests


def test_settings(machine: Machine, tmp_path: Path) -> None:
    """Optional credentials may be left out, and each required setting is asked for, a list as a list."""
    stdout = tmp_path / "stdout"
    with machine.screen("platform", "add", "datadog", "-o", "json", stdout=stdout) as screen:
        screen.answer("Name")
        screen.answer("API Key", "short")
        screen.sees("API Key: ")
        screen.answer("API Key", "0123456789abcdef" * 2)
        screen.answer("Application Key")
        screen.asked("Datadog site")
        screen.sees("us3.datadoghq.com")
        screen.types(DOWN + ENTER)
        screen.answer("Environment")
        screen.answer("Test & Save Datadog in production?", DOWN)
        assert 0 == screen.ends(), screen.transcript
    made = json.loads(stdout.read_text())
    assert ["apiKey"] == list(made["credentials"])
    assert "us3.datadoghq.com" == made["settings"]["site"]
    assert "inactive" == made["status"]


def test_either_credential(machine: Machine) -> None:
    """A rule about several credentials is judged at the end, and its fields are asked for again."""
    with machine.screen("platform", "add", "nmi", "--no-test", "--environment", "sandbox") as screen:
        screen.answer("Name")
        screen.answer("Security Key")
        screen.answer("Username")
        screen.answer("Password")
        screen.sees("give securityKey, or username with password")
        screen.answer("Security Key", "k" * 32)
        screen.answer("Username")
        screen.answer("Password")
        screen.answer("Save NMI in sandbox?")
        assert 0 == screen.ends(), screen.transcript


def test_rejected(machine: Machine) -> None:
    """What the provider refuses is not saved: exit 6, and no row is added but those of the audit trail."""
    before = dump(machine.url)
    with machine.screen("client", "add", "paypal_payflow", "--client", "acme") as screen:
        screen.answer("Name")
        _credentials(screen, "wrong horse 1")
        screen.answer("Environment")
        screen.asked("Set as default")
        screen.types("y")
        screen.answer("Test & Save")
        assert 6 == screen.ends(), screen.transcript
        assert "wrong horse 1" not in screen.raw
    after = dump(machine.url)
    kept = {name for name in before if not name.startswith(("Audit", "DataKey"))}
    assert {name: before[name] for name in kept} == {name: after[name] for name in kept}
    assert 1 == len(machine.gateway.requests)


def test_said_first(sharing: Machine) -> None:
    """What cannot be added is said before any question, and is not offered."""
    with sharing.screen("platform", "add", "paypal_payflow") as screen:
        assert 5 == screen.ends()
        assert "already" in screen.transcript
    with sharing.screen("client", "add", "auth0", "--client", "acme") as screen:
        assert 4 == screen.ends()
    with sharing.screen(
        "client", "add", "paypal_payflow", "--client", "acme", "--credential", 'vendor=a"b'
    ) as screen:
        assert 2 == screen.ends()
        assert "vendor: does not match" in screen.transcript
    with sharing.screen("platform", "add") as screen:
        screen.asked("Provider")
        screen.sees("nmi")
        screen.types(CTRL_C)
        assert 130 == screen.ends()
        assert "paypal_payflow" not in screen.transcript


def test_platform_mode_of_all(sharing: Machine) -> None:
    """With `--mode platform` only what is shared is offered, and where nothing is: exit 5."""
    with sharing.screen("client", "add", "--client", "acme", "--mode", "platform") as screen:
        screen.asked("Provider for acme")
        screen.sees("paypal_payflow")
        screen.types(CTRL_C)
        assert 130 == screen.ends()
        assert "nmi" not in screen.transcript


def test_platform_mode_of_none(machine: Machine) -> None:
    """Platform mode where nothing is shared is exit 5 before any question."""
    with machine.screen("client", "add", "--client", "acme", "--mode", "platform") as screen:
        assert 5 == screen.ends()
        assert "shares no integration" in screen.transcript


def _error(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert "" == done.stdout
    error: dict[str, Any] = json.loads(done.stderr)["error"]
    return error


def test_pipe(machine: Machine) -> None:
    """In a pipe nothing is asked: exit 2 names each missing field."""
    done = machine.piped("client", "add", "paypal_payflow", "--client", "acme", "-o", "json")
    assert 2 == done.returncode
    violations = _error(done)["details"]["violations"]
    assert ["partner", "vendor", "user", "password"] == [one["field"] for one in violations]


@pytest.mark.parametrize("how", ["before", "on", "CI", "AVNZ_INT_NO_INPUT"])
def test_no_input(machine: Machine, how: str) -> None:
    """Where questions are forbidden, a terminal gets none: exit 2 names each missing field."""
    words = ["platform", "add", "paypal_payflow"]
    words = {"before": ["--no-input", *words], "on": [*words, "--no-input"]}.get(how, words)
    environ = {how: "1"} if how.isupper() else {}
    with machine.screen(*words, **environ) as screen:
        assert 2 == screen.ends(), screen.transcript
        assert "? " not in screen.transcript
        for field in ("partner", "vendor", "user", "password"):
            assert f"{field}: is missing" in screen.transcript


def test_delete(sharing: Machine) -> None:
    """`delete` asks on a terminal: after "no" exit 130 and it is still there, after "yes" it is gone."""
    services = make_services(sharing.url, sharing.folder / "keyring.json")
    add_untested(services, "Old")
    services.close()
    assert 2 == sharing.piped("client", "delete", "acme/Old").returncode
    for key, code, left in (("n", 130, 1), ("y", 0, 0)):
        with sharing.screen("client", "delete", "acme/Old") as screen:
            screen.asked("Delete acme/")
            screen.types(key)
            assert code == screen.ends(), screen.transcript
        assert left == len(sharing.clients())
