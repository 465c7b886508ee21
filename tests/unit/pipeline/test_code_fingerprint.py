from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipeline.code_fingerprint import project_imports, source_digest, source_modules


@pytest.fixture
def project(tmp_path: Path) -> Path:
    sources = {
        "modules/__init__.py": "raise RuntimeError('imported')\n",
        "modules/trainer.py": "from modules import model\nimport json, os.path\n",
        "modules/model.py": "def build():\n    from modules.losses import softmax\n",
        "modules/losses.py": "from modules import model  # a cycle\n",
        "modules/alone.py": "",
        "components/__init__.py": "",
        "components/gate/__init__.py": "from .executor import Do\nfrom . import spec\n",
        "components/gate/executor.py": "from modules import nothing\nimport modules.alone as a\n",
        "components/gate/spec.py": "",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_follows_imports_in_functions_cycles_and_packages(project: Path) -> None:
    assert source_modules("modules.trainer", project) == [
        "modules",
        "modules.losses",
        "modules.model",
        "modules.trainer",
    ]


def test_follows_relative_imports_of_a_package(project: Path) -> None:
    assert source_modules("components.gate", project) == [
        "components",
        "components.gate",
        "components.gate.executor",
        "components.gate.spec",
        "modules",
        "modules.alone",
    ]


@pytest.mark.parametrize("name", ["trainer", "model", "losses", "__init__"])
def test_an_edit_of_anything_imported_changes_the_digest(project: Path, name: str) -> None:
    before = source_digest("modules.trainer", root=project)
    file = project / "modules" / f"{name}.py"
    file.write_text(file.read_text() + "edited = True\n")
    assert source_digest("modules.trainer", root=project) != before


_CODE = """'''A module.'''
LIMIT = 3
'''Largest of something.'''
class Kind:
    '''A kind.'''
def scale(value: float) -> float:
    '''Scales.'''
    return value * 2  # twice
rate: int = option(3, "how " "fast", limits=(1, 5), unit="Hz")
"""


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("A module.", "Another text.", False),
        ("Largest of", "Limit of", False),
        ("A kind.", "Some kind.", False),
        ("    '''Scales.'''\n", "", False),
        ("# twice", "# doubled", False),
        ('"how " "fast"', '"speed"', False),
        ('unit="Hz"', 'unit="kHz"', False),
        ("option(3", "option(4", True),
        ("(1, 5)", "(1, 6)", True),
        ("LIMIT = 3", "LIMIT  =  (3)\n\n", False),
        ("LIMIT = 3", "LIMIT = 3.0", True),
        ("LIMIT = 3", "LIMIT = '3'", True),
        ("value * 2", "value / 2", True),
        ("def scale(value: float)", "def scale(value: int)", True),
        ("    return value * 2", "    return print('twice')", True),
    ],
)
def test_only_what_code_does_counts(project: Path, old: str, new: str, counts: bool) -> None:
    file = project / "modules" / "model.py"
    file.write_text(_CODE)
    before = source_digest("modules.trainer", root=project)
    assert old in _CODE
    file.write_text(_CODE.replace(old, new))
    assert (source_digest("modules.trainer", root=project) != before) is counts


def test_is_the_same_on_every_python(project: Path) -> None:
    code = "def f(a, *b, c=1, **d):\n    return f'{a:>{c}}' 'x', [*b], lambda: d, ..., 1j, b'\\0'\n"
    (project / "modules" / "alone.py").write_text(code)
    assert source_digest("modules.alone", root=project) == (
        "b0cd5d1118178e9656fd27377e8bde0f6002ecfbfe9d4d864d72286acc5834c9"
    )


def test_an_edit_elsewhere_changes_nothing(project: Path) -> None:
    before = source_digest("modules.trainer", root=project)
    (project / "modules" / "alone.py").write_text("x = 1\n")
    (project / "README.md").write_text("text\n")
    assert source_digest("modules.trainer", root=project) == before


def test_is_the_same_in_another_folder(project: Path, tmp_path_factory: pytest.TempPathFactory):
    copy = tmp_path_factory.mktemp("copy")
    for file in project.rglob("*.py"):
        target = copy / file.relative_to(project)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    assert source_digest("modules.trainer", root=copy) == source_digest(
        "modules.trainer", root=project
    )


def test_several_modules_cover_each_other(project: Path) -> None:
    both = source_digest("modules.trainer", "modules.alone", root=project)
    assert both != source_digest("modules.trainer", root=project)
    assert both == source_digest("modules.alone", "modules.trainer", root=project)


def test_code_moved_between_files_changes_the_digest(project: Path) -> None:
    (project / "modules" / "losses.py").write_text("a = 1\n")
    (project / "modules" / "model.py").write_text("from modules import losses\nb = 1\n")
    before = source_digest("modules.trainer", root=project)
    (project / "modules" / "losses.py").write_text("a = 1\nb = 1\n")
    (project / "modules" / "model.py").write_text("from modules import losses\n")
    assert source_digest("modules.trainer", root=project) != before


def test_an_unknown_module_is_named(project: Path) -> None:
    with pytest.raises(ValueError, match=r"no source of module 'modules\.trainr' under"):
        source_digest("modules.trainr", root=project)


def test_imports_nothing(project: Path) -> None:
    loaded = set(sys.modules)
    source_digest("modules.trainer", root=project)  # modules/__init__.py would raise.
    assert set(sys.modules) == loaded


def test_sees_the_project_itself() -> None:
    assert "modules.config.parsing" in project_imports("pipeline.config")
    assert "modules.config.options.trainer" in source_modules("pipeline.config")
