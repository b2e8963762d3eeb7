"""Closed sets of words, as they stand in the database and in JSON (specification, "Data Models")."""

from enum import StrEnum


class Category(StrEnum):
    """IntegrationCategory of the specification."""

    AUTHENTICATION = "authentication"
    PAYMENT_GATEWAY = "payment_gateway"
    EMAIL_TRANSACTIONAL = "email_transactional"
    EMAIL_MARKETING = "email_marketing"
    SMS = "sms"
    VOICE = "voice"
    PUSH_NOTIFICATION = "push_notification"
    AI_ML = "ai_ml"
    STORAGE = "storage"
    MONITORING = "monitoring"
    FEATURE_FLAGS = "feature_flags"
    WEBHOOK = "webhook"


class Environment(StrEnum):
    """Which of the provider's worlds the credentials belong to."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"


class Mode(StrEnum):
    """Whose credentials a client integration uses."""

    OWN = "own"
    PLATFORM = "platform"


class Status(StrEnum):
    """Life cycle of an integration; a platform integration is never `pending`."""

    PENDING = "pending"
    ACTIVE = "active"
    INACTIVE = "inactive"
    ERROR = "error"


class AccountStatus(StrEnum):
    """Life cycle of a merchant account: its integration's, and `closed` once that is deleted."""

    PENDING = "pending"
    ACTIVE = "active"
    INACTIVE = "inactive"
    ERROR = "error"
    CLOSED = "closed"


class PoolStrategy(StrEnum):
    """How a pool chooses among its accounts: in order, or by weight from the transaction's key."""

    PRIORITY = "priority"
    WEIGHTED = "weighted"


class PriceState(StrEnum):
    """Where a price version stands today among those of the same client and currency."""

    UPCOMING = "upcoming"
    IN_FORCE = "in_force"
    PAST = "past"


class UsageType(StrEnum):
    """What a usage record is of; the same transaction id may stand once for each."""

    CHARGE = "charge"
    REFUND = "refund"
    VOID = "void"


class UsageStatus(StrEnum):
    """What became of a transaction; only an approved one costs a fee."""

    APPROVED = "approved"
    DECLINED = "declined"


class LineKind(StrEnum):
    """What a line of a statement is for.

    `minimum` is what is missing to the monthly minimum, `correction` is of usage that came after its month
    was closed.
    """

    PERCENTAGE = "percentage"
    FLAT = "flat"
    MINIMUM = "minimum"
    CORRECTION = "correction"


class DefinitionStatus(StrEnum):
    """`deprecated` refuses new integrations and leaves existing ones alone; `beta` warns."""

    ACTIVE = "active"
    BETA = "beta"
    DEPRECATED = "deprecated"


class TestResult(StrEnum):
    """`lastTestResult`."""

    __test__ = False  # pytest: this is no test class

    SUCCESS = "success"
    FAILURE = "failure"


class Outcome(StrEnum):
    """What a connection test found."""

    OK = "ok"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    UNSUPPORTED = "unsupported"
    INVALID_CONFIG = "invalid_config"
    UNREADABLE = "unreadable"
    """In a test of several: the stored credentials do not open, and nothing was sent."""


class CheckCode(StrEnum):
    """Why: the second word of an outcome.

    `rejected`: the first four; `unreachable`: `network` to `unexpected_reply`; the last four are outcomes
    that need no second word.
    """

    BAD_CREDENTIALS = "bad_credentials"
    MISSING_PERMISSION = "missing_permission"
    WRONG_HOST = "wrong_host"
    NOT_FOUND = "not_found"
    NETWORK = "network"
    TIMEOUT = "timeout"
    TLS = "tls"
    RATE_LIMITED = "rate_limited"
    PROVIDER_DOWN = "provider_down"
    UNEXPECTED_REPLY = "unexpected_reply"
    OK = "ok"
    UNSUPPORTED = "unsupported"
    INVALID_CONFIG = "invalid_config"
    UNREADABLE = "unreadable"


class Role(StrEnum):
    """Who may do what: `services.access` holds the table."""

    ORG_ADMIN = "org_admin"
    CLIENT_ADMIN = "client_admin"
    AUDITOR = "auditor"
    SERVICE = "service"


class TenantKind(StrEnum):
    """The three levels of the hierarchy."""

    ORGANIZATION = "organization"
    CLIENT = "client"
    COMPANY = "company"


class KeyPurpose(StrEnum):
    """What a data key is for."""

    CREDENTIALS = "credentials"
    AUDIT = "audit"
    FINGERPRINT = "fingerprint"


class KeyStatus(StrEnum):
    """One `active` data key for each purpose; `retired` ones have no material left."""

    ACTIVE = "active"
    DECRYPT_ONLY = "decrypt_only"
    RETIRED = "retired"


class MasterKeyState(StrEnum):
    """The `active` master key wraps, an `older` one unwraps, a `missing` one is needed and not there."""

    ACTIVE = "active"
    OLDER = "older"
    MISSING = "missing"


class AuditOutcome(StrEnum):
    """How the recorded deed ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    DENIED = "denied"


class Action(StrEnum):
    """What an audit event records, `noun:verb`. A name is never reused for another meaning."""

    ORGANIZATION_CREATE = "organization:create"
    DATABASE_MIGRATE = "database:migrate"
    TENANT_CREATE = "tenant:create"
    TENANT_RENAME = "tenant:rename"
    TENANT_REMOVE = "tenant:remove"
    TENANT_READ = "tenant:read"
    DEFINITION_SEED = "definition:seed"
    DEFINITION_READ = "definition:read"
    PLATFORM_CREATE = "platform:create"
    PLATFORM_READ = "platform:read"
    PLATFORM_UPDATE = "platform:update"
    PLATFORM_ENABLE = "platform:enable"
    PLATFORM_DISABLE = "platform:disable"
    PLATFORM_ROLLBACK = "platform:rollback"
    PLATFORM_DELETE = "platform:delete"
    PLATFORM_TEST = "platform:test"
    PLATFORM_SHARE = "platform:share"
    CLIENT_CREATE = "client:create"
    CLIENT_READ = "client:read"
    CLIENT_UPDATE = "client:update"
    CLIENT_ENABLE = "client:enable"
    CLIENT_DISABLE = "client:disable"
    CLIENT_SET_DEFAULT = "client:set_default"
    CLIENT_ROLLBACK = "client:rollback"
    CLIENT_DELETE = "client:delete"
    CLIENT_TEST = "client:test"
    CREDENTIALS_READ = "credentials:read"
    CREDENTIALS_FINGERPRINT = "credentials:fingerprint"
    CREDENTIALS_DESTROY = "credentials:destroy"
    MERCHANT_READ = "merchant:read"
    KEY_CREATE = "key:create"
    KEY_ROTATE = "key:rotate"
    KEY_RETIRE = "key:retire"
    KEY_READ = "key:read"
    KEYRING_READ = "keyring:read"
    KEYRING_MIGRATE = "keyring:migrate"
    KEYRING_PRUNE = "keyring:prune"
    AUDIT_READ = "audit:read"
    AUDIT_EXPORT = "audit:export"
    INTEGRATION_RESOLVE = "integration:resolve"
    MERCHANT_ROUTE = "merchant:route"
    POOL_CREATE = "pool:create"
    POOL_UPDATE = "pool:update"
    POOL_REMOVE = "pool:remove"
    POOL_READ = "pool:read"
    USAGE_RECORD = "usage:record"
    USAGE_READ = "usage:read"
    BILLING_CLOSE = "billing:close"
    BILLING_READ = "billing:read"
    TOKEN_CREATE = "token:create"  # noqa: S105  # an action
    TOKEN_READ = "token:read"  # noqa: S105  # an action
    TOKEN_REVOKE = "token:revoke"  # noqa: S105  # an action
    TOKEN_USE = "token:use"  # noqa: S105  # an action
    BULK_EXPORT = "bulk:export"
    BULK_IMPORT = "bulk:import"
    DOCTOR_READ = "doctor:read"
    DOCTOR_FIX = "doctor:fix"
    DATABASE_COPY = "database:copy"
    MANIFEST_READ = "manifest:read"
    MANIFEST_APPLY = "manifest:apply"
    MANIFEST_EXPORT = "manifest:export"
