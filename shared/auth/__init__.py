"""Who is asking: roles, principals, signed tokens, keys and local accounts."""
