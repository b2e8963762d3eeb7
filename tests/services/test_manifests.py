"""Plans and applies of manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from avnz_int.model.manifest import PlanView
from avnz_int.services.manifests import Source
from avnz_int.wiring import Services
from support.scenes import ADMIN

FULL = """\
apiVersion: avnz-int/1
kind: Manifest
organization:
  slug: avnz
  name: Avnz Payments
platform:
  - provider: paypal_payflow
    name: Our Payflow
    environment: sandbox
    credentials: {partner: PayPal, vendor: acme, user: acme, password: env:PAYFLOW_PASSWORD}
    share:
      prices:
        - {percentageFee: 0.5, flatFee: 10, monthlyMinimum: 5000}
        - {percentageFee: 0.25, flatFee: 5, monthlyMinimum: 0, currency: EUR}
        - {client: initech, percentageFee: 0.3, flatFee: 8, monthlyMinimum: 0}
      defaultForNewClients: true
clients:
  - slug: acme
    name: Acme Inc
    companies:
      - {slug: shop, name: The shop}
      - {slug: outlet}
    integrations:
      - provider: paypal_payflow
        name: Main
        environment: production
        default: true
        priority: 3
        credentials:
          partner: PayPal
          vendor: acme
          user: acme
          password: file:secrets/payflow
      - {provider: paypal_payflow, name: Ours, mode: platform}
    pools:
      - name: Cards
        strategy: weighted
        members:
          - {account: Main, weight: 3, monthlyLimit: 100000, currencies: [USD]}
  - slug: initech
    integrations:
      - {provider: paypal_payflow, name: Theirs, mode: platform, default: true, status: inactive}
  - slug: hooli
pools:
  - name: Own
    members:
      - {account: paypal_payflow}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the manifest and its secrets are."""
    monkeypatch.setenv("PAYFLOW_PASSWORD", "correct horse 1")
    base = tmp_path / "manifest"
    (base / "secrets").mkdir(parents=True)
    secret = base / "secrets" / "payflow"
    secret.write_text("correct horse 1\n")
    secret.chmod(0o600)
    return base


def planned(services: Services, text: str, folder: Path, *, prune: bool = False) -> PlanView:
    """What a plan says."""
    return services.manifests.plan(ADMIN, Source(text, "m.yaml", folder), prune=prune).view


def applied(services: Services, text: str, folder: Path, **options: bool) -> PlanView:
    """What an apply did."""
    prune = options.pop("prune", False)
    plan = services.manifests.plan(ADMIN, Source(text, "m.yaml", folder), prune=prune)
    return services.manifests.apply(ADMIN, plan, **options)


def test_whole_round(services: Services, folder: Path) -> None:
    """What is applied is there; a second plan, and one of the export, find nothing to do."""
    done = applied(services, FULL, folder)
    assert (done.create, done.delete) == (9, 0)
    print([(c.action, c.ref, c.notes, [(f.field, f.old, f.new) for f in c.fields]) for c in done.changes])
    assert [] == planned(services, FULL, folder).changes
    exported = services.manifests.export(ADMIN)
    print(exported)
    assert [] == planned(services, exported, folder, prune=True).changes
