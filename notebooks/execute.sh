#!/bin/sh
# Executes the notebooks in order (the later ones reuse the runs of the earlier ones), and writes them
# as pages of the site into output/notebooks.
set -eu

cd "$(dirname "$0")/.."
mkdir -p output/notebooks
# Pages of notebooks that are gone would stay on the site. The runs, in folders, are kept.
rm -rf output/notebooks/*.ipynb output/notebooks/*.md output/notebooks/*_files
export PYTHONWARNINGS=ignore
for notebook in data training serving; do
  jupytext --quiet --to ipynb --execute --output "output/notebooks/$notebook.ipynb" \
    "notebooks/$notebook.py"
done
# Not by --coalesce-streams, which changes the format as well.
jupyter-nbconvert --log-level ERROR --CoalesceStreamsPreprocessor.enabled=True --to markdown \
  output/notebooks/*.ipynb
