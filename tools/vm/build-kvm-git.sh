#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build-kvm-git.sh VERSION-PREFIX REPOSITORY COMMIT   the KVM of a commit, as modules for Debian's kernel
#
# Prints a directory with kvm.ko and kvm-amd.ko. What the commit has in arch/x86/kvm, virt/kvm and KVM's
# headers is compared with Debian's source, and the difference built as a patch (build-kvm.sh), so that
# builds are incremental and the same content is built once. The repository is read and never written.
#
# Errors: exit 2 for a bad argument, 1 where it does not apply or build.

. "$(dirname "$0")/lib.sh"

[ $# = 3 ] || bad "usage: build-kvm-git.sh VERSION-PREFIX REPOSITORY COMMIT"
need git bisect
need patch kvm
id=$(git -C "$2" rev-parse --verify --quiet "$3^{commit}") || bad "no commit '$3' in $2"

src=$("$here/fetch-source.sh" "$1")
lock "$PFN_CACHE/kvm-git/$id"	# begin removes what others left: two bisections often share a commit
begin "$PFN_CACHE/kvm-git/$id"
files() { # of KVM, from a list of all
	grep -E -e '^(arch/x86/kvm|virt/kvm)/' -e '^include/(uapi/)?linux/kvm[^/]*\.h$' -e '^include/trace/events/kvm\.h$' \
		-e '^arch/x86/include/(uapi/)?asm/kvm[^/]*\.h$' -e '^arch/x86/include/asm/(svm|vmx)\.h$'
}
mkdir "$work/a" "$work/b"
(cd "$src" && find arch/x86/kvm virt/kvm include/linux include/trace/events include/uapi/linux arch/x86/include -type f |
	files | tar -T - -cf -) | tar -C "$work/a" -xf -
mapfile -t names < <(git -C "$2" ls-tree -r --name-only --full-tree "$id" | files)
[ ${#names[@]} -gt 0 ] || bad "commit $3 of $2 has no KVM"
git -C "$2" archive "$id" "${names[@]}" | tar -C "$work/b" -xf -
patch=$work/${id:0:12}.patch
(cd "$work" && diff -ruN a b) >"$patch" || [ -s "$patch" ]
# No times in it: the same content is the same patch.
sed -i -E 's/^(---|\+\+\+) ([ab]\/[^\t]*)\t.*/\1 \2/; /^diff -ruN /d' "$patch"
set -- "$1"
[ ! -s "$patch" ] || set -- "$1" "$patch"
"$here/build-kvm.sh" "$@"
