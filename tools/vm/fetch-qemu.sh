#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# fetch-qemu.sh   a QEMU that can be trusted with multi-threaded TCG: version 10 or newer
#
# Prints a directory with an executable `qemu`. The machine's own qemu-system-x86_64 is taken if
# it is new enough, else Debian 12's backport, unpacked into the cache together with the libraries
# that the machine lacks. PFN_QEMU names another program. (QEMU 7.2 races with the outer kernel's
# cross-CPU text patching and corrupts it.)
#
# Errors: exit 2 if PFN_QEMU is no QEMU >= 10, 1 if the mirror fails or QEMU does not start.

. "$(dirname "$0")/lib.sh"

# major PROGRAM: its major version, 0 if it does not run
major() {
	local v
	v=$("$1" --version 2>/dev/null | sed -n 's/^QEMU emulator version \([0-9]*\)\..*/\1/p')
	echo "${v:-0}"
}

# use PROGRAM: a directory with a wrapper for a QEMU of the machine
use() {
	local dir
	dir=$PFN_CACHE/qemu/$(realpath "$1" | digest)
	if [ ! -x "$dir/qemu" ]; then
		lock "$dir"
		begin "$dir"
		printf '#!/bin/sh\nexec %q "$@"\n' "$(realpath "$1")" >"$work/qemu"
		chmod +x "$work/qemu"
		commit "$dir"
	fi
	echo "$dir"
}

if [ -n "${PFN_QEMU:-}" ]; then
	[ "$(major "$PFN_QEMU")" -ge 10 ] || bad "PFN_QEMU=$PFN_QEMU is not a QEMU 10 or newer"
	use "$PFN_QEMU"
	exit
fi
! recall qemu debian || exit 0
if [ "$(major qemu-system-x86_64)" -ge 10 ]; then
	use "$(command -v qemu-system-x86_64)"
	exit
fi

apt_fresh "$([ -n "${PFN_REFRESH:-}" ] && echo 2 || echo 1440)"
find_qemu() {
	awk '$1 == "qemu-system-x86" && $3 ~ /^bookworm/ { v = $2; sub(/^[0-9]+:/, "", v)
		if (v + 0 >= 10) print $2, $3 }' "$apt_dir/index" | sort -V | tail -n 1
}
read -r version suite <<<"$(find_qemu)"
[ -n "$version" ] || { apt_fresh 2; read -r version suite <<<"$(find_qemu)"; }
[ -n "$version" ] || die "Debian's backports have no QEMU 10"
dir=$PFN_CACHE/qemu/$(printf %s "$version" | tr -c 'A-Za-z0-9.+~-' _)
lock "$dir"
if [ ! -x "$dir/qemu" ]; then
	say "fetching QEMU $version"
	begin "$dir"
	# what apt would install here: QEMU and what this machine lacks for it
	packages=$(apt_status=/var/lib/dpkg/status apt_private apt-get --no-install-recommends -s install \
		"qemu-system-x86/$suite" "qemu-system-common/$suite" "qemu-system-data/$suite" \
		"seabios/$suite" 2>"$apt_dir/log" | sed -n 's/^Inst \([^ ]*\) [^(]*(\([^ ]*\) .*/\1=\2/p' | sort -u) || true
	[ -n "$packages" ] || { tail -n 3 "$apt_dir/log" >&2; die "cannot resolve QEMU's dependencies"; }
	# the firmware may be installed, but it must lie where this QEMU looks
	case $packages in *seabios=*) ;; *) packages="$packages seabios/$suite" ;; esac
	# shellcheck disable=SC2086  # a list of packages
	apt_fetch "$work/root" $packages
	find "$work/root" -depth \( -path '*/usr/share/doc' -o -path '*/usr/share/man' -o -path '*/usr/share/locale' \) -exec rm -rf {} +
	cat >"$work/qemu" <<-'EOF'
		#!/bin/sh
		# QEMU with its own firmware, and the libraries that the machine lacks
		r=$(dirname "$(readlink -f "$0")")/root
		LD_LIBRARY_PATH=$r/usr/lib/x86_64-linux-gnu:$r/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
		export LD_LIBRARY_PATH
		exec "$r/usr/bin/qemu-system-x86_64" -L "$r/usr/share/qemu" -L "$r/usr/share/seabios" "$@"
	EOF
	chmod +x "$work/qemu"
	[ "$(major "$work/qemu")" -ge 10 ] || die "QEMU $version does not start: $("$work/qemu" --version 2>&1 | head -n 1)"
	commit "$dir"
fi
remember qemu debian "$dir"
echo "$dir"
