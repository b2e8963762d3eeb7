"""Reads an environment file in the dialect of python-dotenv."""

from __future__ import annotations

import io
import os
from collections import Counter

from avnz_int.errors import InvalidInputError
from avnz_int.model.env_import import EnvFile
from avnz_int.model.secret import Secret


def parse(text: str, what: str) -> EnvFile:
    """The variables of a file, with references to others filled in.

    Args:
        text: of the file; a byte order mark and any line ends are taken.
        what: names it in messages.

    Raises:
        InvalidInputError: a line is none of the dialect; named by its number, never quoted.
    """
    from dotenv import dotenv_values  # noqa: PLC0415  # import-env alone reads such files
    from dotenv.parser import parse_stream  # noqa: PLC0415  # as above
    from dotenv.variables import Variable, parse_variables  # noqa: PLC0415  # as above

    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    bindings = list(parse_stream(io.StringIO(text)))
    wrong = [binding.original.line for binding in bindings if binding.error]
    if wrong:
        lines = ", ".join(map(str, wrong[:10]))
        raise InvalidInputError(
            f"{what}: cannot be read as NAME=VALUE at line {lines}",
            hint="quote values that hold quotes, spaces or line ends",
            details={"lines": wrong},
        )
    named = [binding for binding in bindings if binding.key is not None]
    counted = Counter(binding.key or "" for binding in named)
    unresolved, before = [], set(os.environ)
    for binding in named:
        atoms = list(parse_variables(binding.value or ""))
        lost = [a for a in atoms if isinstance(a, Variable) and a.default is None and a.name not in before]
        if lost:
            unresolved.append(binding.key or "")
        before.add(binding.key or "")
    values = dotenv_values(stream=io.StringIO(text), interpolate=True)
    return EnvFile(
        Secret({name: value or "" for name, value in values.items()}),
        tuple(name for name, count in counted.items() if count > 1),
        tuple(dict.fromkeys(unresolved)),
    )
