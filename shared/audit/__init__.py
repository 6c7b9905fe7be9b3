"""Who did or read what, why and when: chains of entries, one for each office, that can't be changed unseen."""
