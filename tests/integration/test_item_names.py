"""Names and categories, from a table of items to what people and clients see of a pushed model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.pusher.node import Executor
from modules.config.options.releases import STABLE
from modules.items.item_names import ItemNames, read_item_names
from modules.items.known_names import ITEMS, ITEMS_FILE
from pipeline.cli.main import main
from serving import pushed_models
from serving.client import Client, ServerError
from serving.server import run
from serving.server.model_store import ModelStore
from serving.server.place import Place
from tests.integration.browser import Browser

EVIL = '<img src=x onerror="throw 1">'
KINDS = 9


@pytest.fixture(scope="module")
def pushed(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version that Pusher wrote, whose items have a name and a category of nine each."""
    folder = tmp_path_factory.mktemp("out")
    model, blessing = standard_artifacts.Model(), standard_artifacts.ModelBlessing()
    items, output = simple_artifacts.Dataset(), standard_artifacts.PushedModel()
    for artifact, name in ((model, "model"), (blessing, "blessing"), (items, "items")):
        artifact.uri = str(folder / name)
        (folder / name).mkdir()
    (folder / "model" / "Format-Serving").symlink_to(trained.folder / "model")
    (folder / "blessing" / "BLESSED").touch()
    blessing.set_int_custom_property("blessed", 1)
    output.uri = str(folder / "pushed_model")
    ids = pushed_models.known_items(trained.folder / "model")
    table = {
        "item_id": ids,
        "title": [f"Thing, {EVIL} {item}" for item in ids],
        "kind": [[f"kind {place % KINDS}"] for place, _ in enumerate(ids)],
    }
    pq.write_table(pa.table(table), folder / "items" / ITEMS_FILE)
    options = json.dumps({"name_column": "title", "category_column": "kind"})
    destination = {"filesystem": {"base_directory": str(folder / "pushed")}}
    Executor().Do(
        {"model": [model], "model_blessing": [blessing], ITEMS: [items]},
        {"pushed_model": [output]},
        {
            "push_destination": json.dumps(destination),
            "custom_config": json.dumps({"items": options}),
        },
    )
    return Path(output.get_string_custom_property("pushed_destination"))


@pytest.fixture(scope="module")
def names(pushed: Path) -> ItemNames:
    return read_item_names(pushed)


@pytest.fixture(scope="module")
def server(pushed: Path) -> Iterator[Any]:
    server = run.start(ModelStore(lambda: {STABLE: pushed}), Place(port=0, grpc_port=0))
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def url(server: Any) -> str:
    return f"http://localhost:{server.server_port}"


def test_recommend_shows_names(
    pushed: Path, url: str, names: ItemNames, sample: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    session = sample.sessions["train"][0][:2]
    for place in (["--out", str(pushed.parents[1])], ["--server", url]):
        asked = ["recommend", "--items", ",".join(session), "-k", "2", *place]
        assert main(asked) == 0
        _, *rows = capfd.readouterr().out.splitlines()
        assert main([*asked, "--json"]) == 0
        found = json.loads(capfd.readouterr().out)
        assert [item["item_id"] for item in found["session"]] == session
        assert len(rows) == len(found["items"]) == 2
        for row, item in zip(rows, found["items"], strict=True):
            assert item["name"] == names.name(item["item_id"])
            assert item["categories"] == list(names.category(item["item_id"]))
            assert row.endswith(f"{item['name']}  {item['categories'][0]}")


@pytest.fixture(scope="module")
def model(pushed: Path) -> Any:
    return pushed_models.load_model(pushed)


def _ranking(model: Any, session: list[str]) -> list[str]:
    """Returns all items, best first."""
    nothing = tf.constant([[""]])
    found = model.signatures["recommend_filtered"](
        item_ids=tf.constant([session or [""]]),
        k=tf.constant(100_000),
        exclude=nothing,
        allow=nothing,
        session_items=tf.constant("keep"),
    )
    return [item.decode() for item in found["item_ids"].numpy()[0]]


@pytest.mark.parametrize(
    ("allow", "exclude"),
    [
        (None, ["kind 1", "kind 2"]),  # the best 100 items are enough
        (["kind 3"], []),  # they are not
        (None, [f"kind {number}" for number in range(KINDS - 1)]),
        (["kind 3", "kind 4"], ["kind 4"]),
        (["no such kind"], []),
    ],
)
def test_categories_leave_the_best_of_the_others(
    server: Any,
    url: str,
    pushed: Path,
    model: Any,
    names: ItemNames,
    sample: Any,
    allow: list[str] | None,
    exclude: list[str],
) -> None:
    def is_wanted(item: str) -> bool:
        (kind,) = names.category(item)
        return kind not in exclude and (allow is None or kind in allow)

    sessions = [list(sample.sessions["train"][1]), []]
    rankings = [_ranking(model, session) for session in sessions]
    assert len(rankings[0]) > 200
    expected = [[item for item in row if is_wanted(item)][:20] for row in rankings]
    rules = {"allow_categories": allow, "exclude_categories": exclude}
    with_file = Client(f"grpc://localhost:{server.grpc_port}", items=pushed)
    for client in (Client(url), with_file):
        found = client.recommend(sessions, 20, **rules)
        assert [[item.item_id for item in row] for row in found] == expected
        one = client.answer(sessions[0], 20, **rules)
        assert [item.item_id for item in one.items] == expected[0]
        assert one.version == pushed.name


def test_where_there_are_no_categories_nothing_is_recommended_by_them(server: Any) -> None:
    client = Client(f"grpc://localhost:{server.grpc_port}")
    assert not client.describe(["a"])
    with pytest.raises(ServerError, match="has no categories of items: give the client"):
        client.answer(["a"], 3, exclude_categories=["kind 1"])


def test_while_the_server_is_away_the_fallback_obeys_too(pushed: Path, names: ItemNames) -> None:
    server = run.start(ModelStore(lambda: {STABLE: pushed}))
    client = Client(f"http://localhost:{server.server_port}")
    other = Client(f"http://localhost:{server.server_port}")
    popular = client.renew_fallback()
    other.renew_fallback()
    client.item_names()
    server.shutdown()
    answer = client.answer([], 5, exclude_categories=["kind 0"])
    kept = [item for item in popular if names.category(item) != ("kind 0",)]
    assert answer.is_fallback and [item.item_id for item in answer.items] == kept[:5]
    with pytest.raises(ServerError, match="does not answer"):  # its categories are not known
        other.answer([], 5, exclude_categories=["kind 0"])


def test_the_page_shows_and_finds_names(
    url: str,
    names: ItemNames,
    sample: Any,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
) -> None:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    item = sample.sessions["train"][0][0]
    text = "document.querySelector('{}').textContent"
    try:
        browser.open(f"{url}/?item={item}")
        browser.wait("document.querySelectorAll('#answer .item').length === 20")
        first = browser.run("document.querySelector('#answer .item').dataset.item")
        shown = browser.run(text.format("#answer .name"))
        assert shown == f"{names.name(first)}{first} · {names.category(first)[0]}"
        assert EVIL in shown
        named = f"{text.format('#session button')}.startsWith({json.dumps(names.name(item))})"
        browser.wait(named)
        browser.click("#item")
        browser.type(f"> {first}")
        browser.wait("document.querySelectorAll('#suggestions button').length === 1")
        browser.click("#suggestions small")
        browser.wait("document.querySelectorAll('#session button').length === 2")
        browser.run("document.getElementById('item').value = ''")
        browser.click("#item")
        browser.type(names.name(item))
        browser.wait("document.querySelectorAll('#suggestions button').length === 1")
        browser.type("\n")  # the whole name stands for its item
        browser.wait("document.querySelectorAll('#session button').length === 3")
        session = "[...document.querySelectorAll('#session button')].map(e => e.dataset.item)"
        assert browser.run(session) == [item, first, item]
        assert browser.run("document.images.length") == 0
        browser.screenshot(tmp_path / "page.png")
        assert browser.errors == []
    finally:
        browser.close()
