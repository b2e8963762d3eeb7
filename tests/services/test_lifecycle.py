"""The life cycle of an integration, as a table: from where, by which deed, to where."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from avnz_int.definitions.loader import seeds_dir
from avnz_int.errors import AvnzError, ProviderUnreachableError, RejectedError, UnverifiedError
from avnz_int.model.inputs import Changes, NewClient, NewPlatform
from avnz_int.wiring import Services
from support.scenes import ADMIN, GARBAGE, PASSED, PAYFLOW, REFUSED, SteeredGateway, own, platform, row
from support.services import PASSWORD, payflow_credentials

pytestmark = pytest.mark.sqlite_first

UNTESTABLE = "gateway_of_tomorrow"
"""A provider that nobody has written a connection test for."""


@dataclass(frozen=True)
class After:
    """Where a deed leads; a platform integration has no `isVerified`, the rest is the same for both."""

    client: str
    platform: str
    verified: bool
    tested: str  # lastTestedAt: "never", "before" (as it was) or "now"
    result: str | None
    error: bool = False


REFUSES = After("", "", verified=False, tested="", result="refused")

# (before, deed) -> after
TABLE: dict[tuple[str, str], After] = {
    ("none", "add tested"): After("active", "active", True, "now", "success"),
    ("none", "add untested"): After("pending", "inactive", False, "never", None),
    ("untested", "test ok"): After("active", "inactive", True, "now", "success"),
    ("untested", "test rejected"): After("error", "inactive", False, "now", "failure", error=True),
    ("untested", "test unreachable"): After("pending", "inactive", False, "now", "failure", error=True),
    ("untested", "enable"): REFUSES,
    ("untested", "disable"): After("inactive", "inactive", False, "never", None),
    ("untested", "rename"): After("pending", "inactive", False, "never", None),
    ("untested", "credentials"): After("active", "inactive", True, "now", "success"),
    ("untested", "credentials untested"): After("pending", "inactive", False, "never", None),
    ("untested", "settings"): After("active", "inactive", True, "now", "success"),
    ("active", "test ok"): After("active", "active", True, "now", "success"),
    ("active", "test rejected"): After("error", "error", False, "now", "failure", error=True),
    ("active", "test unreachable"): After("active", "active", True, "now", "failure", error=True),
    ("active", "enable"): After("active", "active", True, "before", "success"),
    ("active", "disable"): After("inactive", "inactive", True, "before", "success"),
    ("active", "rename"): After("active", "active", True, "before", "success"),
    ("active", "credentials"): After("active", "active", True, "now", "success"),
    ("active", "credentials untested"): After("pending", "inactive", False, "never", None),
    ("active", "settings"): After("active", "active", True, "now", "success"),
    ("active", "settings untested"): After("pending", "inactive", False, "never", None),
    ("active", "same settings"): After("active", "active", True, "before", "success"),
    ("disabled", "test ok"): After("inactive", "inactive", True, "now", "success"),
    ("disabled", "test rejected"): After("inactive", "inactive", False, "now", "failure", error=True),
    ("disabled", "test unreachable"): After("inactive", "inactive", True, "now", "failure", error=True),
    ("disabled", "enable"): After("active", "active", True, "before", "success"),
    ("disabled", "disable"): After("inactive", "inactive", True, "before", "success"),
    ("disabled", "rename"): After("inactive", "inactive", True, "before", "success"),
    ("disabled", "credentials"): After("inactive", "inactive", True, "now", "success"),
    ("disabled", "credentials untested"): After("inactive", "inactive", False, "never", None),
    ("disabled", "settings"): After("inactive", "inactive", True, "now", "success"),
    ("disabled", "settings untested"): After("inactive", "inactive", False, "never", None),
    ("disabled untested", "enable"): REFUSES,
    ("disabled untested", "test ok"): After("inactive", "inactive", True, "now", "success"),
    ("error", "test ok"): After("active", "active", True, "now", "success"),
    ("error", "test rejected"): After("error", "error", False, "now", "failure", error=True),
    ("error", "test unreachable"): After("error", "error", False, "now", "failure", error=True),
    ("error", "enable"): REFUSES,
    ("error", "disable"): After("inactive", "inactive", False, "before", "failure", error=True),
    ("error", "rename"): After("error", "error", False, "before", "failure", error=True),
    ("error", "credentials"): After("active", "active", True, "now", "success"),
    ("error", "credentials untested"): After("pending", "inactive", False, "never", None),
    ("error", "settings untested"): After("pending", "inactive", False, "never", None),
    ("disabled error", "enable"): REFUSES,
}
# A save that the provider refuses, or that cannot reach it, changes nothing whatever the state.
for _before in ("active", "error"):
    for _deed in ("rejected credentials", "unreached credentials", "rejected settings"):
        TABLE[_before, _deed] = REFUSES


class Scene:
    """One integration, and what can be done to it."""

    def __init__(self, services: Services, gateway: SteeredGateway, kind: str) -> None:
        self._services = services
        self._gateway = gateway
        self._service: Any = services.clients if kind == "client" else services.platform
        self._kind = kind
        self._id = ""

    def stands(self) -> dict[str, Any]:
        """The columns of the life cycle."""
        table = "ClientIntegration" if self._kind == "client" else "PlatformIntegration"
        names = ["status", "lastTestedAt", "lastTestResult", "errorMessage", "name", "credentials"]
        if self._kind == "client":
            names += ["isVerified", "verifiedAt", "verifiedBy"]
        found = row(self._services, table, self._id)
        return {name: found[name] for name in names}

    def begin(self, before: str) -> None:
        """Bring it into a state."""
        if before == "none":
            return
        self.do("add untested" if "untested" in before else "add tested")
        if "error" in before:
            self.do("test rejected")
        if "disabled" in before:
            self.do("disable")

    def end(self) -> None:
        """Delete it."""
        self._service.delete(ADMIN, self._id)

    def do(self, deed: str) -> None:
        """Do one thing to it."""
        self._gateway.says = PASSED
        for word, said in {"rejected": REFUSED, "unreach": GARBAGE}.items():
            if word in deed:
                self._gateway.says = said
        if deed.startswith("add"):
            make = own if self._kind == "client" else platform
            self._id = make(self._services, test=deed == "add tested").id
        elif deed.startswith("test"):
            self._services.checks.test(ADMIN, self._id)
        elif deed in {"enable", "disable"}:
            getattr(self._service, deed)(ADMIN, self._id)
        else:
            self._service.update(ADMIN, self._id, _changes(deed), test="untested" not in deed)


def _changes(deed: str) -> Changes:
    if deed == "rename":
        return Changes(name="Another", description="for a reason")
    if "credentials" in deed:
        return Changes(credentials=payflow_credentials("another secret"))
    return Changes(settings={"note": None if deed == "same settings" else "changed"})


@pytest.fixture
def noted(services: Services, tmp_path: Path) -> Services:
    """Services whose Payflow has a setting that is no destination, and with a provider that has no test."""
    seed = json.loads((seeds_dir() / f"{PAYFLOW}.json").read_text())
    seed["settingsSchema"] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"note": {"type": "string", "title": "Note", "description": "A remark."}},
        "additionalProperties": False,
    }
    for field in seed["credentialSchema"]["properties"].values():
        field.pop("x-env", None)  # a name in the environment is one provider's
    folder = tmp_path / "seeds"
    folder.mkdir()
    for provider in (PAYFLOW, UNTESTABLE):
        (folder / f"{provider}.json").write_text(json.dumps(seed | {"provider": provider}))
    report = services.definitions.seed(ADMIN, directory=folder)
    assert ([UNTESTABLE], [PAYFLOW]) == (report.created, report.updated)
    return services


@pytest.mark.parametrize("kind", ["client", "platform"])
def test_table(noted: Services, gateway: SteeredGateway, kind: str) -> None:
    """From every state each deed leads to the state in the table, with verification and test columns."""
    wrong = {}
    for (before, deed), after in TABLE.items():
        scene = Scene(noted, gateway, kind)
        scene.begin(before)
        problem = _tried(scene, before, deed, after, kind)
        if problem:
            wrong[before, deed] = problem
        scene.end()
    assert {} == wrong


def _tried(scene: Scene, before: str, deed: str, after: After, kind: str) -> str | None:
    stood = scene.stands() if before != "none" else {}
    if after is REFUSES:
        kinds = {"enable": UnverifiedError, "unreached credentials": ProviderUnreachableError}
        expected: type[AvnzError] = kinds.get(deed, RejectedError)
        with pytest.raises(expected):
            scene.do(deed)
        return None if scene.stands() == stood else f"changed: {stood} -> {scene.stands()}"
    scene.do(deed)
    now = scene.stands()
    tested = "never" if now["lastTestedAt"] is None else "now"
    if stood and tested == "now" and stood["lastTestedAt"] == now["lastTestedAt"]:
        tested = "before"
    found: list[Any] = [now["status"], tested, now["lastTestResult"], now["errorMessage"] is not None]
    wanted = [getattr(after, kind), after.tested, after.result, after.error]
    if kind == "client":
        found += [bool(now["isVerified"]), now["verifiedAt"] is not None, now["verifiedBy"]]
        wanted += [after.verified, after.verified, ADMIN.id if after.verified else None]
    return None if found == wanted else f"expected {wanted}, got {found}"


@pytest.mark.parametrize("kind", ["client", "platform"])
def test_without_a_check(noted: Services, notices: list[str], kind: str) -> None:
    """A provider without a connection test is saved unverified with a warning, and a test changes nothing."""
    services, credentials = noted, payflow_credentials()
    if kind == "client":
        view: Any = services.clients.add(ADMIN, NewClient("acme", UNTESTABLE, credentials=credentials))
    else:
        view = services.platform.add(ADMIN, NewPlatform(UNTESTABLE, credentials))
    assert any("saved unverified" in notice for notice in notices)
    table = "ClientIntegration" if kind == "client" else "PlatformIntegration"
    before = row(services, table, view.id)
    assert ("pending" if kind == "client" else "inactive", None, None) == (
        before["status"],
        before["lastTestedAt"],
        before["lastTestResult"],
    )
    check = services.checks.test(ADMIN, view.id)
    assert (None, "unsupported") == (check.success, check.outcome)
    assert before == row(services, table, view.id)


def test_failed_update_keeps_the_secret(services: Services, gateway: SteeredGateway) -> None:
    """After an update that the provider refuses, the old credentials are the ones that are sent."""
    view = own(services)
    gateway.says = REFUSED
    with pytest.raises(RejectedError):
        services.clients.update(ADMIN, view.id, Changes(credentials=payflow_credentials("wrong one")))
    gateway.says = None
    assert services.checks.test(ADMIN, view.id).success is True
    shown = services.clients.show(ADMIN, view.id).credentials
    assert f"••••{PASSWORD[-4:]}" == shown["password"]


def test_unreachable_while_disabled(services: Services, gateway: SteeredGateway) -> None:
    """A client integration that is verified but could not be reached is enabled, without its old error."""
    scene = Scene(services, gateway, "client")
    scene.begin("disabled")
    scene.do("test unreachable")
    scene.do("enable")
    now = scene.stands()
    assert ("active", None, "failure") == (now["status"], now["errorMessage"], now["lastTestResult"])
