"""Who is asking, and about what: every service method takes an actor, every audit event names both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from avnz_int import clock
from avnz_int.model.enums import Role

if TYPE_CHECKING:
    from avnz_int.model.tokens import TokenView


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody with a role.

    Attributes:
        id: `os:alice` for a user of the operating system, a token's id for a token.
        role: None: nobody has shown who they are, which only the event of a refusal names.
        client_id: the one client of a `client_admin`.
        request_id: ties the audit events of one command or request together.
    """

    id: str
    role: Role | None
    client_id: str | None = None
    request_id: str = field(default_factory=clock.new_id)

    def __post_init__(self) -> None:
        # Without its client, checks that compare clients would let it act for all of them.
        if self.role is Role.CLIENT_ADMIN and not self.client_id:
            raise ValueError("a client_admin is one client's: client_id is needed")


@dataclass(frozen=True, slots=True)
class Target:
    """What an audit event is about.

    Attributes:
        type: the table's name.
        id: the row's id, None where there is no row (yet).
    """

    type: str
    id: str | None = None
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking, and the token that proves it; None for the user of the operating system."""

    actor: Actor
    token: TokenView | None = None
