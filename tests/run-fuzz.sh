#!/bin/sh
# Runs every fuzz target for a while: run-fuzz.sh BUILD_DIR SECONDS
# Each BUILD_DIR/fuzz/NAME starts from a copy of tests/fuzz/corpus/NAME, so that
# what it finds never gets into the tree. One line for each target; what a
# crash printed, and the input that made it, are shown. Exit 1 at any crash.
set -u
if [ $# -ne 2 ] || [ ! -d "$1/fuzz" ]; then
    echo "usage: run-fuzz.sh BUILD_DIR SECONDS (BUILD_DIR/fuzz holds the targets)" >&2
    exit 2
fi
build=$1 seconds=$2
here=$(dirname "$0")
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
ran=0 crashed=0

for target in "$build"/fuzz/*; do
    [ -f "$target" ] && [ -x "$target" ] || continue
    name=$(basename "$target")
    mkdir -p "$work/$name/corpus" "$work/$name/found"
    if [ -d "$here/fuzz/corpus/$name" ]; then
        cp -r "$here/fuzz/corpus/$name/." "$work/$name/corpus/" || exit 2
    fi
    ran=$((ran + 1))
    if "$target" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$work/$name/found/" "$work/$name/corpus" >"$work/$name/log" 2>&1 </dev/null; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name/log")
        rss=$(sed -n 's/^stat::peak_rss_mb: *//p' "$work/$name/log")
        echo "fuzz $name: ${runs:-?} runs in $seconds s, peak ${rss:-?} MB, no crash"
    else
        crashed=$((crashed + 1))
        echo "fuzz $name: CRASHED"
        tail -n 60 "$work/$name/log"
        for input in "$work/$name/found"/*; do
            [ -f "$input" ] || continue
            echo "input $(basename "$input") in base64:"
            base64 "$input" | head -n 200
        done
    fi
done
echo "fuzz targets: $ran run, $crashed crashed"
[ "$crashed" = 0 ] && [ "$ran" -gt 0 ]
