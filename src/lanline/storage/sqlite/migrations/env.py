"""What Alembic runs: the migrations over the connection that it is handed, in the transaction that stands there."""

from __future__ import annotations

from alembic import context

from lanline.storage.sqlite.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # whoever calls has begun, and will commit
    render_as_batch=True,  # SQLite cannot alter most of what a table has
)
context.run_migrations()
