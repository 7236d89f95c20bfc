#!/bin/sh
# Looks for findings in the sources of the product: lint.sh BUILD_DIR "ROOMS"
#   clang-tidy's bugprone and cert sets over each room, with the include path
#   that the room is allowed; cppcheck; includes that step out of a room; files
#   that are longer than one idea.
# Everything found is printed; exit 1 if there is anything, 2 on wrong usage.
#
# Left out of clang-tidy, with the reason:
#   bugprone-easily-swappable-parameters   finds every pair of sizes
#   bugprone-narrowing-conversions         char and int arithmetic of parsers
#   bugprone-assignment-in-if-condition    read loops
#   bugprone-reserved-identifier, cert-dcl37-c, cert-dcl51-cpp   _GNU_SOURCE
#   bugprone-implicit-widening-of-multiplication-result   finds every 64 * 1024 that
#                                          meets a size_t; gcc sees those that overflow
#   cert-err33-c                           every snprintf and close would need a cast
# Left out of cppcheck: varFuncNullUB, as NULL is a pointer in every libc that we
# build with, and gcc checks the sentinel of base_log().
set -u
if [ $# -ne 2 ] || [ ! -d "$1/inc" ]; then
    echo "usage: lint.sh BUILD_DIR \"ROOMS\" (BUILD_DIR/inc holds the include paths)" >&2
    exit 2
fi
build=$(cd "$1" && pwd) rooms=$2
cd "$(dirname "$0")/.." || exit 2
LINES_MAX=600
jobs=$(nproc)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
findings=0

checks='-*,bugprone-*,cert-*'
for out in bugprone-easily-swappable-parameters bugprone-narrowing-conversions \
    bugprone-assignment-in-if-condition bugprone-reserved-identifier \
    bugprone-implicit-widening-of-multiplication-result \
    cert-dcl37-c cert-dcl51-cpp cert-err33-c; do
    checks="$checks,-$out"
done

# The packages of a room stand in the Makefile only.
packages() {
    sed -n "s/^PKG_$1[ \t]*:*=[ \t]*//p" Makefile
}

found() { # WHAT FILE-WITH-FINDINGS
    findings=$((findings + 1))
    echo "== $1"
    cat "$2"
}

for room in $rooms; do
    ls "$room"/*.c >/dev/null 2>&1 || continue
    pkgs=$(packages "$room")
    # shellcheck disable=SC2086
    cflags=$(pkg-config --cflags $pkgs 2>"$work/pkg") || { found "pkg-config of $room" "$work/pkg"; continue; }
    # what the compiler is told, too: see CFLAGS_ALL of the Makefile
    # shellcheck disable=SC2086
    if ! printf '%s\n' "$room"/*.c | xargs -P "$jobs" -n 4 sh -c '
        build=$1 room=$2 checks=$3 cflags=$4
        shift 4
        clang-tidy --quiet --warnings-as-errors="*" --checks="$checks" --header-filter="/$room/[^/]*\.h\$" "$@" -- \
            -std=c17 -D_GNU_SOURCE -DCERTMILTER_VERSION=\"lint\" -DCERTMILTER_PREFIX=\"/usr/local\" \
            -DCERTMILTER_SYSCONFDIR=\"/etc/certmilter\" -I"$build/inc/$room" $cflags 2>/dev/null' \
        sh "$build" "$room" "$checks" "$cflags" >"$work/tidy" 2>&1; then
        found "clang-tidy $room" "$work/tidy"
    fi
    if ! cppcheck --quiet --enable=warning,portability --inline-suppr --error-exitcode=1 --std=c11 \
        -j "$jobs" -D_GNU_SOURCE -D__linux__ -I "$build/inc/$room" --suppress=missingIncludeSystem \
        --suppress=varFuncNullUB \
        "$room" >"$work/cpp" 2>&1; then
        found "cppcheck $room" "$work/cpp"
    fi
done

# shellcheck disable=SC2086
if grep -nE '^[ \t]*#[ \t]*include[ \t]+["<][^">]*\.\./' \
    $(find $rooms tests/unit tests/fuzz -name '*.[ch]' 2>/dev/null) /dev/null >"$work/up"; then
    found "includes that step out of their room" "$work/up"
fi

# shellcheck disable=SC2086
find $rooms tests -name '*.[ch]' -exec awk -v max=$LINES_MAX '
    FNR == 1 && NR > 1 && n > max { print last ": " n " lines, more than " max }
    { n = FNR; last = FILENAME }
    END { if (n > max) print last ": " n " lines, more than " max }' {} + >"$work/long"
if [ -s "$work/long" ]; then
    found "files with more than one idea" "$work/long"
fi

if [ "$findings" != 0 ]; then
    echo "lint: $findings kinds of findings"
    exit 1
fi
echo "lint: nothing found"
