#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
#
# Plant one fault at a time into a copy of the driver and see that the test that is for it finds it.

set -u -o pipefail

repo=$(realpath "$(dirname "$0")/..")
driver=drivers/dma/ioat
# shellcheck source=devtools/own_folder.sh
. "$repo/devtools/own_folder.sh"

usage()
{
	cat <<-END
	usage: devtools/mutants.sh BUILD_DIR [TEST]

	Each mutant is one change, by sed, to a copy of the driver in BUILD_DIR (new, empty, or of
	an earlier call, which is removed). Its test must pass without a mutant and fail with it.
	TEST: only mutants of that one of $(tests | xargs).
	Exit code 0: all are found.
	END
}

# Four lines each: name, test, file, sed script. A test of "threads" runs under ThreadSanitizer.
mutants()
{
	cat <<-'END'
	off-by-one in completion
	property
	ioat_ring.h
	s/for (i = 0; i < n \&\& ops < max; i++)/for (i = 0; i <= n \&\& ops < max; i++)/
	lost status at max_ops 1
	property
	ioat_ring.c
	s/^\t\tstatus\[n++\] = bad;/\t\tif (max > 1) status[n++] = bad;/
	doorbell in recovery
	property
	ioat_chan.c
	s/ch->rung - next)/ch->tail - next)/
	fence on submitted descriptor
	property
	ioat_sg.c
	s/bool extra = fence \&\& ch->tail == ch->rung;/bool extra = false;/
	wrong status after split
	property
	ioat_halt.c
	/^\t\twhile (ch->more\[end/,/^\t\t\tend++;/d
	early free at stop
	property
	ioat_chan.c
	/^ioat_chan_stop(/,/^}/s/^\tif (!ch->started)$/\tch->started = false;\n\tif (!ch->started)/
	fence on submitted descriptor, by what memory holds
	fence
	ioat_sg.c
	s/bool extra = fence \&\& ch->tail == ch->rung;/bool extra = false;/
	watchdog before its time
	watch
	ioat_halt.c
	s/^#define WATCH_US .*/#define WATCH_US 90u/
	watchdog while operations complete
	watch
	ioat_halt.c
	s/!watch->running || watch->op != ch->op_head/!watch->running/
	watchdog on an idle channel
	watch
	ioat_ring.c
	s/ && (n != 0 || ch->op_head == ch->op_rung)) ||$/ \&\& n != 0) ||/
	doorbell not ordered behind its descriptors
	threads
	ioat_mmio.h
	/doorbell, count/s/RELEASE/RELAXED/
	completion word read without acquiring what it covers
	threads
	ioat_ring.c
	/ch->status/s/ACQUIRE/RELAXED/
	END
}

tests()
{
	mutants | sed -n '2~4p' | uniq
}

# A build of the copy for test $1, if there is none yet.
build_of()
{
	local kind=release options=--buildtype=release
	[ "$1" = threads ] && kind=thread options=-Db_sanitize=thread
	[ -d "$build/$kind" ] || meson setup -Dwerror=false -Dapps=disabled -Dguests=disabled \
		"-Ddriver_sdk=$("$repo/devtools/setup.sh" --print-sdk)" "$options" \
		"$build/$kind" "$build/src" >"$build/log" 2>&1 || {
		cat "$build/log" >&2
		exit 2
	}
	echo "$build/$kind"
}

# Run test $1 on the driver as it is now.
passes()
{
	local dir name=$1
	dir=$(build_of "$1") || exit 2
	[ "$1" = threads ] && name=vdev
	ninja -C "$dir" "test/unit/driver/test_driver_$name" >"$build/log" 2>&1 || {
		cat "$build/log"
		exit 2
	}
	PROPERTY_OPS=1000000 TSAN_OPTIONS=halt_on_error=1 timeout 120 \
		"$dir/test/unit/driver/test_driver_$name" >"$build/log" 2>&1
}

case ${1-} in
-h | --help) usage && exit 0 ;;
"") usage >&2 && exit 2 ;;
esac
build=$(realpath -m -- "$1")
only=${2-}
[ -z "$only" ] || tests | grep -qx "$only" || {
	echo "mutants.sh: $only is none of $(tests | xargs)" >&2
	exit 2
}
own_folder "$build" devtools/mutants.sh || {
	echo "mutants.sh: BUILD_DIR '$build': $own_why; legal is a folder that is new, empty, or" \
		"of an earlier call" >&2
	exit 2
}
rm -rf "$build/src" "$build/release" "$build/thread"
mkdir -p "$build/src" || exit 2
git -C "$repo" ls-files -z | tar -C "$repo" --null -T - -c | tar -C "$build/src" -x || exit 2
for name in ${only:-$(tests)}; do
	passes "$name" || {
		echo "not ok: test $name fails without a mutant" && exit 1
	}
done
bad=0
while read -r name && read -r test && read -r file && read -r script; do
	[ -z "$only" ] || [ "$only" = "$test" ] || continue
	cp "$build/src/$driver/$file" "$build/before"
	sed -i "$script" "$build/src/$driver/$file"
	if cmp -s "$build/before" "$build/src/$driver/$file"; then
		echo "not ok - $name: $file is no longer as the mutant knows it"
		bad=1
	elif passes "$test"; then
		echo "not ok - $name: not found by $test"
		bad=1
	else
		echo "ok - $name: $test: $(grep -a -m1 -E '^program|^not ok|^SUMMARY' "$build/log")"
	fi
	cp "$build/before" "$build/src/$driver/$file"
done < <(mutants)
exit $bad
