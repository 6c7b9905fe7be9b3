"""Stored answers name nobody by the number that others know the person by."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the lists' numbers out of the answers that are kept under callers' keys."""
    # As JSON is written here: without blanks, and with another member after it.
    member = r""""list_reference":(null|"([^"\\]|\\.)*"),"""
    op.execute(
        f"""UPDATE idempotency
            SET answer = convert_to(regexp_replace(convert_from(answer, 'UTF8'), '{member}', '', 'g'), 'UTF8')
            WHERE position(CAST('"list_reference"' AS bytea) IN answer) > 0""".replace(":", r"\:")
    )


def downgrade() -> None:
    """Nothing: who asks again with the same key hears what is kept."""
