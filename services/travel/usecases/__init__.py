"""What travel does: load, decide, save, record."""
