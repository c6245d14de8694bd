# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts of tools/vm share: the cache, messages, locks, half-made results, and Debian's
# package index. Sourced, never run.
#
# Errors: one line on standard error. Exit 1 = it failed, 2 = the caller asked for something
# that cannot be had (bad argument, no such version, a package that must not be installed).

set -euo pipefail
umask 022
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
self=$(basename "$0")
PFN_CACHE=${PFN_CACHE:-$top/.cache}
mkdir -p "$PFN_CACHE" || exit 1
PFN_CACHE=$(cd "$PFN_CACHE" && pwd)
export PFN_CACHE
export jobs=${PFN_JOBS:-$(nproc)}

say() { printf '  VM      %s\n' "$*" >&2; }
die() { printf '%s: %s\n' "$self" "$*" >&2; exit 1; }
bad() { printf '%s: %s\n' "$self" "$*" >&2; exit 2; }

# One word for the contents of standard input.
digest() { sha256sum | cut -c1-16; }

# there WHAT: is this command, header (urcu.h) or file (an absolute path) on the machine?
there() {
	case $1 in
	/*) [ -e "$1" ] ;;
	*.h) [ -e "/usr/include/$1" ] || [ -e "/usr/include/$(uname -m)-linux-gnu/$1" ] ;;
	*) [ -x "$(command -v "$1")" ] ;;
	esac
}

# need WHAT NEED: make sure that it is there, by packages.sh
need() { there "$1" || "$here/packages.sh" "$2" >&2 || exit; }

# lock NAME: one process at a time makes what NAME stands for
lock() {
	mkdir -p "$PFN_CACHE/locks"
	exec {lock_fd}>"$PFN_CACHE/locks/$(printf %s "$1" | tr -c 'A-Za-z0-9.+-' _)"
	if ! flock -n "$lock_fd"; then
		say "waiting for another $self ($1)"
		flock "$lock_fd"
	fi
}
unlock() { exec {lock_fd}>&-; }

# begin TARGET: sets $work, a directory beside TARGET that vanishes unless commit puts it in place.
# Call it with the lock of TARGET held: what a killed predecessor left is removed.
work=
begin() {
	mkdir -p "$(dirname "$1")"
	rm -rf "$1".tmp.*
	work=$(mktemp -d "$1.tmp.XXXXXX")
	chmod 755 "$work"
}
commit() {
	[ ! -e "$1" ] || rm -rf "$1"
	mv -T "$work" "$1"
	work=
}
quiet_log=
cleanup() {
	[ -z "$work" ] || rm -rf "$work"
	[ -z "$quiet_log" ] || rm -f "$quiet_log"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# hit DIR [FILE]: if FILE (or DIR) was made before, print it, and mark DIR as used
hit() {
	local name=${2:-$1}
	[ -e "$name" ] || return 1
	touch -c "$1" 2>/dev/null || true
	echo "$name"
}

# keep DIR N: of what DIR holds, keep the N that were used last (each is cheap to make again)
keep() {
	find "$1" -mindepth 1 -maxdepth 1 ! -name '*.tmp.*' -printf '%T@ %p\n' | sort -rn |
		tail -n "+$(($2 + 1))" | cut -d' ' -f2- | while IFS= read -r f; do rm -rf "$f"; done
}

# quietly WHAT COMMAND...: no output unless it fails, then the first errors, or the last lines, and exit 1
quietly() {
	local what=$1
	shift
	quiet_log=$(mktemp "${TMPDIR:-/tmp}/pfn-log.XXXXXX")
	if ! "$@" </dev/null >"$quiet_log" 2>&1; then
		grep -m 10 -E '(error|undefined reference).*:|: (fatal )?error:' "$quiet_log" >&2 || tail -n 15 "$quiet_log" >&2
		rm -f "$quiet_log"
		die "$what failed"
	fi
	rm -f "$quiet_log"
}

# remember KIND PREFIX DIR: the next call with the same PREFIX finds DIR without asking apt
remember() {
	mkdir -p "$PFN_CACHE/$1/by-prefix"
	ln -sfnr "$3" "$PFN_CACHE/$1/by-prefix/.$2.$$"
	mv -T "$PFN_CACHE/$1/by-prefix/.$2.$$" "$PFN_CACHE/$1/by-prefix/$2"
}

# recall KIND PREFIX: prints DIR; PFN_REFRESH=1 forgets
recall() {
	[ -z "${PFN_REFRESH:-}" ] && [ -e "$PFN_CACHE/$1/by-prefix/$2/" ] &&
		(cd "$PFN_CACHE/$1/by-prefix/$2" && pwd -P)
}

# A version prefix is a word of digits, dots and what Debian adds to it.
check_prefix() {
	case $1 in
	[0-9]*) ;;
	*) bad "bad kernel version '$1'" ;;
	esac
	case $1 in
	*[!A-Za-z0-9.+~-]*) bad "bad kernel version '$1'" ;;
	esac
}

# --- Debian's packages, with a private configuration: the machine's own sources stay as they are ---

suites="bookworm bookworm-updates bookworm-backports trixie-backports"
apt_dir=$PFN_CACHE/apt
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

apt_private() {
	local cmd=$1
	shift
	"$cmd" -q \
		-o Dir::Etc::sourcelist="$apt_dir/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::State="$apt_dir" -o Dir::State::lists="$apt_dir/lists" \
		-o Dir::State::status="${apt_status:-$apt_dir/status}" -o Dir::Cache="$apt_dir/cache" \
		-o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::Retries=3 -o Acquire::http::Timeout=30 "$@"
}

# apt_sources MIRROR SECURITY: write the private list of sources
apt_sources() {
	local s
	for s in $suites; do
		echo "deb [signed-by=$keyring arch=amd64] $1 $s main"
	done >"$apt_dir/sources.list"
	echo "deb [signed-by=$keyring arch=amd64] $2 bookworm-security main" >>"$apt_dir/sources.list"
}

# The mirror that the machine itself uses, when it is a Debian one.
machine_mirror() {
	apt-get indextargets --format "\$(ORIGIN) \$(REPO_URI)" 'Created-By: Packages' 2>/dev/null |
		awk -v re="$1" '$1 == "Debian" && $2 ~ re { sub("/$", "", $2); print $2; exit }' || true
}

# apt_update: fetch the lists, and make of them one index: PACKAGE VERSION SUITE
apt_update() {
	local mirror security log=$apt_dir/log file suite
	need $keyring fetch
	mkdir -p "$apt_dir/lists/partial" "$apt_dir/cache/archives/partial"
	: >>"$apt_dir/status"
	mirror=$(machine_mirror '/debian/?$')
	security=$(machine_mirror 'security')
	say "refreshing the package lists"
	apt_sources "${mirror:-http://deb.debian.org/debian}" \
		"${security:-http://deb.debian.org/debian-security}"
	if ! apt_private apt-get --error-on=any update >"$log" 2>&1; then
		apt_sources http://deb.debian.org/debian http://deb.debian.org/debian-security
		apt_private apt-get --error-on=any update >"$log" 2>&1 || return 1
	fi
	apt_private apt-get indextargets --format "\$(CODENAME) \$(FILENAME)" 'Created-By: Packages' |
	while read -r suite file; do
		apt_private /usr/lib/apt/apt-helper cat-file "$file" | awk -v suite="$suite" '
			/^Package: / { p = $2; keep = p ~ /^(linux-(base|image|binary|modules|headers|kbuild|source)-|qemu-system-x86$)/ &&
				       p !~ /-dbg$|cloud|-rt-|-rt$|template/ }
			/^Version: / && keep { print p, $2, suite }'
	done | sort -u >"$apt_dir/index.new"
	mv "$apt_dir/index.new" "$apt_dir/index"
}

# apt_fresh MINUTES: have an index that is not older, if the mirror can be reached
apt_fresh() {
	local name=$apt_dir/index
	mkdir -p "$apt_dir"
	[ -z "$(find "$name" -mmin "-$1" 2>/dev/null)" ] || return 0
	( # in a subshell: the lock is dropped with it
		lock apt
		[ -z "$(find "$name" -mmin "-$1" 2>/dev/null)" ] && ! apt_update || exit 0
		[ -e "$name" ] || { tail -n 3 "$apt_dir/log" >&2; die "cannot fetch Debian's package lists"; }
		say "cannot refresh the package lists, going on with the old ones"
	)
}

# apt_fetch DIR PACKAGE=VERSION...: unpack packages into DIR
apt_fetch() {
	local dir=$1 debs deb
	shift
	[ -e "$apt_dir/sources.list" ] || apt_fresh 1440
	debs=$(mktemp -d "$dir.debs.XXXXXX")
	if ! (cd "$debs" && apt_private apt-get download "$@") >"$debs/log" 2>&1; then
		grep -E '^[EW]:' "$debs/log" | head -n 3 >&2 || true
		rm -rf "$debs"
		die "cannot download $*"
	fi
	for deb in "$debs"/*.deb; do
		dpkg-deb -x "$deb" "$dir" || { rm -rf "$debs"; die "cannot unpack $(basename "$deb")"; }
	done
	rm -rf "$debs"
}

# kernels: RELEASE VERSION HEADERS(1/0) PACKAGE..., oldest first: what the index has
kernels() {
	awk '
	{ have[$1] = $2; all[$1 "=" $2] = 1 }
	END {
		for (p in have) {
			if (p !~ /^linux-(image|binary|binary-unsigned)-[0-9].*-amd64(-unsigned)?$/ || p ~ /-[0-9]+\.[0-9]+-amd64$/)
				continue
			r = p
			sub(/^linux-(image|binary-unsigned|binary)-/, "", r)
			sub(/-unsigned$/, "", r)
			rel[r] = 1
		}
		for (r in rel) {
			m = "linux-modules-" r; base = "linux-base-" r
			bu = "linux-binary-unsigned-" r; b = "linux-binary-" r
			iu = "linux-image-" r "-unsigned"; i = "linux-image-" r
			if ((bu in have) || (b in have)) {
				if (!(m in have)) continue
				x = (bu in have) ? bu : b
			} else {
				x = (iu in have) ? iu : i
				m = ""
			}
			line = r " " have[x] " " (("linux-headers-" r) in have ? 1 : 0) " " x "=" have[x]
			if (m != "") line = line " " m "=" have[m]
			if (base in have) line = line " " base "=" have[base]
			print line
		}
	}' "$apt_dir/index" | sort -k2,2V
}

# match PREFIX: of lines "RELEASE VERSION ...", those that PREFIX means
match() {
	awk -v p="$1" '{
		up = $2; sub(/-.*/, "", up)
		if (up == p || index(up, p ".") == 1 || $2 == p || $1 == p) print
	}'
}
