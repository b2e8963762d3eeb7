"""What the benchmarks share: processes timed in turns, so that load is fair to all, and the ratio told.

Ratios of one run can be compared, seconds of two machines cannot.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROGRAM = (str(Path(sys.executable).with_name("avnz-int")),)


@dataclass(frozen=True, slots=True)
class Case:
    """A process to be timed.

    Attributes:
        goal: how many times the first case it may take at most; None for the first.
        variables: of its environment, beside those of this one.
    """

    name: str
    command: Sequence[str]
    goal: float | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def seconds(self) -> float:
        """One run, from start to end."""
        # Compiled modules are kept, as they are where the program is installed.
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environ = {name: value for name, value in environ.items() if not name.startswith("AVNZ_INT_")}
        since = time.perf_counter()
        done = subprocess.run(
            self.command, env=environ | dict(self.variables), check=False, stdout=subprocess.PIPE
        )
        elapsed = time.perf_counter() - since
        if done.returncode or not done.stdout.strip():
            raise RuntimeError(f"{self.name} failed with {done.returncode}: {' '.join(self.command)}")
        return elapsed


def compare(title: str, cases: Sequence[Case], rounds: int) -> None:
    """Print medians, and for each case the median of its ratios to the first in the same round."""
    for case in cases:
        case.seconds()
    times = [[case.seconds() for case in cases] for _ in range(rounds)]
    report(
        title,
        [
            (
                case.name,
                statistics.median(row[i] for row in times),
                statistics.median(row[i] / row[0] for row in times),
                case.goal,
            )
            for i, case in enumerate(cases)
        ],
    )


def report(title: str, rows: Sequence[tuple[str, float, float, float | None]]) -> None:
    """Print one table: name, seconds, ratio to the first, the goal."""
    print(title)
    for name, seconds, ratio, goal in rows:
        told = f"{seconds * 1e3:10.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:10.1f} us"
        judged = "" if goal is None else f"   goal: at most {goal}   {'met' if ratio <= goal else 'MISSED'}"
        print(f"  {name:44} {told}   {ratio:5.2f} x{judged}")
