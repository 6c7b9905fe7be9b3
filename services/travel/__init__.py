"""Travel: from the travel document to the arrival desk.

Owns travel documents and exit visas, the gates at the flight's date, flights, seats, manifests, departure day and
arrival. Consumes what screening tells of cases and households. Publishes ``org.homeward.travel.*``: papers, gates,
seats, boarding, departure, arrival and their corrections, and the flights.
A family is one travel unit: everything that concerns a seat is decided for all of its members (``domain/party.py``).
"""
