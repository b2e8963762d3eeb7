"""Each kind of question, asked on a real pseudo-terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from avnz_int.cli import prompts, wizard
from avnz_int.definitions.loader import read_seeds
from avnz_int.errors import UsageError
from avnz_int.model.enums import Mode
from support import asking
from support.terminal import CLEAR, CTRL_C, CTRL_D, DOWN, ENTER, Terminal

_SECRET = "tiger in the tank"
_ASKING = (str(Path(asking.__file__)),)


class Asked(Terminal):
    """`support/asking.py` on a terminal, its standard output in a file."""

    def __init__(self, what: str, folder: Path, **environ: str) -> None:
        self.stdout = folder / "stdout"
        environ = {"PYTHONPATH": str(_tests()), **environ}
        super().__init__(what, environ=environ, stdout=self.stdout, program=_ASKING)

    def result(self) -> Any:
        """Wait for the end; the answer."""
        assert 0 == self.ends(), self.transcript
        return json.loads(self.stdout.read_text())


def _tests() -> Path:
    return Path(asking.__file__).parent.parent


def test_every_type(tmp_path: Path) -> None:
    """Each JSON type has a question of its own; a bad answer is told why and asked for again."""
    with Asked("kinds", tmp_path) as screen:
        screen.answer("Word", CLEAR)
        screen.sees("Word: must not be empty")
        screen.answer("Word", "ABC")
        screen.sees("Word: does not match the pattern ^[a-z]+$")
        screen.answer("Word", CLEAR + "def")
        screen.answer("Copy")
        screen.answer("Count", CLEAR + "0")
        screen.sees("Count: must be at least 1")
        screen.answer("Count", CLEAR + "few")
        screen.sees("Count: must be a whole number")
        screen.answer("Count", CLEAR + "7")
        screen.answer("Rate", "much")
        screen.sees("Rate: must be a number")
        screen.answer("Rate", CLEAR + "0.5")
        screen.asked("Flag")
        screen.types("y")
        screen.answer("Colour", DOWN)
        screen.answer("Shade")
        screen.answer("List", '"a"')
        screen.sees("List: must be a JSON array")
        screen.answer("List", CLEAR + '["a", "b"]')
        screen.answer("Token", "five5")
        screen.sees("Token: must be at least 6 characters")
        screen.answer("Token", _SECRET)
        screen.answer("Headers", '{"X-Key": 5}')
        screen.sees("Headers: ")
        screen.answer("Headers", json.dumps({"X-Key": _SECRET}))
        assert {
            "word": "def",
            "copy": "def",
            "count": 7,
            "rate": 0.5,
            "flag": True,
            "colour": "blue",
            "list": ["a", "b"],
            "token": _SECRET,
            "headers": {"X-Key": _SECRET},
        } == screen.result()
        assert _SECRET not in screen.transcript
        assert "five5" not in screen.transcript


def test_either(tmp_path: Path) -> None:
    """A broken rule about several fields is told, and those fields are asked for again."""
    with Asked("either", tmp_path) as screen:
        screen.answer("Key")
        screen.answer("User", "alice")
        screen.answer("Word")
        screen.sees("give key, or user with word")
        screen.answer("Key")
        screen.answer("User")
        screen.answer("Word", _SECRET)
        assert {"user": "alice", "word": _SECRET} == screen.result()


def test_filter(tmp_path: Path) -> None:
    """Typing narrows a long list, and Enter takes nothing while nothing fits."""
    with Asked("select", tmp_path) as screen:
        screen.asked("Letter")
        screen.types("xyz" + ENTER)
        screen.sees("xyz")
        screen.types("\x7f\x7f\x7fGAM" + ENTER)
        assert "gamma" == screen.result()


def test_default_choice(tmp_path: Path) -> None:
    """A list stands on its default at first."""
    with Asked("short", tmp_path) as screen:
        screen.asked("Letter")
        screen.sees("(pick one; arrow keys)")
        screen.types(ENTER)
        assert "beta" == screen.result()


@pytest.mark.parametrize(("keys", "expected"), [("y", True), ("n", False), (ENTER, False)])
def test_confirm(tmp_path: Path, keys: str, expected: bool) -> None:
    """Yes-or-no takes a letter, and Enter for its default."""
    with Asked("confirm", tmp_path) as screen:
        screen.asked("Sure?")
        screen.types(keys)
        assert expected is screen.result()


@pytest.mark.parametrize("keys", [CTRL_C, CTRL_D])
@pytest.mark.parametrize("what", ["select", "short", "secret", "confirm"])
def test_broken_off(tmp_path: Path, what: str, keys: str) -> None:
    """Ctrl-C and Ctrl-D end every kind of question with the exit code of an interruption."""
    with Asked(what, tmp_path) as screen:
        screen.asked("")
        screen.types(keys)
        assert 130 == screen.ends()
        assert "CancelledError: cancelled: nothing was saved" in screen.transcript
        assert "" == screen.stdout.read_text()


def test_end_of_input(tmp_path: Path) -> None:
    """Ctrl-D in a line that is not empty deletes; in an empty one it breaks off."""
    with Asked("text", tmp_path) as screen:
        screen.asked("Word")
        screen.types("\x01" + CTRL_D + ENTER)
        assert "bc" == screen.result()


@pytest.mark.parametrize("what", ["select", "text"])
def test_interrupt_signal(tmp_path: Path, what: str) -> None:
    """SIGINT from elsewhere ends a question as Ctrl-C does."""
    with Asked(what, tmp_path) as screen:
        screen.asked("")
        os.kill(screen.pid, signal.SIGINT)
        assert 130 == screen.ends()


def test_type_ahead(tmp_path: Path) -> None:
    """What is typed between two questions is not shown, and answers the second."""
    with Asked("ahead", tmp_path) as screen:
        screen.answer("First", "one")
        screen.sees("thinking")
        screen.types(_SECRET + "\n")
        assert ["one", _SECRET] == screen.result()
        assert _SECRET not in screen.transcript


def test_pasted_secret(tmp_path: Path) -> None:
    """A pasted secret keeps its lines and loses one line end."""
    with Asked("secret", tmp_path) as screen:
        screen.answer("Token", "\x1b[200~first\rsecond\r\x1b[201~")
        assert "first\nsecond" == screen.result()


def test_no_color(tmp_path: Path) -> None:
    """NO_COLOR is honoured."""
    colour = "\x1b[0;38;5;"
    with Asked("text", tmp_path) as plain, Asked("text", tmp_path, NO_COLOR="1") as bare:
        plain.answer("Word")
        bare.answer("Word")
        assert (0, 0) == (plain.ends(), bare.ends())
        assert colour in plain.raw
        assert colour not in bare.raw


def test_dumb_terminal(tmp_path: Path) -> None:
    """A terminal that cannot move its cursor gets plain lines, without a control character or the secret."""
    with Asked("kinds", tmp_path, TERM="dumb") as screen:
        screen.answer("Word")
        screen.answer("Copy")
        screen.answer("Count", "few")
        screen.sees("Count: must be a whole number")
        screen.answer("Count", "4")
        screen.answer("Rate", "1")
        screen.answer("Flag", "maybe")
        screen.sees("must be y or n")
        screen.answer("Flag", "y")
        screen.asked("Colour")
        screen.sees("number [2]: ")
        screen.types("9" + ENTER)
        screen.sees("must be a number from 1 to 3")
        screen.types("1" + ENTER)
        screen.answer("Shade", "3")
        screen.answer("List")
        screen.answer("Token", _SECRET)
        screen.answer("Headers")
        expected = {"word": "abc", "copy": "abc", "count": 4, "rate": 1, "flag": True, "colour": "red"}
        assert {**expected, "shade": "light", "token": _SECRET} == screen.result()
        assert "\x1b" not in screen.raw
        assert _SECRET not in screen.raw


@pytest.mark.parametrize("keys", [CTRL_C, CTRL_D])
@pytest.mark.parametrize("what", ["short", "text", "secret", "confirm"])
def test_dumb_broken_off(tmp_path: Path, what: str, keys: str) -> None:
    """On a dumb terminal too, Ctrl-C and Ctrl-D break off."""
    with Asked(what, tmp_path, TERM="dumb") as screen:
        screen.sees("?")
        screen.sees(": " if what != "confirm" else "(y/N): ")
        screen.types(keys)
        assert 130 == screen.ends()


@pytest.mark.parametrize("what", ["select", "text", "secret", "confirm", "ahead"])
def test_pipe(what: str) -> None:
    """A pipe is never asked."""
    done = subprocess.run(
        [sys.executable, *_ASKING, what],
        input="alpha\n",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(_tests()), "TERM": "xterm"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("UsageError: standard input is not a terminal")


def test_confirmation() -> None:
    """`--yes` answers a confirmation, and without anybody to ask it is needed."""
    prompts.confirm_or_refuse(interactive=False, yes=True, question="Delete it?")
    with pytest.raises(UsageError, match="Delete it: this needs --yes"):
        prompts.confirm_or_refuse(interactive=False, yes=False, question="Delete it?")


def test_light_import() -> None:
    """Loading the walk loads no terminal library and no judge of schemas."""
    code = (
        "import sys, avnz_int.cli.wizard\n"
        "print([name for name in ('questionary', 'prompt_toolkit', 'jsonschema', 'sqlalchemy')"
        " if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert "[]" == done.stdout.strip()


def _schemas(provider: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    seed = next(seed for seed in read_seeds() if seed.provider == provider)
    return seed.credential_schema, seed.settings_schema


_FULL = {"partner": "PayPal", "vendor": "acme", "user": "acme", "password": _SECRET}


@pytest.mark.parametrize(
    ("given", "provider", "expected"),
    [
        (wizard.Given(), None, True),
        (wizard.Given(provider="paypal_payflow"), "paypal_payflow", True),
        (wizard.Given(provider="paypal_payflow", credentials={"partner": "PayPal"}), "paypal_payflow", True),
        (wizard.Given(provider="paypal_payflow", credentials=_FULL), "paypal_payflow", False),
        (wizard.Given(provider="paypal_payflow", mode=Mode.PLATFORM), "paypal_payflow", False),
        (wizard.Given(provider="nmi", credentials={"username": "u"}), "nmi", True),
        (wizard.Given(provider="nmi", credentials={"securityKey": "k" * 32}), "nmi", False),
        (wizard.Given(provider="datadog", credentials={"apiKey": "a" * 32}), "datadog", True),
        (wizard.Given(provider="aws_sns", settings={"region": "us-east-1"}), "aws_sns", True),
    ],
)
def test_wanted(given: wizard.Given, provider: str | None, expected: bool) -> None:
    """The walk is wanted while a provider, a credential or a required setting is missing."""
    schemas = (None, None) if provider is None else _schemas(provider)
    assert expected is wizard.wanted(given, *schemas)
    assert _SECRET not in repr(given)
