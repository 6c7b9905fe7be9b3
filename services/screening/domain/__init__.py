"""Screening's own rules and words: the standard library only, no clock, no database, no await."""
