"""Of what agencies send: what was understood before, and would be refused now."""

import math
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

#: These may become wider.
_ENUM, _LONGEST, _SHORTEST = "enum", "maxLength", "minLength"


def refusals(old: Schema, new: Schema, at: str = "") -> Iterator[tuple[str, str]]:
    """By member, as sentences: what an object of the old schema may have, or lack, and one of the new may not.

    Both without references and remarks.
    """
    before, after = old["properties"], new["properties"]
    for name, schema in before.items():
        if name not in after:
            yield name, f"{at}{name} was understood and would be refused"
        else:
            yield from ((name, problem) for problem in _narrowed(schema, after[name], f"{at}{name}"))
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield name, f"{at}{name} may be missing now and would be needed"


def _narrowed(old: Schema, new: Schema, at: str) -> Iterator[str]:
    if "properties" in old and "properties" in new:
        yield from (problem for _, problem in refusals(old, new, f"{at}."))
    elif "anyOf" in old or "anyOf" in new:
        wider = new.get("anyOf", [new])
        for each in old.get("anyOf", [old]):
            if all(any(_narrowed(each, other, at)) for other in wider):
                yield f"{at} would be refused where it is {each.get('type', 'one of several')}"
    else:
        yield from _narrowed_value(old, new, at)


def _narrowed_value(old: Schema, new: Schema, at: str) -> Iterator[str]:
    if _ENUM in new and (gone := sorted(set(old.get(_ENUM, ["any other"])) - set(new[_ENUM]))):
        yield f"{at} would be refused as {', '.join(gone)}"
    if new.get(_LONGEST, math.inf) < old.get(_LONGEST, math.inf) or new.get(_SHORTEST, 0) > old.get(_SHORTEST, 0):
        yield f"{at} would be refused for its length"
    for name in sorted(new.keys() - {_ENUM, _LONGEST, _SHORTEST}):
        if old.get(name) != new[name]:
            yield f"{at} would need another {name}: {old.get(name)} became {new[name]}"
