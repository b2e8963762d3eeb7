"""Queries over the fingerprints of secrets: which are the same, without opening any.

A fingerprint never leaves this module but as the text that tells one group of rows from the next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import Connection, Table, bindparam, func, select, text

from avnz_int.db import doctor
from avnz_int.db.integrations import TABLES
from avnz_int.db.rows import Row

PLATFORM_OWNER = ""
"""The owner of the platform's own secrets: no client has this id."""

_MARKS = 't."credentialsFingerprints"'
_OBJECT = f"CASE WHEN json_valid({_MARKS}) THEN {_MARKS} ELSE '{{}}' END"
_MEMBERS = f"CASE jsonb_typeof({_MARKS}->'fields') WHEN 'object' THEN {_MARKS}->'fields' ELSE '{{}}' END"
_JOIN = {
    "sqlite": f", json_each({_OBJECT}, '$.fields') f",
    "postgresql": f", jsonb_each_text({_MEMBERS}) f",
}
"""Dialect -> what joins a row with its fields: `f.key`, `f.value`."""


def _member(connection: Connection, name: str) -> str:
    if connection.dialect.name == "sqlite":
        return f"json_extract({_OBJECT}, '$.{name}')"
    return f"({_MARKS}->>'{name}')"


def same_secrets(connection: Connection, key_id: str, secret: Collection[tuple[str, str]]) -> Iterator[Row]:
    """Secrets that stand with more than one owner, or in more than one environment.

    Those of one group come after each other and have the same `mark`; `owners` and `environments` count how
    many there are in the group.

    Args:
        connection: of the transaction.
        key_id: only fingerprints by this key, since those by two cannot be compared.
        secret: provider and field of those that are secret.
    """
    join = _JOIN[connection.dialect.name]
    of_key = f"{_member(connection, 'keyId')} = :key AND t.provider || '/' || f.key IN :secret"
    statement = (
        "WITH marks AS ("  # noqa: S608  # names of ours
        "SELECT 'ClientIntegration' AS kind, t.id, t.\"clientId\" AS owner, t.environment, t.provider,"
        f' t.name, f.key AS field, f.value AS mark FROM "ClientIntegration" t{join} WHERE {of_key}'
        " UNION ALL "
        f"SELECT 'PlatformIntegration', t.id, '{PLATFORM_OWNER}', t.environment, t.provider, t.name,"
        f' f.key, f.value FROM "PlatformIntegration" t{join} WHERE {of_key}'
        "), twice AS (SELECT mark, count(DISTINCT owner) AS owners,"
        " count(DISTINCT environment) AS environments FROM marks GROUP BY mark"
        " HAVING count(DISTINCT owner) > 1 OR count(DISTINCT environment) > 1)"
        " SELECT m.*, w.owners, w.environments, coalesce(c.slug, m.owner) AS client"
        ' FROM marks m JOIN twice w ON w.mark = m.mark LEFT JOIN "Client" c ON c.id = m.owner'
        " ORDER BY m.mark, m.kind, m.id, m.field"
    )
    bound = text(statement).bindparams(bindparam("secret", expanding=True))
    words = {"key": key_id, "secret": [f"{provider}/{field}" for provider, field in secret]}
    found = connection.execute(bound, words, execution_options={"stream_results": True, "yield_per": 1000})
    for row in found.mappings():
        yield dict(row)


def misplaced(connection: Connection) -> Iterator[tuple[Table, Row]]:
    """Integrations whose keys say that they belong to another environment (`told`) than the row's."""
    told = _member(connection, "environment")
    for table in TABLES:
        statement = text(
            f'SELECT t.id, t.environment, {told} AS told FROM "{table.name}" t'  # noqa: S608  # names of ours
            f" WHERE t.credentials IS NOT NULL AND {told} <> t.environment ORDER BY t.id"
        )
        for row in connection.execute(statement).mappings():
            named = doctor.named(connection, table, [row["id"]])
            yield table, {**named[row["id"]], **row}


def old_secrets(connection: Connection, before: datetime) -> Iterator[tuple[Table, Row]]:
    """Integrations whose credentials were last replaced before a time, or nobody knows when."""
    for table in TABLES:
        since = func.coalesce(table.c.credentialsUpdatedAt, table.c.createdAt)
        statement = (
            select(table.c.id, since.label("since"))
            .where(table.c.credentials.is_not(None), since < before)
            .order_by(table.c.id)
        )
        for row in doctor.streamed(connection, statement):
            named = doctor.named(connection, table, [row["id"]])
            yield table, {**named[row["id"]], **row}
