#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# ./run.sh bisect with real kernels: a repository of 64 commits made of Debian's KVM, most of them harmless
# edits, one a mutant; found from end to end in virtual machines. Takes a quarter of an hour for each mutant,
# and is not part of make check: tests/run-tests.sh long/bisect.sh, or with arguments, for one of them,
#
#	tests/long/bisect.sh MUTANT[+SECOND] SCENARIO "FINGERPRINT..."	(SECOND: an unrelated bug in the range)
. "$(dirname "$0")/../host/lib.sh"
export PFN_CACHE=${PFN_CACHE%/tests/cache}
unset PFN_VM_DIR PFN_CONFIGS PFN_BOUND_MS
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
unset GIT_DIR GIT_WORK_TREE

version=6.12 commits=64 place=41 second_place=15
edited=(arch/x86/kvm/mtrr.c arch/x86/kvm/i8254.c virt/kvm/vfio.c arch/x86/kvm/irq_comm.c)

# history DIR MUTANT [SECOND]: tags "culprit"
history() {
	local dir=$1 src i file
	src=$("$top/tools/vm/fetch-source.sh" "$version") || return
	mkdir -p "$dir"
	(cd "$src" && tar -cf - arch/x86/kvm virt/kvm include/linux/kvm*.h include/trace/events/kvm.h \
		include/uapi/linux/kvm*.h arch/x86/include/asm/{kvm*,svm,vmx}.h arch/x86/include/uapi/asm/kvm*.h) |
		tar -C "$dir" -xf -
	git -C "$dir" init -q -b main && git -C "$dir" add -A && git -C "$dir" commit -q -m 'Debian' || return
	for ((i = 2; i <= commits; i++)); do
		case $i in
		"$place") patch -d "$dir" -p1 -s <"$top/tools/mutants/$version/$2.patch" || return ;;
		"$second_place") [[ ! ${3-} ]] || patch -d "$dir" -p1 -s <"$top/tools/mutants/$version/$3.patch" || return ;;
		esac
		# a file that only this commit and others far away touch: the culprit can be reverted
		file=${edited[i % ${#edited[@]}]}
		((i == place)) || echo "/* harmless edit $i */" >>"$dir/$file"
		git -C "$dir" commit -q -a -m "KVM: x86: commit $i" || return
		((i != place)) || git -C "$dir" tag culprit
	done
}

find_it() { # MUTANT[+SECOND] SCENARIO "FINGERPRINT..."
	local dir=$tmp/repo-$1 start=$SECONDS second='' f words fingerprints=()
	read -ra words <<<"$3"
	for f in "${words[@]}"; do
		fingerprints+=(--fingerprint "$f")
	done
	[[ $1 != *+* ]] || second=${1#*+}
	history "$dir" "${1%+*}" "$second" || return
	"$top/run.sh" bisect --git "$dir" --good "$(git -C "$dir" rev-list --max-parents=0 main)" --bad main \
		--kernel "$version" --scenario "$2" "${fingerprints[@]}" --dir "${PFN_BISECT_DIR:-$tmp}/bisect-$1"
	echo "# $1: $((SECONDS - start)) s of wall clock"
	is "$(jq -r .verdict "${PFN_BISECT_DIR:-$tmp}/bisect-$1/state.json" | cut -d' ' -f1)" \
		"$(git -C "$dir" rev-parse 'culprit^{commit}')"
}

if (($# == 3)); then
	ok "$1" find_it "$@"
else
	ok 'an easy one' find_it stale-unmap pfnmap-fault 'content/stale/*'
	# a stale mapping that meets the right one ends in BUG(), too: half a minute until one of the two
	ok 'one that takes a while' find_it seq-not-bumped anon-dontneed 'content/* kernel-log/bug/*handle_changed_spte'
	ok 'an unrelated bug in the range' find_it retry-ignored+page-ref-leak mixedmap 'content/stale/*'
fi
finish
