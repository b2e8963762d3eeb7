"""`init`: from nothing to a database with organization, keys and definitions; a second time nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.crypto.keyring import Keyring
from avnz_int.db import audit, keys, migrate, rows, tenants
from avnz_int.db import tokens as token_rows
from avnz_int.db.engine import Database
from avnz_int.errors import (
    ConflictError,
    ExistsError,
    ForbiddenError,
    KeyMissingError,
    NotInitializedError,
    NotMigratedError,
    UsageError,
)
from avnz_int.model import names
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, KeyPurpose, Role
from avnz_int.model.tokens import NewToken
from avnz_int.model.views.access import InitView
from avnz_int.services import access, chain, definitions
from avnz_int.services.keys import make_key
from avnz_int.services.tenants import checked_slug
from avnz_int.services.tokens import Keep, issue
from avnz_int.services.vault import Notify, Vault
from avnz_int.services.work import Work, Writing


class Setup:
    """Creates and migrates.

    Args:
        database: opened with `create=True`.
        vault: makes and loads the keys.
        notify: told of plugins that are left out.
    """

    def __init__(self, database: Database, vault: Vault, notify: Notify = lambda _: None) -> None:
        self._database = database
        self._notify = notify
        self._vault = vault
        self._work = Work(database, vault)

    def organization(self) -> str | None:
        """The slug of the organization that is there; None on an empty or missing database."""
        if self._database.path is not None and not self._database.path.exists():
            return None
        try:
            with self._database.read() as connection:
                row = tenants.organization(connection)
        except NotInitializedError:
            return None
        except NotMigratedError:
            with self._database.raw() as connection:
                row = tenants.organization(connection)
        return None if row is None else str(row["slug"])

    def init(
        self,
        actor: Actor,
        *,
        organization: str | None,
        name: str | None = None,
        seeds: Path | None = None,
        keep: Keep | None = None,
    ) -> InitView:
        """What is there now; on PostgreSQL with an org_admin token, where there was no live one.

        Args:
            actor: an org_admin.
            organization: its slug, needed on an empty database.
            name: its name; the slug if left out.
            seeds: a folder of definitions in place of the program's own.
            keep: gets the token's text; without it, it is in the view.

        Raises:
            UsageError: the database is empty and no organization was named.
            ConflictError: it belongs to another organization, or holds foreign tables of our names.
            KeyMissingError: it has data keys, and the keyring lacks the master key that wrapped them.
        """
        self._require_admin(actor, Action.ORGANIZATION_CREATE)
        present = self.organization()
        if present is None and organization is None:
            raise UsageError(
                "the database is empty: which organization is it for?", hint="avnz-int init --org SLUG"
            )
        _require_same(present, organization)
        slug = present or checked_slug(organization or "")
        shown = names.checked_name(name or slug)
        sound = definitions.valid_seeds(seeds, self._notify)
        self._require_keyring(present)
        before, after = migrate.upgrade(self._database)
        if present is None:
            self._make(actor, slug, shown)
        with self._work.writing(actor, Action.DEFINITION_SEED, system=True) as writing:
            if before != after:
                _record_migration(writing, before, after)
            report = definitions.apply(writing, sound)
        return InitView(
            organization=slug,
            database=self._database.shown,
            keyring=self._vault.source.describe(),
            definitions=report,
            token=self._first_token(actor, keep),
        )

    def upgrade(self, actor: Actor) -> tuple[str | None, str]:
        """The migrations before and after; recorded where there is an organization to record for."""
        self._require_admin(actor, Action.DATABASE_MIGRATE)
        present = self.organization()
        if present is not None:
            self._require_keyring(present)
        before, after = migrate.upgrade(self._database)
        if before != after and present is not None:
            with self._work.writing(actor, Action.DATABASE_MIGRATE, system=True) as writing:
                _record_migration(writing, before, after)
        return before, after

    def _first_token(self, actor: Actor, keep: Keep | None) -> str | None:
        if self._database.is_sqlite:
            return None
        with self._database.read() as connection:
            if token_rows.live_admins(connection, clock.now()):
                return None
        with self._work.writing(actor, Action.TOKEN_CREATE) as work:
            # Another process may have been quicker.
            if token_rows.live_admins(work.connection, clock.now()):
                return None
            return issue(work, actor, NewToken(Role.ORG_ADMIN, "init"), keep, bootstrap=True).token

    def _require_admin(self, actor: Actor, action: Action) -> None:
        try:
            access.require_admin(actor, action)
        except ForbiddenError as exc:
            if self.organization() is not None:
                self._work.refused(actor, action, None, exc)
            raise

    def _require_keyring(self, present: str | None) -> None:
        """Refuse a keyring that will not do: asked before anything is made or changed.

        Raises:
            KeyMissingError: the database has data keys, and the keyring lacks a master key that wrapped them.
            KeyringExposedError, KeyringInvalidError: it must not be used.
        """
        if present is None:
            with contextlib.suppress(KeyMissingError):
                self._vault.source.load()
            return
        try:
            self._require_master_keys()
        except NotMigratedError:
            self._vault.source.load()

    def _require_master_keys(self) -> None:
        with self._database.read() as connection:
            held = [row for row in keys.listing(connection) if row["wrappedKey"] is not None]
        needed = sorted({row["masterKeyId"] for row in held})
        try:
            keyring = self._vault.keyring
        except KeyMissingError as exc:
            raise KeyMissingError(
                f"{exc.message}; the data keys of this database need master key {', '.join(needed)}",
                hint="restore the keyring from its backup, or point AVNZ_INT_KEYRING at it; "
                "a new one could not open anything that is stored",
                details={"masterKeyIds": needed},
            ) from None
        missing = [key_id for key_id in needed if key_id not in keyring.kids]
        if missing:
            raise KeyMissingError(
                f"the keyring {self._vault.source.describe()} lacks master key {', '.join(missing)}, "
                "which the data keys of this database need: it is another database's keyring",
                hint="point AVNZ_INT_KEYRING at this database's keyring",
                details={"masterKeyIds": missing},
            )

    def _make(self, actor: Actor, slug: str, name: str) -> None:
        """Organization and keys in one transaction, unless another process has just made the same."""
        with self._database.write() as connection:
            keys.hold(connection)
            made = tenants.organization(connection)
            if made is None:
                self._ensure_keyring()
                self._create(connection, actor, slug, name)
        if made is not None:
            _require_same(made["slug"], slug)
            self._require_master_keys()

    def _ensure_keyring(self) -> None:
        """There is a keyring; only called where no data key exists."""
        try:
            self._vault.source.load()
        except KeyMissingError:
            # Another database's init may share the keyring, and have made it just now.
            with contextlib.suppress(ExistsError):
                self._vault.source.create(Keyring.new())
        self._vault.forget_keyring()

    def _create(self, connection: Connection, actor: Actor, slug: str, name: str) -> None:
        moment = clock.now()
        organization_id = clock.new_id()
        rows.add(
            connection,
            tenants.ORGANIZATION,
            {
                "id": organization_id,
                "slug": slug,
                "name": name,
                "createdAt": moment,
                "updatedAt": moment,
                "createdBy": actor.id,
                "updatedBy": None,
            },
        )
        for head in (organization_id, chain.SYSTEM):
            rows.add(connection, audit.HEAD, {"chain": head, "sequence": 0, "mac": chain.GENESIS})
        made = {
            purpose: make_key(connection, self._vault, organization_id, purpose, actor)
            for purpose in KeyPurpose
        }
        writing = Writing(
            connection,
            {"id": organization_id},
            Target("Organization", organization_id),
            actor=actor,
            action=Action.ORGANIZATION_CREATE,
            vault=self._vault,
            chain_name=organization_id,
        )
        writing.record({"slug": [None, slug], "name": [None, name]})
        for purpose, key_id in made.items():
            writing.record(
                {"purpose": purpose.value, "activeKeyId": [None, key_id]},
                action=Action.KEY_CREATE,
                target=Target("DataKey", key_id),
            )
        writing.finish()


def _require_same(present: str | None, wanted: str | None) -> None:
    if present is not None and wanted not in {None, present}:
        raise ConflictError(
            f"this database belongs to the organization {present!r}, not {wanted!r}",
            hint="name another database with AVNZ_INT_DATABASE_URL",
        )


def _record_migration(writing: Writing, before: str | None, after: str) -> None:
    writing.record({"revision": [before, after]}, action=Action.DATABASE_MIGRATE, target=Target("Database"))
