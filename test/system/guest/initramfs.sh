#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
#
# Pack what a guest runs: busybox, modules, one scenario, and programs with all their libraries.

set -u -o pipefail
export LC_ALL=C

if [ $# -lt 4 ]; then
	cat >&2 <<-END
	usage: initramfs.sh OUT GUEST SCENARIO ENVIRONMENT [FILE[=PATH]...]

	Writes the initramfs OUT, which must not be there. GUEST is the folder that guest.sh prints,
	SCENARIO a file of scenarios/, ENVIRONMENT lines NAME=VALUE for it. FILE goes to PATH in the
	guest, by default where it is on this machine, and with it the libraries that it is linked
	to.
	END
	exit 2
fi

here=$(realpath "$(dirname "$0")")
out=$(realpath -m "$1") guest=$2 scenario=$3 environment=$4
shift 4

die()
{
	echo "initramfs.sh: $*" >&2
	exit 1
}

work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
root=$work/root
mkdir -p "$root"

# Copy file $1 to $2 in the guest. What is a link here is one there: to the loader, two copies of a
# library are two libraries.
put()
{
	local real
	real=$(realpath "$1")
	mkdir -p "$root/${2%/*}"
	if [ "$1" = "$2" ] && [ "$1" != "$real" ]; then
		[ -e "$root/$real" ] || put "$real" "$real"
		ln -s "$real" "$root/$2"
	else
		cp "$real" "$root/$2"
	fi || die "$1 cannot be copied"
}

# Libraries that the files $@ are linked to, the loader too, by path.
libraries()
{
	ldd "$@" 2>/dev/null | sed -nE 's/.*(=> |^\t)(\/[^ ]+) \(0x.*/\2/p' | sort -u
}

put "$guest/busybox" /busybox
put "$here/init" /init
put "$here/lib.sh" /lib.sh
put "$here/dpdk.sh" /dpdk.sh
put "$scenario" /scenario
chmod +x "$root/init"
printf '%s\n' "$environment" >"$root/environment"
mkdir "$root/modules"
cp "$guest"/modules/* "$root/modules" || die "$guest/modules cannot be copied"
files=()
for arg in "$@"; do
	file=${arg%%=*}
	[ -f "$file" ] || die "'$file' is not a file; legal is FILE or FILE=PATH"
	put "$file" "${arg#*=}"
	files+=("$file")
done
if [ ${#files[@]} != 0 ]; then
	while read -r lib; do
		[ -e "$root/$lib" ] || put "$lib" "$lib"
	done < <(libraries "${files[@]}")
fi
# Not compressed: to copy is quicker than to unpack for an emulated processor.
cd "$root" || exit
set -o noclobber
if ! find . | "$guest/busybox" cpio -o -H newc >"$out" 2>"$work/log"; then
	cat "$work/log" >&2
	die "$out cannot be written, or is there"
fi
