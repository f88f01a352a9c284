#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
#
# See to it that there is the liburing of the next Debian, to build and test with beside this one's.
# Nothing is installed: packages are unpacked into a cache.

set -u -o pipefail
export LC_ALL=C
# shellcheck source=devtools/private_apt.sh
. "$(dirname "$(realpath "$0")")/private_apt.sh"

EXIT_SKIP=77
STEP_SECONDS=300 # for a download

usage()
{
	cat <<-END
	usage: devtools/newer_liburing.sh [--cache DIR]

	Prints a folder with the liburing.pc of the next Debian's liburing. The first call downloads
	its packages, and the list of those, with the machine's own apt settings (16 MB); the next
	ones take what is there. To get a newer package, remove the folder.

	  --cache DIR   keep everything in DIR (default: \${XDG_CACHE_HOME:-~/.cache}/ioat-pmd)

	Exit code $EXIT_SKIP: it cannot be had here, the last line on stderr says why.
	END
}

say()
{
	echo "newer_liburing.sh: $*" >&2
}

cannot()
{
	say "$@"
	exit $EXIT_SKIP
}

bad_argument()
{
	say "$*; legal options: --cache DIR, -h, --help"
	exit 2
}

parse_arguments()
{
	cache=''
	while [ $# -gt 0 ]; do
		case $1 in
		--cache)
			cache=${2-}
			shift
			[ -n "$cache" ] || bad_argument "--cache needs a folder"
			;;
		-h | --help)
			usage
			exit 0
			;;
		*) bad_argument "'$1' is not known" ;;
		esac
		shift
	done
	if [ -z "$cache" ]; then
		cache=${XDG_CACHE_HOME:-${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}/.cache}
		cache=$cache/ioat-pmd
	fi
	cache=$(realpath -m -- "$cache")
}

# Print the release behind this machine's.
next_release()
{
	local codename
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	case $codename in
	bookworm) echo trixie ;;
	trixie) echo forky ;;
	*) cannot "no Debian is known behind '$codename', only those behind bookworm and trixie" ;;
	esac
}

# Unpack packages $2... of the other release into folder $1, and note there which they were.
take_packages()
{
	local root=$1 deb
	shift
	mkdir -p "$work/debs" "$root" || exit
	# It downloads into the folder that it is started in.
	if ! (cd "$work/debs" && timeout $STEP_SECONDS apt-get -q "${other_release_options[@]}" \
		download "$@") >"$work/log" 2>&1 </dev/null; then
		tail -n 20 "$work/log" >&2
		cannot "the packages $* of $release cannot be had"
	fi
	for deb in "$work"/debs/*.deb; do
		dpkg-deb -x "$deb" "$root" || cannot "$deb cannot be unpacked"
		echo "${deb##*/}" >>"$root/packages"
		rm "$deb"
	done
}

# Copy the headers of the kernel's interface that liburing's in folder $1 want and this machine is
# too old for. All others stay this machine's, as its C library's fit to them.
add_missing_headers()
{
	local include=$1/usr/include errors missing found
	until errors=$(echo '#include <liburing.h>' |
		gcc -fsyntax-only -x c -D_GNU_SOURCE -I "$include" - 2>&1); do
		missing=$(sed -nE 's|.*fatal error: (linux/.*\.h): No such.*|\1|p' <<<"$errors")
		# A name that is here already and still missing would keep this loop from ending.
		if [ -z "$missing" ] || [ -e "$include/$missing" ]; then
			echo "$errors" >&2
			cannot "the liburing.h of $release does not compile here"
		fi
		[ -d "$work/kernel" ] || take_packages "$work/kernel" linux-libc-dev
		found=$(find "$work/kernel" -path "*/$missing" -print -quit)
		[ -n "$found" ] || cannot "$missing is not in linux-libc-dev of $release"
		mkdir -p "$include/${missing%/*}" && cp "$found" "$include/$missing" || exit
	done
}

# Make folder $1, complete or not at all.
make_liburing()
{
	local out=$1 pc
	work=$(mktemp -d) || cannot "cannot make a folder in ${TMPDIR:-/tmp}"
	stage=$(mktemp -d "$cache/liburing-new.XXXXXX") || cannot "cannot write to the cache $cache"
	private_apt "$work" deb || cannot "cannot write to $work"
	export APT_CONFIG=$work/apt.conf
	# Its exit code is of no use: one broken entry of many fails it.
	timeout $STEP_SECONDS apt-get -q update >"$work/log" 2>&1 </dev/null
	other_release "$work" "$release" ||
		cannot "the machine's archives gave no signed package list of Debian"
	timeout $STEP_SECONDS apt-get -q "${other_release_options[@]}" --error-on=any update \
		>"$work/log" 2>&1 </dev/null || cannot "the package lists of $release cannot be had"
	take_packages "$stage" liburing-dev liburing2
	add_missing_headers "$stage"
	pc=$(find "$stage/usr/lib" -name liburing.pc)
	[ -n "$pc" ] || cannot "liburing-dev of $release has no liburing.pc"
	if ! sed "s|=/usr|=$out/usr|" "$pc" >"$stage/liburing.pc" || ! chmod 755 "$stage" ||
		! mv -T "$stage" "$out"; then
		cannot "cannot write to the cache $cache"
	fi
}

work='' stage=''
trap 'rm -rf ${work:+"$work"} ${stage:+"$stage"}' EXIT
trap 'exit 130' INT TERM HUP

parse_arguments "$@"
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
	cannot "this is not a Debian system (no apt-get, dpkg-deb)"
fi
release=$(next_release) || exit
liburing=$cache/liburing-$release
if ! mkdir -p "$cache" || ! exec {lock}>"$cache/liburing.lock"; then
	cannot "cannot write to the cache $cache"
elif ! flock -w 900 "$lock"; then
	cannot "another newer_liburing.sh has held $cache/liburing.lock for 15 minutes"
elif [ ! -e "$liburing" ]; then
	make_liburing "$liburing"
elif [ ! -f "$liburing/liburing.pc" ]; then
	cannot "$liburing is in the way: it has no liburing.pc and was not made here"
fi
echo "$liburing"
