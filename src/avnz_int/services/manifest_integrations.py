"""Compares the integrations that a manifest wants with those that are there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from avnz_int.db import rows
from avnz_int.definitions.loader import nearest
from avnz_int.errors import ForbiddenError, InvalidInputError, SchemaViolationError
from avnz_int.model.enums import DefinitionStatus, Environment, Mode
from avnz_int.model.inputs import UNSET, Changes, Unset
from avnz_int.model.manifest import (
    SECRET_CHANGED,
    SECRET_SET,
    UNKNOWN,
    VALUE_CHANGED,
    Deed,
    Given,
    Kind,
    Literal,
    Reference,
    Spot,
    WantedClientIntegration,
    WantedIntegration,
    WantedPlatform,
)
from avnz_int.model.names import shown_name
from avnz_int.model.secret import Credentials
from avnz_int.services import fingerprints, integrations, manifest_offers
from avnz_int.services.integrations import Definition
from avnz_int.services.manifest_fields import Problems
from avnz_int.services.manifest_state import State
from avnz_int.services.manifest_steps import ClientStep, IntegrationStep, PlatformStep

_NO_FINGERPRINT = (
    "whether the credentials differ is not known: there is no fingerprint of those that are stored by the key"
    " in force (avnz-int rotate-key --purpose fingerprint makes them anew)"
)


class Comparer:
    """Compares one integration at a time.

    Args:
        state: what is there.
        problems: gets what is wrong with the file.
        credentials: ref -> those that the file names.
        moment: the present, by which prices are in force.
    """

    def __init__(
        self, state: State, problems: Problems, credentials: Mapping[str, Credentials], moment: datetime
    ) -> None:
        self._state = state
        self._problems = problems
        self._credentials = credentials
        self._moment = moment

    # --- the organization's ------------------------------------------------------------------

    def platform(self, wanted: WantedPlatform) -> PlatformStep | None:
        """The step, None where nothing is to be done."""
        found = self._state.definitions[wanted.provider]
        row = self._state.platform.get(wanted.provider)
        ref = f"platform/{wanted.provider}"
        step = PlatformStep(
            Deed.CREATE if row is None else Deed.UPDATE, Kind.PLATFORM, ref, row, found=found, wanted=wanted
        )
        name = found.name if isinstance(wanted.name, Unset) else wanted.name
        if row is None:
            step.change("name", None, name)
            self._new(step, wanted, found)
        else:
            labels = {} if isinstance(wanted.name, Unset) else {"name": wanted.name}
            self._changed(step, wanted, row, found, labels)
            moves = step.changes is not None and not isinstance(step.changes.environment, Unset)
            users = users_of(self._state, row) if moves else []
            if users:
                step.refused = f"{', '.join(users)} use it: its environment cannot change"
        manifest_offers.compare(self._state, self._problems, step, wanted, self._moment)
        return step if row is None or step.fields else None

    # --- a client's --------------------------------------------------------------------------

    def client(self, wanted: WantedClientIntegration, environment: str | None) -> ClientStep | None:
        """The step, None where nothing is to be done; `environment`: of what the platform shares."""
        found = self._state.definitions[wanted.provider]
        row = self._state.integrations.get(wanted.key)
        step = ClientStep(
            Deed.CREATE if row is None else Deed.UPDATE,
            Kind.CLIENT,
            "/".join(wanted.key),
            row,
            found=found,
            wanted=wanted,
        )
        uses = wanted.mode is Mode.PLATFORM
        if uses and environment and wanted.environment not in {UNSET, environment}:
            self._problems.add(
                wanted.spot,
                f"the platform's {wanted.provider} is in {environment}: a client that uses it is too",
            )
        if row is None:
            step.change("mode", None, wanted.mode.value)
            self._new(step, wanted, found, environment)
            if wanted.is_default is True:
                step.change("isDefault", None, True)
            if not isinstance(wanted.priority, Unset):
                step.change("priority", None, wanted.priority)
            if uses and environment is None:
                step.refused = f"the organization shares no integration of {wanted.provider} with its clients"
            return step
        if row["mode"] != wanted.mode:
            step.change("mode", row["mode"], wanted.mode.value)
            step.refused = "its mode cannot change: delete it, and add it anew"
            return step
        labels: dict[str, Any] = {}
        if not isinstance(wanted.priority, Unset):
            labels["priority"] = wanted.priority
        if not isinstance(wanted.is_default, Unset):
            labels["isDefault"] = wanted.is_default
        self._changed(step, wanted, row, found, labels)
        return step if step.fields else None

    # --- both --------------------------------------------------------------------------------

    def _new(
        self,
        step: IntegrationStep,
        wanted: WantedIntegration,
        found: Definition,
        environment: str | None = None,
    ) -> None:
        uses = isinstance(wanted, WantedClientIntegration) and wanted.mode is Mode.PLATFORM
        given = Environment.PRODUCTION if isinstance(wanted.environment, Unset) else wanted.environment
        step.change("environment", None, environment if uses else given.value)
        if isinstance(wanted.description, str):
            step.change("description", None, wanted.description)
        if found.status is DefinitionStatus.DEPRECATED:
            step.refused = f"{found.name} is deprecated: no new integration can be made"
        elif found.status is DefinitionStatus.BETA:
            step.notes.append(f"{found.name} is in beta")
        settings = {} if isinstance(wanted.settings, Unset) else wanted.settings
        for name, value in settings.items():
            step.change(f"settings.{name}", None, value)
        if not uses:
            step.credentials = self._credentials.get(step.ref)
            step.sends = True
            if not isinstance(wanted.credentials, Given):
                words = "stored: nothing is stored yet" if wanted.credentials is None else "are missing"
                self._problems.add(Spot(wanted.spot.line, f"{wanted.spot.path}.credentials"), words)
            elif step.credentials is not None:
                for name, value in wanted.credentials.fields.items():
                    told = SECRET_SET if name in found.secret_fields else _told(value)
                    step.change(f"credentials.{name}", None, told)
        self._validate(wanted, found, step.credentials, settings)
        if wanted.active is False:
            step.switch = False
            step.change("status", None, "inactive")

    def _changed(
        self,
        step: IntegrationStep,
        wanted: WantedIntegration,
        row: rows.Row,
        found: Definition,
        labels: Mapping[str, Any],
    ) -> None:
        changes: dict[str, Any] = {}
        uses = row.get("mode") == Mode.PLATFORM
        given = dict(labels)
        if not isinstance(wanted.description, Unset):
            given["description"] = wanted.description
        if not isinstance(wanted.environment, Unset) and not uses:
            given["environment"] = wanted.environment.value
        for name, value in given.items():
            if value != row[name]:
                step.change(name, row[name], value)
                changes[_ARGUMENTS[name]] = Environment(value) if name == "environment" else value
        settings = integrations.settings_of(row["settings"]) or {}
        if not isinstance(wanted.settings, Unset) and wanted.settings != settings:
            for name in sorted({*settings, *wanted.settings}):
                step.change(f"settings.{name}", settings.get(name), wanted.settings.get(name))
            changes["settings"] = dict.fromkeys(settings) | dict(wanted.settings)
            settings = wanted.settings
        self._replaced(step, wanted, row, changes, moved="environment" in changes, settings=settings)
        credentials = changes.get("credentials")
        if credentials is not None or "settings" in changes:
            self._validate(wanted, found, credentials, settings)
        step.sends = not uses and ("credentials" in changes or "settings" in changes)
        step.changes = Changes(**changes) if changes else None
        self._switched(step, wanted, row)

    def _switched(self, step: IntegrationStep, wanted: WantedIntegration, row: rows.Row) -> None:
        """Whether it is to be enabled or disabled; what fails or waits for a test is switched on, too."""
        is_on = row["status"] != "inactive"
        if not isinstance(wanted.active, Unset) and wanted.active != is_on:
            step.switch = wanted.active
            step.change("status", row["status"], "active" if wanted.active else "inactive")
            if step.needs_test:
                step.notes.append("it is tested before it is put in force")

    def _replaced(
        self,
        step: IntegrationStep,
        wanted: WantedIntegration,
        row: rows.Row,
        changes: dict[str, Any],
        *,
        moved: bool,
        settings: Mapping[str, Any],
    ) -> None:
        """Whether credentials change: seen by their fingerprints, without opening those that are stored."""
        found = self._state.definitions[wanted.provider]
        sent = integrations.moved_destinations(found, row["settings"], settings)
        sent += ["environment"] if moved else []
        credentials = self._credentials.get(step.ref)
        if credentials is None:
            if sent and not isinstance(wanted.credentials, Given):
                self._problems.add(
                    wanted.spot,
                    f"{', '.join(sent)}: a change sends the credentials elsewhere: the file must name them",
                )
            return
        stored = row["credentialsFingerprints"]
        now = fingerprints.of(self._state.fingerprint_key, credentials, found)
        if now is None or not isinstance(stored, Mapping) or stored.get("keyId") != now["keyId"]:
            step.change("credentials", UNKNOWN, SECRET_CHANGED)
            step.notes.append(_NO_FINGERPRINT)
            changes["credentials"] = credentials
            return
        before, after = stored["fields"], now["fields"]
        for name in [*after, *(name for name in before if name not in after)]:
            if name not in before:
                step.change(f"credentials.{name}", None, SECRET_SET)
            elif name not in after:
                step.change(f"credentials.{name}", SECRET_SET, None)
            elif before[name] != after[name]:
                secret = name in found.secret_fields
                step.change(f"credentials.{name}", SECRET_SET, SECRET_CHANGED if secret else VALUE_CHANGED)
        if sent or before != after:
            changes["credentials"] = credentials

    def _validate(
        self,
        wanted: WantedIntegration,
        found: Definition,
        credentials: Credentials | None,
        settings: Mapping[str, Any],
    ) -> None:
        try:
            integrations.require_valid(found, credentials=credentials, settings=settings)
        except SchemaViolationError as exc:
            for wrong in exc.details["violations"]:
                name = wrong["field"]
                place = name if name.split(".")[0] == "settings" else f"credentials.{name}".rstrip(".")
                self._problems.add(Spot(_line(wanted, name), f"{wanted.spot.path}.{place}"), wrong["message"])
        except InvalidInputError as exc:
            self._problems.add(wanted.spot, exc.message)


_ARGUMENTS = {
    "name": "name",
    "description": "description",
    "environment": "environment",
    "priority": "priority",
    "isDefault": "is_default",
}
"""Columns and the fields of `Changes`."""


def users_of(state: State, row: rows.Row) -> list[str]:
    """The client integrations that use a platform integration."""
    used = [key for key, one in state.integrations.items() if one["platformIntegrationId"] == row["id"]]
    return ["/".join(key) for key in used]


def require_provider(state: State, problems: Problems, wanted: WantedIntegration, *, of_client: bool) -> bool:
    """Whether there is a definition; where there is none, `problems` is told.

    Raises:
        ForbiddenError: clients may not use it.
    """
    found = state.definitions.get(wanted.provider)
    spot = Spot(wanted.spot.line, f"{wanted.spot.path}.provider")
    if wanted.provider in state.damaged:
        error = integrations.damaged(wanted.provider)
        problems.add(spot, f"{error.message}: {error.hint}")
        return False
    if found is None:
        near = nearest(wanted.provider[:64], state.definitions)
        words = f"; did you mean {' or '.join(near)}?" if near else ""
        problems.add(spot, f"unknown provider {shown_name(wanted.provider)!r}{words}")
        return False
    if of_client and not found.is_client_allowed:
        raise ForbiddenError(
            f"{problems.origin} {spot}: {found.name} ({wanted.provider}) is for the platform only:"
            " clients cannot configure it",
            hint="put it under platform, or see avnz-int definitions list --client-allowed",
        )
    return True


def _told(value: Any) -> Any:
    """What is shown of a value that is no secret: itself, or where the file says it is."""
    if isinstance(value, Literal):
        return value.value
    return str(value) if isinstance(value, Reference) else SECRET_SET


def _line(wanted: WantedIntegration, name: str) -> int:
    given = wanted.credentials
    if isinstance(given, Given):
        spot = getattr(given.fields.get(name.partition(".")[0]), "spot", given.spot)
        return int(spot.line)
    return wanted.spot.line
