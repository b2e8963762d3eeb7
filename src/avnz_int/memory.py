"""Keeps what a process has in memory from its core dump, and from other processes of the same user."""

from __future__ import annotations

import sys

_PR_SET_DUMPABLE = 4
_before: list[int] = []
"""The soft limit on core files that this process was started with, once it is lowered."""


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

        soft, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, most))
        if not _before:
            _before.append(soft)
    except (ImportError, OSError, ValueError):
        pass
    if sys.platform != "linux":
        return
    try:
        import ctypes  # noqa: PLC0415

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass


def give_back_limit() -> None:
    """The limit on core files as the caller set it: for the moment before another program takes over.

    That one is the caller's, not ours. Until it has taken over, Linux still dumps nothing of this process.
    """
    if not _before:
        return
    try:
        import resource  # noqa: PLC0415

        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (_before.pop(), most))
    except (ImportError, OSError, ValueError):
        pass
