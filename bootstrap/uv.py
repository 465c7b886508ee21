"""Installs uv from the package index, and runs it with the user's settings for pip."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import subprocess
import sys
from typing import NamedTuple

from bootstrap.stacks import VENVS, SetupError, Stack, check_own

FOLDER = VENVS / "uv"
# Lines of uv's output that are not shown: one per package.
NOISE = re.compile(
    r" [-+~] |Using Python|\s+(Downloaded|Building|Built) |Downloading .*\((\d\.\dMiB|.*KiB)\)"
)
LOCKED = re.compile(r"^uv==(\S+)(?:.*\\\n)+.*\n", re.MULTILINE)
# uv does not read pip's settings, where a company's package index is often set.
PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "proxy": "ALL_PROXY",
    "cert": "SSL_CERT_FILE",
}


def say(text: str) -> None:
    """Prints a line about the set-up to stderr, apart from a command's own output."""
    print(text, file=sys.stderr, flush=True)


class Uv(NamedTuple):
    """The installed uv, and the environment variables to run it with."""

    path: str
    environ: dict[str, str]

    def call(self, *arguments: str, what: str) -> None:
        """Runs a step and shows its progress.

        Raises:
            SetupError: If it fails; says that `what` failed, after uv's own message.
        """
        command = [self.path, *arguments]
        with subprocess.Popen(command, env=self.environ, stderr=subprocess.PIPE, text=True) as run:
            for line in run.stderr or ():
                if not NOISE.match(line):
                    say("  " + line.rstrip())
        if run.returncode:
            raise SetupError(f"{what} failed (see above).")

    def fetch_python(self, version: str) -> str:
        """Lets uv install a Python of its own; returns "", or why that failed."""
        command = [self.path, "python", "install", "--no-bin", version]
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True)
        reasons = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()
        return reasons[-1].strip().replace("cause: ", "") if done.returncode else ""


def settings_from_pip(listed: str) -> dict[str, str]:
    """Converts the output of `pip config list` to uv's environment variables.

    Later lines take precedence, as in pip, which lists its environment variables last.
    """
    settings = {}
    for line in listed.splitlines():
        section, _, setting = line.strip().partition(".")
        key, _, value = setting.partition("=")
        if section in ("global", "install", ":env:") and key in PIP_TO_UV:
            name = PIP_TO_UV[key]
            separator = "," if name == "UV_FIND_LINKS" else " "
            settings[name] = separator.join(str(ast.literal_eval(value)).split())
    if "UV_INDEX" in settings:
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pip's way; the hashes make it safe.
    return settings


def has_own_index() -> bool:
    """Returns whether the user has set a package index for uv itself."""
    files = (os.environ.get("UV_CONFIG_FILE", ""), "/etc/uv/uv.toml", "~/.config/uv/uv.toml")
    return "UV_INDEX_URL" in os.environ or any(map(os.path.isfile, map(os.path.expanduser, files)))


def ready(pip: list[str]) -> Uv:
    """Returns the installed uv with the user's settings of uv, or else of pip."""
    settings = {"UV_COMPILE_BYTECODE": "1", "UV_SYSTEM_CERTS": "1"}
    if not has_own_index():
        listed = subprocess.run([*pip, "config", "list"], capture_output=True, text=True)
        settings.update(settings_from_pip(listed.stdout))
    return Uv(str(FOLDER / "bin" / "uv"), {**settings, **os.environ})


def install_uv(stack: Stack) -> Uv:
    """Returns uv in the version of the stack's lock, installed with pip if needed.

    Raises:
        SetupError: If this Python has no working `venv`, or pip cannot install.
    """
    pinned = LOCKED.search(stack.lock.read_text("utf-8"))
    if not pinned:
        raise SetupError(f"{stack.lock} does not pin uv: run `git checkout {stack.lock}`.")
    uv, pip = FOLDER / "bin" / "uv", [str(FOLDER / "bin" / "python"), "-m", "pip"]
    with contextlib.suppress(OSError):
        found = subprocess.run([str(uv), "--version"], capture_output=True, text=True).stdout
        if found.split()[1:2] == [pinned.group(1)] and os.access(pip[0], os.X_OK):
            return ready(pip)
    check_own(FOLDER)
    make = [sys.executable, "-m", "venv", "--clear", str(FOLDER)]
    made = subprocess.run(make, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode:
        raise SetupError(
            f"{sys.executable} cannot make virtual environments. On Debian and Ubuntu, add that "
            f"part of Python: `apt install python3-venv`. Its output:\n{made.stdout}"
        )
    (FOLDER / "uv.txt").write_text(pinned.group(0), "utf-8")
    install = [*pip, "install", "--quiet", "--require-hashes", "--no-deps", "-r", "uv.txt"]
    if subprocess.run(install, cwd=FOLDER, stdin=subprocess.DEVNULL).returncode:
        raise SetupError("pip could not install uv (see above): is the package index reachable?")
    return ready(pip)
