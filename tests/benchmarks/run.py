"""All benchmarks: `poe bench`. Nothing else should run on the machine meanwhile."""

from __future__ import annotations

import bench_audit
import bench_doctor
import bench_list
import bench_seal
import bench_startup
import bench_sweep


def main() -> None:
    """Print a table for each."""
    for benchmark in (bench_startup, bench_list, bench_seal, bench_sweep, bench_audit, bench_doctor):
        benchmark.main()


if __name__ == "__main__":
    main()
