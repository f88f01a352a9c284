#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
#
# Prepare a machine for building: the packages, and the driver-side headers of DPDK.

set -u -o pipefail
export LC_ALL=C
# shellcheck source=devtools/private_apt.sh
. "$(dirname "$(realpath "$0")")/private_apt.sh"
# shellcheck source=devtools/own_folder.sh
. "$(dirname "$(realpath "$0")")/own_folder.sh"
SELF=devtools/setup.sh # in the marks of its folders

# What is needed, one a line: how to see that it is there, and the packages that bring it. Where
# distributions name a package differently, the first that apt knows is taken.
# To build the driver and the applications, and for devtools/demo.sh:
BUILD_NEEDS='
program meson: meson
program ninja: ninja-build
program python3: python3
python elftools: python3-pyelftools
program gcc: gcc
program pkg-config: pkg-config
links gcc: libc6-dev
module jansson: libjansson-dev
module libpcap: libpcap-dev
program ip: iproute2
program ethtool: ethtool
program ping: iputils-ping
program curl: curl
'
# DPDK of the distribution; dpkg-source takes the headers for drivers out of its source package.
DPDK_NEEDS='
module libdpdk: libdpdk-dev
program dpkg-source: dpkg-dev
'
# Without these no test is built.
TEST_NEEDS='
module cmocka: libcmocka-dev
'
# What some tests need, and skip without. The last three are for guests: tar calls xz, the kernel's
# scripts that build a module want make and libelf.
MORE_TEST_NEEDS='
module liburing: liburing-dev
program clang: clang
links clang -fsanitize=address,undefined: libclang-rt-dev libclang-rt-14-dev
program clang-format: clang-format
program spin: spin
program valgrind: valgrind
program xz: xz-utils
program make: make
library libelf.so.1: libelf1t64 libelf1
'
# Those of them that are parts of the distribution's DPDK.
DPDK_TEST_NEEDS='
program dpdk-pmdinfo.py: dpdk
program dpdk-test: dpdk-dev
'

# The driver includes these; what they include in turn is found by compiling.
DRIVER_HEADERS=(rte_dmadev_pmd.h bus_pci_driver.h bus_vdev_driver.h dev_driver.h)

usage()
{
	cat <<-END
	usage: devtools/setup.sh [options]

	Installs what is missing to build and to run devtools/demo.sh (as root; otherwise says what
	and how) and sees to it that DPDK's driver-side headers are there. When all is, it needs
	neither network nor root.

	  --tests       also what the tests need. Where the archive lacks a package that only some
	                tests need, or without root, it says which, and those tests are skipped
	  --dpdk DIR    use the DPDK whose libdpdk.pc is in DIR, not the distribution's;
	                it must be built with -Denable_driver_sdk=true
	  --source DIR  take the headers from DPDK's source in DIR, of the version that is
	                installed, not from the distribution's source package; they are kept for
	                later runs
	  --cache DIR   keep the headers in DIR (default: \${XDG_CACHE_HOME:-~/.cache}/ioat-pmd)
	  --print-sdk   print only the folder for meson's -Ddriver_sdk (an empty line: DPDK itself
	                carries the headers)
	  -h, --help    this text
	END
}

say()
{
	echo "setup.sh: $*" >&2
}

die()
{
	say "$@"
	exit 1
}

bad_argument()
{
	say "$*; legal options: --tests, --dpdk DIR, --source DIR, --cache DIR, --print-sdk, -h," \
		"--help"
	exit 2
}

parse_arguments()
{
	dpdk='' cache='' source='' print_sdk=false tests=false
	while [ $# -gt 0 ]; do
		case $1 in
		--dpdk | --cache | --source)
			[ -n "${2-}" ] || bad_argument "$1 needs a folder"
			declare -g "${1#--}=$2"
			shift
			;;
		--tests) tests=true ;;
		--print-sdk) print_sdk=true ;;
		-h | --help)
			usage
			exit 0
			;;
		*) bad_argument "'$1' is not known" ;;
		esac
		shift
	done
	if [ -n "$dpdk" ] && [ ! -f "$dpdk/libdpdk.pc" ]; then
		bad_argument "--dpdk '$dpdk' has no libdpdk.pc: DIR is a DPDK's pkgconfig folder"
	fi
	if [ -n "$source" ] && [ ! -f "$source/VERSION" ]; then
		bad_argument "--source '$source' has no file VERSION: DIR is the source of a DPDK"
	fi
	if [ -z "$cache" ]; then
		cache=${XDG_CACHE_HOME:-${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}/.cache}
		cache=$cache/ioat-pmd
	elif [ -e "$cache" ] && [ ! -d "$cache" ]; then
		bad_argument "--cache '$cache' is not a folder"
	fi
	cache=$(realpath -m -- "$cache")
}

# --- packages

# Whether need "$@" is there.
have()
{
	local out rc
	case $1 in
	program) PATH=$PATH:/usr/sbin:/sbin command -v "$2" ;;
	module) pkg-config --exists "$2" ;;
	library) PATH=$PATH:/usr/sbin:/sbin ldconfig -p | grep -F "	$2 (" ;;
	python) # the two that meson.build tries
		python3 -c "import $2" || /usr/bin/python3 -c "import $2"
		;;
	links)
		out=$(mktemp) || return
		"${@:2}" -x c - -o "$out" <<<'int main(void) { return 0; }'
		rc=$?
		rm -f "$out"
		return $rc
		;;
	esac >/dev/null 2>&1
}

# The needs in list "$1" that are missing, a line each.
missing_needs()
{
	local what packages words
	while IFS=: read -r what packages; do
		read -ra words <<<"$what"
		[ ${#words[@]} = 0 ] || have "${words[@]}" || echo "$what:$packages"
	done <<<"$1"
}

# The packages that bring the needs in list "$1": of each need the first one that apt knows, or,
# with "$2", none if it knows none.
packages_for()
{
	local what packages p chosen
	while IFS=: read -r what packages; do
		[ -n "$what" ] || continue
		chosen=''
		for p in $packages; do
			[ -n "$chosen" ] || [[ $(apt-cache policy "$p" 2>/dev/null) != \
				*"Candidate: "[!\(]* ]] || chosen=$p
		done
		[ -n "$chosen" ] || [ -n "${2-}" ] || chosen=${packages%% *}
		[ -z "$chosen" ] || echo "$chosen"
	done <<<"$1" | sort -u
}

# Print the needs in list "$1", for a message.
name_needs()
{
	sed -E '/./!d; s/: *([^ ]*).*/ (\1)/' <<<"$1" | paste -sd, | sed 's/,/, /g'
}

apt_install()
{
	say "installing: $*"
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Use-Pty=0 install --no-install-recommends "$@" >&2 </dev/null ||
		die "apt-get could not install: $*"
}

# As root: install what brings the missing needs in lists "$1" (all) and "$2" (as far as they are
# in the archive).
install_missing()
{
	local packages
	# A third-party archive that does not answer is no reason to give up: the install decides.
	apt-get -q -o DPkg::Lock::Timeout=300 update >&2 </dev/null ||
		say "apt-get update reported errors, going on"
	mapfile -t packages < <(packages_for "$1" && packages_for "$2" known)
	[ ${#packages[@]} = 0 ] || apt_install "${packages[@]}"
}

install_packages()
{
	local needs=$BUILD_NEEDS more='' packages
	[ -n "$dpdk" ] || needs+=$DPDK_NEEDS
	if $tests; then
		needs+=$TEST_NEEDS more=$MORE_TEST_NEEDS
		[ -n "$dpdk" ] || more+=$DPDK_TEST_NEEDS
	fi
	needs=$(missing_needs "$needs")
	more=$(missing_needs "$more")
	if [ -n "$needs$more" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		install_missing "$needs" "$more"
		needs=$(missing_needs "$needs")
		more=$(missing_needs "$more")
	fi
	[ -z "$more" ] || say "tests that need these are skipped: $(name_needs "$more")"
	[ -n "$needs" ] || return 0
	say "missing, with the packages of Debian that have it: $(name_needs "$needs")"
	command -v apt-get >/dev/null ||
		die "this is not a Debian system (no apt-get): install them"
	mapfile -t packages < <(packages_for "$needs")
	[ "$(id -u)" != 0 ] || die "they are missing though ${packages[*]} are installed"
	die "run as root: apt-get update &&" \
		"apt-get install --no-install-recommends ${packages[*]}"
}

# --- driver-side headers

# Compile the driver's includes against the DPDK of pkg-config and the headers in $1 (may be empty).
compile_headers()
{
	local cflags
	read -ra cflags < <(pkg-config --cflags libdpdk)
	printf '#include <%s>\n' "${DRIVER_HEADERS[@]}" |
		gcc -fsyntax-only -x c -DALLOW_INTERNAL_API "${cflags[@]}" ${1:+-isystem "$1"} -
}

# A folder is good when no file has changed since it was made and the driver's includes compile.
sdk_is_good()
{
	[ -f "$1/SHA256SUMS" ] &&
		(cd "$1" && sha256sum --status -c SHA256SUMS 2>/dev/null) &&
		compile_headers "$1" 2>/dev/null
}

# Download source package $2, version $3, into folder $1 and check it. The chain of apt: the
# archive's signature on InRelease, its SHA256 of Sources, the SHA256 there of the .dsc and of each
# file. dpkg-source then compares the files with the .dsc once more when it unpacks them.
download_source()
{
	local dir=$1 name=$2 version=$3 there
	export APT_CONFIG=$dir/apt.conf
	cd "$dir" || die "$dir: cannot enter"
	# Its exit code is of no use: one broken entry of many fails it.
	apt-get -q update >"$dir/log" 2>&1 </dev/null
	there=$(apt-cache showsrc --only-source "$name" 2>/dev/null |
		sed -n 's/^Version: //p' | sort -u | tr '\n' ' ')
	if [ -z "$there" ]; then
		grep '^[EW]:' "$dir/log" >&2
		die "no archive of this machine gave a signed list with the source of $name"
	fi
	[[ " $there" == *" $version "* ]] || die "the archives no longer have the source of the" \
		"installed $name $version, only: $there- upgrade libdpdk-dev and dpdk" \
		"(apt-get update, apt-get install), add an archive that keeps old versions," \
		"give the source by --source, or by --dpdk a DPDK built with" \
		"-Denable_driver_sdk=true"
	if ! apt-get -q --only-source --download-only source "$name=$version" \
		>"$dir/log" 2>&1 </dev/null; then
		cat "$dir/log" >&2
		die "the source of $name $version could not be downloaded: get it from elsewhere," \
			"unpack it, and run devtools/setup.sh --source DIR once; or give a DPDK" \
			"built with -Denable_driver_sdk=true by --dpdk"
	fi
	# An epoch is not part of the file's name.
	if ! dpkg-source --require-strong-checksums -x "$dir/${name}_${version#*:}.dsc" "$dir/src" \
		>"$dir/log" 2>&1; then
		cat "$dir/log" >&2
		die "the source of $name $version is damaged"
	fi
}

# The source that --source names must be that of the DPDK in use. Stable releases of one series keep
# their interfaces, so another patch level will do, but is told.
check_source()
{
	local theirs ours
	theirs=$(head -n 1 "$source/VERSION") || exit
	ours=$(pkg-config --modversion libdpdk)
	[[ $theirs =~ ^[0-9]+\.[0-9]+ && $ours. == "${BASH_REMATCH[0]}".* ]] ||
		die "--source '$source' is DPDK ${theirs:-of no version}, legal: $ours"
	[ "$theirs" = "$ours" ] || say "the headers are of DPDK $theirs, and $ours is installed"
}

# Copy from source tree $1 to folder $2 whatever the compiler misses, until it misses nothing.
copy_headers()
{
	local src=$1 out=$2 errors missing found
	until errors=$(compile_headers "$out" 2>&1); do
		missing=$(sed -n 's/.*fatal error: \(.*\.h\): No such file.*/\1/p' <<<"$errors")
		# A name that is here already and still missing would keep this loop from ending.
		if [ -z "$missing" ] || [ -e "$out/$missing" ]; then
			echo "$errors" >&2
			die "the driver-side headers do not compile"
		fi
		mapfile -t found < <(find "$src/lib" "$src/drivers/bus" -name "$missing")
		[ ${#found[@]} = 1 ] || die "$missing: ${#found[@]} files of this name in DPDK"
		cp "${found[0]}" "$out/$missing" || die "$out: cannot write"
	done
	(cd "$out" && sha256sum -- *.h >SHA256SUMS) || die "$out: cannot write"
}

# Make folder $1 from source package $2, version $3. It appears at once and complete.
make_sdk()
{
	local sdk=$1 name=$2 version=$3 lock old
	# Opened without a change, whatever a file of that name in the user's folder is.
	if ! mkdir -p "$cache" || ! exec {lock}<>"$cache/lock"; then
		die "cannot write to the cache $cache"
	fi
	flock -w 900 "$lock" || die "another setup.sh has held $cache/lock for 15 minutes"
	if ! sdk_is_good "$sdk"; then # else another run has just made it
		if [ -e "$sdk" ] || [ -L "$sdk" ]; then
			own_marked "$sdk" "$SELF" || die "$sdk is damaged and does not carry" \
				"the mark of $SELF ($OWN_MARK): remove it, or name another --cache"
			say "$sdk is damaged, making it again"
		fi
		for old in "$cache"/new.*; do # of runs that were killed
			own_remove "$old" "$SELF"
		done
		work=$(mktemp -d) || die "cannot make a folder in ${TMPDIR:-/tmp}"
		if ! stage=$(mktemp -d "$cache/new.XXXXXX") || ! own_mark "$stage" "$SELF"; then
			die "cannot write to the cache $cache"
		fi
		if [ -z "$source" ]; then
			say "taking the driver-side headers from the source package $name $version"
			(private_apt "$work" deb-src &&
				download_source "$work" "$name" "$version") || exit
		fi
		copy_headers "${source:-$work/src}" "$stage"
		chmod 755 "$stage"
		own_remove "$sdk" "$SELF"
		mv -T "$stage" "$sdk" || die "cannot write to the cache $cache"
		rm -rf "$work"
	fi
	exec {lock}>&-
}

# Set sdk to the folder with the driver-side headers; empty when DPDK carries them.
find_sdk()
{
	local pc owner name version
	sdk=''
	[ -z "$dpdk" ] || export PKG_CONFIG_PATH=$dpdk${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
	# The same bound as in meson.build.
	pkg-config 'libdpdk >= 22.11' ||
		die "libdpdk is $(pkg-config --modversion libdpdk 2>&1 | tail -n 1)," \
			"legal: 22.11 and later"
	! compile_headers '' 2>/dev/null || return 0
	[ -z "$source" ] || check_source
	pc=$(pkg-config --variable=pcfiledir libdpdk)/libdpdk.pc
	owner=$(dpkg-query -S "$(realpath "$pc")" 2>/dev/null) ||
		die "the DPDK of $pc has no driver-side headers:" \
			"build it with -Denable_driver_sdk=true"
	owner=${owner%%:*}
	read -r name version < <(dpkg-query -W -f '${source:Package} ${source:Version}\n' "$owner")
	sdk=$cache/${name}_${version//:/_}_driver-headers
	sdk_is_good "$sdk" || make_sdk "$sdk" "$name" "$version"
}

work='' stage=''
trap 'rm -rf ${work:+"$work"} ${stage:+"$stage"}' EXIT
trap 'exit 130' INT TERM HUP

parse_arguments "$@"
install_packages
find_sdk
if $print_sdk; then
	echo "$sdk"
else
	echo "ready: DPDK $(pkg-config --modversion libdpdk), driver-side headers: ${sdk:-its own}"
fi
