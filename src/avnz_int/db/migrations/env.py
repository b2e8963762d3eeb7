"""What Alembic runs: migrations on the connection and in the transaction that `db.migrate` holds."""

from __future__ import annotations

from alembic import context

from avnz_int.db.migrations import VERSION_TABLE

_attributes = context.config.attributes

context.configure(
    connection=_attributes["connection"],
    version_table=VERSION_TABLE,
    version_table_schema=_attributes["schema"],
    # SQLite cannot alter a constraint in place: batch operations copy the table.
    render_as_batch=True,
    # Both databases undo DDL, and the transaction is open already.
    transactional_ddl=True,
)
context.run_migrations()
