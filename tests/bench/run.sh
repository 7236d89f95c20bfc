#!/bin/sh
# Benchmarks: tests/bench/run.sh BUILD_DIR. Prints ratios, asserts nothing.
# ROUNDS, MESSAGES and PARALLEL in the environment change the load.
set -eu
build=${1:?usage: run.sh BUILD_DIR}
here=$(dirname "$0")
mkdir -p "$build/bench"
"${CC:-cc}" -std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -pthread -o "$build/bench/null_milter" \
    "$here/null_milter.c" -lmilter
/usr/bin/python3 "$here/milter_pairs.py" "$build"
echo
echo "CA mails, from the spool to the ledger:"
/usr/bin/python3 "$here/intake.py"
echo
echo "One CA mail, from Postfix to the confirmed domain:"
/usr/bin/python3 "$here/confirm.py"
echo
echo "Backup, verify, rewrap, restore (MAILBOXES=100000 for the real size):"
/usr/bin/python3 "$here/backup.py" "${MAILBOXES:-5000}"
echo
echo "A site with many mailboxes (MAILBOXES=100000 for the real size):"
/usr/bin/python3 "$here/mailboxes.py" "${MAILBOXES:-5000}"
