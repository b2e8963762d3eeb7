"""Acme Pay: the merchant that an API key belongs to."""

from __future__ import annotations

from avnz_int.model.enums import CheckCode
from avnz_int.providers import web
from avnz_int.providers.contract import CheckReport, CheckRequest

_REFUSALS = {401: (CheckCode.BAD_CREDENTIALS, "Acme does not accept the API key: make a new one under Keys")}


@web.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether the API key is valid."""
    api = web.Api(request, "Acme", "https://api.acme.example")
    reply = await api.get("/v1/merchant", headers=web.bearer(web.token(request, "apiKey")))
    if reply.status == 200 and reply.text("merchant"):
        return reply.ok("Acme accepted the API key")
    return reply.verdict(_REFUSALS, reply.status)
