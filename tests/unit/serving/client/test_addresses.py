"""Addresses of servers and of models on them."""

from __future__ import annotations

import pytest

from serving.client.addresses import is_this_machine, parse_address
from serving.client.errors import ServerError

MODEL = "/v1/models/session-retrieval"


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("http://shop:8501", f"http://shop:8501{MODEL}"),
        ("http://shop:8501/", f"http://shop:8501{MODEL}"),
        ("https://shop", f"https://shop{MODEL}"),
        ("http://shop:80", f"http://shop{MODEL}"),
        ("http://[::1]:8501", f"http://[::1]:8501{MODEL}"),
        ("http://shop/a/v1/models/x/", "http://shop/a/v1/models/x"),
        ("grpc://shop", f"grpc://shop:8500{MODEL}"),
        ("grpc://shop:9/v1/models/x/versions/7", "grpc://shop:9/v1/models/x/versions/7"),
    ],
)
def test_an_address_names_a_model(url: str, read: str) -> None:
    assert parse_address(url).url == read


@pytest.mark.parametrize(
    "url",
    ["localhost:8501", "ftp://shop", "http://", "http://shop:port", "http://[::1", "http://a@b"],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ServerError, match="The server must be like http://localhost:8501"):
        parse_address(url)


@pytest.mark.parametrize(
    ("path", "has_choice"),
    [("", False), (MODEL, False), (f"{MODEL}/versions/7", True), (f"{MODEL}/labels/canary", True)],
)
def test_a_version_or_label_in_an_address_is_seen(path: str, has_choice: bool) -> None:
    assert parse_address(f"http://shop{path}").has_choice is has_choice


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        *((host, True) for host in ("localhost", "localhost.", "a.localhost", "127.0.0.1", "::1")),
        *((host, True) for host in ("::ffff:127.0.0.1", "127.255.255.254", "::", "0.0.0.0")),
        *((host, False) for host in ("localhost.shop.example", "128.0.0.1", "::2", "10.0.0.1")),
        *((host, False) for host in ("127.0.0.1.shop.example", "notlocalhost", "")),
    ],
)
def test_which_hosts_are_this_machine(host: str, is_here: bool) -> None:
    assert is_this_machine(host) is is_here
