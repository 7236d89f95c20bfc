#!/bin/sh
# Runs every unit test binary below $1/unit and sums up; exit 1 if any failed.
b=$1 pass=0 fail=0
for t in "$b"/unit/*; do
    [ -x "$t" ] && [ -f "$t" ] || continue
    if out=$("$t" 2>&1); then pass=$((pass + 1)); else fail=$((fail + 1)); printf 'FAILED %s\n%s\n' "$t" "$out"; fi
done
echo "unit programs: $pass passed, $fail failed"
[ "$fail" = 0 ] && [ "$pass" -gt 0 ]
