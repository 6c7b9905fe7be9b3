"""What requests' bodies have in common."""

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """A request's body. An unknown member is an error: a misspelt one must not be lost. Blanks around texts go."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
