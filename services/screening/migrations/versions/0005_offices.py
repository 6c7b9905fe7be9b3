"""An office reads the cases of its own and of those who travel to its country, and what belongs to them."""

from alembic import op

from shared.persistence.offices import ROLE
from shared.persistence.row_security import beside, let_nobody_read, let_offices_read, make_office_role, of_cases
from shared.persistence.schema import mark_unlearnt

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Who has boarded is known to travel; of who has a seat, screening is told with the next event."""
    op.execute("ALTER TABLE screening_case ADD COLUMN country text, ADD COLUMN travelling boolean")
    # What is sealed already tells no country to a migration: the service does with the case's next change.
    op.execute(
        """UPDATE screening_case SET country = state -> 'identity' ->> 'nationality',
               travelling = coalesce(CAST(state ->> 'boarded' AS boolean), false)"""
    )
    op.execute("ALTER TABLE screening_case ALTER COLUMN travelling SET NOT NULL")
    mark_unlearnt(op, "screening_case")
    make_office_role(op)
    let_offices_read(op, "screening_case", of_cases())
    let_offices_read(op, "household", beside("screening_case", "household_id = household.id"))
    for table in ("person_key", "list_entry"):
        let_offices_read(op, table, beside("screening_case", f"screening_case.id = {table}.case_id"))
    owned = (beside("screening_case", "person_id = owner"), beside("household", "household.id = owner"))
    let_offices_read(op, "data_key", " OR ".join(owned))
    # A number by itself tells nothing.
    op.execute(f"GRANT USAGE ON SEQUENCE case_number TO {ROLE}")


def downgrade() -> None:
    """Whoever has a token reads every case."""
    op.execute(f"REVOKE ALL ON SEQUENCE case_number FROM {ROLE}")
    let_nobody_read(op, "data_key", "list_entry", "person_key", "household", "screening_case")
    op.execute("ALTER TABLE screening_case DROP COLUMN unlearnt, DROP COLUMN travelling, DROP COLUMN country")
