"""A digest of a module's sources, so that TFX's cache sees an edit of code it does not hash.

Put into an execution property (`custom_config` for Transform, Trainer and Pusher), it makes a
node run again once any project module that the node's code imports has changed.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
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


# Nodes share most of their code: without a memory, compiling parses each source about ten times.
@functools.lru_cache(maxsize=1024)
def _wanted_names(source: bytes, file: str, module: str, is_package: bool) -> frozenset[str]:
    """Returns the dotted names of what a source imports of the project."""
    names = _imported_names(ast.parse(source, filename=file), module, is_package)
    return frozenset(name for name in names if name.split(".")[0] in PACKAGES)


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


def project_imports(module: str, root: Path = PROJECT) -> frozenset[str]:
    """Returns the project modules that a module's source imports directly, parents included."""
    file = _file_of(module, root)
    if file is None:
        return frozenset()
    is_package = file.name == "__init__.py"
    wanted = _wanted_names(file.read_bytes(), str(file), module, is_package)
    candidates = {part for name in wanted for part in _with_parents(name)}
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
    """Returns a SHA-256 over the sources of modules and of all that they import in the project.

    Nothing is imported: sources are read and parsed. A module that is only named in a string (as
    TFMA's `MetricConfig(module=...)` does) has to be given by the caller.

    Args:
      module: dotted name, such as `modules.trainer`.
      *more: further ones.
      root: folder of the project's packages.

    Raises:
      ValueError: no file of the project has one of the names.
      SyntaxError: a source cannot be parsed.
    """
    names = sorted({name for start in (module, *more) for name in source_modules(start, root)})
    digest = hashlib.sha256()
    for name in names:
        file = _file_of(name, root)
        content = file.read_bytes() if file else b""
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
