#!/bin/sh
# Types the README's commands, in its order, in a fresh clone of what is committed here, in an empty
# folder:
#
#     sh .ci/fresh-clone.sh           types them
#     sh .ci/fresh-clone.sh list      only lists them, with the reason for each that is not typed
#
# Files that the README takes for granted, such as clicks.tsv, are cut from the sample. Runs on them
# train for one epoch: a make variable does that, not another command.
set -eu

checkout=$(cd "$(dirname "$0")/.." && pwd -P)
session=133278,119698 # of the README
short="trainer.max_epochs=1 trainer.refit=false"

# The commands of the README that are not typed. Any other one is, and fails if it cannot be.
not_typed() {
  case $1 in
    "make test") echo "minutes; .ci/run has a step of its own for it" ;;
    "make docs") echo "minutes; .ci/run has a step of its own for it" ;;
    "python benchmarks/quality.py retailrocket /folder") echo "it needs RetailRocket's files" ;;
    "make day DATA='/logs/clicks-{YYYY}-{MM}-{DD}*.tsv'") echo "it needs such a log; tests/e2e makes one" ;;
    "docker compose up") echo "it needs a container engine" ;;
  esac
}

commands() {
  cd "$checkout"
  python3 -c 'if True:
    import pathlib
    from tests.documents import typed_in
    typed = typed_in(pathlib.Path("README.md").read_text("utf-8"))
    print(*dict.fromkeys(typed), sep="\n")'
}

# Cuts a tenth of the sample's sessions, and all of its items but one.
make_files() {
  tenth='NR == 1 || $1 % 10 == 0'
  awk "$tenth" data/sample/train.tsv > train.tsv
  awk "$tenth" data/sample/test.tsv > test.tsv
  cp train.tsv clicks.tsv
  cp test.tsv log.tsv
  cut -f 2 data/sample/train.tsv | grep -v ItemId | sort -u | sed 1d > in_stock.txt
}

# serve COMMAND: starts a server, queries it, and stops it.
serve() {
  eval "$1 > '$folder/served' 2>&1 &"
  server=$!
  waited=0
  until grep '^Open http' "$folder/served"; do
    kill -0 $server && [ $waited -lt 120 ] || {
      cat "$folder/served" >&2
      return 1
    }
    sleep 1
    waited=$((waited + 1))
  done
  url=$(sed -n 's/^Open \(http[^ ]*\).*/\1/p' "$folder/served")
  session-retrieval recommend --server "$url" --items "$session" -k 5 | tee "$folder/answer"
  [ "$(grep -c '^ *[1-5]  ' "$folder/answer")" = 5 ]
  kill -INT $server
  wait $server
  server=
}

type_it() {
  case $1 in
    "make run TRAIN="*) eval "SET='$short' $1" ;;
    *" COMMAND") eval "${1% COMMAND} session-retrieval --help" ;;
    ". .venv/"*) . "$(ls .venv/current/bin/activate .venv/legacy/bin/activate 2> /dev/null)" ;;
    "session-retrieval serve"*) serve "$1" ;;
    *) eval "$1" ;;
  esac
}

typed=$(commands)
if [ "${1:-}" = list ]; then
  echo "$typed" | while read -r command; do
    reason=$(not_typed "$command")
    echo "$command${reason:+  # not typed: $reason}"
  done
  exit
fi

folder=$(mktemp -d)
server=
at_exit() {
  [ "$1" = 0 ] || cat "$folder/printed"
  [ -z "$server" ] || kill $server
  rm -rf "$folder"
}
trap 'at_exit $?' EXIT
# dash leaves the trap of EXIT out where a signal ends it.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
git -c safe.directory='*' clone --quiet "$checkout" "$folder/session-retrieval"
cd "$folder/session-retrieval"
# By another file than stdin, which commands may read.
while read -r command <&3; do
  [ -z "$(not_typed "$command")" ] || continue
  [ ! -f data/sample/test.tsv ] || [ -f clicks.tsv ] || make_files
  echo "$ $command"
  began=$(date +%s)
  # In this shell, since a command may set its variables.
  type_it "$command" > "$folder/printed" 2>&1
  cat "$folder/printed"
  if grep -q 'before absl::InitializeLog' "$folder/printed"; then
    echo "Error: that command shows what TensorFlow prints while it loads" >&2
    exit 1
  fi
  echo "($(($(date +%s) - began)) s)"
done 3<< END
$typed
END
