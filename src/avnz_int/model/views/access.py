"""Where a command acts, and as whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from avnz_int.model.views.definitions import SeedReport


@dataclass(frozen=True, slots=True)
class InitView:
    """What `init` found or made."""

    organization: str
    database: str
    keyring: str
    definitions: SeedReport
    token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class WhoamiTokenView:
    """The access token in use."""

    name: str
    prefix: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class WhoamiView:
    """Where a command would act, and as whom; `client` is a client_admin's, `token` what proves it."""

    database: str
    schema: str | None
    keyring: str
    organization: str
    actor: str
    role: str
    client: str | None
    token: WhoamiTokenView | None
