# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
#
# What scenarios are written with; for busybox sh, inside the guest.
# /environment has DEVICE, the identity that is tested, and ID, its PCI device id.

CUE_SECONDS=600 # more than any cue takes

tests=0

plan()
{
	echo "1..$tests" >&3
}

# A result: $1 is its name.
ok()
{
	tests=$((tests + 1))
	echo "ok $tests - $1" >&3
}

not_ok()
{
	tests=$((tests + 1))
	echo "not ok $tests - $1" >&3
	shift
	[ $# = 0 ] || printf '%s\n' "$@" | tail -n 40 | sed 's/^/# /' >&3
}

skip()
{
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2" >&3
}

# A figure for the table of results: its name and its value.
figure()
{
	echo "figure $1: $2" >&3
}

# Test $1: the command after it succeeds. What it says is shown when it does not.
check()
{
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		ok "$name"
	else
		not_ok "$name" "$* failed" "$out"
	fi
}

# Have something done outside of the guest: a cue of stage.py, with arguments. Prints the answer.
cue()
{
	local answer
	echo "cue $*" >&3
	read -r -t $CUE_SECONDS answer <&3 || answer='failed no answer'
	case $answer in
	done*) echo "${answer#done }" ;;
	*)
		echo "cue $*: $answer"
		return 1
		;;
	esac
}

# Addresses of all PCI functions of the device under test.
functions()
{
	local f vendor device
	for f in /sys/bus/pci/devices/*; do
		read -r vendor <"$f/vendor"
		read -r device <"$f/device"
		[ "$vendor $device" != "0x8086 $ID" ] || echo "${f##*/}"
	done
}

# Load module $1 and what it needs; the other arguments are its parameters.
load()
{
	local name=$1 need
	shift
	for need in $(cat "/modules/$name.needs"); do
		load "$need" || return
	done
	# What has no file is built in, or is missed by what needs it.
	[ -d "/sys/module/$name" ] || [ ! -e "/modules/$name.ko" ] ||
		insmod "/modules/$name.ko" "$@"
}

# Give function $1 to kernel driver $2, away from the one that it has.
bind()
{
	local dev=/sys/bus/pci/devices/$1
	[ ! -e "$dev/driver" ] || echo "$1" >"$dev/driver/unbind"
	echo "$2" >"$dev/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
	[ "$(basename "$(readlink "$dev/driver")")" = "$2" ]
}

# Wait up to $1 seconds until the command after it succeeds.
within()
{
	local left=$(($1 * 10))
	shift
	until "$@"; do
		[ $left -gt 0 ] || return 1
		left=$((left - 1))
		usleep 100000
	done
}
