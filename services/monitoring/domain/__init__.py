"""Follow-up, decided by the standard library alone: rules, lifecycles, events, and the aggregates that use them."""
