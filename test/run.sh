#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
#
# Set up, build and test: what a developer runs and what CI runs.

set -u -o pipefail

here=$(realpath "$(dirname "$0")")
repo=$(dirname "$here")
# shellcheck source=devtools/own_folder.sh
. "$repo/devtools/own_folder.sh"
# A suite is a folder with tests in it.
all_suites=()
for file in "$here"/*/meson.build; do
	all_suites+=("$(basename "$(dirname "$file")")")
done

usage()
{
	cat <<-END
	usage: test/run.sh [options] [SUITE...]

	Installs what is missing (devtools/setup.sh), builds and runs the suites; without SUITE all:
	  ${all_suites[*]}

	Builds: gcc and clang with address and undefined-behaviour sanitizers, gcc release, and
	ThreadSanitizer for the tests marked as using threads. The suites style and system run once,
	on the release build. Tests of what uses liburing run once more with the next Debian's
	(devtools/newer_liburing.sh).

	  --quick       only the gcc build with sanitizers, without style and system
	                (unless a suite is named: then only the builds it needs)
	  --dpdk DIR    use the DPDK whose libdpdk.pc is in DIR (see devtools/setup.sh -h)
	  -h, --help    this text

	BUILD_DIR (environment) holds the builds, default: build-test in the clone. It must be new,
	empty, or one of this script; all that is in it is the script's to remove. The last line
	is "N passed, N failed, N skipped", counting single test cases in all builds; the exit
	code is 0 when none failed, 1 when some did, 2 for a wrong argument.
	END
}

say()
{
	echo "run.sh: $*" >&2
}

bad_argument()
{
	say "$*"
	exit 2
}

parse_arguments()
{
	suites=() quick=false setup_options=()
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help)
			usage
			exit 0
			;;
		--quick) quick=true ;;
		--dpdk)
			[ -f "${2-}/libdpdk.pc" ] ||
				bad_argument "--dpdk '${2-}': legal is a folder with libdpdk.pc"
			setup_options=(--dpdk "$(realpath "$2")")
			shift
			;;
		-*) bad_argument "'$1' is not known; legal: --quick, --dpdk DIR, -h, --help" ;;
		*)
			[[ " ${all_suites[*]} " == *" $1 "* ]] ||
				bad_argument "suite '$1' is not known; legal: ${all_suites[*]}"
			suites+=("$1")
			;;
		esac
		shift
	done
}

# The suites of $@ that run with sanitizers: those cannot be loaded into the packaged DPDK programs.
sanitizable()
{
	local s
	for s in "$@"; do
		[ "$s" = style ] || [ "$s" = system ] || echo "$s"
	done
}

# Note a failure that is no test case: a set-up, a build, a suite without tests.
failed()
{
	say "FAILED: $*"
	echo "- 0 1 0" >>"$tally"
}

# Configure build $1 with compiler $2 and the meson options after it, afresh when they changed.
configure()
{
	local dir=$1 compiler=$2 stamp fresh=()
	shift 2
	set -- -Dwerror=true -Ddriver=enabled -Dapps=enabled -Dtests=enabled \
		"-Ddriver_sdk=$sdk" "$@"
	stamp="$compiler ${PKG_CONFIG_PATH-} $*"
	if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/options" 2>/dev/null)" = "$stamp" ]; then
		return 0 # ninja itself looks after changed meson.build files
	fi
	[ ! -d "$dir/meson-private" ] || fresh=(--wipe)
	CC=$compiler meson setup "${fresh[@]}" "$@" "$dir" "$repo" >"$dir.log" 2>&1 || {
		cat "$dir.log"
		return 1
	}
	echo "$stamp" >"$dir/options"
}

# Build $1 and run its tests that belong to a suite of the other arguments and have $tag, if set.
run_tests()
{
	local name=$1 dir=$builds/$1 choose=() needs=() tests s
	shift
	tests=$("$here/results.py" list "$dir" "$tag" "$@") || tests=
	if [ -z "$tests" ]; then
		echo "no test of these suites ${tag:+with the mark $tag}"
		return
	fi
	! $needed_only || mapfile -t needs < <("$here/results.py" needs "$dir" "$tag" "$@")
	if ! ninja -C "$dir" "${needs[@]}" >"$dir.log" 2>&1; then
		grep -v '^\[' "$dir.log"
		failed "$name: build"
		return
	fi
	[ -z "$tag" ] || choose=(--suite "$tag")
	for s in "$@"; do
		[ -n "$tag" ] || choose+=(--suite "$s")
	done
	for s in "${all_suites[@]}"; do
		[[ " $* " == *" $s "* ]] || choose+=(--no-suite "$s")
	done
	rm -f "$dir/meson-logs/testlog.json" # of an earlier run
	# The counts are taken from the log; this exit code says less.
	meson test -C "$dir" --no-rebuild --print-errorlogs -t "$slower" "${choose[@]}" </dev/null
	"$here/results.py" count "$dir" "$tag" "$@" >>"$tally" || failed "$name: no results"
}

# Whether compiler $1 is there and links what is sanitized: its runtime is a package of its own.
compiler_works()
{
	local rc
	"$1" -fsanitize=address,undefined -x c - -o "$builds/probe" >/dev/null 2>&1 \
		<<<'int main(void) { return 0; }'
	rc=$?
	rm -f "$builds/probe"
	return $rc
}

# Make build $1 with compiler $2 and the meson options after it, and run the suites of array run.
run_build()
{
	local name=$1
	[ ${#run[@]} != 0 ] || return 0
	if [ "$2" = clang ] && ! compiler_works clang; then
		say "SKIPPED: build $name: no clang here, or without its sanitizers (compiler-rt)"
		echo "builds 0 0 1" >>"$tally"
		return
	fi
	echo "== $name: ${run[*]}"
	if configure "$builds/$name" "${@:2}"; then
		run_tests "$name" "${run[@]}"
	else
		failed "$name: meson setup"
	fi
}

# Settings of the sanitizers' runtimes; meson test would otherwise choose its own.
export ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

# What the guests of the suite system are made of. Tests download nothing, so that no time limit of
# theirs depends on a network; without this they skip and say why.
KERNELS=(6.12) # besides that of this Debian: those that test/system/guest/meson.build names
prepare_guests()
{
	local code kernel
	echo "== guests"
	for kernel in '' "${KERNELS[@]}"; do
		code=0
		"$repo/devtools/guest.sh" ${kernel:+--kernel "$kernel"} || code=$?
		[ $code = 0 ] || [ $code = 77 ] || failed "devtools/guest.sh --kernel '$kernel'"
	done
}

# What uses liburing, once more with the next Debian's: what one version happens to do, another need
# not. The first call downloads it.
run_newer_liburing()
{
	local run=(unit) tag=uring needed_only=true pc code=0
	pc=$("$repo/devtools/newer_liburing.sh") || code=$?
	if [ $code = 77 ]; then
		echo "unit 0 0 1" >>"$tally"
	elif [ $code != 0 ]; then
		failed "devtools/newer_liburing.sh"
	else
		PKG_CONFIG_PATH=$pc${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH} \
			run_build gcc-newer-liburing gcc --buildtype=release -During=enabled
	fi
}

run_all()
{
	# A sanitized library leaves symbols to the program, hence b_lundef.
	local run tag='' slower=15 needed_only=false
	local checked=(--buildtype=debug '-Db_sanitize=address,undefined' -Db_lundef=false)
	mapfile -t run < <(sanitizable "${suites[@]}")
	run_build gcc-asan gcc "${checked[@]}"
	if ! $quick; then
		run_build clang-asan clang "${checked[@]}"
		tag=threads
		run_build gcc-tsan gcc --buildtype=debugoptimized -Db_sanitize=thread \
			-Db_lundef=false
		tag=''
	fi
	if ! $quick || [ ${#run[@]} != ${#suites[@]} ]; then
		run=("${suites[@]}") slower=5
		[[ " ${run[*]} " != *" system "* ]] || prepare_guests
		run_build gcc-release gcc --buildtype=release
		$quick || [[ " ${run[*]} " != *" unit "* ]] || run_newer_liburing
	fi
}

# Print the sum of the tally as the last line; fail when something did, or when a suite was empty.
report()
{
	local s
	# Silence is no success; after a failed build it is no news.
	if ! grep -q '^- ' "$tally"; then
		for s in "${suites[@]}"; do
			grep -q "^$s " "$tally" || failed "suite $s has no tests"
		done
	fi
	awk '{ p += $2; f += $3; s += $4 }
		END {
			printf "%d passed, %d failed, %d skipped\n", p, f, s
			exit f > 0 || p == 0
		}' "$tally"
}

trap 'exit 130' INT TERM HUP
parse_arguments "$@"
if [ ${#suites[@]} = 0 ]; then
	suites=("${all_suites[@]}")
	! $quick || mapfile -t suites < <(sanitizable "${all_suites[@]}")
fi
builds=$(realpath -m "${BUILD_DIR:-$repo/build-test}")
own_folder "$builds" test/run.sh || bad_argument "BUILD_DIR '$builds': $own_why; legal is a" \
	"folder that is new, empty, or of an earlier run"
exec {lock}<>"$builds/lock" || exit
flock -n "$lock" || bad_argument "BUILD_DIR '$builds' is in use by another test/run.sh"
tally=$builds/tally
: >"$tally"

if sdk=$("$repo/devtools/setup.sh" --tests --print-sdk "${setup_options[@]}"); then
	[ ${#setup_options[@]} = 0 ] ||
		export PKG_CONFIG_PATH=${setup_options[1]}${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
	run_all
else
	failed "devtools/setup.sh"
fi
report
