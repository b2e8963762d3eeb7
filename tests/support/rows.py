"""One row for each table: valid together, inserted in this order."""

from __future__ import annotations

from typing import Any

from avnz_int import clock

NOW = clock.now()
STAMPS = {"createdAt": NOW, "updatedAt": NOW, "createdBy": "me"}
SEALED = '{"protected":"eyJ9"}'
ROWS: dict[str, dict[str, Any]] = {
    "Organization": {"id": "o", "slug": "org", "name": "Org", **STAMPS},
    "Client": {"id": "c", "organizationId": "o", "slug": "acme", "name": "Acme", **STAMPS},
    "Company": {"id": "k", "clientId": "c", "slug": "shop", "name": "Shop", **STAMPS},
    "IntegrationDefinition": {
        "id": "d",
        "provider": "payflow",
        "category": "payment_gateway",
        "name": "Payflow",
        "description": "",
        "credentialSchema": {"type": "object"},
        "requiredCompliance": ["soc2", "pci_dss"],
        "createdAt": NOW,
        "updatedAt": NOW,
    },
    "DataKey": {
        "id": "key",
        "organizationId": "o",
        "purpose": "credentials",
        "wrappedKey": {"protected": ""},
        "masterKeyId": "m",
        "status": "active",
        "sealCount": 0,
        "activatedAt": NOW,
        **STAMPS,
    },
    "PlatformIntegration": {
        "id": "p",
        "organizationId": "o",
        "provider": "payflow",
        "category": "payment_gateway",
        "name": "Ours",
        "credentials": SEALED,
        "credentialsKeyId": "key",
        "credentialsUpdatedAt": NOW,
        **STAMPS,
    },
    "ClientIntegration": {
        "id": "i",
        "clientId": "c",
        "provider": "payflow",
        "category": "payment_gateway",
        "name": "Main",
        "mode": "own",
        "credentials": SEALED,
        "credentialsKeyId": "key",
        "isDefault": True,
        **STAMPS,
    },
    "MerchantAccount": {
        "id": "a",
        "organizationId": "o",
        "clientId": "c",
        "clientIntegrationId": "i",
        "provider": "payflow",
        "name": "Main",
        **STAMPS,
    },
    "AuditHead": {"chain": "o", "sequence": 1, "mac": "m"},
    "AuditEvent": {
        "id": "e",
        "organizationId": "o",
        "chain": "o",
        "sequence": 1,
        "occurredAt": NOW,
        "actorId": "me",
        "actorRole": "org_admin",
        "action": "client:create",
        "outcome": "success",
        "requestId": "r",
        "keyId": "key",
        "previousMac": "",
        "mac": "m",
    },
}
PLATFORM_MODE = {
    "id": "i2",
    "name": "Second",
    "mode": "platform",
    "credentials": None,
    "credentialsKeyId": None,
    "platformIntegrationId": "p",
    "isDefault": False,
}
