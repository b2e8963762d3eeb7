"""Joins the parts: builds each service on first use, so that a command loads only what it needs."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from avnz_int.errors import UnauthenticatedError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Role
from avnz_int.settings import Settings

if TYPE_CHECKING:
    from avnz_int.db.engine import Database
    from avnz_int.model.views import WhoamiView
    from avnz_int.services.audit import AuditTrail
    from avnz_int.services.checks import Checks
    from avnz_int.services.clients import ClientIntegrations
    from avnz_int.services.copying import Copying
    from avnz_int.services.definitions import Definitions
    from avnz_int.services.env_import import EnvImport
    from avnz_int.services.keyrings import Keyrings
    from avnz_int.services.keys import Keys
    from avnz_int.services.merchants import Merchants
    from avnz_int.services.platform import PlatformIntegrations
    from avnz_int.services.probe import Prober
    from avnz_int.services.running import Running
    from avnz_int.services.schema import Schema
    from avnz_int.services.setup import Setup
    from avnz_int.services.sharing import Sharing
    from avnz_int.services.sweep import Sweep
    from avnz_int.services.tenants import Tenants
    from avnz_int.services.vault import Vault
    from avnz_int.services.work import Work


def system_user() -> str:
    """`os:alice`: who runs this process."""
    try:
        return f"os:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"os:{os.getuid()}"


class Services:
    """Every service over one configuration.

    Args:
        settings: where things are.
        notify: told what a person should know although the command succeeds.
    """

    def __init__(self, settings: Settings, notify: Callable[[str], None] = lambda _: None) -> None:
        self.settings = settings
        self._notify = notify

    @cached_property
    def actor(self) -> Actor:
        """Who is asking: the user of the operating system, as org_admin.

        Raises:
            UnauthenticatedError: a token is set. This version issues none, so it cannot be a valid one, and a
                token that is not valid is never ignored.
        """
        if self.settings.token is not None:
            raise UnauthenticatedError(
                "AVNZ_INT_TOKEN is set, but no token is valid here: this version issues none",
                hint="unset AVNZ_INT_TOKEN to act as the user of the operating system",
            )
        return Actor(system_user(), Role.ORG_ADMIN)

    def close(self) -> None:
        """Give back what is open."""
        for name in ("database", "_creating_database"):
            if name in self.__dict__:
                self.__dict__[name].close()

    @cached_property
    def database(self) -> Database:
        """The configured database, which must exist."""
        from avnz_int.db.engine import Database

        return Database(self.settings.database_url, self.settings.schema)

    @cached_property
    def _creating_database(self) -> Database:
        from avnz_int.db.engine import Database

        return Database(self.settings.database_url, self.settings.schema, create=True)

    @cached_property
    def _vault(self) -> Vault:
        from avnz_int.crypto.keysources import key_source
        from avnz_int.services.vault import Vault

        return Vault(key_source(self.settings.keyring_url), self._notify)

    @cached_property
    def _work(self) -> Work:
        from avnz_int.services.work import Work

        return Work(self.database, self._vault)

    @cached_property
    def _prober(self) -> Prober:
        from avnz_int.services.probe import Prober

        return Prober(self.settings.endpoints, self._notify, allow_hosts=self.settings.allow_hosts)

    @cached_property
    def setup(self) -> Setup:
        """`init` and migrations."""
        from avnz_int.services.setup import Setup

        return Setup(self._creating_database, self._vault, self._notify)

    @cached_property
    def schema(self) -> Schema:
        """State of the database's own schema."""
        from avnz_int.services.schema import Schema

        return Schema(self.database, self._work)

    @cached_property
    def copying(self) -> Copying:
        """The whole database into another."""
        from avnz_int.services.copying import Copying

        return Copying(self.database, self._work, self._vault)

    @cached_property
    def env_import(self) -> EnvImport:
        """Integrations from environment files."""
        from avnz_int.services.env_import import EnvImport

        return EnvImport(self._work, self.platform, self.clients, self._notify)

    @cached_property
    def running(self) -> Running:
        """Credentials for commands."""
        from avnz_int.services.running import Running

        return Running(self._work, self._notify)

    @cached_property
    def definitions(self) -> Definitions:
        """Reference data."""
        from avnz_int.services.definitions import Definitions

        return Definitions(self._work, self._notify)

    @cached_property
    def tenants(self) -> Tenants:
        """Organization, clients, companies."""
        from avnz_int.services.tenants import Tenants

        return Tenants(self._work)

    @cached_property
    def platform(self) -> PlatformIntegrations:
        """Platform integrations."""
        from avnz_int.services.platform import PlatformIntegrations

        return PlatformIntegrations(self._work, self._prober, self._notify)

    @cached_property
    def clients(self) -> ClientIntegrations:
        """Client integrations."""
        from avnz_int.services.clients import ClientIntegrations

        return ClientIntegrations(self._work, self._prober, self._notify)

    @cached_property
    def checks(self) -> Checks:
        """Connection tests."""
        from avnz_int.services.checks import Checks

        return Checks(self._work, self._prober, self._notify)

    @cached_property
    def sweep(self) -> Sweep:
        """Connection tests of many."""
        from avnz_int.services.sweep import Sweep

        return Sweep(self._work, self._prober, self._notify)

    @cached_property
    def sharing(self) -> Sharing:
        """Platform integrations offered to clients."""
        from avnz_int.services.sharing import Sharing

        return Sharing(self._work, self._notify)

    @cached_property
    def merchants(self) -> Merchants:
        """Merchant accounts."""
        from avnz_int.services.merchants import Merchants

        return Merchants(self._work)

    @cached_property
    def keys(self) -> Keys:
        """Key rotation."""
        from avnz_int.services.keys import Keys

        return Keys(self._work, self._notify)

    @cached_property
    def keyrings(self) -> Keyrings:
        """Master keys."""
        from avnz_int.services.keyrings import Keyrings

        return Keyrings(self._work, self._notify)

    @cached_property
    def audit(self) -> AuditTrail:
        """The audit trail."""
        from avnz_int.services.audit import AuditTrail

        return AuditTrail(self._work)

    def whoami(self) -> WhoamiView:
        """Where a command would act, and as whom."""
        from avnz_int.model.views import WhoamiView

        organization = self.tenants.show_organization(self.actor)
        schema = None if self.database.is_sqlite else self.settings.schema
        return WhoamiView(
            database=self.settings.database_shown,
            schema=schema,
            keyring=self.settings.keyring_url,
            organization=organization.slug,
            actor=self.actor.id,
            role=self.actor.role.value,
        )
