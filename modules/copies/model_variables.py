"""The variables of an exported model, read from its checkpoint, changed, and written to a copy."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from modules.array_types import BoolArray
from modules.files.local_copies import copy_file
from modules.files.model_folder import MANIFEST, RENEWAL_RECORD
from modules.serving.exact_index import recommendable_in, with_recommendable

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_FOLDER = "variables"
COLUMNS = "_index/_columns"
POPULAR = "_popular"
OWN_ITEMS = "_recommends_own_items"
IDS = "_catalogue_ids"


class OldModelError(Exception):
    """A model was exported by a version of this package whose variables are not known."""


class Variables:
    """The variables of a SavedModel, as they are in its checkpoint."""

    def __init__(self, folder: str) -> None:
        """Reads them from a model's folder, local or at a URI.

        Raises:
          OldModelError: the model lacks a variable that each copy needs.
        """
        self._folder = folder
        reader = tf.train.load_checkpoint(os.path.join(folder, _FOLDER, _FOLDER))
        names = list(reader.get_variable_to_shape_map())
        self._values = {name: reader.get_tensor(name) for name in names}
        for name in (COLUMNS, POPULAR, IDS):
            self._key(name)

    def __contains__(self, name: str) -> bool:
        """Returns whether there is one variable whose path ends with a name."""
        return len(self._keys(name)) == 1

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Returns the value of the variable whose path ends with a name.

        Raises:
          OldModelError: there is none.
        """
        value: npt.NDArray[Any] = self._values[self._key(name)]
        return value

    def __setitem__(self, name: str, value: npt.NDArray[Any]) -> None:
        """Changes the value of the variable whose path ends with a name.

        Raises:
          OldModelError: there is none.
        """
        key = self._key(name)
        self._values[key] = np.asarray(value, self._values[key].dtype)

    @property
    def ids(self) -> npt.NDArray[np.object_]:
        """Item ids of the catalogue, bytes `[catalogue]`, in the order of popularity."""
        return self[IDS]

    def recommendable(self) -> BoolArray:
        """Returns which items are recommendable, bool `[catalogue]`."""
        return recommendable_in(self[COLUMNS], len(self.ids))

    def restrict(self, offered: BoolArray) -> None:
        """Makes other items recommendable, bool `[catalogue]`, and no others."""
        self[COLUMNS] = with_recommendable(self[COLUMNS], offered)
        self.set_popular(offered)
        if OWN_ITEMS in self:  # not in a model that ignores unknown items
            self[OWN_ITEMS] = np.array(False)

    def set_popular(self, recommendable: BoolArray) -> None:
        """Makes the first recommendable items, bool `[catalogue]`, the popular ones."""
        most = len(self[POPULAR])
        best = np.flatnonzero(recommendable)[:most]
        self[POPULAR] = np.pad(best, (0, most - len(best)), constant_values=-1)

    def write(self, folder: str) -> None:
        """Writes the checkpoint into a model's folder that has none."""
        tf.io.gfile.makedirs(os.path.join(folder, _FOLDER))
        tf.raw_ops.SaveV2(
            prefix=os.path.join(folder, _FOLDER, _FOLDER),
            tensor_names=list(self._values),
            shape_and_slices=[""] * len(self._values),
            tensors=[tf.constant(value) for value in self._values.values()],
        )

    def _keys(self, name: str) -> list[str]:
        return [key for key in self._values if f"/{key}".endswith(f"/{name}{_VALUE}")]

    def _key(self, name: str) -> str:
        found = self._keys(name)
        if len(found) != 1:
            raise OldModelError(
                f"{self._folder} cannot be refreshed: it was exported by another version of this "
                "package. Train and push a new one with `make run`."
            )
        return found[0]


def copy_without_variables(model: str, folder: str, *others: str) -> None:
    """Copies a model without its variables, manifest and the record of a refresh.

    Args:
      model: folder of the model.
      folder: folder of the copy.
      others: paths below the model's folder of more files that are left out.
    """
    left_out = {RENEWAL_RECORD, MANIFEST, *others}
    for parent, _, names in tf.io.gfile.walk(model):
        for name in names:
            path = os.path.join(parent, name)
            place = os.path.relpath(path, model)
            if place not in left_out and not place.startswith(f"{_FOLDER}{os.sep}"):
                copy_file(path, os.path.join(folder, place))
