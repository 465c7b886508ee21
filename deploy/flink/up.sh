#!/bin/sh
# Starts Flink for Beam on this machine, without containers: a job manager, a task manager with a slot
# per core, a worker pool with this project's Python, and Beam's job server:
#
#     FLINK_HOME=/opt/flink-1.19.3 JOB_SERVER_JAR=beam-runners-flink-1.19-job-server-2.74.0.jar \
#       sh deploy/flink/up.sh
#     make run BEAM=output/flink/beam.yaml
#     sh deploy/flink/down.sh
#
# Values: SLOTS (all cores), FLINK_STATE (output/flink: logs, configuration, the Beam preset), PYTHON
# (the environment's), REST_PORT, JOB_PORT, ARTIFACT_PORT, EXPANSION_PORT, POOL_PORT.
# One task manager and one pool: two need a network namespace each, as in compose.yaml.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
checkout=$(cd "$here/../.." && pwd -P)
state=${FLINK_STATE:-$checkout/output/flink}
slots=${SLOTS:-$(nproc)}
rest=${REST_PORT:-8081} job=${JOB_PORT:-8099} artifact=${ARTIFACT_PORT:-8098}
expansion=${EXPANSION_PORT:-8097} pool=${POOL_PORT:-50000}
seconds=${START_SECONDS:-120}

fail() {
  echo "Error: $*" >&2
  exit 1
}

python=${PYTHON:-$(ls "$checkout"/.venv/current/bin/python "$checkout"/.venv/legacy/bin/python 2> /dev/null | head -n 1)}
[ -n "$python" ] && command -v "$python" > /dev/null ||
  fail "no Python with this project: make env, or name one with PYTHON=path"
python=$(command -v "$python")
[ -n "${FLINK_HOME:-}" ] || fail "FLINK_HOME is not set: the folder of a Flink 1.19, see deploy/flink/README.md"
[ -x "$FLINK_HOME/bin/jobmanager.sh" ] || fail "FLINK_HOME=$FLINK_HOME has no bin/jobmanager.sh"
[ -n "${JOB_SERVER_JAR:-}" ] || fail "JOB_SERVER_JAR is not set: Beam's Flink job server, see deploy/flink/README.md"
[ -f "$JOB_SERVER_JAR" ] || fail "JOB_SERVER_JAR=$JOB_SERVER_JAR does not exist"
command -v java > /dev/null || fail "java was not found: install Java 11 or 17"
[ ! -e "$state/pids" ] || fail "$state/pids exists: sh deploy/flink/down.sh ends what runs there"
"$python" -c 'import apache_beam' 2> /dev/null || fail "$python has no apache_beam: make env, or name another with PYTHON=path"

# listens PORT
listens() {
  "$python" -c 'import socket, sys; socket.create_connection(("localhost", int(sys.argv[1])), 2)' "$1" 2> /dev/null
}

for port in "$rest" "$job" "$artifact" "$expansion" "$pool"; do
  ! listens "$port" || fail "port $port is taken: end what uses it, or choose others (REST_PORT, JOB_PORT ...)"
done

started=
# await WHAT LOG COMMAND...: until the command succeeds.
await() {
  what=$1 log=$2
  shift 2
  waited=0
  until "$@"; do
    [ -z "$started" ] || kill -0 "$started" 2> /dev/null || {
      tail -n 20 "$log" >&2
      fail "$what has ended; its log is $log"
    }
    [ "$waited" -lt "$seconds" ] || {
      tail -n 20 "$log" >&2
      fail "$what is not ready after $seconds s; its log is $log"
    }
    sleep 1
    waited=$((waited + 1))
  done
  echo "$what is ready"
}

# start NAME COMMAND...: in the background, in a session of its own, which down.sh ends.
start() {
  name=$1
  shift
  setsid "$@" > "$state/logs/$name.log" 2>&1 < /dev/null &
  started=$!
  echo $started > "$state/pids/$name"
}

has_slots() {
  "$python" -c 'if True:
    import json, sys, urllib.request
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    found = json.load(opener.open(sys.argv[1], timeout=2))
    sys.exit(found["slots-total"] < int(sys.argv[2]))' "http://localhost:$rest/overview" "$1" 2> /dev/null
}

mkdir -p "$state/conf" "$state/logs" "$state/pids" "$state/artifacts"
trap 'status=$?; [ $status = 0 ] || FLINK_STATE=$state sh "$here/down.sh" > /dev/null; exit $status' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
echo "$FLINK_HOME" > "$state/flink_home"
cp "$FLINK_HOME"/conf/log4j*.properties "$FLINK_HOME"/conf/logback*.xml "$state/conf" 2> /dev/null || true
sed -e "s/^taskmanager.numberOfTaskSlots:.*/taskmanager.numberOfTaskSlots: $slots/" \
  -e "s/^taskmanager.memory.task.off-heap.size:.*/taskmanager.memory.task.off-heap.size: $((512 * slots))m/" \
  -e "s/^taskmanager.memory.process.size:.*/taskmanager.memory.process.size: $((5120 + 512 * slots))m/" \
  -e "s/^rest.port:.*/rest.port: $rest/" "$here/flink-conf.yaml" > "$state/conf/flink-conf.yaml"

export FLINK_CONF_DIR="$state/conf" FLINK_LOG_DIR="$state/logs" FLINK_PID_DIR="$state/pids"
"$FLINK_HOME/bin/jobmanager.sh" start > "$state/logs/start.log" 2>&1 || fail "the job manager did not start: $(cat "$state/logs/start.log")"
await "Flink's job manager" "$state/logs/start.log" has_slots 0
"$FLINK_HOME/bin/taskmanager.sh" start >> "$state/logs/start.log" 2>&1 || fail "the task manager did not start: $(cat "$state/logs/start.log")"
await "the task manager with $slots slots" "$state/logs/start.log" has_slots "$slots"

# The pool starts workers by the name `python`, with this project on their path.
start pool env PATH="$(dirname "$python"):$PATH" PYTHONPATH="$checkout" TF_CPP_MIN_LOG_LEVEL=3 \
  "$python" -m apache_beam.runners.worker.worker_pool_main --service_port="$pool"
await "the worker pool" "$state/logs/pool.log" listens "$pool"

start job-server java -jar "$JOB_SERVER_JAR" --flink-master="localhost:$rest" \
  --job-host=localhost --job-port="$job" --artifact-port="$artifact" --expansion-port="$expansion" \
  --artifacts-dir="$state/artifacts"
await "Beam's job server" "$state/logs/job-server.log" listens "$job"

sed -e "s/flink-job-server:8099/localhost:$job/" -e "s/flink-job-server:8098/localhost:$artifact/" \
  -e "s/localhost:50000/localhost:$pool/" -e "s/--parallelism=.*/--parallelism=$slots/" \
  -e "s/--sdk_worker_parallelism=.*/--sdk_worker_parallelism=$slots/" \
  -e "s,^flink_url:.*,flink_url: http://localhost:$rest," \
  "$checkout/pipeline/beam/presets/flink.yaml" > "$state/beam.yaml"
printf 'shared_files: true\nlocal_pool: true\nworker_logs: "%s/logs/*.log"\n' "$state" >> "$state/beam.yaml"
echo
echo "Run:  make run BEAM=$state/beam.yaml"
echo "Web:  http://localhost:$rest"
echo "Stop: FLINK_STATE=$state sh deploy/flink/down.sh"
