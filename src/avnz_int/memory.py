"""Keeps what a process has in memory from its core dump, and from other processes of the same user."""

from __future__ import annotations

import sys

_PR_SET_DUMPABLE = 4


def keep_private() -> None:
    """No core dump of this process from now on, and on Linux no look into it but by root.

    The limit covers cores that are files; children inherit it, and may raise it again. Where cores go to a
    program (systemd-coredump) the kernel does not heed the limit, so Linux is told as well not to dump this
    process: then no debugger, and no `/proc/PID/environ` or `mem`, is open to others of the same user.
    Where the platform allows neither nothing happens: no command is to fail for it.
    """
    # Both here: --help and TAB, which hold no secret, do without these 4 ms.
    try:
        import resource  # noqa: PLC0415

        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    except (ImportError, OSError, ValueError):
        pass
    if sys.platform != "linux":
        return
    try:
        import ctypes  # noqa: PLC0415

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass
