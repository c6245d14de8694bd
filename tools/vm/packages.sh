#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# packages.sh NEED...   install the Debian packages that a need lacks, and no others
#
# Needs: host-build (the runner), report, minimise, fetch (kernels and sources), qemu, lib, suite, module,
# kvm, initramfs, busybox, cocci, bisect, check. Says in one line what is installed and what for; nothing if
# all is there. --print only lists the missing packages on standard output.
#
# With PFN_NO_INSTALL=1, and for anybody but root, nothing is installed: one line names the
# apt-get command, exit 2. Exit 1 if apt-get fails.

. "$(dirname "$0")/lib.sh"

print=
[ "${1:-}" != --print ] || { print=1; shift; }
[ $# -gt 0 ] || bad "usage: packages.sh [--print] NEED..."

# has PACKAGE WHAT: note PACKAGE as missing unless what we want of it is there
missing=
has() {
	there "$2" || case " $missing " in *" $1 "*) ;; *) missing="$missing $1" ;; esac
}
compiler() {
	has gcc gcc
	has libc6-dev stdio.h
	has make make
}

for n in "$@"; do
	case $n in
	host-build | bisect)
		compiler
		has pkg-config pkg-config
		has libjansson-dev jansson.h
		[ "$n" = host-build ] || has git git
		;;
	report)
		compiler
		has pkg-config pkg-config
		has libjansson-dev jansson.h
		has libxml2-dev /usr/include/libxml2/libxml/xmlwriter.h
		;;
	minimise) has jq jq ;;
	fetch)
		has apt apt-get
		has dpkg dpkg-deb
		has debian-archive-keyring "$keyring"
		has xz-utils xz
		has kmod depmod
		;;
	qemu) has qemu-system-x86 qemu-system-x86_64 ;;
	lib)
		compiler
		has rsync rsync
		;;
	suite)
		compiler
		has liburcu-dev urcu.h
		has libnuma-dev numa.h
		;;
	module | kvm)
		compiler
		has libelf-dev libelf.h
		has flex flex
		has bison bison
		has bc bc
		has libssl-dev openssl/ssl.h
		[ "$n" = module ] || has patch patch
		;;
	cocci) has coccinelle spatch ;;
	initramfs)
		has cpio cpio
		has kmod modprobe
		has xz-utils xz
		has zstd zstd
		;;
	busybox)
		{ "$(command -v busybox)" --list | grep -x modprobe && ! ldd "$(command -v busybox)"; } >/dev/null 2>&1 ||
			missing="$missing busybox-static"
		;;
	check)
		compiler
		has shellcheck shellcheck
		has libcmocka-dev cmocka.h
		has perl prove
		has python3-jsonschema /usr/lib/python3/dist-packages/jsonschema/__init__.py
		has python3 python3
		has libxml2-dev /usr/include/libxml2/libxml/xmlwriter.h
		has libxml2-utils xmllint
		has python3-yaml /usr/lib/python3/dist-packages/yaml/__init__.py
		has python3-tap /usr/lib/python3/dist-packages/tap/parser.py
		has jq jq
		;;
	*) bad "unknown need '$n'" ;;
	esac
done

[ -n "$missing" ] || exit 0
[ -z "$print" ] || { printf '%s\n' "${missing# }"; exit; }
command="apt-get install -y --no-install-recommends$missing"
[ -z "${PFN_NO_INSTALL:-}" ] || bad "missing for $*:$missing; run: $command"
[ "$(id -u)" = 0 ] || bad "missing for $*:$missing; run: sudo $command"
say "installing$missing (for $*)"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp "${TMPDIR:-/tmp}/pfn-log.XXXXXX")
# shellcheck disable=SC2086  # a list of packages
if ! apt-get install -qy --no-install-recommends $missing >"$log" 2>&1 &&
	! { apt-get -q update && apt-get install -qy --no-install-recommends $missing; } >"$log" 2>&1; then
	grep -E '^[EW]:' "$log" >&2 || tail -n 3 "$log" >&2
	rm -f "$log"
	die "failed: $command"
fi
rm -f "$log"
still=$("$0" --print "$@")
[ -z "$still" ] || die "still missing after $command: $still"
