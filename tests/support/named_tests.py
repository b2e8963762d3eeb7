"""Whether a test that something names is there, found in the files without running them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def exists(name: str) -> bool:
    """Whether `tests/FILE.py::FUNCTION` is a test."""
    path, _, function = name.partition("::")
    return function.startswith("test_") and function in _functions(_ROOT / path)


@cache
def _functions(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    parsed = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in parsed.body if isinstance(node, ast.FunctionDef))
