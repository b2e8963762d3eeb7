"""`avnz-int` and `python -m avnz_int`: quiet on Ctrl-C from the first moment, while all else loads."""

import os
import signal


def main() -> None:
    """The console script."""
    # A shell starts a job in the background with SIGINT ignored: that stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from avnz_int.cli.main import main as command_line  # noqa: PLC0415  # 60 ms in which Ctrl-C may come

    command_line()


def _leave(_signal: int, _frame: object) -> None:
    # Nothing is begun yet that would have to be undone, and a half-loaded program has no words.
    os._exit(130)


if __name__ == "__main__":
    main()
