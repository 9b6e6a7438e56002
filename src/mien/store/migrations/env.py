"""Alembic's entry point. Migrations run inside the connection that `mien.store.database` hands over."""

from alembic import context

from mien.store.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
