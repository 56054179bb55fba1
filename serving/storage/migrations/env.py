"""Alembic's entry: migrates on the connection that `serving.storage.migrate` gives, in its transaction."""

from alembic import context

from refundlens.serving.storage import tables  # noqa: F401 - declares them
from refundlens.serving.storage.base import Base
from refundlens.serving.storage.migrate import declared_here

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    include_name=declared_here,
    user_module_prefix="base.",
)
context.run_migrations()
