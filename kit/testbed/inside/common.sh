# SPDX-License-Identifier: Apache-2.0
# Sourced by what runs in a site.
code=/opt/testbed
# site, number, address, host_address, floating, password, resume_guests: written by ./testbed up.
[ ! -s /run/testbed/shared/site.env ] || . /run/testbed/shared/site.env

wait_for() { # seconds, what, command...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || { echo "testbed: waited in vain for $what" >&2; return 1; }
    sleep 0.3
  done
}
