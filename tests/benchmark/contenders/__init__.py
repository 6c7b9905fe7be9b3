"""What everyone else does, for comparison. These run in an environment of their own: ../requirements.lock.

Each event is deduplicated, changes one case's row, writes one outgoing event, which is published with a confirm
before the incoming one is acknowledged.
"""
