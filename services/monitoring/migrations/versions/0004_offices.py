"""An office reads the cases of its own and of those who came home to its country, and what visits found."""

from alembic import op

from shared.persistence.row_security import beside, let_nobody_read, let_offices_read, make_office_role, of_cases
from shared.persistence.schema import mark_unlearnt

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whose the cases are, is learnt from reintegration."""
    op.execute(
        """ALTER TABLE monitoring_case ADD COLUMN office text, ADD COLUMN country_of_origin text,
               ADD COLUMN travelling boolean NOT NULL DEFAULT true"""
    )
    mark_unlearnt(op, "monitoring_case")
    make_office_role(op)
    let_offices_read(op, "monitoring_case", of_cases(country="country_of_origin"))
    let_offices_read(op, "monitoring_finding", beside("monitoring_case", "monitoring_case.id = case_id"))
    let_offices_read(op, "data_key", beside("monitoring_case", "monitoring_case.id = owner"))


def downgrade() -> None:
    """Whoever has a token reads every case."""
    let_nobody_read(op, "data_key", "monitoring_finding", "monitoring_case")
    for column in ("unlearnt", "travelling", "country_of_origin", "office"):
        op.execute(f"ALTER TABLE monitoring_case DROP COLUMN {column}")
