from __future__ import annotations

from pipeline.run.tfx_cli import join_commands, split_commands


def test_commands_come_apart_as_they_went_together() -> None:
    commands = [["pipeline", "create", "--pipeline-path=/a b/c.py"], ["run", "create"]]
    assert split_commands(join_commands(commands)) == commands
    assert join_commands([]) == split_commands([]) == []
