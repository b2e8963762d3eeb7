"""Runs command lines in one process, and tells what it did to files and which processes it started.

The orders are JSON on standard input: {"report": path, "commands": [[word, …], …]}. Python's audit events
show every file that is opened to be written, what a file held when it was removed, and every child.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

written: set[str] = set()
removed: list[tuple[str, str]] = []
children: list[dict[str, Any]] = []


def _note(event: str, args: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = args
        if isinstance(path, str | bytes) and isinstance(flags, int) and flags & _WRITING:
            written.add(os.fsdecode(path))
    elif event in {"os.remove", "os.rename", "os.truncate"}:
        _keep(args[0])
    elif event in {"subprocess.Popen", "os.posix_spawn", "os.exec"}:
        words, environment = args[1], args[-1]
        children.append(
            {
                "words": [os.fsdecode(word) for word in words],
                "added": sorted(
                    f"{name}={value}"
                    for name, value in (environment or {}).items()
                    if os.environ.get(name) != value
                ),
            }
        )
    elif event == "os.system":
        children.append({"words": [os.fsdecode(args[0])], "added": []})


def _keep(path: Any) -> None:
    if isinstance(path, str | bytes | Path) and Path(os.fsdecode(path)).is_file():
        removed.append((os.fsdecode(path), Path(os.fsdecode(path)).read_bytes().decode("latin-1")))


def main() -> None:
    """Do what is ordered, and write the report."""
    orders = json.load(sys.stdin)
    from avnz_int.cli.main import run  # noqa: PLC0415  # what an import writes is not the commands'

    sys.addaudithook(_note)
    codes = []
    for words in orders["commands"]:
        for stream in (sys.stdout, sys.stderr):
            stream.write(f"== {' '.join(words)}\n")
            stream.flush()
        codes.append(run(words))
    report = {"codes": codes, "written": sorted(written), "removed": removed, "children": children}
    Path(orders["report"]).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
