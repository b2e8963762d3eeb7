"""All benchmarks: `poe bench`. Nothing else should run on the machine meanwhile."""

from __future__ import annotations

import bench_audit
import bench_bulk
import bench_doctor
import bench_list
import bench_plan
import bench_resolve
import bench_seal
import bench_startup
import bench_sweep
import bench_usage


def main() -> None:
    """Print a table for each."""
    for benchmark in (
        bench_startup,
        bench_list,
        bench_plan,
        bench_resolve,
        bench_seal,
        bench_sweep,
        bench_audit,
        bench_bulk,
        bench_doctor,
        bench_usage,
    ):
        benchmark.main()


if __name__ == "__main__":
    main()
