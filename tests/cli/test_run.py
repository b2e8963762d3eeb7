"""`run` as it is typed: the command takes over the process, and only it has the credentials."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avnz_int import memory
from avnz_int.cli import executing
from avnz_int.errors import CommandNotExecutableError, CommandNotFoundError
from support.cli import Command
from support.commands import own
from support.services import PASSWORD

SHOW = (sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))")
RUN = ("run", "--client", "acme", "--")


def events(command: Command) -> int:
    """How often credentials were read."""
    return len(command("audit", "list", "--action", "credentials:read", "-o", "json").json)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        (("--",), 2),
        (("--", "no-such-command-here"), 127),
        (("--", "./no-such-command-here"), 127),
        (("--", ""), 127),
        (("--", "/"), 126),
        (("--platform", "--client", "acme", "--", "true"), 2),
        (("acme/Main", "--category", "sms", "--", "true"), 2),
        (("--provider", "strip", "--", "true"), 2),
        (("--client", "none", "--", "true"), 3),
        (("--client", "globex", "--", "true"), 3),
        (("--client", "acme", "--only", "STRIPE_SECRET_KEY", "--", "true"), 2),
        (("--client", "acme", "--only", "", "--", "true"), 2),
        (("--client", "acme", "--only", "PAYFLOW_USER", "--only", " , ", "--", "true"), 2),
        (("--client", "acme", "--prefix", "{x}", "--", "true"), 2),
    ],
)
def test_refused(command: Command, words: tuple[str, ...], code: int) -> None:
    """What cannot run is refused before anything is opened, with the exit code that a shell would give."""
    own(command)
    before = events(command)
    result = command("run", *words, exit_code=code, env={"AVNZ_INT_OUTPUT": "json"})
    assert "" == result.stdout
    assert result.error["message"]
    assert before == events(command)


def test_hint_quotes(command: Command) -> None:
    """A hint can be pasted, whatever the name has in it."""
    own(command, "My Pay", "--no-test")
    told = command("run", "acme/My Pay", "--", "true", exit_code=5).stderr
    assert "hint: avnz-int test 'acme/paypal_payflow/My Pay'\n" in told


def test_no_database(bare: Command) -> None:
    """Without a database nothing runs."""
    assert "not_initialized" in bare(*RUN, "true", exit_code=5, env={"AVNZ_INT_OUTPUT": "json"}).stderr


def test_find(tmp_path: Path) -> None:
    """A program is found by path or in PATH; one without the right to execute it is told from none."""
    program = tmp_path / "tool"
    program.write_text("#!/bin/sh\n")
    with pytest.raises(CommandNotExecutableError):
        executing.find("tool", {"PATH": str(tmp_path)})
    with pytest.raises(CommandNotExecutableError):
        executing.find(str(program), {})
    program.chmod(0o755)
    assert str(program) == executing.find("tool", {"PATH": str(tmp_path)}) == executing.find(str(program), {})
    with pytest.raises(CommandNotFoundError):
        executing.find("tool", {"PATH": "/nowhere"})


def test_base() -> None:
    """Nothing of ours is passed on; a pristine environment has what every program needs."""
    given = {
        "PATH": "/bin",
        "HOME": "/h",
        "LC_ALL": "C",
        "AVNZ_INT_TOKEN": "t",
        "avnz_int_x": "y",
        "DB_PASSWORD": "p",
    }
    assert {"PATH", "HOME", "LC_ALL", "DB_PASSWORD"} == set(executing.base(given, pristine=False))
    assert {"PATH", "HOME", "LC_ALL"} == set(executing.base(given, pristine=True))


@pytest.mark.slow
def test_environment(on_both: Command) -> None:
    """The command has the variables, standard input and its own exit code, and nothing of ours."""
    own(on_both)
    code = "import json, os, sys; print(json.dumps([dict(os.environ), sys.stdin.read()])); sys.exit(41)"
    words = (*RUN, sys.executable, "-c", code)
    done = on_both.process(*words, exit_code=41, stdin="given", env={"KEPT": "yes"})
    found, stdin = json.loads(done.stdout)
    assert ("given", "yes", PASSWORD) == (stdin, found["KEPT"], found["PAYFLOW_PASSWORD"])
    assert [] == [name for name in found if name.startswith("AVNZ_INT_")]
    assert PASSWORD not in done.stderr
    assert 1 == len(
        [
            e
            for e in on_both("audit", "list", "-o", "json").json
            if (e["changes"] or {}).get("purpose") == "run"
        ]
    )

    lean = on_both.process(
        "run", "acme/Main", "--pristine", "--prefix", "X_", "--only", "PAYFLOW_USER", "--", *SHOW
    )
    assert {"X_PAYFLOW_USER"} == set(json.loads(lean.stdout)) - set(
        executing.base(os.environ, pristine=True)
    ) - {"LC_CTYPE"}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_signals(command: Command) -> None:
    """The process is the command's: it alone shows the variables, a signal ends it, and a broken pipe too."""
    own(command)
    words = [sys.executable, "-m", "avnz_int", *RUN, "sh", "-c", "echo ready; exec sleep 60"]
    with subprocess.Popen(words, env=command.variables(), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert "ready\n" == running.stdout.readline()
        deadline = time.monotonic() + 20
        while (
            b"sleep" not in Path(f"/proc/{running.pid}/cmdline").read_bytes() and time.monotonic() < deadline
        ):
            time.sleep(0.01)
        assert f"PAYFLOW_PASSWORD={PASSWORD}".encode() in Path(f"/proc/{running.pid}/environ").read_bytes()
        assert PASSWORD.encode() not in Path(f"/proc/{running.pid}/cmdline").read_bytes()
        # As a shell started it: SIGPIPE is not ignored.
        ignored = next(
            line for line in Path(f"/proc/{running.pid}/status").read_text().splitlines() if "SigIgn" in line
        )
        assert not int(ignored.split()[1], 16) & (1 << (signal.SIGPIPE - 1))
        running.send_signal(signal.SIGTERM)
        assert -signal.SIGTERM == running.wait(20)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="has no limits")
def test_core_limit(command: Command) -> None:
    """The command has the caller's limit on core files, whatever ours was while we held secrets."""
    own(command)
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    wanted = 4096 if most == resource.RLIM_INFINITY else most
    show = (sys.executable, "-c", "import resource as r; print(*r.getrlimit(r.RLIMIT_CORE))")
    for soft in (wanted, 0):
        done = command.process(
            *RUN, *show, preexec_fn=lambda soft=soft: resource.setrlimit(resource.RLIMIT_CORE, (soft, most))
        )
        assert [str(soft), str(most)] == done.stdout.split()


@pytest.mark.skipif(sys.platform == "win32", reason="has no limits")
def test_core_limit_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is lowered twice goes back to what it was first; what was never lowered is left alone."""
    monkeypatch.setattr(memory, "_before", [])
    before = resource.getrlimit(resource.RLIMIT_CORE)
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: set_to[-1] if set_to else (7, 9))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: set_to.append(limits))
    memory.give_back_limit()
    assert [] == set_to
    memory.keep_private()
    memory.keep_private()
    memory.give_back_limit()
    memory.give_back_limit()
    assert [(0, 9), (0, 9), (7, 9)] == set_to
    monkeypatch.undo()
    resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.mark.slow
def test_beside(tmp_path: Path) -> None:
    """Where there is no exec, the command's exit code is passed on, a signal's as a shell tells it."""
    python = sys.executable
    for code, expected in (("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137)):
        assert expected == executing.wait_for(python, [python, "-c", code], dict(os.environ))
    script = tmp_path / "script"
    script.write_text("echo no first line\n")
    script.chmod(0o755)
    with pytest.raises(CommandNotExecutableError):
        executing.wait_for(str(script), [str(script)], {})
    script.write_text("#!/no/such/interpreter\n")
    with pytest.raises(CommandNotFoundError):
        executing.wait_for(str(script), [str(script)], {})
