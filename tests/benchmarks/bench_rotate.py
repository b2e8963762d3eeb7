"""Rotate the key of 5,000 rows on both databases. Run it: it prints rows a second, and a ratio.

`PYTHONPATH=tests python tests/benchmarks/bench_rotate.py [ROWS]`
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from avnz_int.services.resealing import BATCH
from support.postgres import PostgresServer
from support.services import add_many, opened, prepared


def bench(name: str, url: str, folder: Path, count: int) -> None:
    """Print the rate of one database, the best of three rotations."""
    with prepared(url, folder / f"{name}.json") as services:
        expected = add_many(services, count)
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            after = services.keys.rotate(services.actor)
            times.append(time.perf_counter() - begun)
            if (after.resealed, after.pending, after.unreadable) != (count, 0, 0):
                raise ValueError(after)
        begun = time.perf_counter()
        if opened(services) != expected:
            raise ValueError("a row does not open to what it was sealed with")
        opening = time.perf_counter() - begun
        rate, ratio = count / min(times), min(times) / opening
        print(f"{name:12} {rate:9,.0f} rows/s   {ratio:.2f} x reading and opening all")


def main() -> None:
    """Both databases, in folders of their own."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    print(f"{count:,} rows, batches of {BATCH}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench("sqlite", f"sqlite:///{folder / 'bench.db'}", folder, count)
        with PostgresServer(durable=True) as server:
            bench("postgresql", server.url(server.create_database()), folder, count)


if __name__ == "__main__":
    main()
