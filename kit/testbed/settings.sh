# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts of the testbed: where things are, and what a site is called and addressed by.
#
# A site is a whole OpenStack in namespaces of its own (mount, network, pid, host name, ipc) over a shared root image:
#
#   image/      Debian with all packages, read only            made once by kit/testbed/image
#   prepared/   above it: databases that have their schemas    made once by kit/testbed/site
#   a/ b/       above that, one per site: all it ever wrote    kept over down, up and kill
#
# With a network namespace of its own each site has the default ports, and it is lost by the kill of one process.

testbed_code=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
testbed_dir=${LIFEBOAT_TESTBED:-$(cd "$testbed_code/../.." && pwd)/artifacts/testbed}
image=$testbed_dir/image
prepared=$testbed_dir/prepared
# The release decides on the versions of OpenStack: bookworm has Zed.
suite=bookworm
# All accounts of a testbed have this password; a site is reached from its own machine only.
password=${LIFEBOAT_TESTBED_PASSWORD:-lifeboat}

# Nothing of the caller's shell gets in: above all not another Python than Debian's.
clean=(env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)

die() { echo "testbed: $*" >&2; exit 1; }
say() { echo "testbed: $*"; }

# Sets everything that depends on the site: a is 1, b is 2.
site_is() { # a|b
  site=$1
  case $site in
    a) number=1 ;;
    b) number=2 ;;
    *) die "there is no site '$site'; the sites are a and b" ;;
  esac
  site_dir=$testbed_dir/$site
  pid_file=$site_dir/init.pid
  host_address=10.77.$number.1   # this machine's end of the line to the site
  address=10.77.$number.2        # the site's end: every API listens here
  floating=10.78.$number         # .0/24: the external network; floating addresses are .10 to .250
  line=testbed-$site             # the interface of this machine
}

# Prints the process id of the site's init. A number alone says nothing: another process may have it by now, so the
# time at which the process started is kept with it.
running() { # pid file
  local pid started
  [ -s "$1" ] || return 1
  read -r pid started <"$1"
  [ "$(started_at "$pid")" = "$started" ] && echo "$pid"
}
started_at() { # pid: in clock ticks since the machine's boot; nothing when there is none
  [ -r "/proc/$1/stat" ] && sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}
