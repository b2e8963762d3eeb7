"""A database with integrations whose names are hard to complete."""

from __future__ import annotations

from pathlib import Path

from avnz_int.model.inputs import NewClient
from avnz_int.model.secret import Secret
from support.services import add_platform_untested, add_untested, prepared

ODD = 'it\'s $HOME: "x" `y` \\z'
NAMES = ("Main", "My PayPal Account", ODD, "Foo: bar", "100%_a", "100x_a", "Größe")


def fill(url: str, folder: Path) -> None:
    """Integrations of two clients and of the platform."""
    with prepared(url, folder / "keyring.json") as services:
        for name in NAMES:
            add_untested(services, name)
        twin = NewClient("acme", "nmi", name="Main", credentials=Secret({"securityKey": "k" * 32}))
        services.clients.add(services.actor, twin, test=False)
        add_untested(services, "Other", client="globex")
        add_platform_untested(services)
