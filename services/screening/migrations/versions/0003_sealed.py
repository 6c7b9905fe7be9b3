"""What is personal is sealed under a data key of the person whom it is about."""

from alembic import op

from shared.persistence.schema import create_data_keys, drop_data_keys, open_states, seal_states

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for it; what is there already is sealed when the service starts."""
    create_data_keys(op)
    seal_states(op, "household", "screening_case")
    # Keys that anybody could compute: every case gets new ones when it is sealed.
    op.execute("DELETE FROM person_key")
    op.execute("ALTER TABLE list_entry ADD COLUMN open boolean NOT NULL DEFAULT true")
    op.execute("ALTER TABLE list_entry ALTER COLUMN open SET DEFAULT false")


def downgrade() -> None:
    """Take it back while nothing is sealed; afterwards it is refused."""
    drop_data_keys(op)
    op.execute("ALTER TABLE list_entry DROP COLUMN open")
    open_states(op, "household", "screening_case")
