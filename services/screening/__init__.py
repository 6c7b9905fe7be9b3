"""Screening: who wants to return, and whether that person may.

Owns registration (persons, households, lists, suspected duplicates), the voluntary declaration and its withdrawal,
vulnerability, holds, the care of unaccompanied children, fitness to travel, and clearance; and people's identities.
Consumes from travel: boarded, boarding-corrected, departed, withdrawn, withdrawal-too-late.
Publishes org.homeward.screening.*: see ``shared/contracts/screening.py``.
"""
