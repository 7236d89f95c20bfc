#!/bin/sh
# All tests of certmilter, as root on a bare Debian 12; the last line is "N passed, N failed".
#   ./test.sh            everything
#   ./test.sh --quick    without the sanitizer build and the slow end-to-end tests
# Installs missing packages, makes the daemons' system users, builds into build/ and build-asan/. Starts nothing but
# processes of its own, and leaves none.
set -u
cd "$(dirname "$0")" || exit 1
quick=
case "${1-}" in
"") ;;
--quick) quick=1 ;;
*) echo "usage: test.sh [--quick]" >&2; exit 2 ;;
esac
if [ "$(id -u)" != 0 ]; then
    echo "test.sh: needs root (private Postfix, daemons under their own users)" >&2
    exit 2
fi
PYTHON=/usr/bin/python3
export PYTHONDONTWRITEBYTECODE=1
unset MAIL_CONFIG CERTMILTER_CONFIG CERTMILTER_BUILD
jobs=$(nproc)
passed=0 failed=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

begin() {
    began=$(date +%s)
    printf '\n=== %s\n' "$1"
}

end() { # PASSED FAILED
    passed=$((passed + $1)) failed=$((failed + $2))
    printf -- '--- %s passed, %s failed, %s s\n' "$1" "$2" "$(($(date +%s) - began))"
}

step() { # NAME COMMAND...: one test that is a command
    begin "$1"
    shift
    if "$@"; then end 1 0; else end 0 1; fi
}

finish() {
    printf '\n%s passed, %s failed\n' "$passed" "$failed"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
    exit
}

build() { # make's arguments; no warning may come
    make -j"$jobs" "$@" >"$work/build" 2>&1
    status=$?
    if [ $status != 0 ] || grep -qi 'warning:' "$work/build"; then
        cat "$work/build"
        return 1
    fi
}

units() { # BUILD_DIR
    tests/run-unit.sh "$1" >"$work/units" 2>&1
    cat "$work/units"
    n=$(sed -n 's/^unit programs: \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$work/units" | tail -1)
    [ -n "$n" ] || n="0 1"
    # shellcheck disable=SC2086
    end $n
}

suite() { # DIRECTORY [pytest's arguments]
    begin "pytest $*"
    # shellcheck disable=SC2086
    $PYTHON -m pytest -q -p no:cacheprovider $workers --junit-xml="$work/suite.xml" "$@"
    status=$?
    n=$($PYTHON - "$work/suite.xml" <<'END'
import sys
import xml.etree.ElementTree as tree
total = bad = skipped = 0
try:
    for s in tree.parse(sys.argv[1]).getroot().iter("testsuite"):
        total += int(s.get("tests")); skipped += int(s.get("skipped"))
        bad += int(s.get("failures")) + int(s.get("errors"))
except (OSError, tree.ParseError):
    bad = 1
print(max(0, total - bad - skipped), bad)
END
    )
    rm -f "$work/suite.xml"
    # pytest that fails without a failed test (nothing collected, an error of its own) is a failure too
    case "$status:$n" in
    0:*) ;;
    *" 0") n="${n% 0} 1" ;;
    esac
    # shellcheck disable=SC2086
    end $n
}

step "packages" tests/packages.sh
[ "$failed" = 0 ] || finish
step "users" systemd-sysusers "$PWD/systemd/certmilter.sysusers"
step "build, without a warning" build all unit tools
[ "$failed" = 0 ] || finish

begin "unit tests"
units build
if [ -z "$quick" ]; then
    step "build with sanitizers" build SANITIZE=1 all unit
    begin "unit tests with sanitizers"
    units build-asan
fi
workers=
for dir in ca inspect protocol cli; do
    if ls tests/$dir/test_*.py >/dev/null 2>&1; then
        suite tests/$dir
    else
        step "tests/$dir has no tests" false
    fi
done
# each file is a site of its own and spends most of its time waiting for its daemons
workers="-n $((jobs * 2)) --dist loadfile"
if [ -n "$quick" ]; then
    suite tests/e2e -m "not slow"
else
    suite tests/e2e
fi
finish
