"""Whatever is applied, one after another: it is there afterwards, and a second time nothing changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avnz_int.model.manifest import PlanView
from avnz_int.services.manifest_export import _lines
from avnz_int.services.manifests import Source
from avnz_int.wiring import Services
from support.scenes import ADMIN, SteeredGateway, written
from support.services import PASSWORD, make_services

LOGIN = {"partner": "PayPal", "vendor": "acme", "user": "acme", "password": "env:PAYFLOW_PASSWORD"}


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, Any]:
    """A manifest of one client: integrations of both modes, companies, a pool, an offer."""

    def maybe(found: dict[str, Any], name: str, values: st.SearchStrategy[Any]) -> None:
        if draw(st.booleans()):
            found[name] = draw(values)

    price = st.fixed_dictionaries({"percentageFee": st.sampled_from([0, 1]), "flatFee": st.integers(0, 3)})
    platform: dict[str, Any] = {
        "provider": "paypal_payflow",
        "environment": "sandbox",
        "credentials": LOGIN,
        "share": {"prices": [draw(price)]},
    }
    maybe(platform, "status", st.sampled_from(["active", "inactive"]))
    names = draw(st.lists(st.sampled_from(["A", "B", "C"]), unique=True, min_size=1))
    default = draw(st.sampled_from([None, *names]))
    integrations = []
    for name in names:
        one: dict[str, Any] = {"provider": "paypal_payflow", "name": name, "credentials": LOGIN}
        one["default"] = name == default
        maybe(one, "priority", st.integers(0, 3))
        maybe(one, "description", st.sampled_from([None, "x", "y\nz"]))
        maybe(one, "status", st.sampled_from(["active", "inactive"]))
        integrations.append(one)
    if draw(st.booleans()):
        integrations.append({"provider": "paypal_payflow", "name": "Ours", "mode": "platform"})
    members = [
        {
            "account": name,
            "weight": draw(st.integers(0, 2)),
            "currencies": draw(st.sampled_from([[], ["USD"]])),
        }
        for name in names
    ]
    client: dict[str, Any] = {"slug": "acme", "integrations": integrations}
    maybe(client, "name", st.sampled_from(["Acme", "acme"]))
    maybe(
        client,
        "companies",
        st.lists(st.sampled_from(["shop", "mall"]).map(lambda slug: {"slug": slug}), unique_by=str),
    )
    maybe(client, "pools", st.just([{"name": "Cards", "environment": "production", "members": members}]))
    return {
        "apiVersion": "avnz-int/1",
        "kind": "Manifest",
        "platform": [platform],
        "clients": [{"slug": "globex"}, client],
    }


@pytest.mark.slow
def test_applied_twice(
    on_sqlite: str, keyring: Path, gateway: SteeredGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An apply leaves nothing to do: not for the same file, not for its export, not for a second apply."""
    monkeypatch.setenv("PAYFLOW_PASSWORD", PASSWORD)
    services: Services = make_services(on_sqlite, keyring, gateway.url)

    def apply(text: str, *, prune: bool) -> PlanView:
        plan = services.manifests.plan(ADMIN, Source(text, "m.yaml", Path()), prune=prune)
        return services.manifests.apply(ADMIN, plan)

    @settings(max_examples=15, suppress_health_check=list(HealthCheck))
    @given(manifests(), st.booleans())
    def check(document: dict[str, Any], prune: bool) -> None:
        text = "".join(f"{line}\n" for line in _lines(document, ""))
        first = apply(text, prune=prune)
        before = written(on_sqlite)
        assert [] == apply(text, prune=prune).changes
        assert [] == apply(services.manifests.export(ADMIN), prune=True).changes
        assert before == written(on_sqlite)
        assert first.changes or before

    check()
    assert services.audit.verify(ADMIN).valid
    services.close()
