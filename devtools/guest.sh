#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
#
# See to it that there are a QEMU with vfio-user-pci, a kernel, its modules and busybox for guests.
# Nothing is installed: packages are unpacked into a cache.

set -u -o pipefail
export LC_ALL=C
# shellcheck source=devtools/private_apt.sh
. "$(dirname "$(realpath "$0")")/private_apt.sh"
# shellcheck source=devtools/own_folder.sh
. "$(dirname "$(realpath "$0")")/own_folder.sh"
SELF=devtools/guest.sh # in the marks of its folders

# Debian 12's QEMU has no vfio-user client; the backports of the next release do.
QEMU_RELEASE=trixie
RELEASES="bookworm trixie" # of Debian, whose kernels can be asked for besides the machine's own
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
EXIT_SKIP=77
STEP_SECONDS=900 # for a download, or to build dmatest

# What a guest loads, without what is built into the kernel. dmatest is made here.
MODULES=(ioatdma vfio-pci vfio_iommu_type1 uio_pci_generic)

usage()
{
	cat <<-END
	usage: devtools/guest.sh [--kernel VERSION|FILE] [--cache DIR] [--cached]

	Prints a folder with: qemu (a program), vmlinuz, release (of the kernel), modules/ and
	busybox. The first call downloads about 330 MB with the machine's own apt settings and
	builds dmatest; the next ones take what is there. For newer packages, remove the folder.

	  --kernel VERSION  another kernel of Debian than this release's: 6.12 is the newest 6.12,
	                    7.3.4+deb13-amd64 just that one; about 230 MB
	  --kernel FILE     a package with a kernel and modules (.deb, as "make bindeb-pkg" makes
	                    it), or a kernel whose modules are in /lib/modules, as
	                    /boot/vmlinuz-\$(uname -r); it brings dmatest, or goes without
	  --cache DIR       keep everything in DIR (default: \${XDG_CACHE_HOME:-~/.cache}/ioat-pmd)
	  --cached          download nothing: take what an earlier call made, or say why there is
	                    nothing

	Exit code $EXIT_SKIP: it cannot be had here, the last line on stderr says why.
	END
}

say()
{
	echo "guest.sh: $*" >&2
}

bad_argument()
{
	say "$*; legal options: --kernel VERSION|FILE, --cache DIR, --cached, -h, --help"
	exit 2
}

# What is missing is no failure of what guests are to test. --cached gives the same reason later.
cannot()
{
	say "$@"
	[ -z "$stage" ] || note_reason "$*"
	exit $EXIT_SKIP
}

# Whether nobody else's file is where reasons are kept.
reason_is_ours()
{
	[ ! -e "$guest.missing" ] || [ "$(head -n 1 "$guest.missing" 2>/dev/null)" = "$SELF:" ]
}

note_reason()
{
	reason_is_ours && printf '%s:\n%s\n' "$SELF" "$1" >"$guest.missing"
}

# Set name to what the folder of kernel $1 is called.
name_kernel()
{
	case $1 in
	'') name='guest-linux' ;;
	*/*)
		[ -f "$1" ] || bad_argument "--kernel '$1' is not a file"
		kernel=$(realpath -- "$1")
		name=guest-linux-file-$(sha256sum <"$1" | cut -c 1-16)
		;;
	*)
		[[ $1 =~ ^[0-9]+\.[0-9]+[0-9A-Za-z.+~-]*$ ]] || bad_argument "--kernel '$1' is" \
			"no version, as 6.12, and no file, which has a / in its path"
		name=guest-linux-$1
		;;
	esac
}

parse_arguments()
{
	cache='' cached=false kernel=''
	while [ $# -gt 0 ]; do
		case $1 in
		--cache | --kernel)
			[ -n "${2-}" ] || bad_argument "$1 needs a value"
			if [ "$1" = --cache ]; then cache=$2; else kernel=$2; fi
			shift
			;;
		--cached) cached=true ;;
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
	name_kernel "$kernel"
	guest=$cache/$name
	tools=$cache/guest-tools
}

# --- packages

# Run a command quietly; when it fails, show what it said and fail.
try()
{
	timeout $STEP_SECONDS "$@" >"$work/log" 2>&1 </dev/null && return
	tail -n 20 "$work/log" >&2
	return 1
}

# The same, and give up because of $1.
quietly()
{
	try "${@:2}" || cannot "$1"
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

# Entries for apt: Debian's releases $@ and their backports.
entries()
{
	local uri r
	uri=$(debian_archive)
	[ -n "$uri" ] || cannot "the machine's archives gave no signed package list of Debian"
	for r in "$@"; do
		printf "deb [signed-by=$KEYRING] $uri %s main\n" "$r" "$r-backports"
	done
}

# apt in folder work, with the machine's own archives.
start_apt()
{
	[ -z "${APT_CONFIG-}" ] || [ "$APT_CONFIG" != "$work/apt.conf" ] || return 0
	private_apt "$work" deb || cannot "cannot write to $work"
	export APT_CONFIG=$work/apt.conf
	# Its exit code is of no use: one broken entry of many fails it.
	timeout $STEP_SECONDS apt-get -q update >"$work/log" 2>&1 </dev/null
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

# Write qemu and busybox into folder $1.
make_tools()
{
	start_apt
	make_qemu "$1"
	cd "$work" || exit
	quietly "busybox-static cannot be had" apt-get -q download busybox-static
	unpack "$work/busybox"
	cp "$work/busybox/bin/busybox" "$1/busybox" 2>/dev/null ||
		cp "$work/busybox/usr/bin/busybox" "$1/busybox" ||
		cannot "no busybox in its package"
}

# --- kernel

# The folder with the modules of release $2 in root $1, in whichever place the package has it.
modules_of()
{
	local dir
	for dir in "$1/lib/modules/$2" "$1/usr/lib/modules/$2"; do
		[ ! -d "$dir/kernel" ] || { echo "$dir" && return; }
	done
	cannot "no modules of Linux $2 in ${1:-/}"
}

# Build dmatest.ko of kernel $2 in unpacked packages $1, into $3: no package has it as a module.
build_dmatest()
{
	local root=$1 release=$2 modules=$3 headers tar dir=$work/dmatest
	headers=$root/usr/src/linux-headers-$release
	tar=$(echo "$root"/usr/src/linux-source-*.tar.xz)
	mkdir "$dir"
	quietly "dmatest.c is not in $tar" tar -xJf "$tar" -C "$dir" --strip-components=3 \
		--wildcards '*/drivers/dma/dmatest.c' --occurrence=1
	echo 'obj-m := dmatest.o' >"$dir/Makefile"
	# The packages name each other by absolute paths.
	sed -i "s|/usr/src/|$root&|g" "$headers/Makefile"
	# Without what wants pahole: no guest needs the types of the module.
	if try make -C "$headers" M="$dir" CONFIG_DEBUG_INFO_BTF_MODULES= modules; then
		cp "$dir/dmatest.ko" "$modules/kernel/drivers/dma/"
	elif [ -z "$kernel" ]; then
		cannot "dmatest cannot be built for Linux $release"
	else
		say "dmatest cannot be built here for Linux $release, so linux and linux-faults" \
			"cannot run on it; a kernel that is built for this release of Debian can"
	fi
}

# Put module file $1, packed or not, as $2.
put_module()
{
	case $1 in
	*.xz) xz -dc "$1" >"$2" ;;
	*.zst) zstd -qdc "$1" >"$2" ;;
	*.gz) gzip -dc "$1" >"$2" ;;
	*) cp "$1" "$2" ;;
	esac || cannot "$1 cannot be unpacked"
}

# Copy module $3 and what it needs from folder $1 to $2, and note the needed ones in NAME.needs.
copy_module()
{
	local from=$1 to=$2 name=${3//-/_} file need pattern
	[ ! -e "$to/$name.needs" ] || return 0
	pattern=${name//_/[-_]}
	file=$(find "$from" -name "$pattern.ko" -o -name "$pattern.ko.[xgz]*" | head -n 1)
	: >"$to/$name.needs"
	if [ -z "$file" ]; then
		# Without a file of its own: built in, or one that only some scenarios want.
		grep -q "/$pattern\.ko$" "$from/modules.builtin" 2>/dev/null ||
			[ "$name" = dmatest ] || cannot "the kernel has no module $name"
		return 0
	fi
	put_module "$file" "$to/$name.ko"
	# "depends=a,b" is a string in section .modinfo.
	tr '\0' '\n' <"$to/$name.ko" | sed -n 's/^depends=//p' | tr ',-' '\n_' >"$to/$name.needs"
	while read -r need; do
		[ -z "$need" ] || copy_module "$from" "$to" "$need"
	done <"$to/$name.needs"
}

# Set release to the one that is asked for. Of several the newest that was built for this release of
# Debian, whose compiler and libraries can build modules for it, or the newest of all.
choose_release()
{
	local id all ours
	if [ -z "$kernel" ]; then
		release=$(apt-cache depends linux-image-amd64 |
			sed -n 's/^ *Depends: linux-image-//p' | head -n 1)
		[ -n "$release" ] || cannot "no archive of this machine has linux-image-amd64"
		return
	fi
	# shellcheck disable=SC2086 # they are two words
	entries $RELEASES >"$work/sources.d/releases.list"
	timeout $STEP_SECONDS apt-get -q update >"$work/log" 2>&1 </dev/null
	# apt warns of entries that the machine has as well.
	all=$(apt-cache pkgnames linux-image- 2>/dev/null | sed -n 's/^linux-image-//p' |
		grep -E "^${kernel//[.+]/\\&}([.+-].*)?(-amd64)?$" | grep -E '[0-9]-amd64$' |
		grep -vE 'cloud|-rt-|^[0-9]+\.[0-9]+-amd64$' | sort -V)
	id=$(. /etc/os-release && echo "${VERSION_ID-}")
	ours=$(grep -E "\+deb$id-amd64$" <<<"$all")
	[ "$id" != 12 ] || ours=${ours:-$(grep -v '+deb' <<<"$all")}
	release=$(tail -n 1 <<<"${ours:-$all}")
	[ -n "$release" ] || cannot "no archive of this machine and none of Debian's $RELEASES" \
		"has Linux $kernel"
}

# Unpack the packages of the chosen kernel into folder $1.
fetch_kernel()
{
	local packages p
	packages=("linux-headers-$release" "linux-source-$(sed -E 's/^([0-9]+\.[0-9]+).*/\1/' \
		<<<"$release")" "linux-image-$release")
	# Since 7.x the image is in parts; the headers always were.
	for p in $(apt-cache depends "linux-headers-$release" "linux-image-$release" 2>/dev/null |
		sed -nE 's/^ *Depends: (linux-(headers|kbuild|binary|modules)-.*)/\1/p'); do
		[[ " ${packages[*]} " == *" $p "* ]] || packages+=("$p")
	done
	cd "$work" || exit
	quietly "Linux $release cannot be had" apt-get -q download "${packages[@]}"
	unpack "$1"
}

# Set release to that of the kernel in FILE, and root to where its modules are.
take_file()
{
	local image
	if [[ $kernel == *.deb ]]; then
		quietly "$kernel cannot be unpacked" dpkg-deb -x "$kernel" "$root"
		image=$(find "$root/boot" -name 'vmlinuz-*' | head -n 1)
		[ -n "$image" ] || cannot "$kernel has no /boot/vmlinuz-*"
	else
		image=$kernel root=''
	fi
	# The offset of the text with the release, from 0x200 on, is at 0x20e of a bzImage.
	release=$(tail -c "+$((513 + $(od -An -j 526 -N 2 -t u2 "$image")))" "$image" 2>/dev/null |
		head -c 200 | tr '\0' '\n' | sed -n '1s/ .*//p')
	[[ $release =~ ^[0-9]+\.[0-9]+ ]] || cannot "$image is no bzImage of Linux"
	cp "$image" "$1/vmlinuz"
}

# Write vmlinuz, release and modules into folder $1.
make_linux()
{
	local out=$1 root=$work/linux modules m
	if [ -f "$kernel" ]; then
		take_file "$out"
		modules=$(modules_of "$root" "$release") || exit
	else
		start_apt
		choose_release
		fetch_kernel "$root"
		modules=$(modules_of "$root" "$release") || exit
		build_dmatest "$root" "$release" "$modules"
		cp "$root/boot/vmlinuz-$release" "$out/vmlinuz" ||
			cannot "the packages have no vmlinuz-$release"
		mv "$root/packages" "$out/packages"
	fi
	mkdir "$out/modules"
	for m in "${MODULES[@]}" dmatest; do
		copy_module "$modules" "$out/modules" "$m"
	done
	ln -s ../guest-tools/qemu ../guest-tools/busybox "$out"
	echo "$release" >"$out/release"
}

# --- folders

# Make folder $1 by function $2 of it, complete or not at all, unless file $3 is in it.
make_folder()
{
	[ ! -e "$1/$3" ] || return 0
	[ ! -e "$1" ] || own_marked "$1" "$SELF" || cannot "$1 is not of $SELF (it has no" \
		"$OWN_MARK): remove it, or name another --cache"
	say "making $1"
	if ! stage=$(mktemp -d "$cache/guest-new.XXXXXX") || ! own_mark "$stage" "$SELF"; then
		cannot "cannot write to the cache $cache"
	fi
	"$2" "$stage"
	chmod 755 "$stage"
	own_remove "$1" "$SELF"
	mv -T "$stage" "$1" || cannot "cannot write to the cache $cache"
}

# Make what is missing. One at a time: what another is making would be made twice.
make_all()
{
	local lock old
	# Opened without a change, whatever a file of that name in the user's folder is.
	if ! mkdir -p "$cache" || ! exec {lock}<>"$cache/guest.lock"; then
		cannot "cannot write to the cache $cache"
	fi
	flock -w 900 "$lock" ||
		cannot "another guest.sh has held $cache/guest.lock for 15 minutes"
	for old in "$cache"/guest-new.*; do # of runs that were killed
		own_remove "$old" "$SELF"
	done
	work=$(mktemp -d) || cannot "cannot make a folder in ${TMPDIR:-/tmp}"
	make_folder "$tools" make_tools busybox
	make_folder "$guest" make_linux release
	[ ! -e "$guest.missing" ] || ! reason_is_ours || rm -f "$guest.missing"
}

work='' stage=''
trap 'rm -rf ${work:+"$work"} ${stage:+"$stage"}' EXIT
trap 'exit 130' INT TERM HUP

parse_arguments "$@"
[ "$(uname -m)" = x86_64 ] || cannot "guests are made for x86_64 only, this is $(uname -m)"
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
	cannot "this is not a Debian system (no apt-get, dpkg-deb)"
fi
if ! $cached; then
	make_all
elif [ ! -e "$guest/release" ] || [ ! -e "$tools/busybox" ]; then
	cannot "$(tail -n +2 "$guest.missing" 2>/dev/null | grep . ||
		echo "there is no $guest, devtools/guest.sh${kernel:+ --kernel $kernel} makes it")"
fi
echo "$guest"
