"""What each command prints with `-o json`: the types that its JSON Schemas are made of.

A name is the command's words joined by `-`: `client-list`. A wheel holds a file for each (`.ci/wheel.py`).
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Mapping
from typing import Any

from avnz_int.model import (
    bulk,
    copies,
    doctor,
    env_import,
    json_schema,
    manifest,
    routing,
    sharing,
    statements,
    tokens,
    usage,
)
from avnz_int.model.views.access import InitView, WhoamiView
from avnz_int.model.views.audit import AuditVerdict, AuditView
from avnz_int.model.views.definitions import DefinitionView, OfferView, SeedReport
from avnz_int.model.views.integrations import CheckView, ClientView, MerchantView, PlatformView
from avnz_int.model.views.keys import KeyringView, RotationView
from avnz_int.model.views.tenants import TenantView, TreeNode

SHAPES: Mapping[str, Any] = {
    "audit export": list[AuditView],
    "audit list": list[AuditView],
    "audit verify": AuditVerdict,
    "billing close": statements.ClosedMonth,
    "billing payouts": list[statements.PayoutView],
    "billing show": list[statements.StatementView],
    "client add": ClientView,
    "client available": list[OfferView],
    "client delete": ClientView,
    "client disable": ClientView,
    "client enable": ClientView,
    "client list": list[ClientView],
    "client rollback": ClientView,
    "client set-default": ClientView,
    "client show": ClientView,
    "client update": ClientView,
    "client usage": usage.IntegrationUsage,
    "db copy": copies.CopyView,
    "db check": {"matches": bool, "differences": list[str]},
    "db current": {"current": str | None, "head": str, "upToDate": bool},
    "db upgrade": {"before": str | None, "after": str, "changed": bool},
    "definitions list": list[DefinitionView],
    "definitions schema": dict[str, Any],
    "definitions seed": SeedReport,
    "definitions show": DefinitionView,
    "definitions validate": {"valid": bool, "files": int, "problems": list[Any]},
    "init": InitView,
    "keyring migrate": KeyringView,
    "keyring prune": KeyringView,
    "keyring show": KeyringView,
    "merchant list": list[MerchantView],
    "merchant pool add": routing.PoolView,
    "merchant pool list": list[routing.PoolView],
    "merchant pool remove": routing.PoolView,
    "merchant route": routing.RouteView,
    "merchant show": MerchantView,
    "platform add": PlatformView,
    "platform delete": PlatformView,
    "platform disable": PlatformView,
    "platform enable": PlatformView,
    "platform list": list[PlatformView],
    "platform rollback": PlatformView,
    "platform show": PlatformView,
    "platform update": PlatformView,
    "resolve": routing.ResolutionView | list[routing.ResolutionView],
    "rotate-key": RotationView,
    "share": sharing.ShareView | list[sharing.ShareView] | sharing.SimulationView,
    "tenant add": TenantView,
    "tenant list": list[TenantView],
    "tenant remove": TenantView,
    "tenant rename": TenantView,
    "tenant show": TenantView,
    "tenant tree": TreeNode,
    "test": CheckView | list[CheckView],
    "token create": tokens.NewTokenView,
    "token list": list[tokens.TokenView],
    "token revoke": tokens.TokenView,
    "usage record": usage.RecordReport,
    "usage show": list[usage.UsageView],
    "whoami": WhoamiView,
    "doctor": doctor.Diagnosis,
    "export": list[dict[str, Any]] | bulk.ExportReport,
    "import": bulk.ImportReport,
    "import-env": env_import.EnvImportView,
    "plan": manifest.PlanView,
    "apply": manifest.PlanView,
    "error": {"error": {"code": str, "message": str, "hint": str | None, "details": dict[str, Any]}},
}
"""Command -> the type of its JSON, as an array even where lines are printed as they come.

`error` is what stands on standard error where a command fails.
"""


def columns(command: str) -> list[str]:
    """The keys of the rows of a listing; none where the command is unknown or prints no rows of one kind."""
    rows = typing.get_args(SHAPES.get(command))[:1]
    return list(json_schema.keys(rows[0])) if rows else []


def name_of(command: str) -> str:
    """The name of a command's schema."""
    return command.replace(" ", "-")


@functools.cache
def schemas() -> dict[str, dict[str, Any]]:
    """Name -> JSON Schema of every shape."""
    return {name_of(command): json_schema.of(kind, f"avnz-int {command}") for command, kind in SHAPES.items()}


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a command's output, or of a kind of file.

    Raises:
        InvalidInputError: there is none; the hint has the nearest names.
    """
    made = schemas()
    if name in made:
        return made[name]
    from avnz_int.definitions import documents  # noqa: PLC0415  # seeds, which the shapes do not need

    return documents.for_editors(name, also=made)
