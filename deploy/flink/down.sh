#!/bin/sh
# Ends what up.sh started: by the process ids in FLINK_STATE (output/flink), nothing else.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
state=${FLINK_STATE:-$here/../../output/flink}
[ -d "$state/pids" ] || {
  echo "Nothing runs: there is no $state/pids"
  exit
}

for name in job-server pool; do
  [ -f "$state/pids/$name" ] || continue
  session=$(cat "$state/pids/$name")
  # The whole session: a pool has workers. Of dash's kill only this form takes a process group.
  kill -s TERM -- "-$session" 2> /dev/null || continue
  waited=0
  while kill -s 0 -- "-$session" 2> /dev/null && [ "$waited" -lt 20 ]; do
    sleep 1
    waited=$((waited + 1))
  done
  kill -s KILL -- "-$session" 2> /dev/null || true
  echo "Ended $name"
done
export FLINK_CONF_DIR="$state/conf" FLINK_LOG_DIR="$state/logs" FLINK_PID_DIR="$state/pids"
flink=$(cat "$state/flink_home" 2> /dev/null || echo "${FLINK_HOME:-}")
if [ -x "$flink/bin/taskmanager.sh" ]; then
  "$flink/bin/taskmanager.sh" stop-all || true
  "$flink/bin/jobmanager.sh" stop-all || true
fi
rm -rf "$state/pids"
