"""What a process holds does not leave it through a core dump, nor through `/proc`."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from avnz_int.wiring import Services
from support.services import add_untested, make_services

# Processes that abort.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of a process"),
]

ABORTING = """\
import ctypes, os, sys
from pathlib import Path
from avnz_int.__main__ import main
from avnz_int.crypto.cipher import Cipher
opening = Cipher.open
def opened(self, *args):
    credentials = opening(self, *args)
    limits = Path("/proc/self/limits").read_text().splitlines()
    print(*next(line for line in limits if line.startswith("Max core")).split()[4:6])
    print("dumpable", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)
    os.abort()
if sys.argv[1] == "control":
    os.abort()
Cipher.open = opened
main()
"""


@pytest.fixture
def made(tmp_path: Path, prepared_sqlite: Path) -> Services:
    """Services over a database in which one integration is stored."""
    for name in ("avnz-int.db", "keyring.json"):
        (tmp_path / name).write_bytes((prepared_sqlite / name).read_bytes())
        (tmp_path / name).chmod(0o600)
    services = make_services(f"sqlite:///{tmp_path / 'avnz-int.db'}", tmp_path / "keyring.json")
    add_untested(services, "Main")
    services.close()
    return services


def _as_much_as_allowed() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


def aborted(services: Services, folder: Path, *words: str) -> tuple[int, str]:
    """The wait status of a command that aborts, and what it said; its parent asks for cores without limit."""
    process = subprocess.Popen(
        [sys.executable, "-c", ABORTING, *words],
        cwd=folder,
        env={
            **os.environ,
            "AVNZ_INT_DATABASE_URL": services.settings.database_url,
            "AVNZ_INT_KEYRING": services.settings.keyring_url,
        },
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_as_much_as_allowed,  # noqa: PLW1509  # one call, no lock taken
    )
    assert process.stdout is not None
    said = process.stdout.read()
    process.stdout.close()
    _, status = os.waitpid(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return status, said


def test_no_core(made: Services, tmp_path: Path) -> None:
    """A process that aborts with open credentials leaves no core, although its parent allows any size."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    folder = tmp_path / "here"
    folder.mkdir()
    status, said = aborted(made, folder, "client", "show", "acme/Main")

    assert signal.SIGABRT == os.WTERMSIG(status)
    assert ["0", "unlimited" if most == resource.RLIM_INFINITY else str(most)] == said.split()[:2]
    assert "dumpable 0" in said
    assert not os.WCOREDUMP(status)
    assert [] == list(folder.iterdir())


def test_control(made: Services, tmp_path: Path) -> None:
    """The same process without secrets in it does leave a core, where this machine leaves any."""
    status, _ = aborted(made, tmp_path, "control")

    assert signal.SIGABRT == os.WTERMSIG(status)
    if not os.WCOREDUMP(status):
        pytest.skip("this machine leaves no core of any process")
