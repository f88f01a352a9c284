# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The ioat-pmd authors
#
# DPDK programs on the device in the guest, and what must come of them; for busybox sh.
# Functions get a name for their results, the driver ("ours", "peer": a file of /drivers), the PCI
# address, and further arguments for EAL. autotest wants $sections set.

HUGE_PAGES=96 # of 2 MB
SECONDS_EACH=900
LOG=/tmp/log

huge_pages()
{
	echo $HUGE_PAGES >/proc/sys/vm/nr_hugepages
	[ "$(cat /proc/sys/vm/nr_hugepages)" = $HUGE_PAGES ]
}

# Run program $1 on function $3 with driver $2; the other arguments are EAL's and, behind --, its
# own. What it says goes to $LOG.
dpdk()
{
	local program=$1 driver=$2 pci=$3
	shift 3
	timeout $SECONDS_EACH "$program" --no-telemetry -m 128 -a "$pci" -d "/drivers/$driver.so" \
		"$@" 2>/tmp/errors | tr -s '\r' '\n' >$LOG
	# Apart until here, or they begin in the middle of what stdout has in its buffer.
	cat /tmp/errors >>$LOG
	brief >/dev/console
}

# $LOG without what is repeated for each round, and for each mapping.
brief()
{
	grep -vE '^Ops submitted|of DMA remapping cleared|^$' $LOG
}

# $LOG from the heading of device $1 to the next one.
instance()
{
	awk -v head="### Test dmadev instance" -v dev="[$1]" '
		index($0, head) == 1 { inside = index($0, dev) > 0; next }
		/^Test OK|^Test Failed|^Test Skipped/ { inside = 0 }
		inside' $LOG
}

# dmadev_autotest found no failure of our device. It also tests dma_skeleton, a thread in the guest
# that it gives 1 ms: late on a busy machine, which is no matter of ours.
suite_passed()
{
	local failed
	! grep -q '^Test OK$' $LOG || return 0
	failed=$(sed -n 's/.*Error, test failure for device \([0-9]*\)$/\1/p' $LOG)
	[ -n "$failed" ] && grep -q "^### Test dmadev instance $failed \[dma_skeleton\]" $LOG
}

# DPDK's whole dmadev_autotest. $sections (names, separated by |) must run on our device.
autotest()
{
	local name=$1 driver=$2 pci=$3 section IFS
	shift 3
	printf 'dmadev_autotest\nquit\n' | dpdk dpdk-test "$driver" "$pci" "$@"
	if suite_passed; then
		ok "dmadev_autotest_passes_$name"
	else
		not_ok "dmadev_autotest_passes_$name" "$(brief)"
	fi
	instance "$pci" >/tmp/instance
	IFS='|'
	for section in $sections; do
		IFS=' '
		check "autotest_runs_$(echo "$section" | tr ' ' _)_$name" \
			grep -q "Running $section Tests" /tmp/instance
	done
	figure "dmadev_autotest, $name" "$(sed -nE -e 's/[ \t]+/ /g' \
		-e 's/.*Ops submitted: ([0-9]+) .*Errors: ([0-9]+).*/\1 copies, \2 errors/p' \
		/tmp/instance | sort -n | tail -n 1)"
}

# The contract program: its results are passed on as ours.
contract()
{
	local name=$1 driver=$2 pci=$3 line
	shift 3
	dpdk contract_dmadev "$driver" "$pci" --log-level=critical "$@"
	while read -r line; do
		line=${line#*- }
		case $line in
		'') ;; # there was none
		*"# SKIP"*) skip "contract_${line%% *}_$name" "${line#*# SKIP }" ;;
		*) ok "contract_${line%% *}_$name" ;;
		esac
	done <<-END
	$(grep '^ok ' $LOG)
	END
	for line in $(sed -n 's/^not ok [0-9]* - //p' $LOG); do
		not_ok "contract_${line}_$name" "$(grep -v '^ok ' $LOG)"
	done
	if [ "$(sed -n 's/^1\.\.//p' $LOG)" = "$(grep -cE '^(not )?ok ' $LOG)" ]; then
		ok "contract_program_runs_to_its_end_$name"
	else
		not_ok "contract_program_runs_to_its_end_$name" "$(cat $LOG)"
	fi
	figure "contract, $name" "$(grep '^ok ' $LOG | grep -vc '# SKIP') passed, $(grep -c \
		'^not ok ' $LOG) failed, $(grep -c '^ok .*# SKIP' $LOG) skipped"
}

# The packets of capture $1 in hexadecimal, one a line: without times, which differ.
packets()
{
	xxd -p "$1" | tr -d '\n' | awk '
		function digit(at) { return index("123456789abcdef", substr($0, at, 1)) }
		function byte(at) { return 16 * digit(at) + digit(at + 1) }
		{
			end = length($0)
			# Behind a header of 24 bytes each has one of 16, with its length at 8.
			for (at = 49; at < end; at += 32 + 2 * len) {
				len = byte(at + 16) + 256 * byte(at + 18)
				print substr($0, at + 32, 2 * len)
			}
		}'
}

# A capture goes through dmafwd, copied by DMA, and comes out the same.
forward()
{
	local name=$1 driver=$2 pci=$3 count=0
	shift 3
	rm -f /tmp/out.pcap
	dpdk dpdk-dmafwd "$driver" "$pci" "$@" \
		--vdev=net_pcap0,rx_pcap=/demo.pcap,tx_pcap=/tmp/out.pcap \
		-- -c hw --no-mac-updating --idle-exit 1
	packets /demo.pcap >/tmp/sent
	packets /tmp/out.pcap >/tmp/received
	count=$(wc -l </tmp/sent)
	if [ "$count" -gt 0 ] && cmp -s /tmp/sent /tmp/received; then
		ok "capture_comes_out_of_dmafwd_unchanged_$name"
	else
		not_ok "capture_comes_out_of_dmafwd_unchanged_$name" "$(cat $LOG)"
	fi
	if grep -q "^total copied by DMA packets: $count\$" $LOG; then
		ok "dmafwd_copies_every_packet_by_dma_$name"
	else
		not_ok "dmafwd_copies_every_packet_by_dma_$name" "$(cat $LOG)"
	fi
	figure "dmafwd, $name" "$count packets"
}

# Start dmafwd on function $1, which forwards a capture over and over until it is told to end. Sets
# $forwarder, its process; what it says goes to /tmp/running and /tmp/errors.
forward_on()
{
	rm -f /tmp/running.pipe
	mkfifo /tmp/running.pipe
	tr -s '\r' '\n' </tmp/running.pipe >/tmp/running &
	# "timeout" is the end of all waiting; busybox has it in a process beside dmafwd.
	timeout $SECONDS_EACH dpdk-dmafwd --no-telemetry -m 128 -a "$1" -d /drivers/ours.so \
		--iova-mode=pa --vdev=net_pcap0,rx_pcap=/demo.pcap,infinite_rx=1 \
		-- -c hw --no-mac-updating -i 1 >/tmp/running.pipe 2>/tmp/errors &
	forwarder=$!
}

# dmafwd's table has been printed, and it says that packets go through the device.
copies_by_dma()
{
	grep -q '^total copied by DMA packets: [1-9]' /tmp/running
}
