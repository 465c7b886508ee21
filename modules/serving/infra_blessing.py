"""InfraBlessings as TFX's InfraValidator writes and Pusher reads them."""

from __future__ import annotations

import os

from tfx import types
from tfx.utils import io_utils

# Names that TFX's InfraValidator gives its property and files, which Pusher looks for.
_BLESSED = "blessed"
_BLESSED_FILE, _NOT_BLESSED_FILE = "INFRA_BLESSED", "INFRA_NOT_BLESSED"


def bless(blessing: types.Artifact, passed: bool) -> None:
    """Writes an InfraBlessing as TFX's InfraValidator does."""
    blessing.set_int_custom_property(_BLESSED, int(passed))
    name = _BLESSED_FILE if passed else _NOT_BLESSED_FILE
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")


def is_blessed(blessing: types.Artifact) -> bool:
    """Returns whether an InfraBlessing blesses its model."""
    return bool(blessing.get_int_custom_property(_BLESSED))
