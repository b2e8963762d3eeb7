"""What only a process of its own shows: pipes, signals, closed streams, encodings, a full disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from avnz_int import __main__ as entry
from support.cli import Command
from support.commands import LITERALS, own
from support.gateway import FAULTS, FaultGateway
from support.scenes import written
from support.services import PASSWORD

# A process for each case.
pytestmark = pytest.mark.slow


def shell(command: Command, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a shell makes of a script in which `$A` is avnz-int."""
    return subprocess.run(
        ["bash", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        env=command.variables({"A": f"{sys.executable} -m avnz_int", **variables}),
        timeout=60,
    )


@pytest.mark.parametrize("words", ["audit list -o jsonl", "audit list", "definitions list -o csv", "--help"])
def test_broken_pipe(command: Command, words: str) -> None:
    """A reader that goes away early is no failure and no noise."""
    # It has gone before the first byte comes, so that the outcome hangs on no race.
    done = shell(command, f"exec 3> >(exec true); sleep 0.2; $A {words} >&3")

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    ("words", "code"),
    [("tenant add later", 0), ("client list", 0), ("tenant add acme", 5), ("client show No", 3)],
)
def test_nothing_is_left_open(command: Command, words: str, code: int) -> None:
    """A process that ends has closed its database: the file alone is all of it, as a backup may take it."""
    done = shell(command, f"$A {words} --client acme" if words.startswith("client") else f"$A {words}")
    file = Path(command.url.removeprefix("sqlite:///"))

    assert code == done.returncode
    assert [file.name] == [path.name for path in file.parent.glob(f"{file.name}*")]


@pytest.mark.parametrize("form", ["json", "table"])
def test_broken_pipe_of_a_failure(command: Command, form: str) -> None:
    """A reader that goes away takes nothing from the exit code of what failed, however much was said."""
    own(command)
    command.environment["AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW"] = "http://127.0.0.1:9"
    refs = " ".join(["acme/Main"] * 60)  # more than a buffer
    for words in ("test acme/Main", "test --all", f"test {refs}"):
        done = shell(command, f"exec 3> >(exec true); sleep 0.2; $A {words} -o {form} >&3")
        assert 7 == done.returncode
        assert [True] == [line.startswith("avnz-int: AVNZ_INT_E") for line in done.stderr.splitlines()]


def test_full_device(command: Command) -> None:
    """A full disk under standard output is exit 7 and one message."""
    for words in ("tenant list -o json", "definitions show okta"):
        done = shell(command, f"$A {words} >/dev/full")
        assert 7 == done.returncode
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception" not in done.stderr


def test_full_device_after_a_change(command: Command) -> None:
    """What was changed before standard output failed is said to be done; a token nobody saw is to go."""
    for form in ("json", "table"):
        done = shell(command, f"$A tenant add new-{form} -o {form} >/dev/full")
        assert 7 == done.returncode
        assert "the command's work is done, but standard output does not take" in done.stderr
        assert "try again" not in done.stderr
        assert "look with show or list" in done.stderr
        command("tenant", "show", f"new-{form}")
    done = shell(command, "$A token create --role auditor --name ci >/dev/full")
    made = command("token", "list", "-o", "json").json[-1]
    assert 7 == done.returncode
    assert f"avnz-int token revoke {made['id']}, then make another" in done.stderr
    assert "keep the token" not in done.stderr


def test_full_standard_error(command: Command) -> None:
    """A message that cannot be written does not change the exit code."""
    assert 3 == shell(command, "$A tenant show nobody 2>/dev/full").returncode


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams(command: Command, closed: str) -> None:
    """Streams that the caller closed are no defect; data that go nowhere are not delivered, though."""
    for words in ("tenant list", "tenant list -o json", "tenant show acme", "--help"):
        done = shell(command, f"$A {words} {closed}")
        assert (7 if closed.startswith(">&-") else 0) == done.returncode
        if closed == ">&-":
            assert "standard output does not take what it says: it is closed" in done.stderr
    assert 3 == shell(command, f"$A tenant show nobody {closed}").returncode


def test_closed_standard_input(command: Command) -> None:
    """What is to be read from standard input that is closed is told so."""
    words = f"client add paypal_payflow --client acme {' '.join(LITERALS)} --credential password=-"
    done = shell(command, f"$A {words} <&-")
    assert 2 == done.returncode
    assert "is to be read from standard input, which is closed" in done.stderr


def test_narrow_encoding(command: Command) -> None:
    """Where a terminal's encoding lacks a character, an escape stands in its place; JSON stays JSON."""
    own(command)
    command("tenant", "rename", "acme", "--name", "Ärzte")
    for words in ("tenant list", "tenant tree"):
        done = shell(command, f"$A {words}", PYTHONIOENCODING="ascii")
        assert 0 == done.returncode, done.stderr
        assert "\\xc4rzte" in done.stdout
    done = shell(command, "$A client show acme/Main -o json", PYTHONIOENCODING="ascii")
    assert "\\u2022\\u2022\\u2022\\u2022" in done.stdout


def test_standard_input(command: Command) -> None:
    """A secret comes through a real pipe."""
    words = ("client", "add", "paypal_payflow", "--client", "acme", *LITERALS, "--credential", "password=-")

    made = command.process(*words, "-o", "json", stdin=f"{PASSWORD}\n").json
    assert "active" == made["status"]


def test_fifo(command: Command) -> None:
    """A secret comes through a process substitution, which is no regular file."""
    words = f"client add paypal_payflow --client acme {' '.join(LITERALS)} -o json"
    script = f'$A {words} --credential password=@<(printf %s "$PAYFLOW_PASSWORD")'
    done = shell(command, script)

    assert 0 == done.returncode, done.stderr
    assert "can be read by others" not in done.stderr


def test_module(command: Command) -> None:
    """`python -m avnz_int` names the command as people know it."""
    assert command.process("client", "--help").stdout.startswith("Usage: avnz-int client")
    assert (
        "hint: see avnz-int client list --help"
        in command.process("client", "list", "--x", exit_code=2).stderr
    )


def test_interrupt(command: Command) -> None:
    """Ctrl-C while a provider does not answer: exit 130 at once, nothing written but that it was opened."""
    made = own(command)
    before = written(command.url)
    with FaultGateway(FAULTS["hang"][0]) as hanging:
        variables = command.variables({"AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW": hanging.url})
        with subprocess.Popen(
            [sys.executable, "-m", "avnz_int", "test", made["id"], "-o", "json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=variables,
        ) as running:
            while not hanging.requests:
                assert running.poll() is None
                time.sleep(0.01)
            started = time.monotonic()
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=20)
            assert time.monotonic() - started < 5

    assert 130 == running.returncode
    assert "" == out
    assert '{"error": {"code": "interrupted", "message": "interrupted"' in err
    assert "Traceback" not in err
    assert before == written(command.url)
    assert "ok" == command("test", made["id"], "-o", "json").json["outcome"]
    assert command("audit", "verify", "-o", "json").json["valid"]


@pytest.mark.parametrize("ignored", [False, True])
def test_interrupted_start(bare: Command, ignored: bool) -> None:
    """Ctrl-C while the program still loads: exit 130 without a word; a job of the background heeds none."""
    slow = bare.folder / "slow"
    slow.mkdir()
    # In place of the first library that the command line loads.
    (slow / "typer.py").write_text(
        "import os, sys, time\n"
        "os.write(1, b'loading')\n"
        f"time.sleep({1 if ignored else 30})\n"
        f"sys.path.remove({str(slow)!r})\n"
        "del sys.modules['typer']\n"
        "import typer\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "avnz_int", "--version"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=bare.variables({"PYTHONPATH": str(slow)}),
        preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if ignored else None,  # noqa: PLW1509  # one call, no lock taken
    ) as running:
        assert running.stdout is not None
        assert b"loading" == os.read(running.stdout.fileno(), 7)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)

    assert b"" == err
    if ignored:
        assert 0 == running.returncode
        assert out.startswith(b"avnz-int ")
    else:
        assert (130, b"") == (running.returncode, out)


def test_console_script() -> None:
    """The installed command starts where Ctrl-C is quiet from the first moment."""
    found = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))

    assert {"avnz-int": f"{entry.__name__}:{entry.main.__name__}"} == found["project"]["scripts"]


def test_interrupted_add(command: Command) -> None:
    """Ctrl-C while the provider is asked before saving: exit 130, nothing saved."""
    before = written(command.url)
    words = ("client", "add", "paypal_payflow", "--client", "acme", *LITERALS)
    with FaultGateway(FAULTS["hang"][0]) as hanging:
        variables = command.variables({"AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW": hanging.url})
        with subprocess.Popen(
            [sys.executable, "-m", "avnz_int", *words, "--credential", "password=env:PAYFLOW_PASSWORD"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=variables,
        ) as running:
            while not hanging.requests:
                assert running.poll() is None
                time.sleep(0.01)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=20)

    assert (130, "") == (running.returncode, out)
    assert err.endswith("error: interrupted\n")
    assert before == written(command.url)


def test_demo(bare: Command, tmp_path: Path) -> None:
    """The demo ends with 0, heeds no setting of the caller's, and leaves nothing behind."""
    temporary = tmp_path / "temporary"
    home = tmp_path / "home"
    temporary.mkdir()
    home.mkdir()
    hostile = {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "AVNZ_INT_DATABASE_URL": "postgresql://nobody:hunter2@127.0.0.1:9/none",
        "AVNZ_INT_KEYRING": "file:///nowhere/keyring.json",
        "AVNZ_INT_OUTPUT": "json",
        "AVNZ_INT_CLIENT": "somebody",
        "AVNZ_INT_SCHEMA": "elsewhere",
        "AVNZ_INT_TOKEN": "none",
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }

    said = bare.process("demo", env=hostile, cwd=home)
    assert "ok: paypal_payflow (sandbox)" in said.stdout
    assert "the audit trail is whole" in said.stdout
    assert [] == list(temporary.iterdir())
    assert [] == [path for path in home.rglob("*") if path.is_file()]
    assert not bare.keyring.exists()
