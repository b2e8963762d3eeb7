"""The reference data: read the seed files, check credentials and settings against their JSON Schemas.

`loader` is the standard library alone, so that completion of provider names costs nothing; `rules` says what
a definition must keep to; `schema` judges credentials and settings, and loads jsonschema when first asked.
"""
