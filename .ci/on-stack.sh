#!/bin/sh
# Runs a command with STACK set: here where this system can run that stack, else in a Debian 13 root.
#
#     sh .ci/on-stack.sh current make test-unit
set -eu

cd "$(dirname "$0")/.."
STACK=$1
export STACK
shift
case " $("${PYTHON:-python3}" environment.py stacks) " in
  *" $STACK "*) exec "$@" ;;
esac
exec sh .ci/debian13.sh "$@"
