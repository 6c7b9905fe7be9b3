"""The rules about agencies, agreements and what leaves: no input or output in here."""
