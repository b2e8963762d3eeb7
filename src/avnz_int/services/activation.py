"""Keeps the activation periods, by whose days a monthly minimum is prorated.

A client is charged for the time in which its platform-mode integration is active by its own status, whatever
the platform integration's health: it is the client who switches it on and off. A period ends when that is
disabled, revoked or deleted, and stays as the record of that time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.db import prices, rows
from avnz_int.model.enums import Mode, Status


def follow(connection: Connection, row: Mapping[str, Any], moment: datetime) -> None:
    """Begin or end the period of a client integration, given as its row now stands."""
    if row["mode"] != Mode.PLATFORM:
        return
    current = prices.open_period(connection, row["id"])
    active = row["status"] == Status.ACTIVE
    if active and current is None:
        begin(connection, row, moment)
    elif current is not None and not active:
        end_period(connection, current, moment)


def begin(connection: Connection, row: Mapping[str, Any], moment: datetime) -> None:
    """Begin a period of a client integration, given by its `id`, `clientId` and `platformIntegrationId`."""
    begun = {
        "id": clock.new_id(),
        "clientId": row["clientId"],
        "clientIntegrationId": row["id"],
        "platformIntegrationId": row["platformIntegrationId"],
        "startedAt": moment,
        "endedAt": None,
    }
    rows.add(connection, prices.PERIOD, begun)


def end(connection: Connection, client_integration_id: str, moment: datetime) -> None:
    """End the period of an integration that is about to be deleted, if one is open."""
    current = prices.open_period(connection, client_integration_id)
    if current is not None:
        end_period(connection, current, moment)


def end_period(connection: Connection, period: rows.Row, moment: datetime) -> None:
    """End a period that is open."""
    # The beginning may be ahead of the clock: by two changes in one millisecond, or where it was set back.
    rows.change(connection, prices.PERIOD, period["id"], {"endedAt": max(moment, period["startedAt"])})
