"""The HTTP face of the partners' service."""
