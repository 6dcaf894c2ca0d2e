"""Runs migrations over the connection from `tuner.serve.schema`."""

from alembic import context

from tuner.serve.schema import MIGRATIONS
from tuner.serve.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    version_table=MIGRATIONS,
)
with context.begin_transaction():
    context.run_migrations()
