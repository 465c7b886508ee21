"""Windows of spans: which files train and test read."""

import datetime

import pytest

from modules.daily.spans import find_window, newest_versions


@pytest.fixture
def folder(tmp_path):
    for name in ("04", "05", "07", "08"):
        (tmp_path / f"clicks-2015-09-{name}.tsv").write_text("x")
    return tmp_path


def test_a_window_ends_with_the_evaluated_day_and_names_days_without_files(folder):
    window = find_window(str(folder), "clicks-{YYYY}-{MM}-{DD}.tsv", 3, None)
    assert dict(window.patterns) == {
        "2015-09-05": "clicks-2015-09-05.tsv",
        "2015-09-06": "",
        "2015-09-07": "clicks-2015-09-07.tsv",
        "2015-09-08": "clicks-2015-09-08.tsv",
    }
    earlier = find_window(str(folder), "clicks-{YYYY}-{MM}-{DD}.tsv", 3, window.day - 1)
    assert list(earlier.patterns)[-1] == "2015-09-07"


def test_the_days_around_a_window_are_those_with_files_that_are_over(folder):
    pattern = "clicks-{YYYY}-{MM}-{DD}.tsv"
    yesterday, today = (datetime.date.today() - datetime.timedelta(days) for days in (1, 0))
    for day in (yesterday, today):
        (folder / f"clicks-{day}.tsv").write_text("x")
    middle = find_window(str(folder), pattern, 2, 16_686)  # 2015-09-08
    assert middle.around == ("clicks-2015-09-05.tsv",)
    early = find_window(str(folder), pattern, 1, 16_683)
    assert early.around == ()
    both = find_window(str(folder), pattern, 1, 16_686)
    assert (list(both.patterns), both.around) == (["2015-09-07", "2015-09-08"], ())
    (folder / f"clicks-{yesterday - datetime.timedelta(1)}.tsv").write_text("x")
    assert find_window(str(folder), pattern, 1, None).around == ()  # today's file may grow


def test_the_newest_day_is_over(folder):
    today = datetime.date.today()
    (folder / f"clicks-{today}.tsv").write_text("x")
    pattern = "clicks-{YYYY}-{MM}-{DD}.tsv"
    assert list(find_window(str(folder), pattern, 1, None).patterns)[-1] == "2015-09-08"
    (folder / "other").mkdir()
    (folder / "other" / f"clicks-{today}.tsv").write_text("x")
    with pytest.raises(ValueError, match=f"no day that is over .* the first there is {today}"):
        find_window(str(folder / "other"), pattern, 1, None)


def test_windows_cross_months_and_take_the_newest_version_of_each_span(tmp_path):
    for name in ("2015/08/31", "2015/09/01"):
        for version in ("1", "2"):
            (tmp_path / name / version).mkdir(parents=True)
            (tmp_path / name / version / "a.tsv").write_text("x")
    window = find_window(str(tmp_path), "{YYYY}/{MM}/{DD}/{VERSION}/*.tsv", 1, None)
    assert list(window.patterns.values()) == ["2015/08/31/2/*.tsv", "2015/09/01/2/*.tsv"]
    assert window.version == 2


def test_numbered_spans_are_ordered_as_numbers(tmp_path):
    for span in (9, 10, 11):
        (tmp_path / f"day-{span}.tsv").write_text("x")
    window = find_window(str(tmp_path), "day-{SPAN}.tsv", 2, None)
    assert list(window.patterns) == ["9", "10", "11"]
    assert sorted(newest_versions(str(tmp_path), "day-{SPAN}.tsv")) == [9, 10, 11]


@pytest.mark.parametrize(
    ("length", "day", "message"),
    [
        (7, 16690, "no file of 2015-09-12 matches .*: the newest day there is 2015-09-08"),
        (1, 16684, "no file of 2015-09-06 matches"),
        (1, 16685, "nothing to train on: none of the 1 days before it has a file"),
    ],
)
def test_a_window_without_its_day_or_without_a_day_before_it_is_refused(
    folder, length, day, message
):
    with pytest.raises(ValueError, match=message):
        find_window(str(folder), "clicks-{YYYY}-{MM}-{DD}.tsv", length, day)


def test_a_folder_without_any_day_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no file of any day matches"):
        find_window(str(tmp_path), "{SPAN}.tsv", 1, None)
