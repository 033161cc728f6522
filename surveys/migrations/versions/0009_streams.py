"""Each stream moves into a schema of its own on PostgreSQL; roles and grants follow at the end of every upgrade."""

import sqlalchemy as sa
from alembic import op

from surveys.streams import move_tables, move_tables_back

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    move_tables(op.get_bind())
    # When somebody began to answer is nobody's business once the answers are sent.
    response = sa.table(
        "confidential_response", sa.column("started_on"), sa.column("submitted_on"), sa.column("state")
    )
    op.execute(
        sa.update(response).where(response.c.state == "submitted").values(started_on=response.c.submitted_on)
    )


def downgrade() -> None:
    move_tables_back(op.get_bind())
