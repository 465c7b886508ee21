"""A digest of a module's code, so that TFX's cache sees an edit of code it does not hash.

In an execution property (`custom_config` for Transform, Trainer and Pusher), it makes a node run
again once the code of any imported project module changes. What has no effect (comments,
docstrings, layout, sentences of options) is left out.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.paths import PROJECT

OPTION = "option"  # of modules/config/fields.py
PACKAGES = ("modules", "components", "pipeline")


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _file_of(module: str, root: Path) -> Path | None:
    path = root.joinpath(*module.split("."))
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in candidates if file.is_file()), None)


def _absolute_name(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """Returns what `from ... import` imports from, with leading dots resolved."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    kept = parts[: len(parts) - node.level + is_package]
    return ".".join([*kept, *([node.module] if node.module else [])])


class _Source(NamedTuple):
    """The effect and the imports of a source.

    Attributes:
      digest: SHA-256 of its syntax tree without what has no effect.
      imports: dotted names that it imports from the project.
    """

    digest: str
    imports: frozenset[str]


# Nodes share most of their code: without a cache, compiling parses each source about ten times.
@functools.lru_cache(maxsize=1024)
def _read(source: bytes, file: str, module: str, is_package: bool) -> _Source:
    tree = ast.parse(source, filename=file)
    names = _imported_names(tree, module, is_package)
    return _Source(
        hashlib.sha256(repr(_effective(tree)).encode()).hexdigest(),
        frozenset(name for name in names if name.split(".")[0] in PACKAGES),
    )


def _effective(node: Any) -> Any:
    """Returns a syntax tree as nested lists, without positions, texts and empty fields.

    Python's own `ast.dump` writes empty fields in some versions only.
    """
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == OPTION:
        used = [keyword for keyword in node.keywords if keyword.arg != "unit"]
        node = ast.Call(node.func, node.args[:1], used)  # without the sentence
    if isinstance(node, ast.AST):
        fields = [(name, _effective(value)) for name, value in ast.iter_fields(node)]
        return [type(node).__name__, *(field for field in fields if field[1] not in (None, []))]
    if isinstance(node, list):
        return [_effective(item) for item in node if not _is_text_alone(item)]
    return node


def _is_text_alone(node: Any) -> bool:
    """Returns whether a statement is a string alone, as docstrings are."""
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _imported_names(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """Yields the dotted name of everything imported anywhere in the source, functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute_name(node, module, is_package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _with_parents(name: str) -> list[str]:
    """`a.b.c` -> [`a`, `a.b`, `a.b.c`]: importing a module runs its packages first."""
    parts = name.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _source(module: str, root: Path) -> _Source | None:
    """Reads a module; returns None if it is not in the project."""
    file = _file_of(module, root)
    if file is None:
        return None
    return _read(file.read_bytes(), str(file), module, file.name == "__init__.py")


def project_imports(module: str, root: Path = PROJECT) -> frozenset[str]:
    """Returns the project modules that a module's source imports directly, parents included."""
    source = _source(module, root)
    if source is None:
        return frozenset()
    candidates = {part for name in source.imports for part in _with_parents(name)}
    return frozenset(name for name in candidates if _file_of(name, root)) - {module}


def source_modules(module: str, root: Path = PROJECT) -> list[str]:
    """Returns the module and every project module it imports, directly or not, sorted.

    Raises:
      ValueError: no file of the project has this name.
    """
    if _file_of(module, root) is None:
        raise ValueError(f"no source of module {module!r} under {root}: give its dotted name")
    found: set[str] = set()
    waiting = set(_with_parents(module))
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= project_imports(name, root) - found
    return sorted(name for name in found if _file_of(name, root))


def source_digest(module: str, *more: str, root: Path = PROJECT) -> str:
    """Returns a SHA-256 over the code of modules and of all that they import in the project.

    Sources are read and parsed, not imported. The caller has to give modules that are only named
    in a string (as in TFMA's `MetricConfig(module=...)`).

    Args:
      module: dotted name, such as `modules.trainer`.
      *more: further dotted names.
      root: folder of the project's packages.

    Raises:
      ValueError: no file of the project has one of the names.
      SyntaxError: a source cannot be parsed.
    """
    names = sorted({name for start in (module, *more) for name in source_modules(start, root)})
    digest = hashlib.sha256()
    for name in names:
        source = _source(name, root)
        digest.update(f"{name}\0{source.digest if source else ''}\0".encode())
    return digest.hexdigest()
