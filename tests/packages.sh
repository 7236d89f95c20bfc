#!/bin/sh
# Installs the Debian 12 packages that building, testing and the demo need, if any is missing. As root.
# Nothing is started: a policy-rc.d stands in the way while packages are set up, and services of packages that
# were installed here (Postfix, BIND) are disabled afterwards. With all packages there it needs no network.
set -u
PACKAGES="build-essential pkg-config libmilter-dev libssl-dev libcurl4-openssl-dev libjansson-dev libopendkim-dev
libgmime-3.0-dev libgumbo-dev libzip-dev libseccomp-dev libunbound-dev libldns-dev libsystemd-dev libsqlite3-dev
libidn2-dev libpsl-dev libconfuse-dev libmd-dev libldap-dev libcmocka-dev ca-certificates postfix miltertest procps
python3-pytest python3-pytest-xdist python3-dkim python3-nacl python3-cryptography python3-dnspython
bind9 bind9-utils bind9-dnsutils systemd sqlite3 openssl slapd ldap-utils dovecot-imapd nginx-light libnss3-tools
gnutls-bin"
POLICY=/usr/sbin/policy-rc.d

have() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=
for p in $PACKAGES; do
    have "$p" || missing="$missing $p"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" != 0 ]; then
    echo "packages.sh: needs root to install:$missing" >&2
    exit 1
fi
echo "installing:$missing"

restore() {
    rm -f $POLICY
    [ ! -e $POLICY.certmilter-saved ] || mv $POLICY.certmilter-saved $POLICY
}
trap restore EXIT
trap 'exit 130' INT TERM
[ ! -e $POLICY ] || mv $POLICY $POLICY.certmilter-saved
printf '#!/bin/sh\nexit 101\n' >$POLICY && chmod 755 $POLICY || exit 1

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# shellcheck disable=SC2086
if ! { apt-get -q update && apt-get -q -y --no-install-recommends install $missing; } >"$log" 2>&1 </dev/null; then
    tail -40 "$log" >&2
    rm -f "$log"
    echo "packages.sh: apt-get failed" >&2
    exit 1
fi
rm -f "$log"
for p in $missing; do
    case $p in
    postfix) systemctl -q disable postfix.service 2>/dev/null ;;
    bind9) systemctl -q disable named.service 2>/dev/null ;;
    slapd) systemctl -q disable slapd.service 2>/dev/null ;;
    dovecot-imapd) systemctl -q disable dovecot.service dovecot.socket 2>/dev/null ;;
    nginx-light) systemctl -q disable nginx.service 2>/dev/null ;;
    esac
done
exit 0
