"""The settings of SessionExampleGen, as its custom config carries them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import any_pb2, wrappers_pb2
from tfx.proto import example_gen_pb2
from tfx.types import standard_component_specs
from tfx.utils import proto_utils

from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.daily.days import day_number
from modules.sessions.event_times import MS_PER_DAY
from modules.sessions.time_splits import Period


@dataclasses.dataclass(frozen=True)
class Settings:
    """Content of the component's custom config; see `SessionExampleGen`.

    Attributes:
      sessions: how rows are read and which sessions are kept.
      tail: how much of the end of train becomes split test.
      kept_rejects: file for all bad rows if they stop the run.
      window: number of spans of train before the evaluated one; 0 for one span of all splits.
      max_age_days: largest age of the evaluated day if none is named; None for no limit.
      days: patterns by day of a resolved window; see `window.Window`.
    """

    sessions: SessionOptions
    tail: TailOptions
    kept_rejects: str = ""
    window: int = 0
    max_age_days: int | None = None
    days: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def period(self) -> Period | None:
        """The days of train and test by time, of a resolved window of visitors; else None."""
        if not self.days or self.sessions.visitor_column is None:
            return None
        first, *_, test = self.days
        begin = day_number(test) * MS_PER_DAY
        return Period(day_number(first) * MS_PER_DAY, begin, begin + MS_PER_DAY)


def read_settings(exec_properties: Mapping[str, Any]) -> Settings:
    """Reads the settings in the component's custom config."""
    values = _unpack(exec_properties)
    values.pop("source_digest", None)
    sessions, tail = SessionOptions(**values.pop("sessions")), TailOptions(**values.pop("tail"))
    return Settings(sessions, tail, days=dict(values.pop("days")), **values)


def with_days(exec_properties: Mapping[str, Any], days: Mapping[str, str]) -> str:
    """Returns the custom config, as JSON, with the days of a resolved window."""
    values = _unpack(exec_properties) | {"days": list(days.items())}
    return str(proto_utils.proto_to_json(_packed(values)))


def pack(settings: Settings, source_digest: str) -> example_gen_pb2.CustomConfig:
    """Returns the custom config with settings, and a digest of the code for the cache key."""
    values = dataclasses.asdict(settings) | {"days": list(settings.days.items())}
    return _packed({**values, "source_digest": source_digest})


def _packed(values: Mapping[str, Any]) -> example_gen_pb2.CustomConfig:
    """Packs values as JSON, which unlike a Struct keeps ints and has stable bytes."""
    packed = any_pb2.Any()
    packed.Pack(wrappers_pb2.StringValue(value=json.dumps(values, sort_keys=True)))
    return example_gen_pb2.CustomConfig(custom_config=packed)


def _unpack(exec_properties: Mapping[str, Any]) -> dict[str, Any]:
    config = example_gen_pb2.CustomConfig()
    proto_utils.json_to_proto(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY], config)
    packed = wrappers_pb2.StringValue()
    config.custom_config.Unpack(packed)
    values: dict[str, Any] = json.loads(packed.value)
    return values
