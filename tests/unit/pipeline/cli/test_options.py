"""Folders and files that options name."""

import click
import pytest

from pipeline.cli.main import COMMANDS, cli, main


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


@pytest.mark.parametrize("share", ["nan", "-1", "-0.01", "1.01", "inf", "half", "", "50 %"])
def test_a_share_is_a_number_from_0_to_1(share: str, capsys) -> None:
    assert main(["refresh", "--items", "list.txt", f"--least-share={share}"]) == 2
    assert f"must be a number from 0 to 1, got {share!r}" in capsys.readouterr().err


def test_no_number_of_a_command_line_is_unlimited() -> None:
    """click's own number types accept NaN and any sign."""
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        group = command.commands.values() if isinstance(command, click.Group) else [command]
        for option in (option for each in group for option in each.params):
            assert not isinstance(option.type, type(click.FLOAT) | type(click.INT)), option.name
