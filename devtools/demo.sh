#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
#
# The main job as one command: real traffic through dmafwd, copied by emulated I/OAT channels.
# over 500 lines: one job that is read from top to bottom, and needs no file beside it

set -u -o pipefail
export LC_ALL=C

top=$(realpath "$(dirname "$0")/..")
# shellcheck source=devtools/own_folder.sh
. "$top/devtools/own_folder.sh"
MAX_MB=4000
MAX_PACKET=16128 # the longest that DPDK's port for captures writes
CLIENT_IP=198.18.0.1 # of the range for benchmarks (RFC 2544), and only inside our namespaces
SERVER_IP=198.18.0.2
PORT=8000

usage()
{
	cat <<-END
	usage: devtools/demo.sh [options] [CAPTURE.pcap]

	Prepares the machine, builds, and downloads a file over TCP from one network namespace to
	another. The only way between the two is dmafwd, which copies every packet by two emulated
	I/OAT channels. Everything that is started is ended and removed again.

	With CAPTURE.pcap (pcap or pcapng, Ethernet) forwards that file instead and compares it
	packet by packet with what came out. Without root it does this with test/data/demo.pcap.

	  -c hw|sw   copy by DMA channels (hw, the default) or by the CPU (sw)
	  -s MB      size of the download, 1 to $MAX_MB (100)
	  -b DIR     build folder (build-demo): new, empty, or of an earlier demo; one demo at a
	             time uses it
	  --dpdk DIR use the DPDK whose libdpdk.pc is in DIR (see devtools/setup.sh -h)
	  -h, --help this text
	END
}

say()
{
	printf '  %-12s %s\n' "$1" "$2"
}

# What went wrong, in one line; the end of a log after it, if one is named.
die()
{
	echo "demo.sh: $1" >&2
	[ -z "${2-}" ] || tail -n 25 "$2" >&2
	exit 1
}

bad_argument()
{
	echo "demo.sh: $*" >&2
	exit 2
}

# Option --$1, whose value is $2 if it takes one.
long_option()
{
	case $1 in
	help)
		usage
		exit 0
		;;
	dpdk)
		[ -f "$2/libdpdk.pc" ] ||
			bad_argument "--dpdk: bad value '$2', legal: a folder with libdpdk.pc"
		setup=(--dpdk "$(realpath -- "$2")")
		OPTIND=$((OPTIND + 1))
		;;
	*) bad_argument "unknown option '--$1', $LEGAL" ;;
	esac
}

LEGAL="legal: -c hw|sw, -s MB, -b DIR, --dpdk DIR, -h, --help"
parse_arguments()
{
	copy=hw size_mb=100 build=$top/build-demo capture='' setup=()
	local opt
	while getopts :c:s:b:h-: opt; do
		case $opt in
		c)
			[[ $OPTARG == hw || $OPTARG == sw ]] ||
				bad_argument "-c: bad value '$OPTARG', legal: hw, sw"
			copy=$OPTARG
			;;
		s)
			if [[ ! $OPTARG =~ ^[1-9][0-9]{0,3}$ ]] || ((OPTARG > MAX_MB)); then
				bad_argument "-s: bad value '$OPTARG', legal: 1 to $MAX_MB MB"
			fi
			size_mb=$OPTARG
			;;
		b)
			[ -n "$OPTARG" ] || bad_argument "-b: bad value '', legal: a folder"
			[ ! -e "$OPTARG" ] || [ -d "$OPTARG" ] ||
				bad_argument "-b: bad value '$OPTARG', legal: a folder, old or new"
			build=$(realpath -m -- "$OPTARG")
			;;
		h)
			usage
			exit 0
			;;
		-) long_option "$OPTARG" "${!OPTIND-}" ;;
		:) bad_argument "-$OPTARG: its value is missing, -h lists the legal ones" ;;
		*) bad_argument "unknown option '-$OPTARG', $LEGAL" ;;
		esac
	done
	shift $((OPTIND - 1))
	(($# <= 1)) || bad_argument "unexpected argument '$2', legal: at most one capture file"
	if (($# == 1)); then
		if [ ! -f "$1" ] || [ ! -r "$1" ]; then
			bad_argument "'$1' is not a readable file, legal: a pcap or pcapng capture"
		fi
		capture=$(realpath -- "$1")
		! can_read_captures || check_capture
	fi
}

# Without root or namespaces a capture stands in for live traffic.
choose_traffic()
{
	[ -z "$capture" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		say "not root" "so a capture is forwarded instead of live traffic"
	elif ! unshare --net true 2>"$tmp/unshare"; then
		say "no namespaces" "$(tail -n 1 "$tmp/unshare"): a capture is forwarded instead"
	else
		return 0
	fi
	capture=$top/test/data/demo.pcap
}

# A new machine has neither python3 nor libpcap before prepare().
can_read_captures()
{
	command -v python3 >/dev/null && python3 "$top/devtools/pcap.py" library
}

# Set packets and bytes to the numbers of packets and of bytes in the capture, as libpcap reads it,
# which is what DPDK's port for captures reads with.
check_capture()
{
	local numbers number longest
	numbers=$(python3 "$top/devtools/pcap.py" count "$capture" 2>&1) ||
		bad_argument "$numbers; legal: a capture of Ethernet" \
			"packets (pcap, pcapng) that libpcap reads to its end"
	read -r packets bytes number longest <<<"$numbers"
	[ "$packets" != 0 ] || bad_argument "$capture: holds no packet"
	((longest <= MAX_PACKET)) || bad_argument "$capture: packet $number has $longest bytes," \
		"legal: up to $MAX_PACKET, which is all that DPDK's port for captures writes"
}

# --- processes: everything runs in the background, so that a signal is served at once

pids=()  # what is still to be ended
grace=5  # seconds that clean_up gives each of them

# Start "$@" such that it cannot outlive this script, whatever happens to it. Sets pid.
start()
{
	# Whoever lost its parent before it had asked to die with it goes by itself.
	# shellcheck disable=SC2016 # the inner shell expands these
	setpriv --pdeathsig KILL -- sh -c '[ "$PPID" = "$0" ] && exec "$@"' $$ "$@" {lock}>&- &
	pid=$!
	pids+=("$pid")
}

# End process $1: TERM, then KILL after $2 seconds. Its exit status is left in rc.
end()
{
	local i p left=()
	kill -TERM "$1" 2>/dev/null
	for ((i = 0; i < $2 * 20; i++)); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.05
	done
	kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	rc=$?
	for p in "${pids[@]}"; do
		[ "$p" = "$1" ] || left+=("$p")
	done
	pids=("${left[@]}")
}

# Run "$@" after the first, with output to file $1, and wait for its end. @return its exit status
run()
{
	start "${@:2}" >"$1" 2>&1 </dev/null
	wait "$pid"
	rc=$?
	unset 'pids[-1]'
	return $rc
}

# Make folder tmp. Its path becomes part of lists and of device arguments, which give a meaning to
# commas, colons and the like.
make_tmp()
{
	local parent
	parent=$(realpath -m -- "${TMPDIR:-/tmp}")
	[[ $parent =~ ^[[:alnum:]/_.+-]+$ ]] || parent=/tmp
	tmp=$(mktemp -d "$parent/ioat-demo.XXXXXX") || die "cannot make a folder in $parent"
	export TMPDIR=$tmp # for what meson and others leave when they are interrupted
}

# Be the only one that uses the build folder.
take_build()
{
	own_folder "$build" devtools/demo.sh || bad_argument "-b: bad value '$build': $own_why;" \
		"legal: a folder that is new, empty, or of an earlier demo"
	exec {lock}<>"$build/demo.lock" || exit
	flock -n "$lock" ||
		die "another demo.sh uses $build: wait for its end, or name another folder with -b"
}

tmp=''
clean_up()
{
	local p
	trap '' INT TERM HUP
	# Not what start() noted: a signal may have come before it could.
	mapfile -t pids < <(jobs -rp)
	for p in "${pids[@]}"; do
		kill -TERM "$p" 2>/dev/null
	done
	while ((${#pids[@]} > 0)); do
		end "${pids[-1]}" "$grace"
	done
	[ -z "$tmp" ] || rm -rf "$tmp"
}

# --- steps

prepare()
{
	say preparing "packages and headers (devtools/setup.sh)"
	grace=120 # a package installation is not to be cut short
	if ! run "$tmp/setup.log" "$top/devtools/setup.sh" "${setup[@]}"; then
		die "devtools/setup.sh failed" "$tmp/setup.log"
	fi
	run "$tmp/sdk" "$top/devtools/setup.sh" --print-sdk "${setup[@]}" ||
		die "devtools/setup.sh --print-sdk failed" "$tmp/sdk"
	sdk=$(tail -n 1 "$tmp/sdk")
	[ ${#setup[@]} = 0 ] ||
		export PKG_CONFIG_PATH=${setup[1]}${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
	grace=5
}

build()
{
	local options=(--buildtype=release -Ddriver=enabled -Dapps=enabled -Dtests=disabled
		-Dfuzz=disabled -Ddriver_sdk="$sdk"
		# An old build folder keeps the path of its first set-up otherwise.
		"-Dpkg_config_path=$(tr : , <<<"${PKG_CONFIG_PATH-}")")
	say building "driver and dmafwd in $build"
	[ ! -f "$build/build.ninja" ] || options+=(--reconfigure)
	run "$tmp/build.log" meson setup "${options[@]}" "$build" "$top" ||
		die "meson setup failed" "$tmp/build.log"
	run "$tmp/build.log" ninja -C "$build" || die "ninja failed" "$tmp/build.log"
	dmafwd=$build/app/dmafwd/dpdk-dmafwd
	driver=$build/drivers/dma/ioat/librte_dma_ioat_pmd.so
	[ -x "$dmafwd" ] || die "the build did not make $dmafwd"
	[ -f "$driver" ] || die "the build did not make $driver"
	# A list of folders cannot hold a path with a colon, as the one of the clone may be.
	cp "$driver" "$tmp" || die "no room for the driver in $tmp"
	export LD_LIBRARY_PATH=$tmp${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}

# Huge pages in MB that are free and that nobody has reserved.
huge_free_mb()
{
	local dir mb=0 free reserved
	for dir in /sys/kernel/mm/hugepages/hugepages-*; do
		free=$(cat "$dir/free_hugepages" 2>/dev/null) || continue
		reserved=$(cat "$dir/resv_hugepages" 2>/dev/null) || continue
		dir=${dir##*-}
		((mb += (free - reserved) * ${dir%kB} / 1024))
	done
	echo $mb
}

# EAL's arguments in eal: one lcore on the first CPU that we may use, memory ($1: whether it may be
# huge pages), our channels.
eal_arguments()
{
	local cpu n
	cpu=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*\([0-9]*\).*/\1/p' /proc/self/status)
	eal=(--lcores "0@$cpu" --no-pci --no-telemetry)
	if $1 && [ "$(id -u)" = 0 ] && (($(huge_free_mb) >= 256)); then
		eal+=(--in-memory -m 256)
		memory="huge pages"
	else
		eal+=(--no-huge --no-shconf -m 512)
		memory="ordinary pages"
	fi
	if [ "$copy" = hw ]; then
		eal+=(-d "${driver##*/}")
		for n in 0 1; do
			eal+=("--vdev=dma_ioat_emu$n")
		done
	fi
}

# After dmafwd ended early: whether it is worth another try, then with ordinary pages. That huge
# pages are free does not say that we get them: others take some, and control groups have limits.
retry_without_huge_pages()
{
	[ "$memory" = "huge pages" ] || return 1
	say "huge pages" "dmafwd did not start with them, so it is started again without"
	eal_arguments false
}

# Print the number in line "$1" of dmafwd's final totals.
table()
{
	sed -n "s/^total $1: //p" "$tmp/dmafwd.log" | tail -n 1
}

results=() # what the verdict prints, in pairs
failures=()
check()
{
	local what=$1
	shift
	if ! "$@"; then
		failures+=("$what")
	fi
}

# After dmafwd ended: show its final table and check it.
check_table()
{
	local received by_dma by_cpu sent dropped bytes
	received=$(table 'received packets')
	by_dma=$(table 'copied by DMA packets')
	by_cpu=$(table 'copied by CPU packets')
	bytes=$(table "copied by $([ "$copy" = hw ] && echo DMA || echo CPU) bytes")
	sent=$(table 'sent packets')
	dropped=$(sed -n 's/^total dropped.*: //p' "$tmp/dmafwd.log" |
		awk '{ n += $1 } END { print n + 0 }')
	echo
	echo "The final table of dmafwd:"
	echo
	sed -n '/^====.* final/,$s/^/  /p' "$tmp/dmafwd.log"
	if [ -z "$received" ] || [ -z "$by_dma" ] || [ -z "$by_cpu" ] || [ -z "$sent" ]; then
		failures+=("dmafwd printed no final table")
		return
	fi
	results+=(packets "$received received, $by_dma copied by DMA, $by_cpu copied by CPU,"
		"" "$sent sent, $dropped dropped by dmafwd")
	check "no packet was received" test "$received" -gt 0
	if [ "$copy" = hw ]; then
		check "not every packet was copied by DMA" test "$by_dma" = "$received"
		check "$by_cpu packets were copied by CPU" test "$by_cpu" = 0
	else
		check "not every packet was copied by CPU" test "$by_cpu" = "$received"
		check "$by_dma packets were copied by DMA" test "$by_dma" = 0
	fi
	check "$sent of $received packets were sent" test "$sent" = "$received"
	check "$dropped packets were dropped by dmafwd" test "$dropped" = 0
	check "fewer bytes were copied than arrived" test "$bytes" -ge "$1"
}

verdict()
{
	local f i copier="by emulated I/OAT channels, none by the CPU"
	[ "$copy" = hw ] || copier="by the CPU (-c sw), none by a DMA channel"
	echo
	echo "Results:"
	echo
	for ((i = 0; i < ${#results[@]}; i += 2)); do
		say "${results[i]}" "${results[i + 1]}"
	done
	echo
	if ((${#failures[@]} == 0)); then
		echo "PASSED: $1, every packet copied $copier."
		return 0
	fi
	for f in "${failures[@]}"; do
		echo "FAILED: $f"
	done
	return 1
}

# --- a capture through dmafwd

run_capture()
{
	rm -f "$tmp/out.pcap"
	run "$tmp/dmafwd.log" timeout -k 10 600 "$dmafwd" "${eal[@]}" \
		"--vdev=net_pcap0,rx_pcap=$tmp/in.pcap,tx_pcap=$tmp/out.pcap" \
		-- -p 1 -c "$copy" --no-mac-updating --idle-exit 1
}

forward_capture()
{
	say forwarding "$packets packets of $capture ($memory)"
	ln -s "$capture" "$tmp/in.pcap" # a name without the commas that part a device's arguments
	run_capture || { retry_without_huge_pages && run_capture; }
	[ $rc = 0 ] || die "dmafwd ended with exit code $rc" "$tmp/dmafwd.log"
	check_table "$bytes"
	run "$tmp/compare" python3 "$top/devtools/pcap.py" compare "$capture" "$tmp/out.pcap" ||
		failures+=("what came out differs: $(tail -n 1 "$tmp/compare")")
	results+=(compared "$(tail -n 1 "$tmp/compare")")
	verdict "the capture came out as it went in"
}

# --- live traffic

# The words before a command that is to run in namespace $1.
enter()
{
	within=(nsenter --net="/proc/$1/ns/net" --)
}

in_ns()
{
	enter "$1"
	"${within[@]}" "${@:2}"
}

# Make a network namespace that lives as long as a process of ours. Sets pid.
make_ns()
{
	local i own
	start unshare --net -- sleep infinity
	own=$(readlink /proc/self/ns/net)
	for ((i = 0; i < 100; i++)); do
		case $(readlink "/proc/$pid/ns/net") in
		'' | "$own") sleep 0.02 ;;
		*) return 0 ;;
		esac
	done
	die "no network namespace after 2 s"
}

# Bring interface $2 of namespace $1 up, with whole and summed packets: af_packet knows no
# offloads. The kernel must send nothing of its own, which it may where it has IPv6.
set_up()
{
	in_ns "$1" ethtool -K "$2" tx off rx off sg off tso off gso off gro off \
		>"$tmp/ethtool" 2>&1 ||
		die "cannot turn the offloads of a veth off" "$tmp/ethtool"
	in_ns "$1" ip link set "$2" addrgenmode none 2>/dev/null
	in_ns "$1" ip link set "$2" up || die "cannot set a veth up"
}

# Join namespace $1, where the veth gets address $2, to the middle, where it is called $3.
join_ns()
{
	in_ns "$middle" ip link add "$3" type veth peer name veth0 netns "$1" ||
		die "cannot make a veth pair"
	in_ns "$1" ip address add "$2/24" dev veth0 || die "cannot give a veth its address"
	set_up "$1" veth0
	set_up "$middle" "$3"
}

make_network()
{
	make_ns
	client=$pid
	make_ns
	server=$pid
	make_ns
	middle=$pid
	join_ns "$client" $CLIENT_IP to_client
	join_ns "$server" $SERVER_IP to_server
	say network "client $CLIENT_IP -- dmafwd -- $SERVER_IP server, in namespaces of their own"
	enter "$client"
	! run /dev/null "${within[@]}" ping -q -c 1 -W 1 $SERVER_IP ||
		die "client and server reach each other without dmafwd: this would prove nothing"
}

start_dmafwd()
{
	local i port="blocksz=65536,framesz=2048,framecnt=4096"
	enter "$middle"
	start "${within[@]}" "$dmafwd" "${eal[@]}" \
		"--vdev=net_af_packet0,iface=to_client,$port" \
		"--vdev=net_af_packet1,iface=to_server,$port" \
		-- -p 3 -c "$copy" --no-mac-updating >"$tmp/dmafwd.log" 2>&1 </dev/null
	forwarder=$pid
	enter "$client"
	for ((i = 0; i < 30; i++)); do
		if ! kill -0 "$forwarder" 2>/dev/null; then
			end "$forwarder" 0
			retry_without_huge_pages || die "dmafwd ended at once" "$tmp/dmafwd.log"
			start_dmafwd
			return
		fi
		! run /dev/null "${within[@]}" ping -q -c 1 -W 1 $SERVER_IP || return 0
		sleep 0.2
	done
	die "no ping comes through dmafwd" "$tmp/dmafwd.log"
}

download()
{
	local sent got took
	mkdir "$tmp/www"
	head -c $((size_mb * 1000000)) /dev/urandom >"$tmp/www/file" ||
		die "no room for $size_mb MB in $tmp"
	enter "$server"
	start "${within[@]}" python3 -m http.server $PORT \
		--bind $SERVER_IP --directory "$tmp/www" >"$tmp/http.log" 2>&1 </dev/null
	say downloading "$size_mb MB over TCP, copied by $([ "$copy" = hw ] &&
		echo 'two emulated I/OAT channels' || echo 'the CPU'), $memory"
	enter "$client"
	if ! run "$tmp/curl" "${within[@]}" curl -q -sS --noproxy '*' -o "$tmp/got" \
		--retry 20 --retry-delay 1 --retry-connrefused --connect-timeout 5 \
		--max-time 900 -w '%{time_total}' "http://$SERVER_IP:$PORT/file"; then
		die "the download failed: $(tail -n 1 "$tmp/curl")" "$tmp/dmafwd.log"
	fi
	took=$(tail -n 1 "$tmp/curl")
	sent=$(sha256sum <"$tmp/www/file")
	got=$(sha256sum <"$tmp/got")
	check "the file that arrived differs from the one sent" test "$sent" = "$got"
	results+=(download "$(awk -v s="$size_mb" -v t="$took" \
		'BEGIN { printf "%d MB in %.1f s, %.0f MB/s", s, t, s / t }')")
	results+=(sha256 "sent     ${sent%% *}" "" "arrived  ${got%% *}")
}

ping_latency()
{
	say pinging "50 times"
	enter "$client"
	# Without -w it waits, once all are sent, no longer than twice the slowest answer so far.
	run "$tmp/ping" "${within[@]}" ping -c 50 -i 0.02 -w 10 $SERVER_IP
	results+=(ping "$(awk -F '[ /]' \
		'/^rtt/ { printf "min %s ms, mean %s ms, max %s ms", $7, $8, $9 }' "$tmp/ping")")
	# It goes on until it has 50 answers. They come in order: are they those of the first 50?
	check "a ping was not answered" test 50 = \
		"$(grep -cE 'icmp_seq=([1-9]|[1-4][0-9]|50) ' "$tmp/ping")"
}

forward_live()
{
	make_network
	start_dmafwd
	download
	ping_latency
	end "$forwarder" 20
	check "dmafwd ended with exit code $rc" test $rc = 0
	check_table $((size_mb * 1000000))
	verdict "the download is byte-identical"
}

# --- main

parse_arguments "$@"
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
make_tmp
take_build
echo "ioat-pmd demo: packets forwarded by DPDK, their data copied by emulated I/OAT DMA channels"
echo
prepare
choose_traffic
[ -z "$capture" ] || check_capture
build
eal_arguments true
if [ -n "$capture" ]; then
	forward_capture
else
	forward_live
fi
