"""FastStream and SQLAlchemy's ORM as their documentation shows them: one session and one transaction per event."""

import os
from uuid import UUID, uuid4

import uvloop
from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitQueue
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PREFETCH = int(os.environ["BENCHMARK_PREFETCH"])
broker = RabbitBroker(os.environ["BENCHMARK_AMQP_URL"], default_channel=Channel(prefetch_count=PREFETCH), logger=None)
app = FastStream(broker, logger=None)
incoming = RabbitQueue("benchmark.in", queue_type=QueueType.QUORUM, durable=True)
outgoing = RabbitExchange("benchmark.out", type=ExchangeType.TOPIC, durable=True)

engine = create_async_engine(os.environ["BENCHMARK_DATABASE_URL"], pool_size=PREFETCH)
sessions = async_sessionmaker(engine, expire_on_commit=False)


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


class Noted(BaseModel):
    """What comes in."""

    id: UUID
    subject: UUID
    note: str


class Stamped(BaseModel):
    """What goes out."""

    id: UUID
    subject: UUID
    count: int
    note: str


@broker.subscriber(incoming, ack_policy=AckPolicy.NACK_ON_ERROR)  # type: ignore[untyped-decorator]
async def noted(event: Noted) -> None:
    """One more."""
    try:
        async with sessions() as session, session.begin():
            session.add(Seen(id=event.id))
            case = await session.get_one(Case, event.subject, with_for_update=True)
            case.count, case.note = case.count + 1, event.note
            made = Stamped(id=uuid4(), subject=case.id, count=case.count, note=event.note)
            session.add(Outgoing(**made.model_dump()))
    except IntegrityError:
        return
    await broker.publish(made, exchange=outgoing, routing_key="event", persist=True)


if __name__ == "__main__":
    uvloop.run(app.run())
