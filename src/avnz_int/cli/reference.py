"""The man page and the command reference, made from the commands: `poe reference` writes them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from avnz_int.cli.main import PROG, build
from avnz_int.errors import AvnzError

FOLDER = Path(__file__).parents[1] / "docs"
MAN, MARKDOWN = "avnz-int.1", "commands.md"

_ENVIRONMENT = (
    ("AVNZ_INT_DATABASE_URL", "the database: sqlite:///FILE or postgresql+psycopg://USER@HOST/DB"),
    ("AVNZ_INT_SCHEMA", "the PostgreSQL schema of the tables (public)"),
    ("AVNZ_INT_KEYRING", "the master keys: file:///PATH, aws-secretsmanager://SECRET or aws-kms://KEY"),
    ("AVNZ_INT_TOKEN", "the access token; there is no option for it, since arguments can be seen"),
    ("AVNZ_INT_CLIENT", "the client of commands that take --client"),
    ("AVNZ_INT_OUTPUT", "table, json, jsonl or csv"),
    ("AVNZ_INT_NO_INPUT, CI", "ask nothing"),
    ("AVNZ_INT_ENDPOINT_PROVIDER", "a provider's base URL, for a mock or a proxy"),
    ("AVNZ_INT_ALLOW_HOSTS", "hosts that user-supplied addresses may name although they are private"),
    ("AVNZ_INT_LOG", "DEBUG, INFO, WARNING or ERROR"),
    ("AWS_ENDPOINT_URL", "AWS endpoints, for a mock"),
    ("NO_COLOR, TERM=dumb", "no colours"),
)


def commands() -> Iterator[tuple[str, Any]]:
    """The words of every command that is no group, and the command, in the order of their names."""

    def below(words: tuple[str, ...], found: Any) -> Iterator[tuple[str, Any]]:
        inner = getattr(found, "commands", None)
        if inner is None:
            yield " ".join(words), found
            return
        for name in sorted(inner):
            yield from below((*words, name), inner[name])

    yield from below((), build())


def exit_codes() -> list[tuple[int, str]]:
    """Every exit code and the errors that end with it."""
    found: dict[int, set[str]] = {0: {"done"}, 1: {"a defect: please report it"}, 130: {"interrupted"}}
    for error in _errors(AvnzError):
        if error.exit_code not in {1, 130}:
            found.setdefault(error.exit_code, set()).add(error.code)
    return [(code, ", ".join(sorted(words))) for code, words in sorted(found.items())]


def markdown() -> str:
    """The command reference."""
    lines = [f"# {PROG}: command reference", "", "Made from the commands by `poe reference`.", ""]
    for name, command in commands():
        lines += [f"## {PROG} {name}", "", "```", _usage(name, command), "```", "", _told(command), ""]
        rows = [(term, told) for kind in ("argument", "option") for term, told in _parameters(command, kind)]
        if rows:
            lines += ["| | |", "|---|---|"]
            lines += [f"| `{_cell(term)}` | {_cell(told)} |" for term, told in rows] + [""]
    return "\n".join(lines).rstrip() + "\n"


def man() -> str:
    """The man page, in the man macros."""
    lines = [
        '.TH AVNZ-INT 1 "" "avnz-int" "User Commands"',
        ".ad l",
        ".nh",
        ".SH NAME",
        r"avnz\-int \- configure, test, share, bill and rotate third\-party integrations",
        ".SH SYNOPSIS",
        r".B avnz\-int",
        r"[\fIOPTION\fR]... \fICOMMAND\fR [\fIARGUMENT\fR]...",
        ".SH OPTIONS",
    ]
    for term, told in _parameters(build(), "option"):
        lines += [".TP", rf"\fB{_roff(term)}\fR", _roff(told)]
    lines.append(".SH COMMANDS")
    for name, command in commands():
        lines += [
            f'.SS "{_roff(name)}"',
            _roff(_told(command)),
            ".PP",
            rf"\fB{_roff(_usage(name, command))}\fR",
        ]
        for kind in ("argument", "option"):
            for term, told in _parameters(command, kind):
                lines += [".TP", rf"\fB{_roff(term)}\fR", _roff(told)]
    lines.append(".SH ENVIRONMENT")
    for term, told in _ENVIRONMENT:
        lines += [".TP", rf"\fB{_roff(term)}\fR", _roff(told)]
    lines.append('.SH "EXIT STATUS"')
    for code, told in exit_codes():
        lines += [".TP", rf"\fB{code}\fR", _roff(told)]
    return "\n".join(lines) + "\n"


def texts() -> dict[str, str]:
    """Name of a file in `FOLDER` -> its text."""
    return {MAN: man(), MARKDOWN: markdown()}


def _errors(error: type[AvnzError]) -> Iterator[type[AvnzError]]:
    yield error
    for inner in error.__subclasses__():
        yield from _errors(inner)


def _usage(name: str, command: Any) -> str:
    arguments = [_metavar(one) for one in command.params if one.param_type_name == "argument"]
    options = any(one.param_type_name == "option" for one in command.params)
    return " ".join([PROG, name, *(["[OPTIONS]"] if options else []), *arguments])


def _told(command: Any) -> str:
    """The help of a command as one text; paragraphs stay apart."""
    paragraphs = re.split(r"\n\s*\n", (command.help or "").strip())
    return "\n\n".join(" ".join(one.split()) for one in paragraphs)


def _parameters(command: Any, kind: str) -> Iterator[tuple[str, str]]:
    for one in command.params:
        if one.param_type_name != kind or getattr(one, "hidden", False):
            continue
        told = getattr(one, "help", None) or ""
        if kind == "argument":
            yield _metavar(one), told
            continue
        names = ", ".join(sorted([*one.opts, *one.secondary_opts], key=lambda word: word.startswith("--")))
        takes = "" if one.is_flag or one.count else f" {_metavar(one)}"
        yield names + takes, told


def _metavar(parameter: Any) -> str:
    if parameter.metavar:
        return str(parameter.metavar)
    choices = getattr(parameter.type, "choices", None)
    if choices:
        return "|".join(getattr(choice, "value", str(choice)) for choice in choices)
    return str(parameter.type.name).upper()


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _roff(text: str) -> str:
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("\n\n", "\n.PP\n")
    escaped = escaped.replace("|", r"|\:")  # a long list of choices may break there
    # A line that begins so would be a request.
    return re.sub(r"^(?=['.](?!PP$))", r"\\&", escaped, flags=re.MULTILINE)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for file, text in texts().items():
        target.joinpath(file).write_text(text, encoding="utf-8")
