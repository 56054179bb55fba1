"""A key's holder may have a login with a password, or by an OpenID provider."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_key", sa.Column("login", sa.String(length=254), nullable=True))
    op.add_column("api_key", sa.Column("password", sa.String(length=200), nullable=True))
    op.create_index("ix_api_key_login", "api_key", ["login"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_api_key_login", "api_key")
    op.drop_column("api_key", "password")
    op.drop_column("api_key", "login")
