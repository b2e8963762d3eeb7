"""HTTP for the checks of other packages: the names that stay as they are.

A plugin's `async def check(request)` asks the provider through an `Api` and makes its report of the `Reply`;
`reports` around it turns what ends the exchange early into a report. Deadline, size, redirects, TLS, proxies
and the operator's endpoint are seen to. Whoever needs no HTTP needs `avnz_int.providers.contract` and
`avnz_int.model.enums` only.
"""

from __future__ import annotations

from avnz_int.providers._http import (
    Api,
    CheckEndedError,
    Reply,
    Verdict,
    basic,
    bearer,
    ended,
    reports,
    token,
)

__all__ = [
    "Api",
    "CheckEndedError",
    "Reply",
    "Verdict",
    "basic",
    "bearer",
    "ended",
    "reports",
    "token",
]
