"""How delivery stands, by whichever way: what waits, what fails, what is owed, and whom that concerns."""
