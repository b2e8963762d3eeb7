"""JSON text of many small values."""

from __future__ import annotations

import json
from collections.abc import Callable
from json import encoder as library
from typing import Any

Writer = Callable[[Any], str]


def json_writer(
    *, ascii_only: bool = False, spaces: bool = False, sort_keys: bool = False, allow_nan: bool = True
) -> Writer:
    """What `json.JSONEncoder(…).encode` does, by an encoder that is made once.

    The library makes its C encoder anew for each call: 1 us, more than a small value takes to write. Where
    Python has none, the library's way is taken.

    Args:
        ascii_only: write what is not ASCII as escapes.
        spaces: write them behind `,` and `:`.
        sort_keys: sort the keys of objects.
        allow_nan: write NaN and infinities, which are no JSON; else they are a ValueError.

    The writer raises TypeError for a value that JSON has no form for, RecursionError for one too deep.
    """
    separators = (", ", ": ") if spaces else (",", ":")
    kept = json.JSONEncoder(
        ensure_ascii=ascii_only, separators=separators, sort_keys=sort_keys, allow_nan=allow_nan
    )
    make = getattr(library, "c_make_encoder", None)
    if make is None:
        return kept.encode
    quoted = library.encode_basestring_ascii if ascii_only else library.encode_basestring
    write = make(None, kept.default, quoted, None, separators[1], separators[0], sort_keys, False, allow_nan)
    join = "".join
    # Of a string alone, the encoder takes three times as long.
    return lambda value: quoted(value) if type(value) is str else join(write(value, 0))
