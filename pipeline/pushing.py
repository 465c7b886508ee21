"""The last nodes of the pipeline: they push the blessed model, and the approximate index if any."""

from __future__ import annotations

from collections.abc import Callable

from tfx.components.pusher.component import Pusher
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import pusher_pb2
from tfx.types import Channel

from components.index_builder.component import IndexBuilder
from components.pusher.executor import Executor as PusherExecutor
from modules.config.index import NONE
from pipeline.config import Config, Paths

INDEX_PUSHER_ID = "IndexPusher"


def create_pusher(
    model: Channel,
    model_blessing: Channel,
    infra_blessing: Channel,
    folder: str,
    source_digest: str,
) -> Pusher:
    """Returns the node that pushes a model with both blessings into a folder."""
    return Pusher(
        model=model,
        model_blessing=model_blessing,
        infra_blessing=infra_blessing,
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=folder)
        ),
        custom_executor_spec=ExecutorClassSpec(PusherExecutor),
        custom_config={"source_digest": source_digest},
    )


def create_index_nodes(
    config: Config,
    paths: Paths,
    examples: Channel,
    pusher: Pusher,
    digest_of: Callable[[str], str],
) -> list[BaseNode]:
    """Returns the nodes that build and push the approximate index, none if there is none.

    Args:
      config: of the pipeline.
      paths: `index_push_folder` gets the index.
      examples: whose judged split the index is measured with.
      pusher: of the model that the index is made of; the index needs its blessings too.
      digest_of: returns the digest of a module's sources.
    """
    if config.index.kind == NONE:
        return []
    builder = IndexBuilder(
        model=pusher.inputs["model"],
        examples=examples,
        split=config.evaluation.split,
        options=config.index,
        infra_blessing=pusher.inputs["infra_blessing"],
        source_digest=digest_of("components.index_builder.component"),
    )
    index_pusher = create_pusher(
        builder.outputs["index"],
        pusher.inputs["model_blessing"],
        builder.outputs["blessing"],
        paths.index_push_folder,
        digest_of("components.pusher.executor"),
    )
    return [builder, index_pusher.with_id(INDEX_PUSHER_ID)]
