"""Who is asking: roles, permissions, principals, signed tokens of people and services, keys and local accounts."""
