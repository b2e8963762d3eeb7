"""Alembic's scripts. `HEAD` is written here so that no ordinary command has to import Alembic to compare."""

HEAD = "0003"
VERSION_TABLE = "avnz_int_migration"
