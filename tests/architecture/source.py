"""Python source as the rules read it: a tree, and the full names behind what it calls."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Source:
    """One file: its path from the project's root, and its text."""

    path: str
    text: str

    @classmethod
    def read(cls, root: Path, path: Path) -> Self:
        return cls(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    @cached_property
    def _imported(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    names[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return names

    def full_name(self, node: ast.AST) -> str:
        """``dt.now`` after ``from datetime import datetime as dt`` is ``datetime.datetime.now``; a call is ""."""
        match node:
            case ast.Name(id=name):
                return self._imported.get(name, name)
            case ast.Attribute(value=value, attr=attr):
                return f"{self.full_name(value)}.{attr}"
            case _:
                return ""

    @cached_property
    def calls(self) -> tuple[ast.Call, ...]:
        return tuple(node for node in self.nodes if isinstance(node, ast.Call))

    def modules(self) -> Iterator[tuple[int, str]]:
        """The line and the full name of every module or member that is imported."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                package = "." * node.level + (node.module or "")
                yield from ((node.lineno, f"{package}.{alias.name}") for alias in node.names)

    def at_import(self) -> Iterator[ast.AST]:
        """What runs when the module is imported: not the bodies of functions, nor the ``__main__`` part."""
        waiting: list[ast.AST] = list(self.tree.body)
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(_running_now(node))


def _running_now(node: ast.AST) -> list[ast.AST]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            defaults = [*node.args.defaults, *(each for each in node.args.kw_defaults if each)]
            return [*node.decorator_list, *defaults]
        case ast.Lambda():
            return [*node.args.defaults]
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return [*node.orelse]
        case _:
            return list(ast.iter_child_nodes(node))
