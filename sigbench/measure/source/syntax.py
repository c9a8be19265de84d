"""What a Python file means: a hash that remarks and layout do not change, and what it imports."""

import ast
import hashlib
from dataclasses import dataclass
from functools import lru_cache

_LEFT_OUT = frozenset({"ctx", "kind", "type_comment"})
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Import:
    """An import as it is written: `from {level dots}{module} import {names}`, or `import {module}` without names."""

    level: int
    module: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A file's hash and its imports, also those inside of functions."""

    hash: str
    imports: tuple[Import, ...]


@lru_cache(maxsize=4096)
def read_code(text: bytes) -> Code:
    """Returns what a file means: comments, docstrings, blank lines and positions change nothing.

    The hash is of its syntax tree by the names of classes and the fields that are not empty, which the versions of
    Python have in common. The text of a file that cannot be parsed is hashed as it is.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Code(_hash(text), ())
    parts: list[str] = []
    imports: list[Import] = []
    _write(tree, parts, imports)
    return Code(_hash("".join(parts).encode("utf-8", "surrogatepass")), tuple(imports))


def _hash(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=10).hexdigest()


def _write(node: ast.AST, parts: list[str], imports: list[Import]) -> None:
    parts.append(f"{type(node).__name__}(")
    for name in node._fields:
        if name in _LEFT_OUT:
            continue
        value = getattr(node, name, None)
        if isinstance(value, list):
            if name == "body" and isinstance(node, _DOCUMENTED) and _is_text(value):
                value = value[1:]
            if value:
                parts.append(f"{name}[")
                for part in value:
                    if isinstance(part, ast.AST):
                        _write(part, parts, imports)
                    else:
                        parts.append(f"{part!r},")
                parts.append("]")
        elif isinstance(value, ast.AST):
            parts.append(name)
            _write(value, parts, imports)
        elif value is not None:
            parts.append(f"{name}={value!r},")
    parts.append(")")
    if isinstance(node, ast.ImportFrom):
        imports.append(Import(node.level, node.module or "", tuple(alias.name for alias in node.names)))
    elif isinstance(node, ast.Import):
        imports.extend(Import(0, alias.name, ()) for alias in node.names)


def _is_text(body: list[ast.stmt]) -> bool:
    """Whether a body begins with a docstring."""
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
