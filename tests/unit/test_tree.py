"""Every module has its tests in a file of its name, and every file of unit tests its module.

A module that only a run can reach may have them in `tests/integration`: `components/NAME/node.py`
in `test_NAME.py`, any other in a file of its own name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.paths import PROJECT

PRODUCT = ("bootstrap", "components", "modules", "pipeline", "serving")
UNIT, INTEGRATION = Path("tests/unit"), Path("tests/integration")

# Folders and modules of declarations alone: there is nothing to test but their use.
DECLARATIONS = (
    "modules/array_types.py",
    "modules/config/options",
    "modules/data/item_indices.py",
    "modules/files/placeholders.py",
    "modules/push_origin.py",
    "modules/gate/report_files.py",
    "modules/serving/answer_length.py",
    "modules/sessions/feature_names.py",
    "serving/server/place.py",
)
# Modules that a run covers, with the test that runs them.
COVERED_BY = {
    "components/index_builder/latency_probe.py": "test_index_builder.py",
    "components/model_gate/gate.py": "test_model_gate.py",
    "modules/preprocessing.py": "test_transform.py",
    "pipeline/cluster/entrypoint.py": "test_kubeflow_entrypoint.py",
    "pipeline/cluster/specification.py": "test_kubeflow_compile.py",
    "pipeline/cluster/submit.py": "test_kubeflow_submit.py",
    "pipeline/refresh/from_clicks.py": "test_click_refresh.py",
    "serving/catalog_refresh.py": "test_refresh.py",
}
# Unit tests of more than one module.
OF_SEVERAL = ("modules/test_small_catalogues.py", "pipeline/test_presets.py")


def _modules() -> Iterator[Path]:
    for package in PRODUCT:
        for file in sorted((PROJECT / package).rglob("*.py")):
            if file.name not in ("__init__.py", "__main__.py"):
                yield file.relative_to(PROJECT)


def _tests_of(module: Path) -> list[Path]:
    """Returns the files in which a module's tests may be."""
    name = module.parent.name if module.name == "node.py" else module.stem
    return [UNIT / module.parent / f"test_{module.name}", INTEGRATION / f"test_{name}.py"]


def _is_excepted(module: Path) -> bool:
    names = {str(module), *map(str, module.parents)}
    return bool(names & {*DECLARATIONS, *COVERED_BY})


def _has_tests(module: Path) -> bool:
    return any((PROJECT / file).is_file() for file in _tests_of(module))


def test_every_module_has_its_tests_in_a_file_of_its_name() -> None:
    without = [m for m in _modules() if not (_has_tests(m) or _is_excepted(m))]
    expected = {str(module): str(_tests_of(module)[0]) for module in without}
    assert not expected, "write these tests, or name in test_tree.py what covers the modules"


def test_every_exception_is_needed_and_names_a_test() -> None:
    modules = [str(module) for module in _modules()]
    for name in (*DECLARATIONS, *COVERED_BY):
        excepted = [m for m in modules if Path(name) in (Path(m), *Path(m).parents)]
        assert any(not _has_tests(Path(module)) for module in excepted), name
    for test in COVERED_BY.values():
        assert (PROJECT / INTEGRATION / test).is_file(), test
    assert len(DECLARATIONS) + len(COVERED_BY) <= 20


def test_every_file_of_unit_tests_has_its_module() -> None:
    without = []
    for package in PRODUCT:
        for file in sorted((PROJECT / UNIT / package).rglob("test_*.py")):
            test = file.relative_to(PROJECT / UNIT)
            module = PROJECT / test.with_name(test.name.removeprefix("test_"))
            if not module.is_file() and str(test) not in OF_SEVERAL:
                without.append(str(test))
    assert not without, "name these tests after the modules that they test"
