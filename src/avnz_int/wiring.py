"""Joins the parts: builds each service on first use, so that a command loads only what it needs."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from avnz_int import memory
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Role
from avnz_int.settings import Settings

if TYPE_CHECKING:
    from avnz_int.db.engine import Database
    from avnz_int.model.actor import Identity
    from avnz_int.model.views.access import WhoamiView
    from avnz_int.services.audit import AuditTrail
    from avnz_int.services.billing import Billing
    from avnz_int.services.bulk_export import BulkExport
    from avnz_int.services.bulk_import import BulkImport
    from avnz_int.services.checks import Checks
    from avnz_int.services.client_listing import ClientListing
    from avnz_int.services.clients import ClientIntegrations
    from avnz_int.services.copying import Copying
    from avnz_int.services.definitions import Definitions
    from avnz_int.services.doctor import Doctor
    from avnz_int.services.env_import import EnvImport
    from avnz_int.services.keyrings import Keyrings
    from avnz_int.services.keys import Keys
    from avnz_int.services.manifests import Manifests
    from avnz_int.services.merchants import Merchants
    from avnz_int.services.payouts import Payouts
    from avnz_int.services.platform import PlatformIntegrations
    from avnz_int.services.pools import Pools
    from avnz_int.services.probe import Prober
    from avnz_int.services.resolution import Resolution
    from avnz_int.services.routing import Routing
    from avnz_int.services.running import Running
    from avnz_int.services.schema import Schema
    from avnz_int.services.setup import Setup
    from avnz_int.services.sharing import Sharing
    from avnz_int.services.sweep import Sweep
    from avnz_int.services.tenants import Tenants
    from avnz_int.services.tokens import Tokens
    from avnz_int.services.usage import Usage
    from avnz_int.services.vault import Vault
    from avnz_int.services.work import Work


def system_user() -> str:
    """`os:alice`: who runs this process."""
    try:
        return f"os:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"os:{os.getuid()}"


def _system_identity() -> Identity:
    from avnz_int.model.actor import Identity

    return Identity(Actor(system_user(), Role.ORG_ADMIN))


class Services:
    """Every service over one configuration.

    Args:
        settings: where things are.
        notify: told what a person should know although the command succeeds.
    """

    def __init__(self, settings: Settings, notify: Callable[[str], None] = lambda _: None) -> None:
        # Every face comes by here before it opens or is given a secret.
        memory.keep_private()
        self.settings = settings
        self._notify = notify

    @cached_property
    def actor(self) -> Actor:
        """Who is asking, as `identity` says."""
        return self.identity.actor

    @cached_property
    def identity(self) -> Identity:
        """Who is asking: whoever the token says, or on SQLite the user of the operating system, as org_admin.

        Raises:
            UnauthenticatedError: the token is not valid, or a PostgreSQL database is used without one.
        """
        if self.settings.token is not None:
            return self.tokens.identify(self.settings.token, system_user())
        if not self.settings.is_embedded:
            raise self.tokens.refuse_stranger(system_user())
        return _system_identity()

    @cached_property
    def operator(self) -> Actor:
        """Who sets up, migrates or makes the first token: without one the user of the operating system.

        The database's own privileges and the keyring are what these deeds need. A token that is set counts.

        Raises:
            UnauthenticatedError: the token is not valid.
        """
        if self.settings.token is not None:
            return self.tokens.identify(self.settings.token, system_user(), any_schema=True).actor
        return _system_identity().actor

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

        return Tenants(self._work, self._notify)

    @cached_property
    def platform(self) -> PlatformIntegrations:
        """Platform integrations."""
        from avnz_int.services.platform import PlatformIntegrations

        return PlatformIntegrations(self._work, self._prober, self._notify)

    @cached_property
    def client_listing(self) -> ClientListing:
        """Client integrations, to be listed alone."""
        from avnz_int.services.client_listing import ClientListing

        return ClientListing(self._work)

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
    def resolution(self) -> Resolution:
        """Which integration is in force."""
        from avnz_int.services.resolution import Resolution

        return Resolution(self._work)

    @cached_property
    def pools(self) -> Pools:
        """Pools of merchant accounts."""
        from avnz_int.services.pools import Pools

        return Pools(self._work, self._notify)

    @cached_property
    def routing(self) -> Routing:
        """Which merchant account takes a transaction."""
        from avnz_int.services.routing import Routing

        return Routing(self._work)

    @cached_property
    def manifests(self) -> Manifests:
        """Declarative configuration."""
        from avnz_int.services.manifests import Manifests

        return Manifests(self._work, self._prober, self._notify)

    @cached_property
    def tokens(self) -> Tokens:
        """Access tokens."""
        from avnz_int.db.engine import Database
        from avnz_int.services.tokens import Tokens

        url, schema = self.settings.database_url, self.settings.schema
        return Tokens(self._work, lambda: Database(url, schema, busy_timeout_ms=1))

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
    def bulk_import(self) -> BulkImport:
        """Records into the database."""
        from avnz_int.services.bulk_import import BulkImport

        return BulkImport(self._work, self._prober, self._notify)

    @cached_property
    def bulk_export(self) -> BulkExport:
        """Records out of the database."""
        from avnz_int.services.bulk_export import BulkExport

        return BulkExport(self._work, self._notify)

    @cached_property
    def audit(self) -> AuditTrail:
        """The audit trail."""
        from avnz_int.services.audit import AuditTrail

        return AuditTrail(self._work)

    @cached_property
    def usage(self) -> Usage:
        """Metered usage."""
        from avnz_int.services.usage import Usage

        return Usage(self._work, self._notify)

    @cached_property
    def billing(self) -> Billing:
        """Months and statements."""
        from avnz_int.services.billing import Billing

        return Billing(self._work)

    @cached_property
    def payouts(self) -> Payouts:
        """What is to be paid out."""
        from avnz_int.services.payouts import Payouts

        return Payouts(self._work)

    @cached_property
    def doctor(self) -> Doctor:
        """Examination of everything."""
        from avnz_int.services.doctor import Doctor

        return Doctor(self._work, self._notify)

    def whoami(self) -> WhoamiView:
        """Where a command would act, and as whom."""
        from avnz_int.model.views.access import WhoamiTokenView, WhoamiView

        token = self.identity.token
        organization = self.tenants.show_organization(self.actor)
        schema = None if self.database.is_sqlite else self.settings.schema
        return WhoamiView(
            database=self.settings.database_shown,
            schema=schema,
            keyring=self.settings.keyring_url,
            organization=organization.slug,
            actor=self.actor.id,
            role=str(self.actor.role),
            client=token.client if token else None,
            token=WhoamiTokenView(token.name, token.prefix, token.expires_at) if token else None,
        )
