"""Reintegration, decided by the standard library alone: rules, lifecycle, events, and the aggregates that use them."""
