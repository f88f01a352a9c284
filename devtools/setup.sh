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

# What this project's own scripts, builds and tests call; libc6-dev and libclang-rt are only
# recommended by the compilers, and dpkg-dev has dpkg-source. The last row is for guests: tar calls
# xz, the kernel's scripts that build a module want make and libelf.
TOOLS=(meson ninja-build python3 python3-pyelftools gcc libc6-dev clang clang-format
	libclang-rt-14-dev libcmocka-dev libjansson-dev libpcap-dev liburing-dev pkg-config
	iproute2 ethtool iputils-ping curl spin valgrind
	xz-utils make libelf1)
DPDK_PACKAGES=(dpdk dpdk-dev libdpdk-dev dpkg-dev)

# The driver includes these; what they include in turn is found by compiling.
DRIVER_HEADERS=(rte_dmadev_pmd.h bus_pci_driver.h bus_vdev_driver.h dev_driver.h)

usage()
{
	cat <<-END
	usage: devtools/setup.sh [options]

	Installs the packages that are missing (as root; otherwise says which and how) and sees
	to it that DPDK's driver-side headers are there. When both are, it needs neither network
	nor root.

	  --dpdk DIR    use the DPDK whose libdpdk.pc is in DIR, not the distribution's;
	                it must be built with -Denable_driver_sdk=true
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
	say "$*; legal options: --dpdk DIR, --cache DIR, --print-sdk, -h, --help"
	exit 2
}

parse_arguments()
{
	dpdk='' cache='' print_sdk=false
	while [ $# -gt 0 ]; do
		case $1 in
		--dpdk | --cache)
			[ -n "${2-}" ] || bad_argument "$1 needs a folder"
			if [ "$1" = --dpdk ]; then dpdk=$2; else cache=$2; fi
			shift
			;;
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
	if [ -z "$cache" ]; then
		cache=${XDG_CACHE_HOME:-${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}/.cache}
		cache=$cache/ioat-pmd
	elif [ -e "$cache" ] && [ ! -d "$cache" ]; then
		bad_argument "--cache '$cache' is not a folder"
	fi
	cache=$(realpath -m -- "$cache")
}

# --- packages

# The packages of $@ that are not installed.
missing_packages()
{
	local installed p
	installed=" $(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null |
		sed -n 's/^.i[^a-z]*//p' | tr '\n' ' ')"
	for p in "$@"; do
		[[ $installed == *" $p "* ]] || echo "$p"
	done
}

install_packages()
{
	local wanted=("${TOOLS[@]}") missing
	[ -n "$dpdk" ] || wanted+=("${DPDK_PACKAGES[@]}")
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		die "this is not a Debian system (no apt-get, dpkg-query); needed are: ${wanted[*]}"
	fi
	mapfile -t missing < <(missing_packages "${wanted[@]}")
	[ ${#missing[@]} != 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		say "these packages are missing: ${missing[*]}"
		die "run as root: apt-get update &&" \
			"apt-get install --no-install-recommends ${missing[*]}"
	fi
	say "installing: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	# A third-party archive that does not answer is no reason to give up: the install decides.
	apt-get -q -o DPkg::Lock::Timeout=300 update >&2 </dev/null ||
		say "apt-get update reported errors, going on"
	apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
		install --no-install-recommends "${missing[@]}" >&2 </dev/null ||
		die "apt-get could not install: ${missing[*]}"
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
		"installed $name $version, only: $there- upgrade ${DPDK_PACKAGES[*]}" \
		"(apt-get update, apt-get install), add an archive that keeps old versions," \
		"or give a DPDK built with -Denable_driver_sdk=true by --dpdk"
	if ! apt-get -q --only-source --download-only source "$name=$version" \
		>"$dir/log" 2>&1 </dev/null; then
		cat "$dir/log" >&2
		die "the source of $name $version could not be downloaded"
	fi
	# An epoch is not part of the file's name.
	if ! dpkg-source --require-strong-checksums -x "$dir/${name}_${version#*:}.dsc" "$dir/src" \
		>"$dir/log" 2>&1; then
		cat "$dir/log" >&2
		die "the source of $name $version is damaged"
	fi
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
		say "taking the driver-side headers from the source package $name $version"
		for old in "$cache"/new.*; do # of runs that were killed
			own_remove "$old" "$SELF"
		done
		work=$(mktemp -d) || die "cannot make a folder in ${TMPDIR:-/tmp}"
		if ! stage=$(mktemp -d "$cache/new.XXXXXX") || ! own_mark "$stage" "$SELF"; then
			die "cannot write to the cache $cache"
		fi
		(private_apt "$work" deb-src && download_source "$work" "$name" "$version") || exit
		copy_headers "$work/src" "$stage"
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
