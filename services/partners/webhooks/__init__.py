"""Delivery by webhook: agencies are called with what was kept for them."""
