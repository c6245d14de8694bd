#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# ./run.sh bisect with real kernels: a repository of 64 commits made of Debian's KVM, most of them harmless
# edits, one a mutant; found from end to end in virtual machines. Takes a quarter of an hour or more for each
# mutant, and is not part of make check: tests/run-tests.sh long/bisect.sh, or with arguments, for one of them,
#
#	tests/long/bisect.sh MUTANT[+SECOND] SCENARIO "FINGERPRINT..." [OPTION...]
#
# MUTANT is a name of tools/mutants/6.12 or of a patch here, SECOND an unrelated bug in the range; OPTIONs are run.sh bisect's.
# With --find-fix the mutant is there from the start, and the commit takes it out. PFN_BISECT_DIR=DIR keeps repository and
# state; what was killed there goes on with the same command.
. "$(dirname "$0")/../host/lib.sh"
export PFN_CACHE=${PFN_CACHE%/tests/cache}
unset PFN_VM_DIR PFN_CONFIGS PFN_BOUND_MS
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
unset GIT_DIR GIT_WORK_TREE

version=6.12 commits=64 place=41 second_place=15
edited=(arch/x86/kvm/mtrr.c arch/x86/kvm/i8254.c virt/kvm/vfio.c arch/x86/kvm/irq_comm.c)

# apply DIR MUTANT [OPTION]: edits the tree in DIR
apply() {
	local file=$here/../long/$2.patch
	[[ -e $file ]] || file=$top/tools/mutants/$version/$2.patch
	patch -d "$1" -p1 -s "${@:3}" <"$file"
}

# history DIR MUTANT [SECOND]: tags "culprit"; $fix: the commit takes the mutant out
history() {
	local dir=$1 src i file
	src=$("$top/tools/vm/fetch-source.sh" "$version") || return
	mkdir -p "$dir"
	(cd "$src" && tar -cf - arch/x86/kvm virt/kvm include/linux/kvm*.h include/trace/events/kvm.h \
		include/uapi/linux/kvm*.h arch/x86/include/asm/{kvm*,svm,vmx}.h arch/x86/include/uapi/asm/kvm*.h) |
		tar -C "$dir" -xf -
	[[ ! $fix ]] || apply "$dir" "$2" || return
	git -C "$dir" init -q -b main && git -C "$dir" add -A && git -C "$dir" commit -q -m 'Debian' || return
	for ((i = 2; i <= commits; i++)); do
		case $i in
		"$place") apply "$dir" "$2" ${fix:+-R} || return ;;
		"$second_place") [[ ! ${3-} ]] || apply "$dir" "$3" || return ;;
		esac
		# a file that only this commit and others far away touch: the culprit can be reverted
		file=${edited[i % ${#edited[@]}]}
		((i == place)) || echo "/* harmless edit $i */" >>"$dir/$file"
		git -C "$dir" commit -q -a -m "KVM: x86: commit $i" || return
		((i != place)) || git -C "$dir" tag culprit
	done
}

find_it() { # MUTANT[+SECOND] SCENARIO "FINGERPRINT..." [OPTION...]
	local keep=${PFN_BISECT_DIR:-$tmp} name=$1 start=$SECONDS second='' f words args
	local fix='' good=good bad=bad dir
	[[ " ${*:4} " != *' --find-fix '* ]] || { fix=1 good=bad bad=good name=$1-fix; }
	dir=$keep/repo-$name
	args=("${@:4}")
	read -ra words <<<"$3"
	for f in "${words[@]}"; do
		args+=(--fingerprint "$f")
	done
	[[ $1 != *+* ]] || second=${1#*+}
	if [[ -e $keep/bisect-$name/state.json ]]; then
		"$top/run.sh" bisect --continue "$keep/bisect-$name"
	else
		rm -rf "$dir"
		history "$dir" "${1%+*}" "$second" || return
		"$top/run.sh" bisect --git "$dir" "--$good" "$(git -C "$dir" rev-list --max-parents=0 main)" "--$bad" main \
			--kernel "$version" --scenario "$2" --dir "$keep/bisect-$name" "${args[@]}"
	fi
	echo "# $name: $((SECONDS - start)) s of wall clock"
	is "$(jq -r .verdict "$keep/bisect-$name/state.json" | cut -d' ' -f1)" "$(git -C "$dir" rev-parse 'culprit^{commit}')"
}

if (($# >= 3)); then
	ok "$1" find_it "$@"
else
	ok 'an easy one' find_it stale-unmap pfnmap-fault 'content/stale/* outcome/access-completed/*'
	# a stale mapping that meets the right one ends in BUG(), too: half a minute until one of the two
	ok 'one that takes a while' find_it stale-unmap-rarely pfnmap-fault \
		'content/* canary/* outcome/access-completed/* kernel-log/bug/*/handle_changed_spte'
	ok 'an unrelated bug in the range' find_it retry-ignored+page-ref-leak mixedmap 'content/stale/*'
	ok 'a fix' find_it stale-unmap pfnmap-fault 'content/stale/* outcome/access-completed/*' --find-fix
fi
finish
