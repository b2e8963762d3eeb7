"""The root of the command tree, discovery of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

from avnz_int import __version__
from avnz_int.cli import commands
from avnz_int.cli.state import Format, State
from avnz_int.errors import AvnzError, CancelledError, StorageError

PROG = "avnz-int"
_JSON = {Format.JSON.value, Format.JSONL.value}
_REPORT = "this is a defect of avnz-int: please report it, with the traceback that -v prints"


def build() -> typer.Typer:
    """The whole command tree.

    Plain help: half the time of Rich's, and the same text on every terminal.
    """
    root = typer.Typer(
        name=PROG,
        help="Configure, test, share, bill and rotate third-party integrations.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["--help", "-h"], "terminal_width": 80},
    )
    root.callback()(_root)
    for module in sorted(pkgutil.iter_modules(commands.__path__), key=lambda found: found.name):
        importlib.import_module(f"{commands.__name__}.{module.name}").register(root)
    return root


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROG} {__version__}")
        raise typer.Exit


def _root(
    ctx: typer.Context,
    database_url: Annotated[
        str | None,
        typer.Option(
            "--database-url", metavar="URL", help="sqlite:///FILE or postgresql+psycopg://USER@HOST/DB."
        ),
    ] = None,
    keyring: Annotated[
        str | None, typer.Option("--keyring", metavar="URL", help="Where the master keys are.")
    ] = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Never ask.")] = False,
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
    try:
        command = typer.main.get_command(build())
        result = command.main(args=list(args), prog_name=PROG, standalone_mode=False)
        sys.stdout.flush()
    except AvnzError as exc:
        return _failed(exc, as_json=as_json)
    except typer.Abort:
        return _failed(CancelledError("interrupted"), as_json=as_json)
    except typer.TyperException as exc:
        return _misused(exc, as_json=as_json)
    except BrokenPipeError:
        return _quiet_pipe()
    except OSError as exc:
        words = exc.strerror or type(exc).__name__
        where = f"{exc.filename}: " if isinstance(exc.filename, str) else ""
        return _failed(StorageError(f"{where}{words}"), as_json=as_json)
    except Exception as exc:  # noqa: BLE001  # the boundary: a defect must not print what it holds
        return _defect(exc, args, as_json=as_json)
    return result if isinstance(result, int) else 0


def main() -> NoReturn:
    """The console script."""
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        _quiet_pipe()
    sys.exit(code)


def _wants_json(args: Sequence[str]) -> bool:
    """Whether `-o json` was asked for: known before parsing, since usage errors are told in it too."""
    found = os.environ.get("AVNZ_INT_OUTPUT", "")
    words = list(args[: list(args).index("--")] if "--" in args else args)
    for i, word in enumerate(words):
        if word in {"-o", "--output"} and i + 1 < len(words):
            found = words[i + 1]
        elif word.startswith("--output="):
            found = word.removeprefix("--output=")
        elif word.startswith("-o") and not word.startswith("--"):
            found = word[2:].removeprefix("=") or found
    return found in _JSON


def _say(code: str, message: str, hint: str | None, details: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        error = {"code": code, "message": message, "hint": hint, "details": details}
        text = json.dumps({"error": error}, ensure_ascii=False, default=str)
    else:
        text = f"error: {message}" + (f"\nhint: {hint}" if hint else "")
    sys.stderr.write(text.encode("utf-8", "replace").decode() + "\n")


def _failed(exc: AvnzError, *, as_json: bool) -> int:
    _say(exc.code, exc.message, exc.hint, exc.details, as_json=as_json)
    return exc.exit_code


def _misused(exc: typer.TyperException, *, as_json: bool) -> int:
    context = getattr(exc, "ctx", None)
    if type(exc).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(exc.format_message() + "\n")
        return 2
    path = context.command_path if context is not None else PROG
    _say("usage", exc.format_message(), f"see {path} --help", {}, as_json=as_json)
    return 2


def _defect(exc: Exception, args: Sequence[str], *, as_json: bool) -> int:
    # Not the message and not the values of the frames: either may hold a secret.
    if any(word in {"-v", "--verbose"} for word in args):
        import traceback  # noqa: PLC0415

        for frame in traceback.extract_tb(exc.__traceback__):
            sys.stderr.write(f"  {frame.filename}:{frame.lineno} in {frame.name}\n")
    _say("defect", f"unexpected {type(exc).__name__}", _REPORT, {}, as_json=as_json)
    return 1


def _quiet_pipe() -> int:
    """Nobody reads any more: keep the interpreter from complaining at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
