"""Delivery by AMQP, put together."""

from uuid import UUID

from pydantic import BaseModel

from services.partners.amqp.broker import Broker
from services.partners.amqp.naming import Naming
from services.partners.amqp.reconciler import Reconciler
from services.partners.amqp.sender import AmqpSender
from services.partners.arrivals import Arrivals
from services.partners.names import Names
from shared.web.commands import Desk


class QueueAddress(BaseModel):
    """Where a subscription's events are consumed, and as whom: its agency's queues have one user and one password."""

    url: str
    virtual_host: str
    user: str
    queue: str


class AmqpDelivery:
    """``app.state.amqp``; None where the programme has no broker for agencies."""

    def __init__(
        self,
        desk: Desk,
        arrivals: Arrivals,
        names: Names,
        *,
        base: str,
        broker_url: str,
        management_url: str,
        public_url: str,
        prefix: str,
    ) -> None:
        self.naming, self._public_url = Naming(prefix), public_url
        broker = Broker(broker_url)
        self.reconciler = Reconciler(desk.database, desk.clock, management_url, broker, self.naming, self._made)
        held = self.reconciler.held_by
        self.sender = AmqpSender(desk, arrivals, names, broker, self.naming, base, held)

    def address(self, agency: UUID, subscription: UUID) -> QueueAddress:
        """Of a subscription's queue."""
        own = self.naming.agency(agency)
        return QueueAddress(url=self._public_url, virtual_host=own, user=own, queue=self.naming.queue(subscription))

    def _made(self) -> None:
        self.sender.wake()
