#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
#
# Plant one fault at a time into a copy of the driver and see that the property test finds it.

set -u -o pipefail

repo=$(realpath "$(dirname "$0")/..")
driver=drivers/dma/ioat

usage()
{
	cat <<-END
	usage: devtools/mutants.sh BUILD_DIR

	Each mutant is one change, by sed, to a copy of the driver in BUILD_DIR (made afresh). The
	property test must pass without a mutant and fail with each. Exit code 0: it does.
	END
}

# Three lines each: name, file, sed script.
mutants()
{
	cat <<-'END'
	off-by-one in completion
	ioat_ring.h
	s/for (i = 0; i < n \&\& ops < max; i++)/for (i = 0; i <= n \&\& ops < max; i++)/
	lost status at max_ops 1
	ioat_ring.c
	s/^\t\tstatus\[n++\] = bad;/\t\tif (max > 1) status[n++] = bad;/
	doorbell in recovery
	ioat_chan.c
	s/ch->rung - next)/ch->tail - next)/
	fence on submitted descriptor
	ioat_sg.c
	s/bool extra = fence \&\& ch->tail == ch->rung;/bool extra = false;/
	wrong status after split
	ioat_halt.c
	/^\t\twhile (ch->more\[end/,/^\t\t\tend++;/d
	early free at stop
	ioat_chan.c
	/^ioat_chan_stop(/,/^}/s/^\tif (!ch->started)$/\tch->started = false;\n\tif (!ch->started)/
	END
}

property_test()
{
	ninja -C "$build/b" test/unit/driver/test_driver_property >"$build/log" 2>&1 || {
		cat "$build/log"
		exit 2
	}
	PROPERTY_OPS=1000000 timeout 60 "$build/b/test/unit/driver/test_driver_property" \
		>"$build/log" 2>&1
}

case ${1-} in
-h | --help) usage && exit 0 ;;
"") usage >&2 && exit 2 ;;
esac
build=$(realpath -m "$1")
rm -rf "$build/src" "$build/b"
mkdir -p "$build/src" || exit 2
git -C "$repo" ls-files -z | tar -C "$repo" --null -T - -c | tar -C "$build/src" -x || exit 2
meson setup --buildtype=release -Dwerror=false -Dapps=disabled \
	"-Ddriver_sdk=$("$repo/devtools/setup.sh" --print-sdk)" "$build/b" "$build/src" \
	>"$build/log" 2>&1 || {
	cat "$build/log"
	exit 2
}
property_test || {
	echo "not ok: the property test fails without a mutant" && exit 1
}
bad=0
while read -r name && read -r file && read -r script; do
	cp "$build/src/$driver/$file" "$build/before"
	sed -i "$script" "$build/src/$driver/$file"
	if cmp -s "$build/before" "$build/src/$driver/$file"; then
		echo "not ok - $name: $file is no longer as the mutant knows it"
		bad=1
	elif property_test; then
		echo "not ok - $name: not found"
		bad=1
	else
		echo "ok - $name: $(grep -a -m1 '^program' "$build/log")"
	fi
	cp "$build/before" "$build/src/$driver/$file"
done < <(mutants)
exit $bad
