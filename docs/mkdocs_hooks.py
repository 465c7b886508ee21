"""Tells MkDocs which files are pages, writes the API reference, and reads doctests for it.

Pages have the paths that they have in the repository, not those below `docs/`, so that one link
works in both. The API reference has one page per package, made of its docstrings.
"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PROJECT = Path(__file__).resolve().parents[1]
NOTEBOOKS = PROJECT / "output" / "notebooks"
NODES = "components/*/README.md"
PAGES = ("*.md", "docs/*.md", NODES, "kubeflow/README.md", "deploy/flink/README.md")
ASSETS = ("docs/*.svg", "docs/*.css", "deploy/*.*", "deploy/serving/**/*.yaml")
PACKAGES = ("modules", "components", "serving", "pipeline")


_DOCTEST = re.compile(r"(?:\A|(?<=\n)\n)(>>> .*?)(?=\n\n|\Z)", re.DOTALL)


class Doctests(griffe.Extension):
    """Makes an "Examples" section of each doctest, which Google's style wants and ours saves."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Indents the doctests of an object's docstring below a heading."""
        if obj.docstring:
            text = obj.docstring.value
            obj.docstring.value = _DOCTEST.sub(
                lambda found: "\nExamples:\n" + textwrap.indent(found[1], "    "), text
            )


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Appends the nodes' pages and the API reference to the navigation."""
    nodes = sorted(str(file.relative_to(PROJECT)) for file in PROJECT.glob(NODES))
    pages = [{package.replace("/", "."): f"api/{package}.md"} for package in _packages()]
    config.nav = [*(config.nav or []), {"Nodes": nodes}, {"API": pages}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replaces what lies in `docs_dir` with the repository's documents, notebooks and API pages."""
    for file in list(files):
        if file.src_dir == config.docs_dir:
            files.remove(file)
    for pattern in (*PAGES, *ASSETS):
        for path in sorted(PROJECT.glob(pattern)):
            files.append(_file(config, str(path.relative_to(PROJECT)), path))
    for path in sorted([*NOTEBOOKS.glob("*.md"), *NOTEBOOKS.glob("*_files/*")]):
        files.append(_file(config, f"notebooks/{path.relative_to(NOTEBOOKS)}", path))
    for package, modules in _packages().items():
        text = "\n\n".join(
            [f"# {package.replace('/', '.')}", *(f"::: {module}" for module in modules)]
        )
        files.append(File.generated(config, f"api/{package}.md", content=text))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Points links to notebooks at their pages."""
    return re.sub(r"(\]\((?:[./]*notebooks/)?\w+)\.py(?=[)#])", r"\1.md", markdown)


def _file(config: MkDocsConfig, uri: str, path: Path) -> File:
    return File.generated(config, uri, abs_src_path=str(path))


def _packages() -> dict[str, list[str]]:
    """Returns each folder with Python modules (as a path) and the dotted names of its modules."""
    packages: dict[str, list[str]] = {}
    for path in sorted(file for name in PACKAGES for file in (PROJECT / name).rglob("*.py")):
        if (
            path.name not in ("__init__.py", "__main__.py")
            and ast.parse(path.read_text("utf-8")).body[1:]
        ):
            name = path.relative_to(PROJECT).with_suffix("")
            packages.setdefault(str(name.parent), []).append(".".join(name.parts))
    return packages
