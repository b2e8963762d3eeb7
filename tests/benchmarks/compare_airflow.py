"""The same tasks in Airflow's connections and here: start-up, import, list, export, rotate. Run it by itself.

`PYTHONPATH=tests python tests/benchmarks/compare_airflow.py [RECORDS] [--venv DIR] [--postgres]`

Airflow is installed into a virtual environment of its own: in DIR, where it is kept, else in a temporary one.
It is given its best case: the secret stands in `extra` alone, since its log masker gets slower with each
password, and SQLite is on the same disk, or one durable PostgreSQL serves both. Every task is a whole
process, and each side does it in turn. Ours write an audit event for each record that is imported or
exported, and an export is sealed; Airflow's is plain text.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from measure import PROGRAM

if TYPE_CHECKING:
    from support.postgres import PostgresServer

AIRFLOW = ("apache-airflow>=3.0,<4", "psycopg2-binary", "asyncpg")
"""With what it needs for PostgreSQL."""
ROUNDS = 3
GOALS = {"list": 6.0, "export": 5.0, "import": 10.0, "rotate": 5.0}
"""How many times as fast as Airflow each task is to be."""
MEMORY_GOAL = 2.0
PASSPHRASE = "only for this benchmark"
"""Seals secrets that are made up."""


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds and peak MiB of a whole process."""

    seconds: float
    mib: float


def run(command: Sequence[str], variables: Mapping[str, str]) -> Run:
    """One process, its output thrown away.

    Raises:
        RuntimeError: it failed; the message has the end of what it said.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AVNZ_INT_", "AIRFLOW_", "PYTHON"))
    }
    with tempfile.TemporaryFile() as said:
        begun = time.perf_counter()
        process = subprocess.Popen(command, env=kept | dict(variables), stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{' '.join(command)}: {said.read()[-2000:].decode(errors='replace')}")
    return Run(seconds, resource_mib(used))


def resource_mib(used: resource.struct_rusage) -> float:
    """The peak resident memory; the kernel counts in KiB, macOS in bytes."""
    return used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


class Databases:
    """SQLite files in a folder: one a side, which can be taken back to what it was."""

    kind = "SQLite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, side: str) -> str:
        """Of a side's database."""
        return f"sqlite:///{self._folder / side}.db"

    def remember(self, side: str) -> None:
        """What `restore` goes back to."""
        shutil.copy(self._folder / f"{side}.db", self._folder / f"{side}.empty")

    def restore(self, side: str) -> None:
        """The side's database as it was remembered, or none."""
        for path in self._folder.glob(f"{side}.db*"):
            path.unlink()
        if (self._folder / f"{side}.empty").exists():
            shutil.copy(self._folder / f"{side}.empty", self._folder / f"{side}.db")


class PostgresDatabases(Databases):
    """The same on a server."""

    kind = "PostgreSQL"

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        super().__init__(folder)
        self._server = server
        self._names: dict[str, str] = {}
        self._empty: dict[str, str] = {}

    def url(self, side: str) -> str:
        """As of files."""
        if side not in self._names:
            self._names[side] = self._server.create_database()
        url = self._server.url(self._names[side])
        return url.replace("psycopg:", "psycopg2:") if side == "airflow" else url

    def remember(self, side: str) -> None:
        """As of files."""
        self._empty[side] = self._server.create_database(self._names[side])

    def restore(self, side: str) -> None:
        """As of files; its URL is another then."""
        if side in self._names:
            self._server.drop_database(self._names[side])
        self._names[side] = self._server.create_database(self._empty.get(side))


class Airflow:
    """Airflow's connections."""

    def __init__(self, program: str, folder: Path, records: int, databases: Databases) -> None:
        self._program = program
        self._folder = folder
        self._databases = databases
        self._variables = {
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__FERNET_KEY": fernet_key(program),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        self._file = folder / "connections.json"
        made = {f"account_{number}": connection(number) for number in range(records)}
        self._file.write_text(json.dumps(made), encoding="utf-8")
        self._do("db", "migrate")
        databases.remember("airflow")

    def _do(self, *words: str) -> Run:
        url = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self._databases.url("airflow")}
        return run([self._program, *words], self._variables | url)

    def reset(self) -> None:
        """No connection."""
        self._databases.restore("airflow")

    def start(self) -> Run:
        """`version`."""
        return self._do("version")

    def fill(self) -> Run:
        """Import."""
        return self._do("connections", "import", str(self._file))

    def list_(self) -> Run:
        """List."""
        return self._do("connections", "list", "--output", "json")

    def export(self) -> Run:
        """Export, in plain text."""
        target = self._folder / "out.json"
        target.unlink(missing_ok=True)
        return self._do("connections", "export", "--file-format", "json", str(target))

    def rotate(self) -> Run:
        """A new key and every row by it."""
        old = self._variables["AIRFLOW__CORE__FERNET_KEY"].partition(",")[0]
        self._variables["AIRFLOW__CORE__FERNET_KEY"] = f"{fernet_key(self._program)},{old}"
        return self._do("rotate-fernet-key")


class Ours:
    """`avnz-int`."""

    def __init__(self, folder: Path, records: int, databases: Databases) -> None:
        self._folder = folder
        self.databases = databases
        self._variables = {
            "AVNZ_INT_KEYRING": f"file://{folder / 'keyring.json'}",
            "PASSPHRASE": PASSPHRASE,
        }
        self._file = folder / "records.jsonl"
        lines = [{"kind": "tenant", "slug": "acme", "name": "Acme"}, *map(record, range(records))]
        self._file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")

    def _do(self, *words: str) -> Run:
        url = {"AVNZ_INT_DATABASE_URL": self.databases.url("avnz-int")}
        return run([*PROGRAM, *words], self._variables | url)

    def reset(self) -> None:
        """An organization without clients."""
        self.databases.restore("avnz-int")
        self._folder.joinpath("keyring.json").unlink(missing_ok=True)
        self._variables.pop("AVNZ_INT_TOKEN", None)
        self._do("init", "--org", "bench", "--name", "Bench")
        if isinstance(self.databases, PostgresDatabases):
            made = self._folder / "token.txt"
            made.unlink(missing_ok=True)
            bootstrap = ("--bootstrap", "--role", "org_admin", "--name", "bench")
            self._do("token", "create", *bootstrap, "--token-file", str(made))
            self._variables["AVNZ_INT_TOKEN"] = made.read_text(encoding="utf-8").strip()

    def start(self) -> Run:
        """`--version`."""
        return self._do("--version")

    def fill(self) -> Run:
        """Import."""
        return self._do("import", str(self._file), "--no-test")

    def list_(self) -> Run:
        """List."""
        return self._do("client", "list", "-o", "json")

    def export(self) -> Run:
        """Export with credentials, sealed."""
        target = self._folder / "out.bundle"
        target.unlink(missing_ok=True)
        words = ("--with-credentials", "--passphrase-env", "PASSPHRASE", "--output-file", str(target))
        return self._do("export", *words)

    def rotate(self) -> Run:
        """A new key and every row by it."""
        return self._do("rotate-key")


def connection(number: int) -> dict[str, str]:
    """A connection of Airflow with about 200 bytes of secrets, in `extra`."""
    return {"conn_type": "http", "host": "example.com", "extra": json.dumps(credentials(number))}


def record(number: int) -> dict[str, object]:
    """A client integration with the same secrets."""
    return {
        "kind": "client",
        "client": "acme",
        "provider": "paypal_payflow",
        "name": f"Account {number}",
        "environment": "sandbox",
        "credentials": credentials(number),
    }


def credentials(number: int) -> dict[str, str]:
    """A Payflow login."""
    return {"partner": "PayPal", "vendor": f"acme{number}", "user": "u" * 60, "password": f"p{number:031}"}


def fernet_key(program: str) -> str:
    """A new key of Airflow's kind."""
    code = "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"
    python = str(Path(program).with_name("python"))
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def installed(folder: Path) -> str:
    """The `airflow` of a virtual environment, which is made where there is none."""
    program = folder / "bin" / "airflow"
    if not program.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", *AIRFLOW], check=True)
    return str(program)


def compared(airflow: Airflow, ours: Ours) -> dict[str, tuple[Run, Run]]:
    """Task -> the medians of both sides."""
    tasks: dict[str, Callable[[Airflow | Ours], Run]] = {
        "start-up": lambda side: side.start(),
        "import": lambda side: side.fill(),
        "list": lambda side: side.list_(),
        "export": lambda side: side.export(),
        "rotate": lambda side: side.rotate(),
    }
    if isinstance(ours.databases, PostgresDatabases):
        del tasks["start-up"]  # asks no database
    runs: dict[str, tuple[list[Run], list[Run]]] = {task: ([], []) for task in tasks}
    for _ in range(ROUNDS):
        airflow.reset()
        ours.reset()
        for task, do in tasks.items():
            for place, side in enumerate((airflow, ours)):
                runs[task][place].append(do(side))
    return {task: (median(theirs), median(own)) for task, (theirs, own) in runs.items()}


def median(runs: Sequence[Run]) -> Run:
    """The median seconds and the median memory."""
    return Run(statistics.median(one.seconds for one in runs), statistics.median(one.mib for one in runs))


def main() -> None:
    """Print the table that the README shows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("records", nargs="?", type=int, default=10_000)
    parser.add_argument("--venv", type=Path)
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        for side in ("airflow", "ours"):
            (folder / side).mkdir()
        program = installed(given.venv or folder / "venv")
        version = run_version(program)
        databases = Databases(folder)
        if given.postgres:
            # A child's peak of memory begins with what its parent has loaded.
            from support.postgres import PostgresServer  # noqa: PLC0415

            databases = PostgresDatabases(folder, stack.enter_context(PostgresServer(durable=True)))
        found = compared(
            Airflow(program, folder / "airflow", given.records, databases),
            Ours(folder / "ours", given.records, databases),
        )
    print(f"{given.records:,} records, {databases.kind}, Airflow {version}; medians of {ROUNDS}\n")
    print("| task | Airflow | avnz-int | faster | memory |")
    print("|---|---|---|---|---|")
    for task, (theirs, own) in found.items():
        faster, less = theirs.seconds / own.seconds, theirs.mib / own.mib
        cells = (
            task,
            *(f"{one.seconds:.2f} s, {one.mib:.0f} MiB" for one in (theirs, own)),
            f"{faster:.1f} x{_judged(faster, GOALS.get(task))}",
            f"1/{less:.1f}{_judged(less, MEMORY_GOAL)}",
        )
        print(f"| {' | '.join(cells)} |")


def _judged(found: float, goal: float | None) -> str:
    return "" if goal is None else f" (goal {goal:g}: {'met' if found >= goal else 'MISSED'})"


def run_version(program: str) -> str:
    """Which Airflow it is."""
    said = subprocess.run([program, "version"], capture_output=True, text=True, check=True)
    return said.stdout.strip().splitlines()[-1]


if __name__ == "__main__":
    main()
