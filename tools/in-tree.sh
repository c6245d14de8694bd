#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# in-tree.sh KSRC   the suite with its scenarios into KSRC/tools/testing/selftests/kvm-pfn-stress
#
# Writes there and nowhere else, but for one line in the selftests' list of targets. Prints the
# directory. Exit 2 if KSRC is no kernel tree with KVM selftests.
set -euo pipefail

bad() { echo "in-tree.sh: $*" >&2; exit 2; }

top=$(cd "$(dirname "$0")/.." && pwd)
[[ $# = 1 && $1 ]] || bad "usage: make in-tree KSRC=DIR"
selftests=$1/tools/testing/selftests
[[ -d $selftests/kvm/lib && -e $selftests/lib.mk ]] || bad "'$1' is no kernel tree with KVM selftests"
[[ -w $selftests ]] || bad "'$selftests' cannot be written"
to=$(cd "$selftests" && pwd)/kvm-pfn-stress

rm -rf "$to.tmp"
cp -r "$top/kvm-pfn-stress" "$to.tmp"
rm -f "$to.tmp/module"/.[!.]*
cp -r "$top/configs/scenarios" "$top/configs/known-issues" "$to.tmp/"
cat >"$to.tmp/.gitignore" <<-'END'
	# SPDX-License-Identifier: GPL-2.0-only
	/build
	/helper
	/kvm
	/pfn
END
rm -rf "$to"
mv "$to.tmp" "$to"
grep -q '^TARGETS += kvm-pfn-stress$' "$selftests/Makefile" ||
	sed -i 's/^TARGETS += kvm$/&\nTARGETS += kvm-pfn-stress/' "$selftests/Makefile"
echo "$to"
