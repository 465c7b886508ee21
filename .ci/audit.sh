#!/bin/sh
# Checks both lock files for published vulnerabilities, with pip-audit in a throwaway environment:
#
#     sh .ci/audit.sh [OPTIONS OF PIP-AUDIT]
#
# Those that SECURITY.md lists for a stack are known. Any other one fails, and so does a package that
# the vulnerability service does not know.
set -eu

cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# dash leaves the trap of EXIT out where a signal ends it.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check pip-audit

# check STACK [OPTIONS]
check() {
  stack=$1
  shift
  for known in $(sed -n "/^| $stack |/p" SECURITY.md | grep -oE '(CVE|GHSA|PYSEC)-[[:alnum:]-]+'); do
    set -- "$@" --ignore-vuln "$known"
  done
  echo "== requirements/$stack.txt"
  "$folder/bin/pip-audit" --disable-pip --require-hashes --strict --progress-spinner off \
    --requirement "requirements/$stack.txt" "$@"
}

failed=0
for each in legacy current; do
  check "$each" "$@" || failed=1
done
exit $failed
