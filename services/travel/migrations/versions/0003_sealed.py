"""What is personal is sealed under a data key of the case whose person it is about."""

from alembic import op

from shared.persistence.schema import (
    create_data_keys,
    drop_data_keys,
    open_column,
    open_states,
    seal_column,
    seal_states,
)

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for it; what is there already is sealed when the service starts."""
    create_data_keys(op)
    for gate in ("document", "exit_visa"):
        number = f"'{{papers,{gate},number}}'"
        op.execute(
            f"""UPDATE travel_case SET state = jsonb_set(
                    jsonb_set(state::jsonb #- {number}, '{{numbers}}', coalesce(state::jsonb -> 'numbers', '{{}}')),
                    '{{numbers,{gate}}}', state::jsonb #> {number})::json
                WHERE state::jsonb #>> {number} IS NOT NULL"""
        )
    seal_states(op, "travel_case")
    seal_column(op, "travel_decision", "reason")
    seal_column(op, "travel_manifest_identity", "identity")


def downgrade() -> None:
    """Take it back while nothing is sealed; afterwards it is refused."""
    drop_data_keys(op)
    open_column(op, "travel_decision", "reason")
    open_column(op, "travel_manifest_identity", "identity")
    open_states(op, "travel_case")
