"""Screening's routes."""
