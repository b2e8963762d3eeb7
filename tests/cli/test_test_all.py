"""`test --all` on the command line: forms, exit codes, JUnit, progress, and Ctrl-C in the middle."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree

from avnz_int.cli import sweeping
from avnz_int.errors import StorageError
from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.providers import webhook
from avnz_int.providers.contract import CheckReport, CheckRequest
from support.cli import Command
from support.commands import own, platform, shared, using
from support.gateway import FaultGateway, answering
from support.samples import sample
from support.scenes import GARBAGE, REFUSED, SteeredGateway
from support.services import execute
from support.terminal import Terminal

ENDPOINT = "AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW"
SHAPE = ["id", "provider", "environment", "success", "outcome", "code", "message", "latency", "testedAt"]
ALL = ("test", "--all")
Answers = Callable[[Outcome, str], None]


@pytest.fixture
def hook(command: Command, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """A webhook of acme's; sets what its check answers, in this process."""
    given = sample("webhook")
    words = ("client", "add", "webhook", "--client", "acme", "--name", "Hook", "--no-test")
    credentials = command.file("hook.json", given.credentials)
    settings = command.file("settings.json", given.settings)
    command(*words, "--credentials-file", credentials, "--settings-file", settings)
    says: list[CheckReport] = []

    async def check(_request: CheckRequest) -> CheckReport:
        return says[-1]

    monkeypatch.setattr(webhook, "check", check)

    def set_answer(outcome: Outcome, message: str) -> None:
        says.append(CheckReport(outcome, CheckCode.UNEXPECTED_REPLY, message))

    return set_answer


def broken(command: Command, name: str) -> str:
    """The id of a new integration whose credentials do not open."""
    made = own(command, name)
    update = "UPDATE \"ClientIntegration\" SET environment = 'sandbox' WHERE id = :id"
    execute(command.url, update, id=made["id"])
    return str(made["id"])


def test_forms(on_both: Command, gateway: SteeredGateway) -> None:
    """Every form has each integration once, in the order of the listing; what many share is one."""
    offered = shared(on_both)
    using(on_both)
    using(on_both, client="globex")
    ids = [
        offered["id"],
        own(on_both, "A")["id"],
        own(on_both, "B")["id"],
        own(on_both, client="globex")["id"],
    ]
    asked = len(gateway.requests)
    views = on_both(*ALL, "-o", "json").json

    assert 4 == len(gateway.requests) - asked
    assert [SHAPE] * 4 == [list(view) for view in views]
    assert ids == [view["id"] for view in views]
    assert ids == [view["id"] for view in on_both(*ALL, "-o", "jsonl").lines]
    rows = list(csv.DictReader(io.StringIO(on_both(*ALL, "-o", "csv").stdout)))
    assert ids == [row["id"] for row in rows]
    assert SHAPE == list(rows[0])
    said = on_both(*ALL)
    assert ids == [line.split()[0] for line in said.stdout.splitlines()[1:]]
    assert 1 == said.stderr.count(f"{ENDPOINT} is set")
    assert on_both("audit", "verify", "-o", "json").json["valid"]


@pytest.mark.parametrize(
    ("payflow", "outcome", "unreadable", "code"),
    [
        (None, Outcome.OK, False, 0),
        (None, Outcome.UNSUPPORTED, False, 0),
        (GARBAGE, Outcome.OK, False, 7),
        (GARBAGE, Outcome.REJECTED, False, 6),
        (REFUSED, Outcome.UNREACHABLE, False, 6),
        (None, Outcome.INVALID_CONFIG, False, 6),
        (REFUSED, Outcome.UNREACHABLE, True, 8),
        (None, Outcome.OK, True, 8),
    ],
)
def test_exit_code(
    command: Command,
    gateway: SteeredGateway,
    hook: Answers,
    payflow: str | None,
    outcome: Outcome,
    unreadable: bool,
    code: int,
) -> None:
    """8 for one that does not open, else 6 for one that was refused, else 7 for one not reached; no error."""
    own(command)
    if unreadable:
        broken(command, "Broken")
    gateway.says = payflow
    hook(outcome, "said")
    said = command(*ALL, "-o", "json", exit_code=code)

    assert 2 + unreadable == len(said.json)
    assert unreadable == ("unreadable" in [view["outcome"] for view in said.json])
    assert '"error"' not in said.stderr


def test_nothing_sent(command: Command, gateway: SteeredGateway) -> None:
    """For what does not open nothing is sent; its result has the outcome `unreadable`."""
    row_id = broken(command, "Broken")
    asked = len(gateway.requests)
    (view,) = command(*ALL, "-o", "json", exit_code=8).json

    assert asked == len(gateway.requests)
    assert (row_id, False, "unreadable", "unreadable", None) == (
        view["id"],
        view["success"],
        view["outcome"],
        view["code"],
        view["latency"],
    )


def test_empty(command: Command) -> None:
    """Nothing to test is an empty listing and exit 0."""
    assert [] == command(*ALL, "-o", "json").json
    assert "" == command(*ALL, "-o", "jsonl").stdout
    said = command(*ALL)
    assert ("", "(nothing to test)\n") == (said.stdout, said.stderr)


def test_selection(command: Command, gateway: SteeredGateway) -> None:
    """`--client` (or its variable), `--platform`, `--provider` and `--stale` limit what is tested."""

    def ids(*words: str, **variables: str) -> list[str]:
        return [view["id"] for view in command(*ALL, *words, "-o", "json", env=variables).json]

    mine, theirs, ours = own(command)["id"], own(command, client="globex")["id"], platform(command)["id"]
    assert [ours, mine, theirs] == ids()
    assert [mine] == ids("--client", "acme")
    assert [theirs] == ids(AVNZ_INT_CLIENT="globex")
    assert [ours] == ids("--platform")
    assert [ours] == ids("--platform", AVNZ_INT_CLIENT="globex")
    assert [] == ids("--provider", "stripe")
    assert [] == ids("--stale", "1h")
    assert [ours, mine, theirs] == ids("--stale", "0s")
    assert [] == ids("--stale", "99999999999d")
    assert "unknown_provider" == command.fails(*ALL, "--provider", "nope", exit_code=2)["code"]
    assert "not_found" == command.fails(*ALL, "--client", "nobody", exit_code=3)["code"]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--all", "acme/Main"),
        ("acme/Main", "--stale", "1h"),
        ("acme/Main", "--junit", "x.xml"),
        ("--all", "--platform", "--client", "acme"),
        ("--all", "--stale", "soon"),
        ("--all", "--stale", "h"),
        ("--all", "--stale", "-1h"),
        ("--all", "--stale", "1.5h"),
        ("--all", "--concurrency", "0"),
        ("--all", "--per-host", "0"),
        ("--all", "--timeout", "0"),
        ("--all", "--timeout", "nan"),
        ("--all", "--junit", "."),
        ("--all", "--junit", "nowhere/x.xml"),
    ],
)
def test_misuse(command: Command, gateway: SteeredGateway, words: tuple[str, ...]) -> None:
    """What makes no sense is exit 2, before anything is sent."""
    own(command)
    asked = len(gateway.requests)
    command.fails("test", *words, exit_code=2)
    assert asked == len(gateway.requests)


def test_timeout(command: Command) -> None:
    """`--timeout` is the deadline of each check."""
    own(command, "A", "--no-test")
    own(command, "B", "--no-test")
    stop = threading.Event()

    def hang(_connection: socket.socket, _request: bytes, _stop: threading.Event) -> None:
        stop.wait(20)

    with FaultGateway(hang) as hanging:
        started = time.monotonic()
        views = command(*ALL, "--timeout", "0.5", "-o", "json", exit_code=7, env={ENDPOINT: hanging.url}).json
        took = time.monotonic() - started
        stop.set()
    assert ["timeout"] * 2 == [view["code"] for view in views]
    assert took < 5


def test_junit(command: Command, gateway: SteeredGateway, hook: Answers) -> None:
    """JUnit XML has a case for each, named as people name it, whatever stands in a message."""
    own(command, "Main <&>")
    broken(command, "Broken")
    hook(Outcome.REJECTED, 'no\x00\x1b[31m <b> & "q"\n\ud800')
    path = command.folder / "results.xml"
    views = command(*ALL, "--junit", str(path), "-o", "json", exit_code=8).json
    suite = ElementTree.fromstring(path.read_bytes())

    assert ("testsuite", "3", "1", "1", "0") == (
        suite.tag,
        *(suite.get(name) for name in ("tests", "failures", "errors", "skipped")),
    )
    cases: dict[str, Any] = {case.get("name"): case for case in suite}
    names = ["acme/paypal_payflow/Broken", "acme/paypal_payflow/Main <&>", "acme/webhook/Hook"]
    assert names == list(cases)
    assert "paypal_payflow.production" == cases[names[1]].get("classname")
    assert [["error"], [], ["failure"]] == [[part.tag for part in cases[name]] for name in names]
    assert 'no��[31m <b> & "q"��' == cases[names[2]][0].get("message")
    assert 3 == len(views)
    hook(Outcome.UNSUPPORTED, "no test")
    command(*ALL, "--provider", "webhook", "--junit", str(path))
    suite = ElementTree.fromstring(path.read_bytes())
    assert (["skipped"], "1") == ([part.tag for part in suite[0]], suite.get("skipped"))
    assert [path] == [found for found in command.folder.iterdir() if "results" in found.name]


def test_junit_places(command: Command, gateway: SteeredGateway, tmp_path: Path) -> None:
    """A link keeps leading to its file, and a device stays one; both get the results."""
    own(command)
    place, link = tmp_path / "place.xml", tmp_path / "link.xml"
    place.write_text("old")
    link.symlink_to(place)
    command(*ALL, "--junit", str(link))
    assert link.is_symlink()
    assert "testsuite" == ElementTree.fromstring(place.read_bytes()).tag
    device = Path("/dev/full")
    said = command(*ALL, "--junit", str(device), "-o", "json", exit_code=7)
    assert device.is_char_device()
    assert ["ok"] == [view["outcome"] for view in said.json]
    assert "storage_unavailable" == said.error["code"]


def test_junit_through_no_link(tmp_path: Path) -> None:
    """Nobody can lay out a link that the results are written through on their way."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / f".results.xml.{os.getpid()}").symlink_to(precious)
    sweeping.write_junit(tmp_path / "results.xml", [], {})
    assert "mine" == precious.read_text()
    assert not (tmp_path / "results.xml").is_symlink()


def test_junit_in_vain(tmp_path: Path) -> None:
    """A file that cannot be put in place leaves what is there and nothing beside it."""
    place = tmp_path / "results.xml"
    place.mkdir()
    with pytest.raises(StorageError, match="--junit"):
        sweeping.write_junit(place, [], {})
    assert [place] == list(tmp_path.iterdir())


def test_progress(command: Command, gateway: SteeredGateway, tmp_path: Path) -> None:
    """A terminal on standard error shows how far it is; a pipe gets no bar, and JSON is clean."""
    own(command)
    out = tmp_path / "out.json"
    with Terminal(*ALL, "-o", "json", environ=command.variables(), stdout=out) as screen:
        assert 0 == screen.ends()
        assert "testing" in screen.transcript
    assert ["ok"] == [view["outcome"] for view in json.loads(out.read_text())]
    piped = command.process(*ALL, "-o", "json", env={"FORCE_COLOR": "1"})
    assert "testing" not in piped.stderr
    assert "\x1b" not in piped.stderr + piped.stdout


@pytest.mark.parametrize("hang", ["http", "thread"])
def test_interrupt(on_both: Command, tmp_path: Path, hang: str) -> None:
    """Ctrl-C while some hang: at once exit 130, with what is done recorded, printed and in the JUnit file."""
    command = on_both
    ids = [own(command, name, "--no-test")["id"] for name in ("A", "B", "C")]
    hanging = threading.Event()
    lock = threading.Lock()
    seen: list[int] = []
    passed = answering(b"RESULT=19&PNREF=V1&RESPMSG=Original transaction ID not found")

    def answer(connection: socket.socket, request: bytes, stop: threading.Event) -> None:
        with lock:
            seen.append(1)
            first = len(seen) == 1
        if first:
            passed(connection, request, stop)
        elif len(seen) == 3:
            hanging.set()
            stop.wait()
        else:
            stop.wait()

    program = ["-m", "avnz_int"]
    if hang == "thread":
        # As a check does that blocks in a library.
        script = (
            "import sys, threading, asyncio\n"
            "from avnz_int.providers import paypal_payflow\n"
            "from avnz_int.cli import main\n"
            "check = paypal_payflow.check\n"
            "def blocking(request):\n"
            "    return asyncio.run(check(request))\n"
            "paypal_payflow.check = blocking\n"
            "main.main()\n"
        )
        program = [command.file("blocking.py", script)]
    junit = tmp_path / "junit.xml"
    with (
        FaultGateway(answer) as gateway,
        subprocess.Popen(
            [sys.executable, *program, *ALL, "-o", "json", "--junit", str(junit)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=command.variables({ENDPOINT: gateway.url}),
        ) as running,
    ):
        assert hanging.wait(20)
        # The one that is answered is through by now, even if not yet recorded.
        time.sleep(0.2)
        started = time.monotonic()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
        assert time.monotonic() - started < 5

    assert 130 == running.returncode, err
    (view,) = json.loads(out)
    assert "ok" == view["outcome"]
    assert "interrupted" == json.loads(err.splitlines()[-1])["error"]["code"]
    assert "Traceback" not in err
    assert 1 == len(ElementTree.fromstring(junit.read_bytes()))
    status = {row["id"]: row["status"] for row in command("client", "list", "-o", "json").json}
    assert {row_id: "active" if row_id == view["id"] else "pending" for row_id in ids} == status
    assert command("audit", "verify", "-o", "json").json["valid"]
