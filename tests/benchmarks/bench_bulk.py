"""Import many client records with credentials, and export them masked, on both databases. Run it.

`PYTHONPATH=tests python tests/benchmarks/bench_bulk.py [IMPORTED] [EXPORTED]`

Beside the import stands a process that does the least that must be done: it reads the same file, judges each
record's credentials with a compiled jsonschema validator, seals them with one AESGCM in the same stored form,
and inserts rows of the same table in batches of the same size. It writes no audit event, no merchant account
and looks for nothing that is there already. Beside the export stands one that reads the same columns with the
driver and dumps them as JSON, a line for each row. All are whole processes.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measure import PROGRAM

from avnz_int.db import bulk
from avnz_int.definitions import loader
from avnz_int.services.bulk_export import BATCH
from support.postgres import PostgresServer
from support.services import execute, prepared, token_variables

IMPORT_GOAL = 0.4
EXPORT_GOAL = 2.0
ROUNDS = 5
CLIENTS = 20
BARE_IMPORT = Path(__file__).with_name("bare_import.py")
SELECT = (
    'SELECT c."slug", {columns} FROM "ClientIntegration" i JOIN "Client" c ON c."id" = i."clientId"'
    ' ORDER BY c."slug", i."provider", i."name"'
)
BARE_EXPORT = {
    "sqlite": """\
import sys, json, sqlite3
with sqlite3.connect(sys.argv[1]) as connection:
    connection.row_factory = sqlite3.Row
    for row in connection.execute(sys.argv[2]):
        sys.stdout.write(json.dumps(dict(row)) + "\\n")
""",
    "postgresql": """\
import sys, json, psycopg
from psycopg.rows import dict_row
with psycopg.connect(sys.argv[1], row_factory=dict_row) as connection:
    with connection.cursor("rows") as cursor:
        cursor.itersize = 1000
        for row in cursor.execute(sys.argv[2]):
            sys.stdout.write(json.dumps(row) + "\\n")
""",
}


def record(number: int) -> dict[str, object]:
    """A Payflow integration of one of the clients, about 200 bytes of credentials."""
    return {
        "kind": "client",
        "client": f"c{number % CLIENTS}",
        "provider": "paypal_payflow",
        "name": f"Account {number}",
        "environment": "sandbox",
        "credentials": {"partner": "PayPal", "vendor": "acme", "user": "u" * 60, "password": "p" * 32},
    }


def measured(command: Sequence[str], variables: Mapping[str, str], out: Path) -> tuple[float, int]:
    """Seconds and peak MiB of a whole process; its standard output goes to a file."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AVNZ_INT_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    with out.open("wb") as file:
        begun = time.perf_counter()
        process = subprocess.Popen(command, env={**kept, **variables}, stdout=file)
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.perf_counter() - begun
    if status:
        raise RuntimeError(f"{command} ended with {status}")
    return elapsed, usage.ru_maxrss >> 10


def empty(url: str) -> None:
    """No integrations, as before the first import."""
    for table in ("MerchantAccount", "ClientIntegration"):
        execute(url, f'DELETE FROM "{table}"')


def bench(kind: str, url: str, folder: Path, imported: int, exported: int) -> None:
    """Print the figures of one database."""
    address = url.removeprefix("sqlite:///") if kind == "sqlite" else url.replace("+psycopg", "", 1)
    keyring = folder / f"{kind}.json"
    variables = {"AVNZ_INT_DATABASE_URL": url, "AVNZ_INT_KEYRING": f"file://{keyring}"}
    with prepared(url, keyring) as services:
        variables |= token_variables(url, keyring)
        for number in range(CLIENTS):
            services.tenants.add(services.actor, f"c{number}")
        with services.database.read() as connection:
            key = services._work.vault.cipher(connection).active_kid
    schema = folder / "schema.json"
    schema.write_text(json.dumps(_schema()))
    out = folder / "out"

    def ours(file: Path) -> tuple[float, int]:
        return measured([*PROGRAM, "import", "--no-test", str(file), "-o", "json"], variables, out)

    times: dict[str, list[float]] = {"bare loop": [], "avnz-int import": []}
    file = records_file(folder, imported)
    for _ in range(ROUNDS):
        bare = [sys.executable, str(BARE_IMPORT), address, str(file), str(schema), key, str(BATCH)]
        times["bare loop"].append(measured(bare, {}, out)[0])
        empty(url)
        times["avnz-int import"].append(ours(file)[0])
        if json.loads(out.read_text())["created"] != imported:
            raise ValueError(out.read_text())
        empty(url)
    told(f"import of {imported:,}, {kind}", times, imported, IMPORT_GOAL)
    peaks = {}
    for count in sorted({exported // 10, exported}):
        seconds, peaks[count] = ours(records_file(folder, count))
        print(f"  import of {count:,}: {seconds:.2f} s, peak {peaks[count]} MiB")
        if count != exported:
            seconds, peak = measured([*PROGRAM, "export"], variables, out)
            print(f"  export of {count:,}: {seconds:.2f} s, peak {peak} MiB")
            empty(url)
    columns = ", ".join(f'i."{name}"' for name in bulk.CLIENT_COLUMNS)
    query = SELECT.format(columns=columns)
    times = {"bare loop": [], "avnz-int export": []}
    for _ in range(ROUNDS):
        bare = [sys.executable, "-c", BARE_EXPORT[kind], address, query]
        times["bare loop"].append(measured(bare, {}, out)[0])
        seconds, peak = measured([*PROGRAM, "export", "--kind", "client"], variables, out)
        times["avnz-int export"].append(seconds)
    told(f"export of {exported:,}, {kind}", times, exported, 1 / EXPORT_GOAL)
    print(f"  peak {peak} MiB")


def records_file(folder: Path, count: int) -> Path:
    """So many records as JSON Lines."""
    file = folder / f"{count}.jsonl"
    if not file.exists():
        with file.open("w") as opened:
            file.chmod(0o600)
            opened.writelines(json.dumps(record(number)) + "\n" for number in range(count))
    return file


def _schema() -> dict[str, Any]:
    seed = loader.read_seed(loader.seeds_dir() / "paypal_payflow.json")
    return dict(seed.credential_schema)


def told(title: str, times: Mapping[str, Sequence[float]], count: int, goal: float) -> None:
    """Print rates, and the median ratio of the rounds."""
    print(title)
    (_, floors), (name, ours) = times.items()
    ratio = statistics.median(floor / our for floor, our in zip(floors, ours, strict=True))
    for what, found in times.items():
        seconds = statistics.median(found)
        print(f"  {what:18} {seconds:7.2f} s  {count / seconds:9,.0f} records/s")
    verdict = "met" if ratio >= goal else "MISSED"
    print(f"  {name}: {ratio:.2f} of the bare rate; goal: at least {goal}  {verdict}")


def main() -> None:
    """Both databases, in folders of their own."""
    imported = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    exported = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench("sqlite", f"sqlite:///{folder / 'bench.db'}", folder, imported, exported)
        with PostgresServer(durable=True) as server:
            bench("postgresql", server.url(server.create_database()), folder, imported, exported)
    print(f"peak of any process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10} MiB")


if __name__ == "__main__":
    main()
