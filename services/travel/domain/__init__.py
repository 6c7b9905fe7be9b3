"""The rules of travel: papers, gates, flights, seats and boarding. Standard library only; no clock, no session."""
