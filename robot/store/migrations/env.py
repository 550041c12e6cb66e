"""Alembic runs this file; the connection, already in a transaction, comes from `robot.store.migrate`."""

from alembic import context

from robot.store.migrate import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    transactional_ddl=True,  # alembic doubts it of SQLite, where it is true as long as BEGIN is ours
    render_as_batch=True,
)
context.run_migrations()
