"""Who is asking."""

from __future__ import annotations

import pytest

from avnz_int.model.actor import Actor
from avnz_int.model.enums import Role


@pytest.mark.parametrize("client_id", [None, ""])
def test_client_admin_has_a_client(client_id: str | None) -> None:
    """A client_admin without a client cannot exist: it would be one of all clients."""
    with pytest.raises(ValueError, match="client_id"):
        Actor("token:x", Role.CLIENT_ADMIN, client_id)


def test_request_ids_differ() -> None:
    """Each actor has a request id of its own, which ties its events together."""
    first, second = Actor("os:a", Role.ORG_ADMIN), Actor("os:a", Role.ORG_ADMIN)
    assert first.request_id != second.request_id
