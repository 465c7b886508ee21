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
# # Data and statistics
#
# What the pipeline knows about click logs before it trains anything: sessions, splits, statistics
# and data checks. The data are the bundled sample, about 10,000 generated sessions of a made-up
# shop; replace `load_config("sample")` by your own preset to look at your own logs.

# %%
import json
import logging
import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
logging.disable(logging.WARNING)

from pipeline.config import load_config
from pipeline.paths import PROJECT, Paths
from pipeline.run.launch import make_sample_if_missing, runner_environment

os.environ.update(runner_environment(os.environ))
config, out = load_config("sample"), PROJECT / "output" / "notebooks" / "sample"
make_sample_if_missing(config)
print(Path(config.data.train).read_text()[:140])

# %% [markdown]
# ## Run the pipeline as far as the data gate
#
# `create_pipeline` returns an ordinary TFX pipeline. TFX's partial runs stop it where we like.

# %%
import absl.logging
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import RunOptions

from pipeline.pipeline import create_pipeline

absl.logging.set_verbosity(absl.logging.ERROR)
pipeline = create_pipeline(config, Paths.under(out))
LocalDagRunner().run(pipeline, RunOptions(to_nodes=["DataGate"]))


def newest(node: str, output: str) -> Path:
    """Returns the folder of a node's newest artifact."""
    return max((out / "artifacts" / node / output).glob("[0-9]*"), key=lambda path: int(path.name))


# %% [markdown]
# ## Sessions
#
# SessionExampleGen writes one `tf.Example` per session: its item ids in time order, and their
# times.

# %%
import pandas as pd
import tensorflow as tf

SPEC = {
    "item_ids": tf.io.VarLenFeature(tf.string),
    "event_times": tf.io.VarLenFeature(tf.int64),
}


def sessions(split: str) -> pd.DataFrame:
    """Returns a split's sessions, a row each."""
    files = tf.io.gfile.glob(str(newest("SessionExampleGen", "examples") / f"Split-{split}" / "*"))
    rows = []
    for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator():
        parsed = tf.io.parse_single_example(record, SPEC)
        items = [item.decode() for item in parsed["item_ids"].values.numpy()]
        rows.append((split, items, parsed["event_times"].values.numpy()))
    return pd.DataFrame(rows, columns=["split", "items", "times"])


data = pd.concat([sessions(split) for split in ("train", "eval", "test")], ignore_index=True)
data["start"] = pd.to_datetime([times[0] for times in data["times"]], unit="ms")
data["length"] = data["items"].map(len)
data[["split", "start", "length", "items"]].head()

# %%
counts = data.groupby("split", sort=False).agg(
    sessions=("length", "size"),
    events=("length", "sum"),
    first=("start", "min"),
    last=("start", "max"),
)
counts["items"] = data.explode("items").groupby("split")["items"].nunique()
counts

# %% [markdown]
# Splits are cut by time: a session of a later split starts after every session of an earlier one.
# With a random split, training would see the future.

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
days = (
    data.groupby([data["start"].dt.floor("D"), "split"])
    .size()
    .unstack()
    .reindex(columns=counts.index)
)
days.plot.bar(stacked=True, ax=axes[0], xlabel="day", ylabel="sessions", width=0.9)
axes[0].set_xticks([])
lengths = data["length"].value_counts().sort_index()
axes[1].loglog(lengths.index, lengths, ".")
axes[1].set(xlabel="events of a session", ylabel="sessions")
events = data[data["split"] == "train"].explode("items")["items"].value_counts()
axes[2].loglog(range(1, len(events) + 1), events)
axes[2].set(xlabel="item, by popularity", ylabel="training events")
plt.show()

# %% [markdown]
# Half of all sessions have two events, and most items have a handful of events: too few to learn an
# embedding from, which is why the model mixes in [the neighbors' vectors](../docs/model.md).

# %%
print(f"sessions of two events: {(data['length'] == 2).mean():.0%}")
print(f"items with at most 3 training events: {(events <= 3).mean():.0%}")

# %% [markdown]
# ## What comes next?
#
# Shoppers go back to items of their session, and they open items that training has never seen. The
# first is why the model adjusts the scores of session items, the second why there are two views of
# every metric: `known` leaves unknown targets out, `honest` counts them. Those that the session has
# already can be found.

# %%
known = set(events.index) | set(data[data["split"] == "eval"].explode("items")["items"])
steps = pd.DataFrame(
    [
        (items[i - 1] == items[i], items[i] in items[: i - 1], items[i] not in known)
        for items in data[data["split"] == "test"]["items"]
        for i in range(1, len(items))
    ],
    columns=["the current item again", "an earlier item again", "an unknown item"],
)
print(f"{len(steps):,} steps of the test split; the next item is")
steps.mean().map("{:.1%}".format).to_frame("share")

# %% [markdown]
# ## Statistics and schema
#
# StatisticsGen computes TFDV's statistics, ExampleValidator compares them with a curated schema.

# %%
import tensorflow_data_validation as tfdv

statistics = tfdv.load_stats_binary(
    str(newest("StatisticsGen", "statistics") / "Split-train" / "FeatureStats.pb")
)
features = statistics.datasets[0].features
table = {}
for feature in features:
    is_text = feature.HasField("string_stats")
    values = feature.string_stats if is_text else feature.num_stats
    table[feature.path.step[0]] = {
        "values": f"{values.common_stats.tot_num_values:,}",
        "per session, mean": f"{values.common_stats.avg_num_values:.2f}",
        "per session, most": values.common_stats.max_num_values,
        "distinct": f"{values.unique:,}" if is_text else "",
    }
pd.DataFrame(table).T

# %%
schema = tfdv.load_schema_text(str(PROJECT / "pipeline" / "schema" / "session_schema.pbtxt"))
anomalies = tfdv.validate_statistics(statistics, schema)
print(f"{len(anomalies.anomaly_info)} anomalies")

# %% [markdown]
# ## The data gate
#
# [DataGate](../components/data_gate/README.md) stops a run before anything is trained. Its limits
# are options of section `checks`.

# %%
report = json.loads((newest("DataGate", "report") / "report.json").read_text())
pd.DataFrame(report["checks"])[["split", "name", "value", "limit", "verdict"]].style.hide().format(
    precision=3, na_rep=""
)
