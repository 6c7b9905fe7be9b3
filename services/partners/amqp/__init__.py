"""Delivery by AMQP: agencies consume what was kept for them from queues of their own."""
