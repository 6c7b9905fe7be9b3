"""Events by chance, with few different values, so that they meet what others have said."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from shared.contracts.envelope import Contract
from shared.contracts.monitoring import FollowUpsScheduled, Visit
from shared.contracts.vocabulary import Gate

HOLD, OTHER = UUID(int=3), UUID(int=4)
DAY = date(2026, 3, 27)
NOON = datetime(2026, 3, 27, 12, tzinfo=UTC)
PLANNED = FollowUpsScheduled(
    inception_on=DAY,
    visits=[Visit(code="month-1", method="phone", due_on=DAY), Visit(code="month-4", method="site", due_on=DAY)],
)

_FEW: dict[Any, st.SearchStrategy[Any]] = {
    UUID: st.sampled_from([HOLD, OTHER]),
    UUID | None: st.sampled_from([None, OTHER]),
    list[UUID]: st.just([HOLD, OTHER]),
    str: st.sampled_from(["month-1", "month-4"]),
    str | None: st.none(),
    int: st.integers(1, 3),
    date: st.just(DAY),
    datetime: st.just(NOON),
    list[Gate]: st.lists(st.sampled_from([Gate.CONSENT, Gate.HOLD, Gate.SEAT]), max_size=2, unique=True),
    list[Visit]: st.just(PLANNED.visits),
}


def any_of(contract: type[Contract]) -> st.SearchStrategy[Contract]:
    """Data of this contract."""
    known = {name: _FEW[field.annotation] for name, field in contract.model_fields.items() if field.annotation in _FEW}
    return st.builds(contract, **known)


def source_of_type(type: str) -> str:
    """``org.homeward.travel.departed.v1`` comes from ``/homeward/travel``."""
    return f"/homeward/{type.split('.')[2]}"
