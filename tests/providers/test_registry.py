"""How a provider's check is found, and what the registry makes of one that misbehaves."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from avnz_int.errors import UnavailableError, UsageError
from avnz_int.model.enums import CheckCode, Environment, Outcome
from avnz_int.model.secret import Secret
from avnz_int.providers import paypal_payflow, registry
from avnz_int.providers.contract import CheckReport, CheckRequest

PASSWORD = "canary&secret=1"
HEAD = """
import asyncio, sys, time
from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.providers.contract import CheckReport
OK = CheckReport(Outcome.OK, CheckCode.OK, "fine")
"""
SCRIPT = """
import sys
sys.path.insert(0, {path!r})
from avnz_int.model.enums import Environment
from avnz_int.model.secret import Secret
from avnz_int.providers import registry
from avnz_int.providers.contract import CheckRequest
print(registry.run(CheckRequest("acme", Secret({{}}), {{}}, Environment.SANDBOX, {timeout_s})).code)
"""
Install = Callable[[str, str], None]


def install(folder: Path, provider: str, source: str, package: str = "acme-plugin") -> None:
    """A distribution in `folder` that offers `provider` by an entry point to a module of this source."""
    module = f"plugin_{package.replace('-', '_')}_{provider}"
    (folder / f"{module}.py").write_text(HEAD + source)
    metadata = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{registry.ENTRY_POINTS}]\n{provider} = {module}\n")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a provider for one test: `plugin("acme", source)`."""
    for name in [name for name in sys.modules if name.startswith("plugin_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)

    def put(provider: str, source: str) -> None:
        install(tmp_path, provider, source)

    return put


def request(provider: str, timeout_s: float = 2.0) -> CheckRequest:
    """A check of this provider."""
    credentials = Secret({"user": "a", "number": 7, "password": PASSWORD})
    return CheckRequest(provider, credentials, {}, Environment.SANDBOX, timeout_s)


def told(report: CheckReport) -> tuple[Outcome, CheckCode]:
    """What was found, in two words."""
    return report.outcome, report.code


UNCLEAR = (Outcome.UNREACHABLE, CheckCode.UNEXPECTED_REPLY)


def test_own_module() -> None:
    """A provider of ours is the module of its name."""
    assert paypal_payflow.check is registry.load("paypal_payflow")


@pytest.mark.parametrize(
    "name",
    ["contract", "registry", "endpoints", "web", "_http", "__init__", "", "Paypal_payflow", "paypal-payflow",
     "os.path", "..registry", "contract.check", "paypal_payflow\n", "1st", "\u0430cme", "/etc/passwd", "a b"],
)  # fmt: skip
def test_no_provider(name: str) -> None:
    """A name that is no provider's, or one of our other files, loads nothing."""
    assert registry.load(name) is None


def test_unsupported() -> None:
    """A provider without a module has no test, which is neither success nor failure."""
    report = registry.run(request("acme_without_a_test"))
    assert (Outcome.UNSUPPORTED, CheckCode.UNSUPPORTED) == told(report)
    assert report.success is None
    assert "acme_without_a_test" in report.message


@pytest.mark.parametrize(
    "source",
    [
        "async def check(request): return OK",
        "def check(request): return OK",
        "def check(request): return later()\nasync def later(): return OK",
        "class Check:\n    async def __call__(self, request): return OK\ncheck = Check()",
    ],
)
def test_plugin(plugin: Install, source: str) -> None:
    """A third party's check is found by its entry point, be it a coroutine function or one that blocks."""
    plugin("acme", source)
    assert CheckReport(Outcome.OK, CheckCode.OK, "fine") == registry.run(request("acme"))


def test_own_module_wins(plugin: Install) -> None:
    """A third party cannot take the place of a provider of ours."""
    plugin("paypal_payflow", "def check(request): return OK")
    assert paypal_payflow.check is registry.load("paypal_payflow")


def test_function_entry_point(tmp_path: Path, plugin: Install) -> None:
    """An entry point may name the function itself."""
    plugin("acme", "def check(request): return OK")
    points = tmp_path / "acme_plugin-1.0.dist-info" / "entry_points.txt"
    points.write_text(points.read_text().rstrip() + ":check\n")
    assert registry.run(request("acme")).success


def test_two_plugins(tmp_path: Path, plugin: Install) -> None:
    """Two packages that offer the same provider are both named, and neither is used."""
    plugin("acme", "def check(request): return OK")
    install(tmp_path, "acme", "def check(request): return OK", package="other-plugin")
    with pytest.raises(UnavailableError, match="acme-plugin, other-plugin"):
        registry.load("acme")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import no_such_library_at_all", "does not load: ModuleNotFoundError"),
        ("raise RuntimeError('hunter22')", "does not load: RuntimeError"),
        ("sys.exit(3)", "does not load: SystemExit"),
        ("raise asyncio.CancelledError", "does not load: CancelledError"),
        ("def check(:", "does not load: SyntaxError"),
        ("def chekc(request): return OK", "has no check"),
        ("check = 7", "has no check"),
        ("def check(): return OK", "does not take one request"),
        ("def check(request, more): return OK", "does not take one request"),
        ("def check(*, request): return OK", "does not take one request"),
    ],
)
def test_broken_plugin(plugin: Install, source: str, words: str) -> None:
    """A plugin that does not load is named with its package, and its test is unreachable; others go on."""
    plugin("acme", source)
    with pytest.raises(UnavailableError, match=f"acme.*acme-plugin.*{words}") as caught:
        registry.load("acme")
    assert "hunter22" not in caught.value.message
    assert caught.value.__cause__ is None
    report = registry.run(request("acme"))
    assert UNCLEAR == told(report)
    assert report.message == f"{caught.value.message}: {caught.value.hint}"
    assert registry.load("paypal_payflow") is not None


@pytest.mark.parametrize("kind", ["async def", "def"])
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("raise ValueError(str(request.credentials.reveal()))", "failed with ValueError"),
        ("raise TimeoutError('x')", "failed with TimeoutError"),
        ("sys.exit(3)", "failed with SystemExit"),
        ("raise asyncio.CancelledError", "failed with CancelledError"),
        ("raise type('Panic', (BaseException,), {})", "failed with Panic"),
        ("return None", "returned no report"),
        ("return True", "returned no report"),
    ],
)
def test_broken_check(plugin: Install, kind: str, line: str, words: str) -> None:
    """A check that raises or returns no report is told by the type alone, never as a verdict."""
    plugin("acme", f"{kind} check(request): {line}")
    report = registry.run(request("acme"))
    assert UNCLEAR == told(report)
    assert words in report.message
    assert PASSWORD not in repr(report)


@pytest.mark.parametrize(
    "source",
    [
        "async def check(request): await asyncio.sleep(60)",
        "def check(request): time.sleep(60)",
        "async def check(request): await asyncio.to_thread(time.sleep, 60)",
        "async def check(request):\n    try: await asyncio.sleep(60)\n    finally: raise ValueError",
    ],
)
def test_deadline(plugin: Install, source: str) -> None:
    """The deadline holds for checks that wait, that block, and that fail when they are stopped."""
    plugin("acme", source)
    began = time.monotonic()
    report = registry.run(request("acme", timeout_s=0.3))
    assert (Outcome.UNREACHABLE, CheckCode.TIMEOUT) == told(report)
    assert "within 0.3 s" in report.message
    assert time.monotonic() - began < 1


def test_loading_deadline(tmp_path: Path, plugin: Install) -> None:
    """A plugin that blocks while it is loaded is given up at the deadline, too."""
    # A name of its own: a module that never comes to its end keeps its import locked.
    install(tmp_path, "acme", "time.sleep(60)", package="slow-plugin")
    report = registry.run(request("acme", timeout_s=0.3))
    assert (Outcome.UNREACHABLE, CheckCode.TIMEOUT) == told(report)


def test_exit(tmp_path: Path) -> None:
    """A check that blocks for a minute does not keep the program from ending."""
    install(tmp_path, "acme", "def check(request): time.sleep(60)")
    script = SCRIPT.format(path=str(tmp_path), timeout_s=0.2)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=True
    )
    assert ("timeout\n", "") == (done.stdout, done.stderr)


def test_interrupt(tmp_path: Path) -> None:
    """Ctrl-C ends a test that is under way at once."""
    install(
        tmp_path,
        "acme",
        "async def check(request):\n    print('on', flush=True)\n    await asyncio.sleep(60)",
    )
    script = SCRIPT.format(path=str(tmp_path), timeout_s=30)
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        assert b"on\n" == run.stdout.readline()
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=10)
    assert -signal.SIGINT == run.returncode
    assert errors.rstrip().endswith(b"KeyboardInterrupt")


def test_side_by_side(plugin: Install) -> None:
    """Many checks share one event loop, blocking ones too."""
    plugin("acme", "def check(request):\n    time.sleep(0.3)\n    return OK")

    async def ten() -> list[CheckReport]:
        return await asyncio.gather(*(registry.run_async(request("acme")) for _ in range(10)))

    began = time.monotonic()
    reports = registry.run_loop(ten())
    assert [True] * 10 == [report.success for report in reports]
    assert time.monotonic() - began < 2


def test_cancelled(plugin: Install) -> None:
    """Whoever stops a check from outside is obeyed: that is no fault of the check."""
    plugin("acme", "async def check(request): await asyncio.sleep(60)")

    async def stopped() -> bool:
        task = asyncio.create_task(registry.run_async(request("acme")))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task], timeout=1)
        return task.cancelled()

    assert registry.run_loop(stopped())


def test_any_callable(plugin: Install) -> None:
    """A check whose parameters cannot be known is taken as it is."""
    plugin(
        "acme",
        "class Check:\n"
        "    __signature__ = 'none'\n"
        "    def __call__(self, request): return OK\n"
        "check = Check()",
    )
    assert registry.run(request("acme")).success


def test_redaction(plugin: Install) -> None:
    """Credential values are cut out of every text of a report; one of a letter or two is no secret."""
    plugin(
        "acme",
        "def check(request):\n"
        "    p = request.credentials.reveal()['password']\n"
        "    q = p.replace('&', '%26').replace('=', '%3D')\n"
        "    return CheckReport(Outcome.REJECTED, CheckCode.NOT_FOUND, f'a {p}.', 5, f'E {q}', (p, 'a'))",
    )
    expected = CheckReport(Outcome.REJECTED, CheckCode.NOT_FOUND, "a ••••.", 5, "E ••••", ("••••", "a"))
    assert expected == registry.run(request("acme"))


def test_endpoint(plugin: Install) -> None:
    """A forbidden endpoint is refused before any check sees it."""
    plugin("acme", "def check(request): return OK")
    assert registry.run(replace(request("acme"), endpoint="http://127.0.0.1:1")).success
    with pytest.raises(UsageError):
        registry.run(replace(request("acme"), endpoint="http://acme.example"))


def test_light() -> None:
    """Loading the registry loads no HTTP library and no metadata reader."""
    script = (
        "import sys, avnz_int.providers.registry\n"
        "print([n for n in ('httpx', 'httpcore', 'anyio', 'importlib.metadata') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=True
    )
    assert "[]\n" == done.stdout


def test_stray_task(plugin: Install, capfd: pytest.CaptureFixture[str]) -> None:
    """A task that a check left behind and that fails says nothing of the credentials, wherever it is told."""
    plugin(
        "acme",
        "async def boom(request): raise ValueError(request.credentials.reveal()['password'])\n"
        "async def check(request):\n"
        "    asyncio.get_running_loop().create_task(boom(request)); await asyncio.sleep(0.05)\n"
        "    return OK\n",
    )
    assert registry.run(request("acme")).success
    gc.collect()
    assert PASSWORD not in "".join(capfd.readouterr())


def test_interrupted_at_the_deadline(plugin: Install) -> None:
    """Ctrl-C while a check is being given up is still Ctrl-C."""
    plugin(
        "acme",
        "async def check(request):\n"
        "    try: await asyncio.sleep(30)\n"
        "    finally: await asyncio.sleep(0.6)\n",
    )
    timer = threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        registry.run(request("acme", timeout_s=0.7))
    timer.join()
