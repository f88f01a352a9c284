/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "test.h"

#include <errno.h>

#include "frame_limits.h"

#define CHAINS  RTE_ETH_TX_OFFLOAD_MULTI_SEGS
#define SCATTER RTE_ETH_RX_OFFLOAD_SCATTER

static uint32_t bad_value;

/* The limits of a port of @p driver with these arguments and capabilities. */
static struct frame_limits
limits_of(const char *driver, const char *args, uint64_t tx_capa, uint64_t rx_capa, uint32_t max)
{
	const struct rte_eth_dev_info info = {
		.driver_name = driver,
		.tx_offload_capa = tx_capa,
		.rx_offload_capa = rx_capa,
		.max_rx_pktlen = max,
	};
	struct frame_limits lim;

	CHECK_INT(frame_limits_find(&lim, &info, args, &bad_value), ==, 0);
	return lim;
}

static int
refusal(const char *args, uint64_t rx_capa)
{
	const struct rte_eth_dev_info info = {
		.driver_name = "net_af_packet",
		.tx_offload_capa = CHAINS,
		.rx_offload_capa = rx_capa,
	};
	struct frame_limits lim;

	bad_value = 0;
	return frame_limits_find(&lim, &info, args, &bad_value);
}

TEST(port_that_chains_has_no_limit_of_its_own)
{
	struct frame_limits lim = limits_of("net_ice", NULL, CHAINS, SCATTER, 9728);

	CHECK_INT(lim.rx, ==, UINT32_MAX);
	CHECK_INT(lim.tx, ==, UINT32_MAX);
	CHECK_INT(lim.buffer, ==, 2048);
	assert_false(lim.kernel_frames);
}

TEST(port_that_does_not_announce_chains_sends_one_buffer_at_most)
{
	CHECK_INT(limits_of("net_other", NULL, 0, 0, 9728).tx, ==, 2048);
	CHECK_INT(limits_of("net_af_xdp", "iface=v0", 0, 0, 3506).tx, ==, 2048);
	CHECK_INT(limits_of(NULL, NULL, 0, 0, 1518).tx, ==, 2048);
}

TEST(ports_known_to_take_chains_unannounced_send_them)
{
	CHECK_INT(limits_of("net_null", NULL, 0, 0, UINT32_MAX).tx, ==, UINT32_MAX);
	CHECK_INT(limits_of("net_pcap", NULL, 0, 0, UINT32_MAX).tx, ==, 16128);
}

TEST(ring_of_a_packet_socket_cuts_what_fills_its_slot)
{
	struct frame_limits lim = limits_of("net_af_packet", "iface=v0", CHAINS, 0, 1518);

	CHECK_INT(lim.rx, ==, 1981);
	CHECK_INT(lim.tx, ==, 2016);
	CHECK_INT(lim.buffer, ==, 2048);
	assert_true(lim.kernel_frames);
	assert_string_equal(lim.argument, "framesz");
}

TEST(larger_slots_pass_longer_frames_and_want_longer_buffers_unless_these_are_chained)
{
	const char *args = "iface=v0,framesz=16384,blocksz=16384";
	struct frame_limits lim = limits_of("net_af_packet", args, CHAINS, 0, 1518);

	CHECK_INT(lim.rx, ==, 16317);
	CHECK_INT(lim.tx, ==, 16352);
	CHECK_INT(lim.buffer, ==, 16352);
	lim = limits_of("net_af_packet", args, CHAINS, SCATTER, 16352);
	CHECK_INT(lim.rx, ==, 16317);
	CHECK_INT(lim.buffer, ==, 2048);
}

TEST(slots_that_no_buffer_holds_are_refused_with_their_value)
{
	CHECK_INT(refusal("iface=v0,framesz=65536", 0), ==, -EINVAL);
	CHECK_INT(bad_value, ==, 65536);
	CHECK_INT(refusal("iface=v0,framesz=64", 0), ==, -EINVAL);
	CHECK_INT(bad_value, ==, 64);
	CHECK_INT(refusal("iface=v0,framesz=32768", 0), ==, 0);
	CHECK_INT(refusal("iface=v0,framesz=65536", SCATTER), ==, 0);
}

TEST(suggested_slot_passes_the_frame_whole)
{
	for (uint32_t frame = 60; frame <= 16000; frame += 7) {
		char args[64];

		snprintf(args, sizeof(args), "framesz=%u", frame_limits_argument_for(frame));
		CHECK_INT(limits_of("net_af_packet", args, CHAINS, 0, 1518).rx, >=, frame);
	}
	CHECK_INT(frame_limits_argument_for(1518), ==, 2048);
	CHECK_INT(frame_limits_argument_for(9018), ==, 16384);
}

TEST(captures_are_read_whole_and_interfaces_up_to_the_snap_length)
{
	static const char *const live[] = {"iface=v0", "rx_iface=v0,tx_pcap=f", "rx_iface_in=v0"};
	struct frame_limits lim = limits_of("net_pcap", "rx_pcap=f,tx_pcap=g", 0, 0, UINT32_MAX);

	CHECK_INT(lim.rx, ==, UINT32_MAX);
	assert_false(lim.kernel_frames);
	for (size_t i = 0; i < RTE_DIM(live); i++) {
		lim = limits_of("net_pcap", live[i], 0, 0, UINT32_MAX);
		CHECK_INT(lim.rx, ==, 16127);
		assert_true(lim.kernel_frames);
	}
	/* From 26.07 on the snap length can be chosen, and is announced. */
	CHECK_INT(limits_of("net_pcap", "rx_pcap=f", CHAINS, SCATTER, 65535).tx, ==, 65535);
	CHECK_INT(limits_of("net_pcap", "iface=v0", CHAINS, SCATTER, 65535).rx, ==, 65534);
}

TEST_MAIN("dmafwd_frame_limits")
