"""How long `test --all` of 1,000 integrations takes, and how much memory, on both databases.

Against the ideal: a loopback gateway answers after 100 ms, 50 at a time are asked, so 2 seconds. The start of
the program, the time of `whoami`, is taken off. Run it: it prints the ratios.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from measure import PROGRAM

from support.postgres import PostgresServer
from support.services import add_many, prepared, token_variables

COUNT = 1_000
AT_ONCE = 50
ANSWER_S = 0.1
GOAL = 1.5
GOAL_MIB = 200
ROUNDS = 5
GATEWAY = """\
import asyncio, sys

BODY = b"RESULT=19&PNREF=V1&RESPMSG=Original transaction ID not found"
HEAD = (
    b"HTTP/1.1 200 OK\\r\\nContent-Type: text/namevalue\\r\\n"
    b"Content-Length: %d\\r\\nConnection: close\\r\\n\\r\\n"
)

async def answer(reader, writer):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
    await asyncio.sleep(float(sys.argv[1]))
    writer.write(HEAD % len(BODY) + BODY)
    writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
SWEEP = ("test", "--all", "--concurrency", str(AT_ONCE), "--per-host", str(AT_ONCE), "-o", "json")


@contextmanager
def gateway() -> Iterator[str]:
    """The address of a gateway in a process of its own, which accepts every login."""
    with subprocess.Popen(
        (sys.executable, "-c", GATEWAY, str(ANSWER_S)), stdout=subprocess.PIPE, text=True
    ) as server:
        if server.stdout is None:
            raise RuntimeError("the gateway has no standard output")
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/"
        finally:
            server.terminate()


def run(words: tuple[str, ...], variables: Mapping[str, str]) -> tuple[float, float, bytes]:
    """Seconds and peak MiB of one process, and what it printed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AVNZ_INT_")}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        since = time.perf_counter()
        process = subprocess.Popen((*PROGRAM, *words), env=environ | variables, stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
        elapsed = time.perf_counter() - since
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}: {err.read()!r}")
        said = out.read()
    return elapsed, used.ru_maxrss / 1024, said


def measure(kind: str, url: str, keyring: Path, address: str) -> None:
    """Print the figures of one database."""
    variables = {
        "AVNZ_INT_DATABASE_URL": url,
        "AVNZ_INT_KEYRING": f"file://{keyring}",
        **token_variables(url, keyring),
        "AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW": address,
    }
    ideal = COUNT * ANSWER_S / AT_ONCE
    run(("whoami",), variables)
    rounds = []
    for _ in range(ROUNDS):
        start, _, _ = run(("whoami",), variables)
        took, mib, said = run(SWEEP, variables)
        found = [view["outcome"] for view in json.loads(said)]
        if found != ["ok"] * COUNT:
            raise RuntimeError(f"{len(found)} results: {set(found)}")
        rounds.append((took, start, (took - start) / ideal, mib))
    took, start, ratio, mib = map(statistics.median, zip(*rounds, strict=True))
    print(f"test --all, {COUNT} integrations, {AT_ONCE} at once, {kind}")
    print(f"  whole process {took:5.2f} s, start-up {start:5.2f} s, ideal {ideal:5.2f} s")
    print(f"  (whole - start-up) / ideal  {ratio:5.2f}   goal: at most {GOAL}   {judged(ratio, GOAL)}")
    print(f"  peak memory {mib:10.0f} MiB   goal: at most {GOAL_MIB}   {judged(mib, GOAL_MIB)}")


def judged(figure: float, goal: float) -> str:
    """Whether a figure keeps to its goal."""
    return "met" if figure <= goal else "MISSED"


def main() -> None:
    """Both databases, one after the other."""
    with gateway() as address, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with PostgresServer() as server:
            for kind, url in {
                "sqlite": f"sqlite:///{folder / 'sweep.db'}",
                "postgresql": server.url(server.create_database()),
            }.items():
                keyring = folder / kind / "keyring.json"
                keyring.parent.mkdir(mode=0o700)
                with prepared(url, keyring) as services:
                    add_many(services, COUNT)
                measure(kind, url, keyring, address)


if __name__ == "__main__":
    main()
