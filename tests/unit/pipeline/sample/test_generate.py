"""The bundled sample: the same bytes everywhere, RetailRocket's shape, a fair thing to learn."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pipeline.sample.generate import Session, generate_sessions, main, write_sample

# Models are tuned on this sample: change these only together with every figure taken on it.
GOLDEN_DIGESTS = {
    "train.tsv": "ba8b6aa118eb679d3fb06d2ba26e5cfbdc654ad07447bf407c90c1214a864f69",
    "test.tsv": "d427961300b5e8222d205c7c5aeaa70ac134e918e3b85ad622957eefde581532",
}


@pytest.fixture(scope="module")
def sample() -> tuple[list[Session], list[Session]]:
    return generate_sessions()


def _events(sessions: list[Session]) -> list[str]:
    return [item_id for session in sessions for item_id in session.item_ids]


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_default_sample_has_the_golden_digest(tmp_path: Path) -> None:
    write_sample(tmp_path / "made" / "on the way")

    assert _digests(tmp_path / "made" / "on the way") == GOLDEN_DIGESTS


def test_module_runs_as_a_command_with_the_same_bytes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline.sample.generate", str(tmp_path), "--sessions", "60"]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[4], timeout=60)
    by_command = _digests(tmp_path)

    main([str(tmp_path), "--sessions", "60"])

    assert set(by_command) == {"train.tsv", "test.tsv"}
    assert _digests(tmp_path) == by_command


def test_another_seed_gives_another_sample() -> None:
    assert generate_sessions(60, seed=1) != generate_sessions(60, seed=2)


def test_a_small_shop_may_have_many_sessions() -> None:
    many, few = generate_sessions(400, shop_size=100), generate_sessions(400)
    items = [{item for part in parts for s in part for item in s.item_ids} for parts in (many, few)]
    assert len(items[0]) <= 120 < len(items[1])
    assert sum(map(len, many)) == sum(map(len, few)) == 400


def test_files_hold_the_sessions_in_tab_separated_rows(tmp_path: Path) -> None:
    write_sample(tmp_path, sessions=60, seed=3)
    train, test = generate_sessions(60, seed=3)

    for name, sessions in (("train.tsv", train), ("test.tsv", test)):
        header, *rows = (tmp_path / name).read_text().splitlines()
        expected = [
            [session.session_id, item_id, str(time)]
            for session in sessions
            for item_id, time in zip(session.item_ids, session.event_times, strict=True)
        ]
        assert header == "SessionId\tItemId\tTime"
        assert [row.split("\t") for row in rows] == expected


def test_every_session_is_whole_and_in_time_order(
    sample: tuple[list[Session], list[Session]],
) -> None:
    train, test = sample
    assert len({session.session_id for session in train + test}) == 10_000
    for session in train + test:
        assert 2 <= len(session.item_ids) <= 200
        assert len(session.event_times) == len(session.item_ids)
        assert session.event_times == sorted(set(session.event_times))


def test_training_ends_before_the_test_begins(
    sample: tuple[list[Session], list[Session]],
) -> None:
    train, test = sample
    last_of_training = max(session.event_times[-1] for session in train)
    first_of_test = min(session.event_times[0] for session in test)

    assert last_of_training < first_of_test < last_of_training + 3_600_000


def test_shape_is_that_of_two_retailrocket_weeks(
    sample: tuple[list[Session], list[Session]],
) -> None:
    train, test = sample
    lengths = [len(session.item_ids) for session in train + test]
    counts = Counter(_events(train))
    best_20 = sum(count for _, count in counts.most_common(20))

    assert sum(lengths) / len(lengths) == pytest.approx(3.61, abs=0.05)  # RetailRocket 3.61
    assert lengths.count(2) / len(lengths) == pytest.approx(0.527, abs=0.01)  # .527
    assert sorted(lengths)[len(lengths) * 99 // 100] == pytest.approx(18, abs=3)  # 18
    assert 5_000 < len(counts) < 6_500
    assert best_20 / sum(counts.values()) == pytest.approx(0.038, abs=0.01)  # .035 to .040


def test_test_days_hold_the_real_share_of_unknown_items(
    sample: tuple[list[Session], list[Session]],
) -> None:
    train, test = sample
    known = set(_events(train))
    unknown = [item_id for item_id in _events(test) if item_id not in known]

    assert len(unknown) / len(_events(test)) == pytest.approx(0.277, abs=0.02)  # RetailRocket .277


def test_visitors_return_to_items_as_often_as_in_retailrocket(
    sample: tuple[list[Session], list[Session]],
) -> None:
    steps = returns = to_the_one_before = 0
    for session in sample[0] + sample[1]:
        for step in range(1, len(session.item_ids)):
            target, prefix = session.item_ids[step], session.item_ids[:step]
            steps += 1
            returns += target in prefix
            to_the_one_before += target in prefix[-2:-1] and target != prefix[-1]

    assert returns / steps == pytest.approx(0.179, abs=0.01)  # RetailRocket .178 and .179
    assert to_the_one_before / steps == pytest.approx(0.116, abs=0.03)  # .117 and .115


def test_too_few_sessions_are_refused() -> None:
    with pytest.raises(ValueError, match="sessions must be at least 50, got 49"):
        generate_sessions(49)


def test_smallest_sample_fills_both_files() -> None:
    for seed in range(20):
        train, test = generate_sessions(50, seed)
        assert train and test
