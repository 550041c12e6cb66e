"""The database: schema, migrations and repositories. Decides nothing about calls."""
