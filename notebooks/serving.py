# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Serving and index
#
# The pipeline pushes one SavedModel: raw item ids in, ranked item ids out. This page queries it in
# every way that [serving](../docs/serving.md) describes, restricts what it recommends, and builds
# the approximate index for large catalogues. If [training and evaluation](training.py) has run
# before, its model is taken from the cache.

# %%
import logging
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
logging.disable(logging.WARNING)

from pipeline.config import load_config
from pipeline.paths import PROJECT, Paths
from pipeline.run.launch import make_sample_if_missing, runner_environment

os.environ.update(runner_environment(os.environ))
config, out = load_config("sample"), PROJECT / "output" / "notebooks" / "sample"
make_sample_if_missing(config)

# %%
import contextlib
import io

import absl.logging
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import RunOptions

from pipeline.pipeline import create_pipeline

absl.logging.set_verbosity(absl.logging.ERROR)
with contextlib.redirect_stdout(io.StringIO()):  # which the notebook before shows
    pipeline = create_pipeline(config, Paths.under(out))
    LocalDagRunner().run(pipeline, RunOptions(to_nodes=["Pusher"]))

# %% [markdown]
# ## The pushed model

# %%
import pandas as pd
import tensorflow as tf

from serving.pushed_models import newest_model

folder = newest_model([out / "pushed"])
model = tf.saved_model.load(str(folder))
pd.DataFrame(
    {
        name: {
            "takes": ", ".join(signature.structured_input_signature[1]),
            "returns": ", ".join(signature.structured_outputs),
        }
        for name, signature in model.signatures.items()
    }
).T

# %%
session = ["133278", "119698"]
answer = model.signatures["recommend"](item_ids=tf.constant([session]))
pd.DataFrame(
    {"item": answer["item_ids"][0].numpy().astype(str), "score": answer["scores"][0]}
).head(5)

# %% [markdown]
# Padding never changes an answer, an unknown item of the session is recommended beside the others,
# and a session with no known item gets its own ones, then the most popular.

# %%
recommend = model.signatures["recommend"]
for items in (session, [*session, "", "", ""], ["no such item", *session], ["no such item"]):
    top = recommend(item_ids=tf.constant([items]))["item_ids"][0, :5].numpy().astype(str)
    print(f"{items!s:45} -> {', '.join(top)}")

# %% [markdown]
# ## Filters
#
# `recommend_filtered` excludes items, allows only some, and keeps, demotes or drops the session's
# own.

# %%
top = recommend(item_ids=tf.constant([session]))["item_ids"][0].numpy().astype(str)
for name, filters in {
    "nothing filtered": {},
    "session items dropped": {"session_items": tf.constant("drop")},
    "the best one excluded": {"exclude": tf.constant([[top[0]]])},
    "five allowed": {"allow": tf.constant([top[10:15]])},
}.items():
    inputs = {
        "item_ids": tf.constant([session]),
        "k": tf.constant(5),
        "exclude": tf.constant([[""]]),
        "allow": tf.constant([[""]]),
        "session_items": tf.constant("keep"),
        **filters,
    }
    items = model.signatures["recommend_filtered"](**inputs)["item_ids"][0].numpy().astype(str)
    print(f"{name:22} {', '.join(items)}")

# %% [markdown]
# ## Embeddings
#
# The score of an item outside the session is the dot product of two vectors, so any
# nearest-neighbor index can serve the model.

# %%
import numpy as np

query = model.signatures["embed_query"](item_ids=tf.constant([session]))["embedding"].numpy()
scores = dict(zip(top, answer["scores"][0].numpy(), strict=True))
outside = [item for item in top if item not in session][:5]
vectors = model.signatures["embed_items"](item_ids=tf.constant(outside))["embedding"].numpy()
pd.DataFrame(
    {"recommend": [scores[item] for item in outside], "dot product": vectors @ query[0]},
    index=pd.Index(outside, name="item"),
).style.format("{:.4f}")

# %% [markdown]
# ## Over HTTP
#
# The local server speaks TensorFlow Serving's REST API. `session-retrieval serve` starts it with a
# page to try sessions on; here it runs in this process, and the package's client queries it.

# %%
from modules.config.options.releases import STABLE
from serving.client import Client
from serving.server import run
from serving.server.model_store import ModelStore

server = run.start(ModelStore(lambda: {STABLE: folder}))
client = Client(f"http://localhost:{server.server_port}")
(over_http,) = client.recommend([session], 5)
print(over_http)
server.shutdown()

# %% [markdown]
# ## Latency

# %%
import time

padded_session = tf.constant([session])


def milliseconds(query, count: int = 200) -> np.ndarray:
    """Returns how long single queries take, one after the other."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        query()
        taken.append(1000 * (time.perf_counter() - began))
    return np.array(taken[10:])


exact = milliseconds(lambda: recommend(item_ids=padded_session))
middle, slow = np.percentile(exact, (50, 99))
print(f"6,049 items, one session: median {middle:.2f} ms, 99th percentile {slow:.2f} ms")

# %% [markdown]
# ## The approximate index
#
# At a million items an exact scan takes eleven milliseconds. `index.kind=pq` builds an index of
# short codes: it scans the codes of all items and scores the best ones exactly. How many, is a
# trade between speed and recall. Here is that trade on the sample's 6,049 items, far fewer than
# such an index is worth it for.

# %%
from modules.ann.export import catalogue_vectors
from modules.ann.pq_index import CodeOptions, PQIndex

vectors = catalogue_vectors(model)
test = pd.read_csv(config.data.test, sep="\t", dtype=str)
prefixes = [items.tolist()[:-1] for _, items in test.groupby("SessionId")["ItemId"]][:200]
padded = tf.ragged.constant(prefixes).to_tensor("")
embedded = model.signatures["embed_query"](item_ids=padded)
queries = embedded["embedding"].numpy()[embedded["context_length"].numpy() > 0]
exactly = np.argsort(-(queries @ vectors.T), axis=1)[:, :100]
recalls = {}
for rescored in (100, 150, 200, 300, 500, 700, 1000):
    index = PQIndex.build(vectors, CodeOptions(2, rescored))
    none = np.full([len(queries), 1], -1)  # no session items
    found = index.top(queries, none, np.zeros(none.shape, np.float32), 100)[1]
    recalls[rescored] = np.mean([np.isin(a, b).mean() for a, b in zip(exactly, found, strict=True)])
pd.Series(recalls, name="recall@100").to_frame().rename_axis("items scored exactly").T.style.format(
    "{:.3f}"
)

# %%
import matplotlib.pyplot as plt

plt.figure(figsize=(5, 3), layout="constrained")
plt.plot(list(recalls), list(recalls.values()), "o-")
plt.axhline(0.98, color="0.6", linestyle="--")
plt.xlabel("items scored exactly")
plt.ylabel("recall@100 of the exact answer")
plt.show()

# %% [markdown]
# The node IndexBuilder builds the index, compares it with the exact model and pushes it only if it
# finds `index.min_recall` (dashed) of the exact answer and is not slower. Measured at a million
# items: [when it is worth it](../docs/serving.md#approximate-index).
