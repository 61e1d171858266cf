# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# Shared by the scripts: messages, packages, hugepages. Source it with $top set.

say() { printf '%s\n' "== $*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

need_root() {
    [ "$(id -u)" = 0 ] || die "needs root: run it with sudo"
}

# Installs the packages that are not there yet.
install_packages() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "installing:$missing"
    need_root
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || {
        apt-get update -qq || die "apt-get update failed"
        # shellcheck disable=SC2086
        apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
            die "these packages cannot be installed:$missing"
    }
}

hugepages_file=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages

# Sees to it that $1 pages of 2 MiB are free, if there is memory for them; `hugepages_restore` gives back
# what there is more than before.
hugepages_reserve() {
    hugepages_before=$(cat "$hugepages_file" 2>/dev/null) || return 0
    free_kib=$(awk '/^MemAvailable/ {print $2}' /proc/meminfo)
    missing=$(($1 - $(cat "${hugepages_file%/*}/free_hugepages")))
    if [ "$missing" -gt 0 ] && [ "$free_kib" -gt $((missing * 2048 * 2)) ]; then
        echo $((hugepages_before + missing)) >"$hugepages_file"
    fi
    say "hugepages: $(cat "$hugepages_file") of 2 MiB"
}

hugepages_restore() {
    [ -z "${hugepages_before-}" ] || echo "$hugepages_before" >"$hugepages_file" 2>/dev/null || true
}

# From here on a signal ends the script by way of its EXIT trap, and run_child's command before it.
signals_stop_us() {
    child='' caught=''
    trap 'stop 130' INT
    trap 'stop 143' TERM
    trap 'stop 129' HUP
}

stop() {
    [ -n "$child" ] || exit "$1"
    caught=$1
    kill -TERM "$child" 2>/dev/null || true
}

# Runs a command that cleans up behind itself: a signal is handed on to it, and its end waited for.
run_child() {
    "$@" &
    child=$!
    # A signal ends `wait`, not the command.
    while :; do
        child_status=0
        wait "$child" || child_status=$?
        kill -0 "$child" 2>/dev/null || break
    done
    child=
    [ -z "$caught" ] || exit "$caught"
    return "$child_status"
}
