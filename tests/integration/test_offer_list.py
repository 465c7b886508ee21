"""Pusher with a standing list: what is pushed recommends its items, and nothing else."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfx.types import standard_artifacts

from components.pusher.node import Executor
from modules.copies.grown_model import find_additions, grow, write_grown
from modules.copies.model_variables import Variables
from modules.copies.offered_items import read_offer
from modules.copies.recent_clicks import RecentClicks, to_array
from modules.copies.restricted_model import STANDING, UNTIL
from modules.files.model_folder import (
    RENEWAL_RECORD,
    learned_from,
    model_damage,
    write_json,
    write_manifest,
)
from modules.push_origin import A_REFRESH, AN_EARLIER_RUN, NOT_PUSHED, PUSHED_BY, THIS_RUN
from modules.releases.record import PAUSE, read_releases, record
from pipeline.cli.main import main
from pipeline.releases.change import Writer
from pipeline.releases.overview import read_overview
from serving import pushed_models
from tests import exported_model
from tests.exported_model import IDS

Push = Callable[..., Any]
FIRST, SECOND = IDS[:6], IDS[2:]


@pytest.fixture(scope="module")
def trained_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of two trainings."""
    folder = tmp_path_factory.mktemp("models")
    model = exported_model.make(folder / "monday")
    shutil.copytree(model, folder / "tuesday")
    write_manifest(str(folder / "tuesday"), "tuesday")
    return folder


@pytest.fixture
def offers(tmp_path: Path) -> Path:
    return tmp_path / "in_stock.txt"


@pytest.fixture
def pushed(tmp_path: Path) -> Path:
    return tmp_path / "pushed"


@pytest.fixture
def push(trained_models: Path, offers: Path, tmp_path: Path, pushed: Path) -> Push:
    """Runs Pusher on a blessed model of a training, and returns its output.

    `start` comes before all paths, `file://` for URIs.
    """
    numbers = iter(range(100))

    def call(training: str = "monday", start: str = "", **settings: Any) -> Any:
        run = tmp_path / "artifacts" / str(next(numbers))
        model, blessing = standard_artifacts.Model(), standard_artifacts.ModelBlessing()
        output = standard_artifacts.PushedModel()
        model.uri, blessing.uri = f"{start}{run}/model", f"{start}{run}/blessing"
        output.uri = f"{start}{run}/pushed_model"
        shutil.copytree(trained_models / training, run / "model" / "Format-Serving")
        blessing.set_int_custom_property("blessed", 1)
        (run / "blessing").mkdir()
        (run / "pushed_model").mkdir()
        (run / "blessing" / "BLESSED").touch()
        custom = json.dumps({"offer_file": f"{start}{offers}", **settings})
        place = {"base_directory": f"{start}{pushed}"}
        Executor().Do(
            {"model": [model], "model_blessing": [blessing]},
            {"pushed_model": [output]},
            {
                "push_destination": json.dumps({"filesystem": place}),
                "custom_config": custom,
            },
        )
        return output

    return call


def offered(version: str) -> list[str]:
    model = pushed_models.load_model(Path(version))
    answers = pushed_models.recommend(model, [[], [IDS[0]], [IDS[8]]], 100)
    found = {item.item_id for answer in answers for item in answer}
    return [item for item in IDS if item in found]


def destination(output: Any) -> str:
    return str(output.get_string_custom_property("pushed_destination"))


def origin(output: Any) -> str:
    return str(output.get_string_custom_property(PUSHED_BY))


def versions(pushed: Path) -> int:
    return len([path for path in pushed.glob("*") if (path / "saved_model.pb").exists()])


def test_every_push_follows_the_list_as_it_is_then(push: Push, offers: Path, pushed: Path) -> None:
    offers.write_text("\n".join([*FIRST, "new"]))
    first = push()
    assert offered(destination(first)) == FIRST and origin(first) == THIS_RUN
    assert model_damage(destination(first)) is None and model_damage(first.uri) is None

    again = push()  # neither has changed
    assert destination(again) == destination(first) and origin(again) == AN_EARLIER_RUN
    assert offered(again.uri) == FIRST

    # With other quotes, line ends and compression it is the same list.
    offers.write_bytes(gzip.compress("\r\n".join(f'"{item}"' for item in FIRST).encode()))
    assert destination(push()) == destination(first)

    offers.write_text("\n".join(SECOND))
    changed = push()
    assert offered(destination(changed)) == SECOND and origin(changed) == THIS_RUN
    found = json.loads((Path(destination(changed)) / RENEWAL_RECORD).read_text())
    assert (found["base"], found["gone"], found["back"]) == (destination(first), 2, 3)

    other = push("tuesday")
    assert offered(destination(other)) == SECOND
    assert versions(pushed) == 3
    assert [one["offered"] for one in read_overview(pushed.parent)] == [6, 7, 7]


def refresh_by_clicks(version: Path, offers: Path, folder: Path) -> Path:
    """Writes a version with a new item that was clicked beside another, by a list."""
    known = to_array([item.encode() for item in IDS])
    ids = to_array([IDS[1].encode(), b"new"])
    two = np.arange(2)
    clicks = RecentClicks(np.zeros(2, np.int64), two, two, ids, Counter())
    variables = Variables(str(version))
    additions = find_additions(known, len(IDS), clicks, 9)
    ids = grow(variables, known, additions, 0.0)
    offer = read_offer(str(offers), variables.ids, 0.0, "x")
    variables.restrict(offer.offered)
    write_grown(str(version), str(folder), variables, ids)
    listed = {"items": str(offers), "items_sha256": offer.digest, STANDING: True}
    write_json(str(folder), RENEWAL_RECORD, {"base": str(version), UNTIL: 1, **listed})
    write_manifest(str(folder), learned_from(str(version)))
    return folder


def test_a_version_with_items_of_clicks_stays_until_its_list_changes(
    push: Push, offers: Path, pushed: Path
) -> None:
    offers.write_text("\n".join([*FIRST, "new"]))
    first = Path(destination(push()))
    refreshed = refresh_by_clicks(first, offers, pushed / str(int(first.name) + 1))
    assert destination(push()) == str(refreshed) and versions(pushed) == 2

    offers.write_text("\n".join(SECOND))
    changed = push()
    assert offered(destination(changed)) == SECOND and versions(pushed) == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [("\n".join(IDS[:4]), "lists 4, less than the share 0.5"), (None, "cannot be read")],
)
def test_a_list_that_cannot_be_used_keeps_the_version_that_serves(
    push: Push, offers: Path, pushed: Path, text: str | None, reason: str
) -> None:
    offers.write_text("\n".join(FIRST))
    push()
    offers.write_text(text) if text else offers.unlink()
    for training in ("monday", "tuesday"):
        output = push(training)
        assert reason in output.get_string_custom_property(NOT_PUSHED)
        assert not output.get_int_custom_property("pushed")
        assert not list(Path(output.uri).iterdir())
    assert versions(pushed) == 1
    if text:
        assert offered(destination(push("tuesday", least_offered=0.4))) == IDS[:4]


def test_on_a_cluster_the_list_and_the_versions_lie_at_uris(
    push: Push, offers: Path, pushed: Path
) -> None:
    offers.write_text("\n".join(FIRST))
    first = push(start="file://")
    assert destination(push(start="file://")) == destination(first)
    offers.write_text("\n".join(SECOND))
    changed = destination(push(start="file://"))
    assert changed.startswith(f"file://{pushed}/") and versions(pushed) == 2
    assert offered(changed.removeprefix("file://")) == SECOND


def test_releases_hold_for_restricted_versions(push: Push, offers: Path, pushed: Path) -> None:
    offers.write_text("\n".join(FIRST))
    first = push()
    offers.write_text("\n".join(SECOND))
    record(str(pushed), PAUSE, by="ann")
    assert "paused" in push().get_string_custom_property(NOT_PUSHED)
    Writer(pushed.parent, "ann", "").resume()
    canary = push(is_canary=True)
    names = [Path(destination(output)).name for output in (first, canary)]
    assert list(read_releases(str(pushed)).labels(names).values()) == ["stable", "canary"]
    Writer(pushed.parent, "ann", "").promote(None)
    Writer(pushed.parent, "ann", "too few hats").rollback(None)
    reason = push().get_string_custom_property(NOT_PUSHED)
    assert f"version {names[1]} of this model, with this list, was withdrawn by ann" in reason
    # The training itself still serves: it may be pushed with another list.
    offers.write_text("\n".join(IDS))
    restored = push()
    assert offered(destination(restored)) == IDS and versions(pushed) == 2


def test_a_refresh_by_hand_names_the_list_and_gives_way_to_it(
    push: Push, offers: Path, pushed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offers.write_text("\n".join(FIRST))
    push()
    by_hand = offers.with_name("hand.txt")
    by_hand.write_text("\n".join(SECOND))
    (pushed.parent / "config.yaml").write_text(
        f"name: shop\ndata: {{train: x}}\nserving: {{offer_file: {offers}}}\n"
    )
    assert main(["refresh", "--items", str(by_hand), "--out", str(pushed.parent)]) == 0
    assert f"standing {offers} is what the next push recommends again" in capsys.readouterr().out
    (newest,) = [found for found in read_overview(pushed.parent) if found["label"] == "stable"]
    assert offered(newest["folder"]) == SECOND
    assert origin(push(offer_file=None)) == A_REFRESH
    assert offered(destination(push())) == FIRST
