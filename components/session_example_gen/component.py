"""The TFX component: its interface and what goes into its cache key."""

from __future__ import annotations

import dataclasses
import json

from google.protobuf import any_pb2, wrappers_pb2
from tfx.components.example_gen import component as example_gen
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2

from components.session_example_gen import driver
from components.session_example_gen.executor import SessionExampleGenExecutor
from modules.config.data import TailOptions
from modules.config.sessions import SessionOptions
from modules.sessions.time_splits import SPLITS


class SessionExampleGen(example_gen.FileBasedExampleGen):
    """Reads click logs by file pattern and writes one tf.Example per session.

    Outputs `examples` with the splits `train`, `eval` and, where the input has it or it is cut from
    train, `test`. See README.md beside this file for the features, the files and the counts that
    the artifact carries.
    """

    DRIVER_CLASS = driver.SessionFilesDriver
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(SessionExampleGenExecutor)

    def __init__(
        self,
        input_base: str,
        input_config: example_gen_pb2.Input,
        sessions: SessionOptions,
        source_digest: str = "",
        kept_rejects: str = "",
        tail: TailOptions = TailOptions(),  # noqa: B008 (frozen)
    ) -> None:
        """Builds the component.

        Args:
          input_base: folder that relative patterns of `input_config` start from.
          input_config: splits named train, eval (optional) and test (optional), each with a file
            pattern; `{SPAN}` and `{VERSION}` work as in every TFX ExampleGen.
          sessions: how rows are read and which sessions are kept.
          source_digest: digest of the code that the result depends on; a new one gives a new
            cache key.
          kept_rejects: file that gets all bad rows when the input stops the run, since TFX deletes
            the artifact then; "" for none.
          tail: how much of the end of train becomes split test, where the input has neither eval
            nor test.

        Raises:
          ValueError: the splits or the options cannot be used; the message names all problems.
        """
        problems = _split_problems(input_config) + sessions.problems() + tail.problems()
        problems += _tail_problems(input_config, tail)
        if problems:
            raise ValueError("SessionExampleGen cannot be built:\n" + "\n".join(problems))
        super().__init__(
            input_base=input_base,
            input_config=input_config,
            # Empty: the executor names the output splits, TFX shall not split by hash.
            output_config=example_gen_pb2.Output(),
            custom_config=_custom_config(sessions, tail, source_digest, kept_rejects),
        )


def _split_problems(input_config: example_gen_pb2.Input) -> list[str]:
    names = [split.name for split in input_config.splits]
    problems = [
        f"input split {split.name!r} must have a file pattern"
        for split in input_config.splits
        if not split.pattern
    ]
    if "train" not in names or len(set(names)) < len(names) or not set(names) <= set(SPLITS):
        problems.append(
            f"input splits must be train, and eval and test where wanted, each once, got {names}"
        )
    return problems


def _tail_problems(input_config: example_gen_pb2.Input, tail: TailOptions) -> list[str]:
    given = [split.name for split in input_config.splits if split.name != "train"]
    if not (tail and given):
        return []
    return [f"{tail} cuts test from train, where the input must have train alone, got {given} too"]


def _custom_config(
    sessions: SessionOptions, tail: TailOptions, source_digest: str, kept_rejects: str
) -> example_gen_pb2.CustomConfig:
    """Packs the options as JSON text: unlike a Struct it keeps ints, and its bytes are stable."""
    values = {
        "sessions": dataclasses.asdict(sessions),
        "tail": dataclasses.asdict(tail),
        "source_digest": source_digest,
        "kept_rejects": kept_rejects,
    }
    packed = any_pb2.Any()
    packed.Pack(wrappers_pb2.StringValue(value=json.dumps(values, sort_keys=True)))
    return example_gen_pb2.CustomConfig(custom_config=packed)
