"""Celery and SQLAlchemy's ORM as their documentation shows them: a task and a transaction per event, acknowledged late.

``python celery_orm.py COUNT`` sends the tasks named on its standard input; ``celery -A celery_orm worker`` does them.
"""

import json
import os
import sys
from typing import Any
from uuid import UUID, uuid4

from celery import Celery
from kombu import Exchange, Queue
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

QUORUM = {"x-queue-type": "quorum"}

app = Celery("benchmark", broker=os.environ["BENCHMARK_AMQP_URL"])
app.conf.update(
    broker_transport_options={"confirm_publish": True},
    task_acks_late=True,
    task_ignore_result=True,
    task_default_queue="benchmark.in",
    task_queues=[
        Queue("benchmark.in", Exchange("benchmark.in", "topic"), routing_key="event", queue_arguments=QUORUM),
    ],
    task_routes={"outgoing": {"exchange": "benchmark.out", "exchange_type": "topic", "routing_key": "event"}},
    worker_prefetch_multiplier=10,
)
engine = create_engine(os.environ["BENCHMARK_DATABASE_URL"].replace("+asyncpg", "+psycopg"))


class Base(DeclarativeBase):
    """The tables."""


class Seen(Base):
    """An event that has taken effect: the second time its key is refused, and the transaction with it."""

    __tablename__ = "seen"
    id: Mapped[UUID] = mapped_column(primary_key=True)


class Case(Base):
    """How many events a case has seen, and the last of them."""

    __tablename__ = "case_row"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    count: Mapped[int]
    note: Mapped[str]


class Outgoing(Base):
    """An event to be published."""

    __tablename__ = "outgoing"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[UUID]
    count: Mapped[int]
    note: Mapped[str]


@app.task(name="noted")  # type: ignore[untyped-decorator]
def noted(id: str, subject: str, note: str) -> None:
    """One more."""
    try:
        with Session(engine) as session, session.begin():
            session.add(Seen(id=UUID(id)))
            case = session.get_one(Case, UUID(subject), with_for_update=True)
            case.count, case.note = case.count + 1, note
            made: dict[str, Any] = {"id": uuid4(), "subject": case.id, "count": case.count, "note": note}
            session.add(Outgoing(**made))
    except IntegrityError:
        return
    app.send_task("outgoing", kwargs=made | {"id": str(made["id"]), "subject": subject})


if __name__ == "__main__":
    for line in sys.stdin:
        noted.apply_async(kwargs=json.loads(line), exchange="benchmark.in", routing_key="event")
