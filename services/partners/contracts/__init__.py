"""What agencies' developers build against: schemas, the AsyncAPI document, a page to read, and what goes away when."""
