"""Exit statuses of the commands."""

from __future__ import annotations

import enum


class ExitStatus(enum.IntEnum):
    """How a command ended, for the program that called it; a signal's number comes as 128 + n."""

    DONE = 0
    FAILED = 1
    MISCONFIGURED = 2
    BUSY = 3
    LATE = 4
    REFUSED = 5
    EXCEEDED = 6


MEANINGS = {
    ExitStatus.DONE: "done; the model may have been blessed or refused",
    ExitStatus.FAILED: "a node failed, or the run was killed",
    ExitStatus.MISCONFIGURED: (
        "an option, file or folder cannot be used, so that nothing was run; another time will not "
        "help"
    ),
    ExitStatus.BUSY: "another run uses the output folder; `--wait` waits for it",
    ExitStatus.LATE: "`day`: the day has no files yet; try again later",
    ExitStatus.REFUSED: "with `--fail-if-refused` only: the run is done, its model was refused",
    ExitStatus.EXCEEDED: "`monitor`: a limit of the section `monitor` is exceeded",
}
