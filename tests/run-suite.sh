#!/bin/sh
# One part of test.sh: run-suite.sh RESULTS sanitizers | RESULTS pytest ARGUMENT...
# Writes "PASSED FAILED" into a file of its own below RESULTS, and its output at once when it is through, so that
# several can run side by side.
set -u
results=$1 what=$2
shift 2
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d "$results/suite.XXXXXX") || exit 1
began=$(date +%s)
LIMIT=1200

sanitizers() {
    if ! make SANITIZE=1 -j"$(nproc)" all unit >"$work/build" 2>&1 || grep -qi 'warning:' "$work/build"; then
        cat "$work/build"
        echo "0 1" >"$work/count"
        return
    fi
    tests/run-unit.sh build-asan 2>&1 | tee "$work/units"
    sed -n 's/^unit programs: \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$work/units" | tail -1 >"$work/count"
}

pytest() {
    timeout -k 20 $LIMIT /usr/bin/python3 -m pytest -q -p no:cacheprovider --junit-xml="$work/xml" "$@"
    status=$?
    /usr/bin/python3 - "$work/xml" $status >"$work/count" <<'END'
import sys
import xml.etree.ElementTree as tree
total = bad = skipped = 0
try:
    for s in tree.parse(sys.argv[1]).getroot().iter("testsuite"):
        total += int(s.get("tests")); skipped += int(s.get("skipped"))
        bad += int(s.get("failures")) + int(s.get("errors"))
except (OSError, tree.ParseError):
    pass
# a run that ended badly without a failed test (nothing found, an error of its own, too long) is a failure
print(max(0, total - bad - skipped), max(bad, int(sys.argv[2] != "0")))
END
}

case $what in
sanitizers) renice -n 10 $$ >/dev/null; sanitizers >"$work/out" 2>&1 ;;
*) pytest "$@" >"$work/out" 2>&1 ;;
esac
[ -s "$work/count" ] || echo "0 1" >"$work/count"
read -r passed failed <"$work/count"
exec 9>"$results/lock"
flock 9
printf '\n=== %s\n' "$what $*"
cat "$work/out"
printf -- '--- %s passed, %s failed, %s s\n' "$passed" "$failed" "$(($(date +%s) - began))"
