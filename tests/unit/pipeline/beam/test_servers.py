"""The servers of a runner, and whether this machine reaches them."""

from __future__ import annotations

import socket

import pytest

from pipeline.beam.preset_files import load_beam_preset
from pipeline.beam.servers import Server, servers, unreachable

POOL = ["--environment_type=EXTERNAL", "--environment_config=localhost:50000"]


def _flags_of(flags: list[str], local_pool: bool) -> list[str]:
    return [server.flag for server in servers(flags, local_pool)]


def test_only_a_pool_on_this_machine_is_this_machines_to_reach() -> None:
    flags = ["--job_endpoint=a:1", *POOL]
    assert _flags_of(flags, local_pool=True) == ["--job_endpoint", "--environment_config"]
    assert _flags_of(flags, local_pool=False) == ["--job_endpoint"]


def test_what_starts_its_own_servers_names_none() -> None:
    for flags in (["--job_endpoint=embed"], [], list(load_beam_preset("prism").flags)):
        assert _flags_of(flags, local_pool=True) == []
    config = ["--environment_type=DOCKER", "--environment_config=image"]
    assert _flags_of(config, local_pool=True) == []


def test_flinks_preset_names_both_of_its_job_server() -> None:
    found = {
        server.flag: server.address for server in servers(load_beam_preset("flink").flags, False)
    }
    assert found == {
        "--job_endpoint": "flink-job-server:8099",
        "--artifact_endpoint": "flink-job-server:8098",
    }


def test_a_server_that_listens_is_reached_and_one_that_does_not_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        assert unreachable(Server("--job_endpoint", address, "a job server")) == ""
    assert unreachable(Server("--job_endpoint", address, "a job server")) == (
        f"could not connect to --job_endpoint={address}: Connection refused; a job server"
    )


@pytest.mark.parametrize("address", ["8099", "localhost:", "localhost:http", ":8099", "a:99999"])
def test_an_address_without_host_or_port_is_named(address: str) -> None:
    assert "must be host:port" in unreachable(Server("--job_endpoint", address, ""))


def test_an_unknown_host_is_named() -> None:
    found = unreachable(Server("--job_endpoint", "flink-job-server.invalid:8099", "a job server"))
    assert found.startswith("could not connect to --job_endpoint=flink-job-server.invalid:8099: ")
