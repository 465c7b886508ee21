#!/bin/sh
# Types the commands before the README's first heading, but `make test`, in a fresh clone of what is
# committed here, in an empty folder.
set -eu

checkout=$(cd "$(dirname "$0")/.." && pwd -P)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# dash leaves the trap of EXIT out where a signal ends it.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
git -c safe.directory='*' clone --quiet "$checkout" "$folder/session-retrieval"
cd "$folder/session-retrieval"
awk '/^## / { exit }
  /^```/ { inside = inside ? 0 : ($0 == "```" ? 1 : 2); next }
  inside == 1 && $0 !~ /^make test/' README.md > "$folder/commands"
grep -q '^make run' "$folder/commands" && grep -q 'recommend' "$folder/commands"
sh -ex "$folder/commands"
