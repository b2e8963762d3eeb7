"""Tables, engine, migrations, one query module a noun; knows nothing of crypto: rows hold opaque JWEs."""
