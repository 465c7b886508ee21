"""Where and why a run failed."""

from pipeline.run.failures import read_failure

LINES = "[1/3] Transform ... 10 s ... 12.1 s\n[2/3] Evaluator ... cached\n"


def test_the_node_and_its_cause_are_read_from_the_runs_own_lines():
    shown = f"{LINES}[3/3] Trainer ... failed after 0.2 s\nFailed: Trainer: OSError: full\n  disk\n"
    assert read_failure(shown, 1) == ("Trainer", "OSError: full\n  disk")


def test_a_failure_between_nodes_is_of_none():
    assert read_failure(f"{LINES}Failed: KeyError: 'x'\n", 1) == ("", "KeyError: 'x'")
    assert read_failure("Failed: Config is not usable", 1) == ("", "Config is not usable")


def test_a_killed_run_is_said_to_be_and_where():
    shown = f"{LINES}[3/3] Trainer ... 10 s ... "
    killed = ("Trainer", "the run was killed by SIGKILL (out of memory?)")
    assert read_failure(shown, -9) == killed
    assert read_failure(LINES, 1) == ("", "the run exited without an error message")
