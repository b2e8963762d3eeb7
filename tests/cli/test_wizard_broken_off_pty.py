"""A walk that is broken off, by Ctrl-C at each step or in any other way, leaves nothing behind."""

from __future__ import annotations

import pytest

from support import machine as machines
from support.machine import Machine
from support.services import PASSWORD, dump
from support.terminal import CTRL_C, CTRL_D, DOWN, ENTER

# A process and a terminal for each question: about a minute of one core.
pytestmark = pytest.mark.slow

template, sharing_template = machines.template, machines.sharing_template
gateway, machine, sharing = machines.gateway, machines.machine, machines.sharing
PAYFLOW = "PayPal Payflow Pro"


_OWN_STEPS: list[tuple[str, str]] = [
    ("Client", ENTER),
    ("Provider for acme", "payflow" + ENTER),
    (f"Credentials for {PAYFLOW}", ENTER),
    ("Name", ENTER),
    ("Partner", ENTER),
    ("Vendor/Merchant ID", "acme" + ENTER),
    ("User", ENTER),
    ("Password", PASSWORD + ENTER),
    ("Environment", ENTER),
    ("Set as default", "y"),
    ("Test & Save", ENTER),
]
_PLATFORM_MODE_STEPS = [
    *_OWN_STEPS[:2],
    (f"Credentials for {PAYFLOW}", DOWN + ENTER),
    ("Name", ENTER),
    ("Set as default", "y"),
    ("Use the platform gateway", ENTER),
]
_PLATFORM_STEPS = [("Provider", "payflow" + ENTER), *_OWN_STEPS[3:9], _OWN_STEPS[10]]


def _broken_off(machine: Machine, group: str, steps: list[tuple[str, str]], last: int, keys: str) -> None:
    before = dump(machine.url)
    with machine.screen(group, "add") as screen:
        for question, answer in steps[:last]:
            screen.asked(question)
            screen.types(answer)
        screen.asked(steps[last][0])
        screen.types(keys)
        assert 130 == screen.ends(), screen.transcript
        assert "cancelled: nothing was saved" in screen.transcript
        assert PASSWORD not in screen.raw
    assert before == dump(machine.url)
    assert [] == machine.gateway.requests


@pytest.mark.parametrize("last", range(len(_OWN_STEPS)))
def test_ctrl_c_own(sharing: Machine, last: int) -> None:
    """Ctrl-C at any step of `client add` with own credentials leaves nothing behind."""
    _broken_off(sharing, "client", _OWN_STEPS, last, CTRL_C)


@pytest.mark.parametrize("last", range(2, len(_PLATFORM_MODE_STEPS)))
def test_ctrl_c_platform_mode(sharing: Machine, last: int) -> None:
    """Ctrl-C at any step of `client add` in platform mode leaves nothing behind."""
    _broken_off(sharing, "client", _PLATFORM_MODE_STEPS, last, CTRL_C)


@pytest.mark.parametrize("last", range(len(_PLATFORM_STEPS)))
def test_ctrl_c_platform(machine: Machine, last: int) -> None:
    """Ctrl-C at any step of `platform add` leaves nothing behind."""
    _broken_off(machine, "platform", _PLATFORM_STEPS, last, CTRL_C)


@pytest.mark.parametrize(
    ("steps", "last", "keys"),
    [
        (_OWN_STEPS, 2, CTRL_D),
        (_OWN_STEPS, 7, CTRL_D),
        (_OWN_STEPS, 10, DOWN + DOWN + ENTER),
        (_PLATFORM_MODE_STEPS, 5, "n"),
    ],
    ids=["eof-list", "eof-secret", "cancel", "no"],
)
def test_refused(sharing: Machine, steps: list[tuple[str, str]], last: int, keys: str) -> None:
    """The end of input, "Cancel" and a "no" at the end leave nothing behind, as Ctrl-C does."""
    _broken_off(sharing, "client", steps, last, keys)
