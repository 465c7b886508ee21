"""The one dialect of patterns: names as they stand, wildcards, hidden files, links, URIs."""

import os
from pathlib import Path

import pytest

from modules.files.file_systems import FilePatternError
from modules.files.patterns import absolute, find_files, find_matches, is_file, join
from modules.files.patterns import what_is_there as there
from tests import file_uris

AT_DEPTHS = ("logs/c.tsv", "logs/2024/a.tsv", "logs/2024/01/b.tsv", "logs/2024/01/02/d.tsv")


def _write(root, *names):
    for name in names:
        file_uris.write(f"{root}/{name}", b"x")


def _found(root, pattern):
    return [path.removeprefix(f"{root}/") for path in find_files(f"{root}/{pattern}")]


@pytest.fixture(params=["on this machine", "at a URI"])
def root(request, tmp_path):
    if request.param == "at a URI":
        return file_uris.uri(tmp_path)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("logs/**/*.tsv", AT_DEPTHS),
        ("logs/**", AT_DEPTHS),
        ("**/d.tsv", AT_DEPTHS[3:]),
        ("lo*/**/[bd].tsv", AT_DEPTHS[2:]),
        ("logs/*", AT_DEPTHS[:1]),
        ("logs/*/*.tsv", AT_DEPTHS[1:2]),
        ("logs/2024/?.tsv", AT_DEPTHS[1:2]),
        ("logs/2024/[!b]*.tsv", AT_DEPTHS[1:2]),
        ("logs/2024", ()),
        ("none/**/*.tsv", ()),
        ("logs/c.tsv/*", ()),
    ],
)
def test_wildcards_find_files_at_every_depth(root, pattern, names):
    _write(root, *AT_DEPTHS)
    assert _found(root, pattern) == sorted(names)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.tsv", ["a.tsv"]),
        ("?old.tsv", []),
        ("[.]old.tsv", []),
        ("**/*.tsv", ["a.tsv"]),
        ("*/*.tsv", []),
        (".*.tsv", ["._a.tsv", ".old.tsv"]),
        (".old.tsv", [".old.tsv"]),
        (".cache/*.tsv", [".cache/in.tsv"]),
        (".*/**/*.tsv", [".cache/in.tsv"]),
    ],
)
def test_hidden_names_are_matched_by_a_dot_alone(root, pattern, names):
    _write(root, "a.tsv", ".old.tsv", "._a.tsv", ".cache/in.tsv")
    assert _found(root, pattern) == names


NAMES = [
    *("train[1].tsv", "what?.tsv", "a*b.tsv", "two words.tsv", 'it\'s "q".tsv', "{1}.tsv"),
    *("back\\slash.tsv", "#1.tsv", "~x.tsv", "Käse 🧀.tsv", "A.TSV.GZ", "d[1]/x.tsv", "**.tsv"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_exists_is_taken_literally(root, name):
    _write(root, name, "train1.tsv", "whatx.tsv", "axb.tsv", "d1/x.tsv")
    assert _found(root, name) == [name]


def test_a_folder_that_exists_is_taken_literally_before_a_pattern(root):
    _write(root, "shop [1]/a.tsv", "shop [1]/sub/b[2].tsv", "shop 1/c.tsv")
    assert _found(root, "shop [1]/*.tsv") == ["shop [1]/a.tsv"]
    assert _found(root, "*/*/b[2].tsv") == ["shop [1]/sub/b[2].tsv"]
    assert _found(root, "shop [0-9]/*.tsv") == ["shop 1/c.tsv"]


@pytest.mark.parametrize(
    ("pattern", "values"),
    [
        ("day-{SPAN}.tsv", [{"SPAN": "007"}, {"SPAN": "12"}]),
        ("day-{SPAN:2}.tsv", [{"SPAN": "12"}]),
        ("{YYYY}{MM}{DD}/v{VERSION}/[{SPAN}]*.tsv", [
            {"YYYY": "2024", "MM": "01", "DD": "31", "VERSION": "3", "SPAN": "5"},
        ]),
        ("{YYYY}-{MM}-{DD}/*", []),
    ],
)  # fmt: skip
def test_placeholders_match_digits(root, pattern, values):
    _write(root, "day-007.tsv", "day-12.tsv", "day-old.tsv", "20240131/v3/[5] x.tsv")
    assert [match.values for match in find_matches(f"{root}/{pattern}")] == values


def test_a_repeated_placeholder_is_refused(root):
    with pytest.raises(FilePatternError, match=r"must have \{SPAN\} only once"):
        find_files(f"{root}/{{SPAN}}/x-{{SPAN:2}}.tsv")


def test_links_are_followed_and_a_file_with_several_names_is_read_once(tmp_path):
    _write(str(tmp_path), "logs/z.tsv", "elsewhere/e.tsv")
    (tmp_path / "logs" / "a.tsv").symlink_to("z.tsv")
    (tmp_path / "logs" / "loop").symlink_to(".")
    (tmp_path / "logs" / "one").symlink_to("../elsewhere")
    (tmp_path / "logs" / "two").symlink_to("../elsewhere")
    assert _found(tmp_path, "logs/*.tsv") == ["logs/z.tsv"]
    assert _found(tmp_path, "logs/a.tsv") == ["logs/a.tsv"]
    assert _found(tmp_path, "logs/**/*.tsv") == ["logs/one/e.tsv", "logs/z.tsv"]


def test_a_file_with_several_hard_links_is_read_once(tmp_path):
    _write(str(tmp_path), "logs/t1.tsv", "b.tsv")
    for name in ("t1hard.tsv", "latest.tsv"):
        os.link(tmp_path / "logs" / "t1.tsv", tmp_path / "logs" / name)
    (tmp_path / "logs" / "a.tsv").symlink_to("t1.tsv")
    assert _found(tmp_path, "logs/*.tsv") == ["logs/latest.tsv"]
    assert _found(tmp_path, "**/*.tsv") == ["b.tsv", "logs/latest.tsv"]
    assert _found(tmp_path, "logs/[at]*.tsv") == ["logs/t1.tsv"]


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_link_may_give_one_days_file_to_the_next(tmp_path, link):
    _write(str(tmp_path), "day-1.tsv")
    for name in ("day-2.tsv", "day-2b.tsv"):
        link(tmp_path / "day-1.tsv", tmp_path / name)
    matches = find_matches(f"{tmp_path}/day-{{SPAN}}*.tsv")
    assert [match.values["SPAN"] for match in matches] == ["1", "2"]
    assert _found(tmp_path, "day-*.tsv") == ["day-1.tsv"]


@pytest.mark.parametrize("pattern", ["**/**/*.tsv", "**/**/**", "**/**/**/**/a.tsv"])
def test_any_depth_below_any_depth_looks_folders_up_once(tmp_path, monkeypatch, pattern):
    _write(str(tmp_path), "/".join("abcdefghijkl") + "/a.tsv")
    looked_up = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: looked_up.append(folder) or listdir(folder))
    assert len(_found(tmp_path, pattern)) == 1
    assert len(looked_up) <= 3 * 13


@pytest.mark.parametrize("name", ["a.tsv", "b", "none"])
def test_whether_there_is_a_file(root, name):
    _write(root, "a.tsv", "b/c.tsv")
    assert is_file(f"{root}/{name}") == (name == "a.tsv")


def test_broken_links_and_invalid_names_are_refused(tmp_path):
    _write(str(tmp_path), "a.tsv")
    (tmp_path / "b.tsv").symlink_to("gone.tsv")
    with pytest.raises(FilePatternError, match=r"b\.tsv is a link to gone\.tsv, which does not"):
        find_files(f"{tmp_path}/*.tsv")
    (tmp_path / "b.tsv").unlink()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.tsv")).write_text("x")
    with pytest.raises(FilePatternError, match=r"is not valid UTF-8: rename the file"):
        find_files(f"{tmp_path}/*.tsv")


def test_describes_what_is_there_instead_of_a_file(tmp_path):
    (tmp_path / "sub").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert there(f"{tmp_path}/none") == "nothing"
    assert there(f"{tmp_path}/s*") == f"only the folder {tmp_path}/sub"
    assert there(f"{tmp_path}/pipe").startswith(f"only {tmp_path}/pipe, which is a pipe")
    assert find_files(f"{tmp_path}/pipe") == find_files(f"{tmp_path}/sub") == []


def test_paths_are_joined_and_uris_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert join("gs://b/data/", "x.tsv") == "gs://b/data/x.tsv"
    assert join("/data", "gs://b/x.tsv") == "gs://b/x.tsv"
    assert join("/data", "/x.tsv") == "/x.tsv"
    assert join("", "x.tsv") == "x.tsv"
    assert absolute("gs://b/x.tsv", tmp_path) == "gs://b/x.tsv"
    assert absolute("../x.tsv", "/data/sub") == "/data/x.tsv"
    assert absolute("~/x.tsv", tmp_path) == "/home/me/x.tsv"
    assert absolute("~nobody-has-this-name", tmp_path) == f"{tmp_path}/~nobody-has-this-name"
    (tmp_path / "~").write_text("x")
    assert absolute("~", tmp_path) == f"{tmp_path}/~"


@pytest.mark.parametrize("width", ["0", "20", "99999999999", "9" * 5000])
def test_an_invalid_width_is_refused(tmp_path, width):
    (tmp_path / "1.tsv").write_text("x")
    with pytest.raises(FilePatternError, match=r"a width is 1 to 19 digits, .* \{SPAN:3\}"):
        find_files(f"{tmp_path}/{{SPAN:{width}}}.tsv")


def test_the_widest_number_is_found(root):
    _write(root, f"{7:019}.tsv")
    assert _found(root, "{SPAN:19}.tsv") == [f"{7:019}.tsv"]
