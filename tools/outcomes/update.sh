#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# update.sh [-|--cells FOLDER/GROUP]   write docs/outcomes.md; "-" prints it instead, --cells the names of cells

set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
${CC:-cc} -O1 -std=gnu11 -Wall -Wextra -Wno-missing-field-initializers -Werror -I"$top/kvm-pfn-stress" \
	-o "$tmp/doc" "$top/tools/outcomes/doc.c" "$top/kvm-pfn-stress/outcomes/table.c"
whole() {
	cat "$top/tools/outcomes/intro.md"
	"$tmp/doc"
	cat "$top/tools/outcomes/notes.md"
}
case ${1-} in
--cells) "$tmp/doc" --cells "$2" ;;
-) whole ;;
*) whole >"$top/docs/outcomes.md" ;;
esac
