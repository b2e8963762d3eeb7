"""The error tree: every failure a user can meet, with its stable code, exit code and HTTP status.

Imports nothing of the package. Services and everything below them raise these; a face maps them once.
A message says what failed and on which thing, the hint says what to do. Neither ever holds a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class AvnzError(Exception):
    """Base of all errors that are the user's, the world's or an attacker's doing, not a defect of ours."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    default_hint: ClassVar[str | None] = None

    def __init__(
        self, message: str, *, hint: str | None = None, details: Mapping[str, Any] | None = None
    ) -> None:
        """Keep the message, what to do about it, and JSON-ready facts for scripts."""
        super().__init__(message)
        self.message = message
        self.hint = hint if hint is not None else self.default_hint
        self.details: dict[str, Any] = dict(details or {})


# --- 2: usage or invalid input -------------------------------------------------------------------


class InvalidInputError(AvnzError):
    """The input breaks a rule; nothing was changed."""

    code = "invalid_input"
    exit_code = 2
    http_status = 422


class UsageError(InvalidInputError):
    """The command line itself is wrong."""

    code = "usage"
    http_status = 400


class SchemaViolationError(InvalidInputError):
    """Credentials or settings break their JSON Schema; `details["violations"]` names every field and rule."""

    code = "invalid_fields"

    def __init__(
        self, what: str, violations: Sequence[Mapping[str, str]], *, hint: str | None = None
    ) -> None:
        """Say all violations at once: each has `field`, `rule` and `message`, never a value."""
        lines = "; ".join(f"{v['field'] or 'object'}: {v['message']}" for v in violations)
        super().__init__(f"{what}: {lines}", hint=hint, details={"violations": [dict(v) for v in violations]})


class UnknownProviderError(InvalidInputError):
    """No definition has this provider key."""

    code = "unknown_provider"
    default_hint = "avnz-int definitions list shows the providers"


class HiddenProviderError(UnknownProviderError):
    """The provider is not for this actor: seen from outside, `unknown_provider`; in the trail, a denial."""


class AmbiguousRefError(InvalidInputError):
    """A REF fits several things; `details["candidates"]` lists them."""

    code = "ambiguous_ref"


class InvalidDefinitionError(InvalidInputError):
    """A seed file breaks a rule; the message names file, path and rule."""

    code = "invalid_definition"


# --- 3: not found --------------------------------------------------------------------------------


class NotFoundError(AvnzError):
    """It does not exist, or the caller may not know that it does."""

    code = "not_found"
    exit_code = 3
    http_status = 404


class HiddenError(NotFoundError):
    """It is not for this actor to know: seen from outside, `not_found`; in the trail, a denial."""


# --- 4: not authenticated or not permitted -------------------------------------------------------


class UnauthenticatedError(AvnzError):
    """Nobody is known to be asking."""

    code = "unauthenticated"
    exit_code = 4
    http_status = 401


class ForbiddenError(AvnzError):
    """The actor's role does not allow this."""

    code = "forbidden"
    exit_code = 4
    http_status = 403


# --- 5: conflict ---------------------------------------------------------------------------------


class ConflictError(AvnzError):
    """What is there does not allow this change."""

    code = "conflict"
    exit_code = 5
    http_status = 409


class ExistsError(ConflictError):
    """Something of this name is there already."""

    code = "exists"


class InUseError(ConflictError):
    """Others depend on it; `details["dependents"]` lists them."""

    code = "in_use"


class ChangedMeanwhileError(ConflictError):
    """Somebody else changed the row between reading and writing; nothing was overwritten."""

    code = "changed_meanwhile"
    default_hint = "look at it again, then repeat the command"


class NotInitializedError(ConflictError):
    """There is no database, or it holds no organization."""

    code = "not_initialized"
    default_hint = "run avnz-int init"


class NotMigratedError(ConflictError):
    """The database's schema is older or newer than this program's."""

    code = "not_migrated"
    default_hint = "run avnz-int db upgrade"


class DiffersError(ConflictError):
    """A check found a difference (`--check`, `db check`)."""

    code = "differs"


class ToBeMendedError(ConflictError):
    """`doctor` found what is to be mended, and nothing that fails its integrity check."""

    code = "to_be_mended"


class UnverifiedError(ConflictError):
    """The integration has not passed a connection test, so it cannot be put in force."""

    code = "unverified"


class NotSharedError(ConflictError):
    """The organization shares no integration of this provider with its clients."""

    code = "not_shared"


# --- 6: rejected ---------------------------------------------------------------------------------


class RejectedError(AvnzError):
    """The provider refused the credentials, or the connection test failed."""

    code = "rejected"
    exit_code = 6
    http_status = 422


# --- 7: cannot be used now -----------------------------------------------------------------------


class UnavailableError(AvnzError):
    """Something outside cannot be used now; trying again later may help."""

    code = "unavailable"
    exit_code = 7
    http_status = 503


class DatabaseUnavailableError(UnavailableError):
    """The database is locked, read-only, full or not reachable."""

    code = "database_unavailable"


class ProviderUnreachableError(UnavailableError):
    """The provider could not be reached, or its answer was not understood."""

    code = "unreachable"


class StorageError(UnavailableError):
    """A file could not be read or written (disk full, read-only, no permission)."""

    code = "storage_unavailable"


# --- 8: integrity --------------------------------------------------------------------------------


class IntegrityError(AvnzError):
    """A key is missing or exposed, or stored data fails its integrity check."""

    code = "integrity"
    exit_code = 8
    http_status = 500


class KeyMissingError(IntegrityError):
    """A key that the database needs is not there; the message names its id."""

    code = "key_missing"


class KeyringExposedError(IntegrityError):
    """The keyring file can be read or written by others."""

    code = "keyring_exposed"


class KeyringInvalidError(IntegrityError):
    """The keyring does not parse, or breaks a rule of its format."""

    code = "keyring_invalid"


class SealBrokenError(IntegrityError):
    """A sealed value does not open: altered, moved, or made for another destination."""

    code = "unreadable"


class AuditBrokenError(IntegrityError):
    """The audit trail fails its check."""

    code = "audit_broken"


# --- 126, 127: the command of `run`, as shells say it ----------------------------------------------


class CommandNotExecutableError(AvnzError):
    """`run`: the command is there and cannot be executed."""

    code = "command_not_executable"
    exit_code = 126
    http_status = 422


class CommandNotFoundError(AvnzError):
    """`run`: there is no such command."""

    code = "command_not_found"
    exit_code = 127
    http_status = 422


# --- 130: interrupted ----------------------------------------------------------------------------


class CancelledError(AvnzError):
    """The user said no, or pressed Ctrl-C; nothing was changed."""

    code = "interrupted"
    exit_code = 130
    http_status = 499
