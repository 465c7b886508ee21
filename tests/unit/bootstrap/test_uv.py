"""uv is installed and gets the user's settings."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import environment
from bootstrap import stacks, uv


def test_pip_settings_reach_uv() -> None:
    listed = "\n".join(
        [
            "global.index-url='https://one.example/simple'",
            "global.no-color='true'",
            "install.find-links='/wheels\\n/more'",
            ":env:.index-url='https://two.example/simple'",
            ":env:.extra-index-url='https://a.example https://b.example'",
            "wheel.index-url='https://other.example'",
        ]
    )

    assert uv.settings_from_pip(listed) == {
        "UV_DEFAULT_INDEX": "https://two.example/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INDEX": "https://a.example https://b.example",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_uv_shows_large_downloads_and_warnings_not_every_package(
    program: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        "Resolved 292 packages in 3.31s",
        "Downloading tensorflow (563.3MiB)",
        "Downloading yarl (1.2MiB)",
        "   Building pyfarmhash==0.3.2",
        " Downloaded tensorflow",
        "warning: something odd",
        " + tensorflow==2.16.2",
    ]
    printed = " ".join(f"'{line}'" for line in lines)

    uv.Uv(str(program("uv", f"printf '%s\\n' {printed} >&2")), dict(os.environ)).call(what="it")

    assert capsys.readouterr().err.splitlines() == ["  " + lines[n] for n in (0, 1, 5)]


def test_a_step_of_uv_that_fails_ends_the_set_up(program: Callable[..., Path]) -> None:
    failing = uv.Uv(str(program("uv", "echo 'error: no network' >&2; exit 2")), dict(os.environ))

    with pytest.raises(stacks.SetupError, match="installing numpy failed"):
        failing.call("pip", "install", what="installing numpy")


def test_uv_says_why_it_could_not_fetch_a_python(program: Callable[..., Path]) -> None:
    body = "echo 'error: Failed to install' >&2; echo '  cause: dns error' >&2; exit 1"

    assert uv.Uv(str(program("uv", body)), dict(os.environ)).fetch_python("3.10") == "dns error"


@pytest.mark.parametrize("options", ["", "--upgrade", "--upgrade-package numpy -P scipy"])
def test_options_of_lock_reach_uv(
    options: str, program: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = uv.Uv(str(program("uv", f'echo "$@" >> {tmp_path}/calls')), dict(os.environ))
    monkeypatch.setattr(environment, "install_uv", lambda stack: fake)
    monkeypatch.setenv("UV_CUSTOM_COMPILE_COMMAND", "")

    environment.main(["lock", *options.split()])

    calls = (tmp_path / "calls").read_text("utf-8").splitlines()
    assert [call.partition(" --no-emit-index-url")[2].strip() for call in calls] == [options] * 2
