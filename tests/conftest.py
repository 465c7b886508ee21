"""Chooses Keras 2 for all tests: `modules` must come before the first import of TensorFlow."""

import gc
import math
import os
import time

# Imports make no garbage, and searching for it takes a fourth of the time in which all tests are
# collected; what they leave is never searched again.
gc.disable()

import pytest  # noqa: E402

import modules  # noqa: E402, F401

# Tests start servers on this machine, and ask them with urllib and curl.
for name in ("no_proxy", "NO_PROXY"):
    others = os.environ.get(name)
    os.environ[name] = ",".join([*([others] if others else []), "localhost", "127.0.0.1", "::1"])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--start-until",
        type=float,
        default=math.inf,
        metavar="TIME",
        help="skip tests that would begin after this time, in seconds since 1970",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if time.time() > item.config.getoption("--start-until"):
        pytest.skip("no time was left to begin it (--start-until)")


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
