"""Gateway: what operators see and use.

Owns: projections (one status per case, timelines, flights, households), folded from all events; they can be rebuilt
from the producers' logs at any time. Local sign-in and the tokens of the suite. The operator API and the console.
Consumes: everything of /homeward/screening, travel, reintegration and monitoring.
Publishes: nothing. Commands are passed on to the service that owns them.
Stores no names: who needs one asks screening, with a purpose.
"""
