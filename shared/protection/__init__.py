"""Personal data at rest: data keys per person, the keys that wrap them, sealed values and blind indexes."""
