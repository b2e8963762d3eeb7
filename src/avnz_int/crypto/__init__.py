"""Keys and sealed values: the stored form, sealing with a bound place, master keys and where they live.

Knows nothing of the database, the definitions or the services: it takes and gives text, mappings and keys.
"""
