"""Plays caseworkers, embassies, authorities, the airline, the airport and monitoring officers, on a simulated calendar.

It knows the gateway's HTTP API and nothing else of the suite: each person's part is a scenario's, each step is a
request of a signed-in account that may make it, and what comes out is read back from the gateway.
"""
