"""An office reads the cases of its own and of those who travel to its country, and their ledgers."""

from alembic import op

from shared.persistence.row_security import (
    beside,
    let_everybody_read,
    let_nobody_read,
    let_offices_read,
    make_office_role,
    of_cases,
)
from shared.persistence.schema import mark_unlearnt

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whose the cases are, is learnt from the logs."""
    op.execute(
        """ALTER TABLE reintegration_case ADD COLUMN office text, ADD COLUMN country_of_origin text,
               ADD COLUMN travelling boolean NOT NULL DEFAULT false"""
    )
    mark_unlearnt(op, "reintegration_case")
    make_office_role(op)
    let_offices_read(op, "reintegration_case", of_cases(country="country_of_origin"))
    let_offices_read(op, "reintegration_person", beside("reintegration_case", "person_id = reintegration_person.id"))
    let_offices_read(op, "data_key", beside("reintegration_case", "reintegration_case.id = owner"))
    # Donors give to the programme: a fund belongs to no office, and names no case.
    let_everybody_read(op, "reintegration_fund")


def downgrade() -> None:
    """Whoever has a token reads every case."""
    let_nobody_read(op, "data_key", "reintegration_fund", "reintegration_person", "reintegration_case")
    for column in ("unlearnt", "travelling", "country_of_origin", "office"):
        op.execute(f"ALTER TABLE reintegration_case DROP COLUMN {column}")
