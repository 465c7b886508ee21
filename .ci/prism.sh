#!/bin/sh
# Builds Prism, Beam's portable runner in Go, for the installed Beam, unless it is there:
#
#     make prism
#
# It is written to .venv/prism/VERSION/prism, where BEAM=prism and the tests look for it.
set -eu

cd "$(dirname "$0")/.."
version=$(python -c 'from importlib.metadata import version; print(version("apache-beam"))')
folder=$PWD/.venv/prism/$version
if [ -x "$folder/prism" ]; then
  echo "Prism $version: $folder/prism"
  exit
fi
if ! command -v go > /dev/null; then
  echo "Error: Prism is built with Go, which was not found: install it from https://go.dev/dl/" >&2
  exit 1
fi
echo "Building Prism $version ..."
# Built beside its place and moved there whole. Without cgo it runs on any Linux.
mkdir -p "$folder"
new=$(mktemp -d "$folder/new.XXXXXX")
trap 'rm -rf "$new"' EXIT
CGO_ENABLED=0 GOBIN=$new go install "github.com/apache/beam/sdks/v2/go/cmd/prism@v$version"
mv "$new/prism" "$folder/prism"
echo "Prism $version: $folder/prism"
