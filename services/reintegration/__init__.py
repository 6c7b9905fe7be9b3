"""Reintegration: what a returnee is given in kind after arrival, and the donors' money that pays for it.

It owns funds, plans and their lines, the ceiling per person, approval, deliveries against proof, and completion.

It consumes screening's registered, duplicate-decided and merged, and travel's arrival-confirmed, arrival-corrected and
withdrawn. It publishes fund opened; reintegration opened, completed and cancelled; plan submitted, approved and
rejected; line delivered, delivery corrected.
"""
