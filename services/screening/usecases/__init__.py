"""What can be done in screening: one function per command; load, decide, record, and answer with identifiers only."""
