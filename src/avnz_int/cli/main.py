"""The root of the command tree, discovery of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, Any, NoReturn

import typer
from typer.completion import get_completion_inspect_parameters
from typer.core import TyperGroup

from avnz_int import __version__
from avnz_int.cli import commands, defects
from avnz_int.cli.discovery import Group, command_tree
from avnz_int.cli.printable import json_text, printable
from avnz_int.cli.state import Format, State, not_empty, notices
from avnz_int.errors import AvnzError, CancelledError, StorageError

PROG = "avnz-int"
COMPLETE = "_AVNZ_INT_COMPLETE"
"""The environment variable of a TAB, as Typer names it."""
_JSON = {Format.JSON.value, Format.JSONL.value}
_SHORT_OUTPUT = re.compile(r"-[a-np-zA-Z]*o(.*)")
_NO_INPUT = "--no-input"
_REPORT = "this is a defect of avnz-int: please report it, with the traceback that -v prints"


def build() -> TyperGroup:
    """The command tree; a command in it is imported when it is asked for.

    Plain help: half the time of Rich's, and the same text on every terminal.
    """
    root = typer.Typer(
        name=PROG,
        cls=Group,
        help="Configure, test, share and rotate third-party integrations.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["--help", "-h"], "terminal_width": 80},
    )
    root.callback()(_root)
    return command_tree(root, commands)


def _version(ctx: typer.Context, *, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:  # a TAB behind it asks for no version
        typer.echo(f"{PROG} {__version__}")
        raise typer.Exit


def _root(
    ctx: typer.Context,
    database_url: Annotated[
        str | None,
        typer.Option(
            "--database-url",
            metavar="URL",
            callback=not_empty,
            help="sqlite:///FILE or postgresql+psycopg://USER@HOST/DB.",
        ),
    ] = None,
    keyring: Annotated[
        str | None,
        typer.Option("--keyring", metavar="URL", callback=not_empty, help="Where the master keys are."),
    ] = None,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Never ask; may also stand after the command.")
    ] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Say more on standard error.")
    ] = 0,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    _configure_logging(verbose)
    ctx.obj = State(
        database_url=database_url,
        keyring=keyring,
        no_input=no_input,
        color=not (no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"),
    )
    ctx.call_on_close(ctx.obj.close)


def _configure_logging(verbose: int) -> None:
    level = os.environ.get("AVNZ_INT_LOG", "").upper() or ("INFO" if verbose else "")
    if not level:
        return
    import logging  # noqa: PLC0415  # only where asked for: 6 ms

    if level not in logging.getLevelNamesMapping():
        raise typer.BadParameter(f"AVNZ_INT_LOG={level} is not a level; use DEBUG, INFO, WARNING or ERROR")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    logging.getLogger("avnz_int").setLevel(level)


def run(args: Sequence[str]) -> int:
    """The exit code of one command line; prints data to standard output, all else to standard error."""
    as_json = _wants_json(args)
    notices.begin(hold=as_json)
    try:
        code = _dispatch(_hoisted(args))
    except AvnzError as exc:
        return _failed(exc, as_json=as_json)
    except (typer.Abort, KeyboardInterrupt):
        return _failed(CancelledError("interrupted"), as_json=as_json)
    except typer.TyperException as exc:
        return _misused(exc, args, as_json=as_json)
    except BrokenPipeError:
        return _quiet_pipe()
    except OSError as exc:
        if exc.errno == errno.EBADF:  # nothing but standard output is written to unopened
            return _unwritten(exc, as_json=as_json)
        words = exc.strerror or type(exc).__name__
        where = f"{exc.filename}: " if isinstance(exc.filename, str) else ""
        error = StorageError(f"{where}{words}", hint="check space and permissions, then try again")
        return _failed(error, as_json=as_json)
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as exc:  # noqa: BLE001  # the boundary, for a panic of cryptography's Rust as well
        return _defect(exc, args, as_json=as_json)
    return _flushed(code, as_json=as_json)


def _flushed(code: int, *, as_json: bool) -> int:
    """The exit code once all is written: that of the command, but where its success could not be told."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _quiet_pipe()
    except OSError as exc:
        failed = _unwritten(exc, as_json=as_json)
        return code or failed
    with contextlib.suppress(OSError):
        notices.end()
    return code


def _hoisted(args: Sequence[str]) -> list[str]:
    """The arguments with `--no-input` before the command: it may stand anywhere."""
    words = list(args)
    end = words.index("--") if "--" in words else len(words)
    kept = [word for word in words[:end] if word != _NO_INPUT]
    return [_NO_INPUT, *kept, *words[end:]] if len(kept) < end else words


def _dispatch(args: Sequence[str]) -> int:
    if COMPLETE in os.environ:
        # Tells Typer the shells, which it would with options of its own.
        get_completion_inspect_parameters()
    try:
        result = build().main(args=list(args), prog_name=PROG, standalone_mode=False)
    except SystemExit as exc:
        # Typer ends with 1 where a reader went away.
        if isinstance(exc.__context__, BrokenPipeError):
            raise exc.__context__ from None
        raise
    if result == CancelledError.exit_code:
        # So Typer answers Ctrl-C; a command of ours would have raised.
        raise CancelledError("interrupted")
    return result if isinstance(result, int) else 0


def main() -> NoReturn:
    """The console script."""
    defects.hide()
    # A command is over soon: looking for cycles every 700 objects costs a long listing a tenth of its time.
    gc.set_threshold(300_000, 50, 100)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by who started us
            # A message may vanish; what somebody asked for may not: writing it fails, as to what is closed.
            mode = os.O_RDONLY if name == "stdout" else os.O_WRONLY
            setattr(sys, name, os.fdopen(os.open(os.devnull, mode), "w", encoding="utf-8"))
        elif isinstance(stream, TextIOWrapper):
            # A terminal of another encoding shows `\u2022` where it has no character; that is no failure.
            stream.reconfigure(errors="backslashreplace")
    # What stops a job (a CI's cancel, a container's stop) is to leave as little behind as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Until now Ctrl-C left at once; from here on it is told in the form that was asked for.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = run(sys.argv[1:])
        # The work is done and told: a late Ctrl-C only ends the wait for the interpreter's own end, without
        # its complaints.
        for late in (signal.SIGINT, signal.SIGTERM):
            signal.signal(late, lambda *_: os._exit(code))
    except KeyboardInterrupt:
        code = CancelledError.exit_code
    except SystemExit as exc:  # so Typer ends a TAB
        if not isinstance(exc.code, int):
            raise
        code = exc.code
    _end(code)


def _end(code: int) -> NoReturn:
    """End this process without taking it apart, which is a tenth of what a command takes."""
    for stream in (sys.stdout, sys.stderr):
        # What could not be written is told by `run` already.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    atexit._run_exitfuncs()  # noqa: SLF001  # as multiprocessing ends its processes
    os._exit(code)


def _wants_json(args: Sequence[str]) -> bool:
    """Whether `-o json` was asked for: known before parsing, since usage errors are told in it too."""
    found = os.environ.get("AVNZ_INT_OUTPUT", "")
    words = list(args[: list(args).index("--")] if "--" in args else args)
    for i, word in enumerate(words):
        short = _SHORT_OUTPUT.fullmatch(word)
        value = word.partition("=")[2] if word.startswith("--output=") else (short[1] if short else None)
        if word == "--output" or value == "":
            value = words[i + 1] if i + 1 < len(words) else None
        found = found if value is None else value.removeprefix("=")
    return found in _JSON


def _say(code: str, message: str, hint: str | None, details: dict[str, Any], *, as_json: bool) -> None:
    held = notices.take()
    if as_json:
        details = {**details, "notices": held} if held else details
        error = {"code": code, "message": message, "hint": hint, "details": details}
        lines = [json_text({"error": json.loads(json.dumps(error, default=str))})]
    else:
        lines = [printable(f"error: {message}")] + ([printable(f"hint: {hint}")] if hint else [])
    with contextlib.suppress(OSError):
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()


def _failed(exc: AvnzError, *, as_json: bool) -> int:
    _say(exc.code, exc.message, exc.hint, exc.details, as_json=as_json)
    return exc.exit_code


def _misused(exc: typer.TyperException, args: Sequence[str], *, as_json: bool) -> int:
    context = getattr(exc, "ctx", None)
    path = context.command_path if context is not None else PROG
    message = exc.format_message()
    if param := _of_environment(exc):
        message = f"{param.envvar}: {exc.message}"
    if type(exc).__name__ == "NoArgsIsHelpError":
        if not as_json:
            sys.stderr.write(message + "\n")
            return 2
        message = "which command?"
    elif "extra argument" in message and any(word.startswith("--credential") for word in args):
        # `--credential password hunter2`: the word too many is the secret.
        message = "there are more arguments than the command takes; write --credential KEY=SOURCE"
    hint = f"see {path} --help"
    if "minor units" in (getattr(getattr(exc, "param", None), "help", None) or "").lower():
        hint = "give a whole number of minor units: 30 is $0.30"
    _say("usage", message, hint, {}, as_json=as_json)
    return 2


def _of_environment(exc: typer.TyperException) -> Any:
    """The option whose bad value came from its environment variable, or None."""
    context, param = getattr(exc, "ctx", None), getattr(exc, "param", None)
    if context is None or param is None:
        return None
    source = context.get_parameter_source(param.name)
    return param if source is not None and source.name == "ENVIRONMENT" else None


def _defect(exc: BaseException, args: Sequence[str], *, as_json: bool) -> int:
    if any(word == "--verbose" or (word[:1] == "-" and set(word[1:]) == {"v"}) for word in args):
        sys.stderr.write(defects.places(exc.__traceback__))
    _say("defect", f"unexpected {type(exc).__name__}", _REPORT, {}, as_json=as_json)
    return 1


def _unwritten(exc: OSError, *, as_json: bool) -> int:
    from avnz_int.cli import output  # noqa: PLC0415  # --help and TAB print by Typer

    return _failed(output.unwritten(exc), as_json=as_json)


def _quiet_pipe() -> int:
    """Nobody reads any more: keep the interpreter from complaining at exit."""
    from avnz_int.cli import output  # noqa: PLC0415  # as above

    output.unread()
    return 0
