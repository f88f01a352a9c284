#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
#
# See to it that there are a QEMU with vfio-user-pci, a kernel, its modules and busybox for guests.
# Nothing is installed: packages are unpacked into a cache.

set -u -o pipefail
export LC_ALL=C
# shellcheck source=devtools/private_apt.sh
. "$(dirname "$(realpath "$0")")/../../../devtools/private_apt.sh"

# Debian 12's QEMU has no vfio-user client; the backports of the next release do.
QEMU_RELEASE=trixie
EXIT_SKIP=77
STEP_SECONDS=900 # for a download, or to build dmatest

# What a guest loads, without what is built into the kernel. dmatest is made here.
MODULES=(ioatdma vfio-pci vfio_iommu_type1 uio_pci_generic)

usage()
{
	cat <<-END
	usage: prepare.sh [--cache DIR] [--cached]

	Prints a folder with: qemu (a program), vmlinuz, release (of the kernel), modules/ and
	busybox. The first call downloads about 330 MB with the machine's own apt settings and
	builds dmatest; the next ones take what is there. To get newer packages, remove the folder.

	  --cache DIR   keep everything in DIR (default: \${XDG_CACHE_HOME:-~/.cache}/ioat-pmd)
	  --cached      download nothing: take what an earlier call made, or say why it made nothing

	Exit code $EXIT_SKIP: it cannot be had here, the last line on stderr says why.
	END
}

say()
{
	echo "prepare.sh: $*" >&2
}

# What is missing is no failure of what guests are to test. --cached gives the same reason later.
cannot()
{
	say "$@"
	[ -z "$stage" ] || echo "$*" >"$guest-missing"
	exit $EXIT_SKIP
}

parse_arguments()
{
	cache='' cached=false
	while [ $# -gt 0 ]; do
		case $1 in
		--cache)
			cache=${2-}
			shift
			[ -n "$cache" ] || { say "--cache needs a folder"; exit 2; }
			;;
		--cached) cached=true ;;
		-h | --help)
			usage
			exit 0
			;;
		*)
			say "'$1' is not known; legal options: --cache DIR, --cached, -h, --help"
			exit 2
			;;
		esac
		shift
	done
	if [ -z "$cache" ]; then
		cache=${XDG_CACHE_HOME:-${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}/.cache}
		cache=$cache/ioat-pmd
	fi
	cache=$(realpath -m -- "$cache")
}

# --- packages

# Run a command quietly; when it fails, show what it said and give up because of $1.
quietly()
{
	local why=$1
	shift
	timeout $STEP_SECONDS "$@" >"$work/log" 2>&1 </dev/null && return
	tail -n 20 "$work/log" >&2
	cannot "$why"
}

# Unpack the downloaded packages into folder $1, and note there which they were.
unpack()
{
	local deb
	mkdir -p "$1"
	for deb in "$work"/cache/archives/*.deb "$work"/*.deb; do
		[ ! -f "$deb" ] || { dpkg-deb -x "$deb" "$1" && echo "${deb##*/}" >>"$1/packages" &&
			rm "$deb"; } || cannot "$deb cannot be unpacked"
	done
}

# --- QEMU

has_device()
{
	"$1" -device help 2>/dev/null | grep -q '"vfio-user-pci"'
}

# Write a program qemu into folder $1: the machine's, or a newer one in $1/root.
make_qemu()
{
	local out=$1 root=$1/root
	if command -v qemu-system-x86_64 >/dev/null && has_device qemu-system-x86_64; then
		ln -s "$(command -v qemu-system-x86_64)" "$out/qemu"
		return
	fi
	other_release "$work" "$QEMU_RELEASE" "$QEMU_RELEASE-backports" ||
		cannot "the machine's archives gave no signed package list of Debian"
	set -- "${other_release_options[@]}"
	quietly "the package lists of $QEMU_RELEASE-backports cannot be had" apt-get -q "$@" \
		--error-on=any update
	quietly "QEMU of $QEMU_RELEASE-backports cannot be had" apt-get -q -y "$@" \
		-t "$QEMU_RELEASE-backports" --no-install-recommends --download-only \
		install qemu-system-x86
	unpack "$root"
	# It has libraries of its own release, so it is started by the loader beside them, and
	# cannot tell from its path where its parts are. No root, no chroot.
	cat >"$out/qemu" <<-'END'
	#!/bin/bash
	root=$(dirname "$(realpath "$0")")/root
	lib=$root/usr/lib/x86_64-linux-gnu
	export QEMU_MODULE_DIR=$lib/qemu
	exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$root/usr/bin/qemu-system-x86_64" \
		-L "$root/usr/share/qemu" -L "$root/usr/share/seabios" "$@"
	END
	chmod +x "$out/qemu"
	has_device "$out/qemu" || cannot "the QEMU of $QEMU_RELEASE-backports has no vfio-user-pci"
}

# --- kernel

# Build dmatest.ko of kernel $2 in unpacked packages $1: no package has it as a module.
build_dmatest()
{
	local root=$1 release=$2 headers tar dir=$work/dmatest
	headers=$root/usr/src/linux-headers-$release
	tar=$(echo "$root"/usr/src/linux-source-*.tar.xz)
	mkdir "$dir"
	quietly "dmatest.c is not in $tar" tar -xJf "$tar" -C "$dir" --strip-components=3 \
		--wildcards '*/drivers/dma/dmatest.c' --occurrence=1
	echo 'obj-m := dmatest.o' >"$dir/Makefile"
	# The packages name each other by absolute paths.
	sed -i "s|/usr/src/|$root&|g" "$headers/Makefile"
	quietly "dmatest cannot be built for Linux $release" make -C "$headers" M="$dir" modules
	cp "$dir/dmatest.ko" "$root/lib/modules/$release/kernel/drivers/dma/"
}

# Copy module $3 and what it needs from folder $1 to $2, and note the needed ones in NAME.needs.
copy_module()
{
	local from=$1 to=$2 name=${3//-/_} file need
	[ ! -e "$to/$name.ko" ] || return 0
	file=$(find "$from" -name "$name.ko" -o -name "${name//_/-}.ko" | head -n 1)
	[ -n "$file" ] || cannot "the kernel package has no module $name"
	cp "$file" "$to/$name.ko"
	# "depends=a,b" is a string in section .modinfo.
	tr '\0' '\n' <"$file" | sed -n 's/^depends=//p' | tr ',-' '\n_' >"$to/$name.needs"
	while read -r need; do
		[ -z "$need" ] || copy_module "$from" "$to" "$need"
	done <"$to/$name.needs"
}

# Write vmlinuz, release, modules and busybox into folder $1.
make_linux()
{
	local out=$1 root=$work/linux release base m
	release=$(apt-cache depends linux-image-amd64 |
		sed -n 's/^ *Depends: linux-image-//p' | head -n 1)
	[ -n "$release" ] || cannot "no archive of this machine has linux-image-amd64"
	base=$(sed -E 's/^([0-9]+\.[0-9]+)\..*/\1/' <<<"$release")
	cd "$work" || exit
	quietly "Linux $release cannot be had" apt-get -q download "linux-image-$release" \
		"linux-headers-$release" "linux-headers-${release%-amd64}-common" \
		"linux-kbuild-$base" "linux-source-$base" busybox-static
	unpack "$root"
	build_dmatest "$root" "$release"
	mkdir "$out/modules"
	for m in "${MODULES[@]}" dmatest; do
		copy_module "$root/lib/modules/$release/kernel" "$out/modules" "$m"
	done
	cp "$root/boot/vmlinuz-$release" "$out/vmlinuz"
	cp "$root/bin/busybox" "$out/busybox"
	mv "$root/packages" "$out/packages"
	echo "$release" >"$out/release"
}

# Make folder $1, complete or not at all.
make_guest()
{
	local guest=$1
	say "making $guest: downloads about 330 MB"
	rm -rf "$guest" "$cache"/guest-new.*
	stage=$(mktemp -d "$cache/guest-new.XXXXXX") || cannot "cannot write to the cache $cache"
	work=$(mktemp -d) || cannot "cannot make a folder in ${TMPDIR:-/tmp}"
	private_apt "$work" deb || cannot "cannot write to $work"
	export APT_CONFIG=$work/apt.conf
	# Its exit code is of no use: one broken entry of many fails it.
	timeout $STEP_SECONDS apt-get -q update >"$work/log" 2>&1 </dev/null
	make_qemu "$stage"
	make_linux "$stage"
	chmod 755 "$stage"
	mv -T "$stage" "$guest" || cannot "cannot write to the cache $cache"
	rm -f "$guest-missing"
}

work='' stage=''
trap 'rm -rf ${work:+"$work"} ${stage:+"$stage"}' EXIT
trap 'exit 130' INT TERM HUP

parse_arguments "$@"
guest=$cache/guest
[ "$(uname -m)" = x86_64 ] || cannot "guests are made for x86_64 only, this is $(uname -m)"
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
	cannot "this is not a Debian system (no apt-get, dpkg-deb)"
fi
if $cached; then
	[ -f "$guest/release" ] || cannot "$(cat "$guest-missing" 2>/dev/null ||
		echo "there is no $guest, test/system/guest/prepare.sh makes it")"
elif ! mkdir -p "$cache" || ! exec {lock}>"$cache/guest.lock"; then
	cannot "cannot write to the cache $cache"
elif ! flock -w 900 "$lock"; then
	cannot "another prepare.sh has held $cache/guest.lock for 15 minutes"
elif [ ! -f "$guest/release" ]; then
	make_guest "$guest"
fi
echo "$guest"
