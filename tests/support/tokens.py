"""Access tokens: made, and presented by services of their own."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from avnz_int.model.enums import Role
from avnz_int.model.tokens import NewToken, NewTokenView
from avnz_int.wiring import Services
from support.scenes import ADMIN
from support.services import make_services


def make(
    services: Services,
    role: Role = Role.AUDITOR,
    name: str = "one",
    client: str | None = None,
    expires_at: datetime | None = None,
) -> NewTokenView:
    """A new token."""
    return services.tokens.create(ADMIN, NewToken(role, name, client, expires_at))


def text_of(made: NewTokenView) -> str:
    """Its text."""
    assert made.token is not None
    return made.token


def present(url: str, keyring: Path, token: str) -> Services:
    """Services whose caller presents this token."""
    return make_services(url, keyring, AVNZ_INT_TOKEN=token)
