"""What TensorFlow and other libraries print while they load, kept from whoever types a command."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

from serving.pushed_models import NoModelError

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def quieten() -> None:
    """Suppresses what TensorFlow and other libraries print while they load."""
    os.environ.setdefault(_LOG_LEVEL, "3")
    warnings.simplefilter("ignore")
    logging.getLogger("absl").setLevel(logging.ERROR)


@contextlib.contextmanager
def quiet_for_now() -> Iterator[None]:
    """Does the same while it lasts: processes that start later log what they always do."""
    level = os.environ.get(_LOG_LEVEL)
    try:
        quieten()
        yield
    finally:
        if level is None:
            del os.environ[_LOG_LEVEL]


@contextlib.contextmanager
def held_back_stderr() -> Iterator[None]:
    """Shows what is written to stderr only if the context fails, except by a NoModelError.

    TensorFlow 2.21 reports there that it found no GPU, before any setting could prevent it.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except NoModelError:
            raise
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def load_tensorflow() -> None:
    """Imports TensorFlow; commands that need it do so as soon as their arguments are checked."""
    quieten()
    with held_back_stderr():
        import tensorflow  # noqa: F401
