"""Settings of three levels: the definition's defaults, then the organization's, then the client's.

Where credentials are sent is decided beside them: a setting marked `x-destination` counts only from the
level whose credentials are used, so that neither the organization's hosts reach a client's own
integration nor a client points the organization's credentials elsewhere.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from avnz_int.db import rows
from avnz_int.model.enums import Mode
from avnz_int.model.routing import Level, Origin
from avnz_int.services.candidates import Candidate, Surroundings


def settings_of(found: Candidate, around: Surroundings) -> tuple[dict[str, Any], dict[str, Origin]]:
    """The settings to use an integration by, and setting -> where its value came from."""
    row = found.row
    defaults = around.defaults_of(row["provider"])
    destinations = defaults.destinations
    layers: list[tuple[Origin, Mapping[str, Any]]] = [(Origin.DEFINITION, defaults.values)]
    if found.level is Level.ORGANIZATION:
        layers.append((Origin.ORGANIZATION, _plain(row["settings"])))
    elif row["mode"] == Mode.PLATFORM:
        used = around.platforms[row["platformIntegrationId"]]
        layers.append((Origin.ORGANIZATION, _plain(used["settings"])))
        layers.append((Origin.CLIENT, _without(row["settings"], destinations)))
    else:
        of_organization = _same(row, around)
        if of_organization is not None:
            layers.append((Origin.ORGANIZATION, _without(of_organization["settings"], destinations)))
        layers.append((Origin.CLIENT, _plain(row["settings"])))
    settings: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for origin, values in layers:
        if values:
            settings.update(copy.deepcopy(dict(values)))
            origins.update(dict.fromkeys(values, origin))
    return settings, origins


def _same(row: rows.Row, around: Surroundings) -> rows.Row | None:
    """The organization's integration of the provider, if it is of the same environment."""
    return next(
        (
            one
            for one in around.platforms.values()
            if one["provider"] == row["provider"] and one["environment"] == row["environment"]
        ),
        None,
    )


def _plain(stored: Any) -> dict[str, Any]:
    # Settings that somebody else wrote into the database may be no object.
    return dict(stored) if isinstance(stored, Mapping) else {}


def _without(stored: Any, left_out: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in _plain(stored).items() if name not in left_out}
