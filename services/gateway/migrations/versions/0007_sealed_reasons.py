"""Why somebody broke the glass is sealed under a data key of the case."""

from alembic import op

from shared.persistence.row_security import let_nobody_read, let_offices_read
from shared.persistence.schema import create_data_keys, drop_data_keys, open_column, seal_column

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NOTICED = """EXISTS (SELECT FROM break_glass WHERE break_glass.case_id = owner)"""


def upgrade() -> None:
    """Make room for it; what is there already is sealed when the service starts."""
    create_data_keys(op)
    op.execute("DROP INDEX break_glass_reason")
    seal_column(op, "break_glass", "reason")
    op.execute("CREATE INDEX break_glass_reason ON break_glass (opened_at) WHERE reason IS NOT NULL")
    let_offices_read(op, "data_key", _NOTICED)


def downgrade() -> None:
    """Take it back while nothing is sealed; afterwards it is refused."""
    let_nobody_read(op, "data_key")
    drop_data_keys(op)
    op.execute("DROP INDEX break_glass_reason")
    open_column(op, "break_glass", "reason")
    op.execute("CREATE INDEX break_glass_reason ON break_glass (opened_at) WHERE reason IS NOT NULL")
