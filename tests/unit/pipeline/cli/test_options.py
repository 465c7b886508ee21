"""Folders and files that options name."""

import pytest

from pipeline.cli.main import main


@pytest.mark.parametrize(
    "arguments",
    [
        ["recommend", "--items", "a", "--model"],
        ["recommend", "--items", "a", "--out"],
        ["serve", "--model"],
        ["serve", "--out"],
        ["refresh", "--items", "list.txt", "--out"],
        ["refresh", "--items"],
        ["batch", "--sessions", "a.tsv", "--to", "b", "--out"],
    ],
)
def test_commands_that_look_into_a_local_folder_say_so(arguments, capsys) -> None:
    assert main([*arguments, "gs://bucket/model"]) == 2
    assert "gs://bucket/model is not on this machine: copy it here" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["recommend", "--items", "a", "--model"],
        ["serve", "--out"],
        ["refresh", "--items"],
        ["batch", "--sessions", "a.tsv", "--to", "b", "--out"],
    ],
)
def test_a_name_that_no_folder_can_have_is_refused(arguments, capsys) -> None:
    assert main([*arguments, "x" * 5000]) == 2
    errors = capsys.readouterr().err
    assert "cannot be accessed: File name too long" in errors and "x" * 201 not in errors
