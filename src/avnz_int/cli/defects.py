"""What may be shown of an exception that nobody expected: its kind and the places, never a value.

Its message and the variables of its frames may hold a secret, and so may its causes and notes.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import traceback
from types import TracebackType
from typing import Any


def places(trace: TracebackType | None) -> str:
    """A line for each frame: file, line and function."""
    return "".join(
        f"  {frame.filename}:{frame.lineno} in {frame.name}\n" for frame in traceback.extract_tb(trace)
    )


def hide() -> None:
    """Tell in these words, too, what no boundary meets: a failing thread, finalizer, or end of the process.

    The interpreter's own would print the exception's message.
    """
    sys.excepthook = lambda kind, _, trace: _tell(kind, trace)
    sys.unraisablehook = lambda args: _tell(args.exc_type, args.exc_traceback)
    threading.excepthook = _of_thread


def _of_thread(args: Any) -> None:
    if args.exc_type is not SystemExit:
        _tell(args.exc_type, args.exc_traceback)


def _tell(kind: type[BaseException], trace: TracebackType | None) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{places(trace)}error: unexpected {kind.__name__}\n")
