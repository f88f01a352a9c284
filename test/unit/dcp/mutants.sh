#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
#
# Break the completion port's promises one at a time, in a copy, and see a test fail for each.

set -u -o pipefail

here=$(realpath "$(dirname "$0")")
repo=$(realpath "$here/../../..")
self=test/unit/dcp/mutants.sh
# shellcheck source=devtools/own_folder.sh
. "$repo/devtools/own_folder.sh"

if [ $# -lt 1 ]; then
	cat >&2 <<-END
	usage: $self BUILD_DIR [NAME...]

	Plants each fault of mutants.txt, or only those whose names contain a NAME, builds in
	BUILD_DIR (new, empty, or of an earlier call, which is removed), runs the test that must
	fail, and prints a line of TAP for each. By hand: a fault that loses a wake-up is seen
	when a test has waited long enough.
	END
	exit 2
fi
dir=$(realpath -m -- "$1")
build=$dir/build
shift
names=("$@")
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT

# Replace text $2 by $3 in file $1 ('@' stands for a line break); fail when it is not there.
plant()
{
	python3 - "$@" <<-'END'
	import sys
	path, old, new = sys.argv[1], *(text.replace("@", "\n") for text in sys.argv[2:4])
	text = open(path, encoding="utf-8").read()
	if old not in text:
	    sys.exit(f"{path} has no: {old}")
	text = text.replace(old, new, 1)
	if "memset" in new:
	    text = text.replace("#include <errno.h>", "#include <errno.h>\n#include <string.h>", 1)
	open(path, "w", encoding="utf-8").write(text)
	END
}

# Whether test $1 fails in case $2, or does not get to its end: a lost wake-up makes it wait.
finds()
{
	local out
	! out=$(timeout 60 "$build/test/unit/dcp/test_dcp_$1" 2>&1) || return 1
	grep -m 1 "^not ok.*$2" <<<"$out" && return 0
	! grep -q "^ok.*$2" <<<"$out" || return 1
	echo "ended in $2"
}

wanted()
{
	local name
	[ ${#names[@]} != 0 ] || return 0
	for name in "${names[@]}"; do
		[[ $1 != *"$name"* ]] || return 0
	done
	return 1
}

src=$work/src
mkdir "$src"
(cd "$repo" && git ls-files -z | xargs -0 cp --parents -t "$src") || exit
own_folder "$dir" $self || {
	echo "$self: BUILD_DIR '$dir': $own_why; legal is a folder that is new, empty, or" \
		"of an earlier call" >&2
	exit 2
}
rm -rf "$build"
meson setup "$build" "$src" -Dapps=disabled -Dfuzz=disabled -Dguests=disabled \
	-Dwerror=false --buildtype=debugoptimized >"$work/log" 2>&1 || {
	cat "$work/log"
	exit 1
}
failed=0 number=0
while IFS='~' read -r name test case file old new; do
	wanted "$name" || continue
	number=$((number + 1))
	if ! plant "$src/lib/dcp/$file" "$old" "$new"; then
		result="not ok $number - $name: cannot be planted"
	elif ! ninja -C "$build" "test/unit/dcp/test_dcp_$test" >"$work/log" 2>&1; then
		cat "$work/log"
		result="not ok $number - $name: does not build"
	elif how=$(finds "$test" "$case"); then
		result="ok $number - $name # test_dcp_$test: $how"
	else
		result="not ok $number - $name: test_dcp_$test passes"
	fi
	echo "$result"
	[[ $result != not* ]] || failed=$((failed + 1))
	cp "$repo/lib/dcp/$file" "$src/lib/dcp/$file"
done < <(grep -v '^#' "$here/mutants.txt")
echo "1..$number"
[ "$failed" = 0 ]
