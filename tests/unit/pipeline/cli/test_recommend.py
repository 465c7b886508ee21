"""Items of a session as typed."""

from __future__ import annotations

import pytest
import tensorflow as tf

from modules.ann.recommender import Signature
from pipeline.cli.main import main
from tests.raw_requests import start


@pytest.mark.parametrize(
    ("typed", "items"),
    [
        ("a, b ,,c", ["a", "b", "c"]),
        ("\ufeffa,\u3000b", ["a", "b"]),
        ("\x1ca,b\x1f", ["\x1ca", "b\x1f"]),
    ],
)
def test_items_are_read_as_a_click_log_has_them(typed: str, items: list[str]) -> None:
    """Blanks around an item go, and the separators that logs keep in ids stay."""
    seen: list[list[list[str]]] = []

    def recommend(item_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        seen.append([[item.decode() for item in row] for row in item_ids.numpy()])
        return {"item_ids": item_ids, "scores": tf.zeros(tf.shape(item_ids))}

    spec = tf.TensorSpec([None, None], tf.string, "item_ids")
    server = start({"recommend": Signature(spec, recommend)})
    try:
        url = f"http://localhost:{server.server_port}"
        assert main(["recommend", "--items", typed, "--server", url]) == 0
    finally:
        server.shutdown()
    assert seen == [[items]]
