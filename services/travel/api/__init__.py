"""Travel's routes."""
