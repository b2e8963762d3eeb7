"""Eight processes that add integrations at once, beside one, on both databases. Run it: it prints rates.

`PYTHONPATH=tests python tests/benchmarks/bench_writers.py [EACH]`

Each process adds so many client integrations through the service, credentials and audit event included: a
transaction each, which locks the end of the audit chain first. The clock runs while all of them do; start-up
is left out. Every integration must be there afterwards, and the trail must be whole.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from avnz_int.wiring import Services
from support.postgres import PostgresServer
from support.services import add_untested, make_services, prepared

WRITERS = 8


def write(url: str, keyring: str, prefix: str, each: int) -> None:
    """What a process does: it opens everything, says so, waits for a line, and adds."""
    services = make_services(url, Path(keyring))
    add_untested(services, f"{prefix} first")
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(each):
        add_untested(services, f"{prefix} {number}")
    services.close()


def timed(url: str, keyring: Path, prefix: str, writers: int, each: int) -> float:
    """Integrations a second of so many processes together.

    Raises:
        RuntimeError: one of them failed.
    """
    command = [sys.executable, __file__, "--write", url, str(keyring)]
    running = [
        subprocess.Popen(
            [*command, f"{prefix} {writer}", str(each)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for writer in range(writers)
    ]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    begun = time.perf_counter()
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    codes = [process.wait() for process in running]
    seconds = time.perf_counter() - begun
    if any(codes):
        raise RuntimeError(f"a writer failed: {codes}")
    return writers * each / seconds


def measure(kind: str, url: str, keyring: Path, each: int, services: Services) -> None:
    """Print the rates of one kind of database."""
    alone = timed(url, keyring, "alone", 1, each)
    together = timed(url, keyring, "together", WRITERS, each)
    there = len(services.clients.listing(services.actor))
    whole = services.audit.verify(services.actor).valid
    expected = (each + 1) * (WRITERS + 1)
    print(f"{kind}: one process {alone:7.0f}/s, {WRITERS} processes {together:7.0f}/s together")
    print(f"  {there} of {expected} there, the audit trail {'whole' if whole else 'BROKEN'}")


def main() -> None:
    """Print the rates for both databases."""
    each = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as name, PostgresServer(durable=True) as server:
        folder = Path(name)
        for kind, url in (
            ("sqlite", f"sqlite:///{folder / 'avnz-int.db'}"),
            ("postgresql", server.url(server.create_database())),
        ):
            keyring = folder / kind / "keyring.json"
            with prepared(url, keyring) as services:
                measure(kind, url, keyring, each, services)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write(*sys.argv[2:5], int(sys.argv[5]))  # type: ignore[call-arg, arg-type]  # four words
    else:
        main()
