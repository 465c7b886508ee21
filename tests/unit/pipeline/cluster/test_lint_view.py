"""Compiled specifications as they are read from files."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.cluster.lint_view import Problem, SpecView, for_each_task, read_view
from tests.specifications import MOUNT, good_fields


def test_the_documents_of_a_file_are_read_in_any_order(tmp_path: Path) -> None:
    fields = good_fields()
    file = tmp_path / "pipeline.yaml"
    file.write_text(yaml.safe_dump_all([fields["platform"], None, fields["spec"]]), "utf-8")
    view = read_view(file)
    assert (view.spec, view.platform) == (fields["spec"], fields["platform"])
    assert (view.target, view.documents, view.size) == ("oss", 2, file.stat().st_size)


def test_a_task_has_its_parts_together() -> None:
    view = SpecView(**good_fields())
    gen, use = view.tasks()
    assert (gen.name, use.name) == ("Gen", "Use")
    assert gen.container["image"] == "registry/image:1"
    assert gen.arguments()["--node"] == "Gen"
    assert view.platform_of(gen) == {"pvcMount": [MOUNT]} and view.platform_of(use) == {}
    assert list(gen.constants()) == [] and list(use.constants()) == [("number", 3.0)]
    assert list(gen.definitions("output", "artifacts")) == ["examples"]


def test_what_a_specification_lacks_is_empty() -> None:
    assert SpecView({}).tasks() == []
    tasks = {"Gen": {"componentRef": {"name": "Gone"}}}
    (task,) = SpecView({"root": {"dag": {"tasks": tasks}}}).tasks()
    assert (task.component, task.executor, task.container, task.arguments()) == ({}, {}, {}, {})


def test_a_problem_is_a_line_that_names_the_node() -> None:
    rule = for_each_task(lambda view, task: iter([Problem("it has no image", "set one")]))
    lines = [str(problem) for problem in rule(SpecView(**good_fields()))]
    assert lines == ["Gen: it has no image: set one", "Use: it has no image: set one"]


def test_a_file_without_a_specification_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text("platforms: {}\n", "utf-8")
    with pytest.raises(ValueError, match="must contain one specification, it has 0"):
        read_view(file)
