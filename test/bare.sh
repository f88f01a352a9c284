#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
#
# What a new user meets: the first commands of README in a Debian that has nothing but its base.

set -u -o pipefail
export LC_ALL=C

repo=$(realpath "$(dirname "$(realpath "$0")")/..")
SUITES=(bookworm trixie)
CLONE=/root/ioat-pmd # in the root

usage()
{
	cat <<-END
	usage: test/bare.sh [options] SUITE      SUITE: ${SUITES[*]}

	Makes a bare root of that Debian (mmdebstrap, minbase), clones the last commit into it and
	runs there, as the first commands of all, devtools/demo.sh and test/run.sh --quick. Packages
	come from the archive of this machine's apt; only the suite differs.

	Needs root, mmdebstrap, git and 6 GB in \$TMPDIR (/tmp). Takes 20 minutes and more. All that
	was made is removed again, after an interruption, too. The exit code is 0 when both commands
	passed, 1 when one did not, 2 for a wrong argument.

	  -k, --keep   keep the root, and say where it is and how to enter it
	  -h, --help   this text
	END
}

say()
{
	echo "bare.sh: $*" >&2
}

die()
{
	say "$@"
	exit 1
}

bad_argument()
{
	say "$*; legal: -k, --keep, -h, --help, and one of ${SUITES[*]}"
	exit 2
}

parse_arguments()
{
	suite='' keep=false
	while [ $# -gt 0 ]; do
		case $1 in
		-k | --keep) keep=true ;;
		-h | --help)
			usage
			exit 0
			;;
		-*) bad_argument "'$1' is not known" ;;
		*)
			[[ " ${SUITES[*]} " == *" $1 "* ]] || bad_argument "suite '$1' is not known"
			[ -z "$suite" ] || bad_argument "'$1' is one suite too many"
			suite=$1
			;;
		esac
		shift
	done
	[ -n "$suite" ] || bad_argument "a suite is missing"
}

check_machine()
{
	local program
	[ "$(id -u)" = 0 ] || die "a root is made by root: run it as root"
	for program in mmdebstrap git unshare setpriv flock apt-get apt-config; do
		command -v "$program" >/dev/null ||
			die "$program is missing (as root: apt-get install mmdebstrap git)"
	done
}

# Set archive to the lines of sources.list for the suite: those of this machine, with another suite.
find_archive()
{
	local own release
	# shellcheck disable=SC2016 # apt-get expands these
	local fields='$(REPO_URI) $(RELEASE) $(COMPONENT)'
	own=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	release="(${own:-stable}|stable)(|-updates|-security)"
	mapfile -t archive < <(apt-get indextargets --format "$fields" |
		sed -nE "s/^(.*) $release main\$/deb \\1 $suite\\3 main/p" | sort -u)
	((${#archive[@]} > 0)) || die "apt's sources name no archive of a stable Debian" \
		"with the component main, of which only the suite would have to be changed"
}

# --- processes

child='' # the first process of what runs now; all others of it end with it

# Run "$@" in namespaces of its own for mounts and processes, and wait for its end. Nothing that
# it mounts is seen outside, and nothing that it starts outlives it, this script, or a signal.
# @return its exit status
contained()
{
	local living rc
	# The lock is held for as long as one of them lives.
	exec {living}>"$work/living"
	flock "$living" || die "$work: no lock"
	setpriv --pdeathsig KILL -- unshare --mount --propagation private --pid --fork \
		--kill-child --mount-proc -- "$@" </dev/null &
	child=$!
	exec {living}>&-
	wait "$child"
	rc=$?
	child=''
	return $rc
}

# The first process in the namespaces: give root $1 what a kernel and udev give a machine, and run
# the other arguments in it.
in_root()
{
	local root=$1 node
	shift
	mount -t proc proc "$root/proc" && mount -t sysfs -o ro sysfs "$root/sys" &&
		mount -t tmpfs -o mode=755 tmpfs "$root/dev" || exit
	for node in null zero full random urandom tty; do
		cp -a "/dev/$node" "$root/dev/" || exit
	done
	mkdir "$root/dev/shm" "$root/dev/pts" && mount -t tmpfs tmpfs "$root/dev/shm" &&
		mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts" || exit
	ln -s pts/ptmx "$root/dev/ptmx"
	ln -s /proc/self/fd "$root/dev/fd"
	cd "$root" && chroot "$root" "$@"
}

# Run command $2 in the clone, with its output shown and kept in file $1.
run_inside()
{
	local name settings=(HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin)
	for name in http_proxy https_proxy no_proxy; do
		[ -z "${!name-}" ] || settings+=("$name=${!name}")
	done
	# shellcheck disable=SC2016 # the inner bash expands these
	contained bash -c "$(declare -f in_root)"'
		set -o pipefail
		(in_root "${@:2}") 2>&1 | tee "$1"' \
		bash "$1" "$root" env -i "${settings[@]}" bash -c "cd $CLONE && exec $2"
}

work=''
clean_up()
{
	local lock mounts
	trap '' INT TERM HUP
	[ -z "$child" ] || kill -KILL "$child" 2>/dev/null
	[ -n "$work" ] || return
	{ exec {lock}<"$work/living" && flock -w 60 "$lock"; } 2>/dev/null
	# Ours are gone with their namespace. What another has mounted there is not ours to remove.
	mounts=$(grep -F " $work/" /proc/self/mountinfo)
	if $keep; then
		say "the root is kept in $root; to look at it: chroot $root"
	elif [ -n "$mounts" ]; then
		say "not removed, because something is mounted in it: $work"
	else
		rm -rf --one-file-system -- "$work"
	fi
}

# --- steps

make_root()
{
	local option options=()
	# How this machine gets at its archive.
	while read -r option; do
		options+=("--aptopt=$option")
	done < <(apt-config dump | grep -E '^Acquire::(https?|Check-Valid-Until)[: ].* ".+";')
	[[ ${archive[*]} != *" https:"* ]] || options+=(--include=ca-certificates)
	# What is thrown away soon need not be safe against a power cut.
	echo force-unsafe-io >"$work/unsafe-io"
	contained mmdebstrap --quiet --variant=minbase --format=directory "${options[@]}" \
		--customize-hook="copy-in $work/unsafe-io /etc/dpkg/dpkg.cfg.d" \
		"$suite" "$root" "${archive[@]}" ||
		die "mmdebstrap could not make a root of $suite from:" \
			"$(printf '%s; ' "${archive[@]}")"
	git clone --quiet --no-hardlinks "$repo" "$root$CLONE" || die "git could not clone $repo"
	[ -z "$(git -C "$repo" status --porcelain)" ] ||
		say "what is not committed in $repo is not in the clone"
}

results=()
failed=false
# Step $1: run command $2 in the clone, and note as its result its last line that fits $3.
step()
{
	local verdict start=$SECONDS log
	log=$work/step.log
	say "$suite: $2"
	run_inside "$log" "$2" || failed=true
	verdict=$(grep -E "$3" "$log" | tail -n 1)
	[ -n "$verdict" ] || failed=true
	results+=("$suite, $2, $((SECONDS - start)) s: ${verdict:-FAILED: no result}")
}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
parse_arguments "$@"
check_machine
find_archive
parent=$(realpath -m -- "${TMPDIR:-/tmp}")
# A name that means itself in mmdebstrap's hooks.
[[ $parent =~ ^[[:alnum:]/_.+-]+$ ]] || parent=/tmp
work=$(mktemp -d "$parent/ioat-bare-$suite.XXXXXX") || die "cannot make a folder in $parent"
chmod 755 "$work" # the user _apt has to reach what is in it
root=$work/root
say "making a root of $suite in $root"
make_root
step demo devtools/demo.sh '^(PASSED|FAILED|demo.sh): '
step run "test/run.sh --quick" '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'
printf '\n'
printf '%s\n' "${results[@]}"
if $failed; then
	echo "FAILED: $suite"
	exit 1
fi
echo "PASSED: $suite"
