"""Figures: counts that lead to nobody, the editions in which they are told, and who was told of which."""

from alembic import op

from shared.persistence.row_security import let_everybody_read, let_nobody_read

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # A month by its first day. No row says who was counted in it, or when.
    """CREATE TABLE figure (
        country text NOT NULL, month date NOT NULL, measure text NOT NULL, age_group text NOT NULL,
        count bigint NOT NULL, PRIMARY KEY (country, month, measure, age_group))""",
    """CREATE TABLE figure_edition (
        country text NOT NULL, month date NOT NULL, edition integer NOT NULL, told json NOT NULL,
        made_at timestamptz NOT NULL, PRIMARY KEY (country, month, edition))""",
    "CREATE TABLE figure_issue (month date PRIMARY KEY, made_at timestamptz NOT NULL)",
    # ``sequence``: of the country's events for the subscription, the one that told of it.
    """CREATE TABLE figure_told (
        subscription_id uuid NOT NULL, country text NOT NULL, month date NOT NULL, edition integer NOT NULL,
        sequence bigint NOT NULL, PRIMARY KEY (subscription_id, country, month))""",
    "CREATE TABLE figure_reader (subscription_id uuid PRIMARY KEY, upto date NOT NULL)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    # They hold what every donor may be told. The counts themselves nobody reads but the service.
    for table in ("figure_edition", "figure_issue"):
        let_everybody_read(op, table)


def downgrade() -> None:
    let_nobody_read(op, "figure_edition", "figure_issue")
    for table in ("figure_reader", "figure_told", "figure_issue", "figure_edition", "figure"):
        op.execute(f"DROP TABLE {table}")
