#!/bin/sh
# Shows the main job on a private site, as root on a bare Debian 12; ends with "demo: ok".
#   ./demo.sh           run, and leave nothing running
#   ./demo.sh --keep    leave it running, and print how to talk to it
#   ./demo.sh --stop    end what --keep left
# Installs missing packages (none: works offline), builds into build/, installs into a directory of its own below
# /tmp. The host's Postfix, BIND, /etc/hosts and /etc/resolv.conf are not touched.
set -u
cd "$(dirname "$0")" || exit 1
MARK=/run/certmilter-demo
PYTHON=/usr/bin/python3
export PYTHONDONTWRITEBYTECODE=1
unset MAIL_CONFIG CERTMILTER_CONFIG CERTMILTER_BUILD PYTHONPATH
keep=
case "${1-}" in
"" | --stop) ;;
--keep) keep=--keep ;;
*) echo "usage: demo.sh [--keep | --stop]" >&2; exit 2 ;;
esac
if [ "$(id -u)" != 0 ]; then
    echo "demo.sh: needs root (private Postfix, daemons under their own users)" >&2
    exit 2
fi

stop_kept() {
    [ -f "$MARK" ] || return 0
    old=$(cat "$MARK")
    case $old in
    /tmp/certmilter-demo.*[!a-zA-Z0-9.]* | *..*) echo "demo.sh: $MARK is damaged" >&2; return 1 ;;
    /tmp/certmilter-demo.*) ;;
    *) echo "demo.sh: $MARK is damaged" >&2; return 1 ;;
    esac
    if [ -d "$old" ]; then
        $PYTHON tests/e2e/privatesite.py stop "$old" || return 1
        rm -rf "$old"
    fi
    rm -f "$MARK"
}

stop_kept || exit 1
[ "${1-}" != --stop ] || exit 0

tests/packages.sh || exit 1
dir=$(mktemp -d /tmp/certmilter-demo.XXXXXX) || exit 1
chmod 755 "$dir"
clean_up() {
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

echo "Building"
for target in all "install PREFIX=$dir/prefix SYSCONFDIR=$dir/prefix/etc"; do
    # shellcheck disable=SC2086
    make -j"$(nproc)" $target >"$dir/make.log" 2>&1 || { tail -40 "$dir/make.log" >&2; exit 1; }
done
$PYTHON tests/e2e/demo.py "$dir" --prefix "$dir/prefix" $keep
status=$?
if [ $status = 0 ] && [ -n "$keep" ]; then
    echo "$dir" >"$MARK"
    trap - EXIT
fi
exit $status
