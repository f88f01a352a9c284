/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "test.h"

#include <errno.h>

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

#include "lcore.h"
#include "rig.h"

#define LEN 200

/* One lcore with up to two streams over one fake device; their ports are rings that the test fills
 * and empties.
 */
static struct {
	struct fake_dma fake;
	struct copier *copier;
	struct rte_ring *in[2], *out[2];
	struct stream streams[2];
	struct stream *stream_list[2];
	struct lcore lc;
	atomic_bool stop;
	unsigned int buffers_before;
} t;

static uint16_t
make_port(int i, unsigned int out_size)
{
	static int number;
	const struct rte_eth_conf conf = {0};
	char name[32];
	int port;

	snprintf(name, sizeof(name), "in%d", number);
	t.in[i] = rte_ring_create(name, 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	snprintf(name, sizeof(name), "out%d", number);
	t.out[i] = rte_ring_create(name, out_size, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	snprintf(name, sizeof(name), "port%d", number++);
	port = rte_eth_from_rings(name, &t.in[i], 1, &t.out[i], 1, 0);
	assert_true(port >= 0);
	assert_int_equal(rte_eth_dev_configure((uint16_t)port, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup((uint16_t)port, 0, 64, 0, NULL, rig_pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup((uint16_t)port, 0, 64, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start((uint16_t)port), 0);
	return (uint16_t)port;
}

static void
set_up(int nb_streams, uint16_t ring_size, unsigned int out_size)
{
	memset(&t, 0, sizeof(t));
	t.buffers_before = rig_buffers_in_use();
	t.copier = rig_copier(&t.fake, ring_size, 32);
	for (int i = 0; i < nb_streams; i++) {
		struct stream *s = &t.streams[i];

		s->rx_port = s->tx_port = make_port(i, out_size);
		s->copier = t.copier;
		s->pool = rig_pool;
		s->engine = &fwd_io;
		s->max_len = UINT32_MAX;
		s->max_buffers = 2 * ring_size;
		assert_int_equal(stream_init(s, ring_size, 0), 0);
		t.stream_list[i] = s;
	}
	t.lc = (struct lcore){
		.nb_streams = (uint16_t)nb_streams,
		.nb_copiers = 1,
		.streams = t.stream_list,
		.copiers = &t.copier,
		.group = rig_group,
		.stop = &t.stop,
	};
}

/* Every buffer is back where it came from. */
static void
tear_down(void)
{
	rig_close(t.copier);
	for (int i = 0; i < t.lc.nb_streams; i++) {
		CHECK_INT(t.streams[i].buffers, ==, 0);
		rte_eth_dev_stop(t.streams[i].rx_port);
		rte_eth_dev_close(t.streams[i].rx_port);
		stream_fini(&t.streams[i]);
		CHECK_INT(rte_ring_count(t.in[i]), ==, 0);
		rte_ring_free(t.in[i]);
		rte_ring_free(t.out[i]);
	}
	CHECK_INT(rig_buffers_in_use(), ==, t.buffers_before);
}

static void
arrive(int i, uint32_t from, uint32_t to)
{
	for (; from < to; from++)
		assert_int_equal(rte_ring_enqueue(t.in[i], rig_simple_packet(from, LEN)), 0);
}

/* Take all that stream @p i has sent: packets @p from on. @return the next one. */
static uint32_t
leave(int i, uint32_t from)
{
	void *m;

	while (rte_ring_dequeue(t.out[i], &m) == 0) {
		rig_check_packet(m, from++, LEN);
		rte_pktmbuf_free(m);
	}
	return from;
}

static void
poll_times(int n)
{
	while (n-- > 0)
		lcore_poll(&t.lc, true);
}

static uint64_t
dropped(int i, enum drop_cause cause)
{
	return counter_get(&t.streams[i].count.dropped[cause]);
}

TEST(packets_pass_whole_and_in_order)
{
	set_up(1, 256, 1024);
	arrive(0, 0, 500);
	poll_times(30);
	CHECK_INT(leave(0, 0), ==, 500);
	CHECK_INT(counter_get(&t.streams[0].count.received), ==, 500);
	CHECK_INT(counter_get(&t.streams[0].count.dma_packets), ==, 500);
	CHECK_INT(counter_get(&t.streams[0].count.dma_bytes), ==, 500 * LEN);
	CHECK_INT(counter_get(&t.streams[0].count.sent), ==, 500);
	tear_down();
}

TEST(a_single_packet_is_submitted_in_the_round_that_received_it)
{
	set_up(1, 256, 1024);
	arrive(0, 0, 1);
	poll_times(1);
	CHECK_INT(t.fake.rung, ==, 1);
	poll_times(1);
	CHECK_INT(leave(0, 0), ==, 1);
	tear_down();
}

TEST(completions_are_polled_while_nothing_arrives)
{
	set_up(1, 256, 1024);
	arrive(0, 0, 20);
	t.fake.allowance = 0;
	poll_times(5);
	CHECK_INT(leave(0, 0), ==, 0);
	t.fake.allowance = UINT32_MAX;
	poll_times(1);
	CHECK_INT(leave(0, 0), ==, 20);
	tear_down();
}

TEST(streams_that_share_a_device_each_keep_their_order)
{
	uint32_t a = 0, b = 5000;

	set_up(2, 256, 1024);
	for (uint32_t i = 0; i < 20; i++) {
		arrive(0, i * 33, i * 33 + 33);
		arrive(1, 5000 + i * 7, 5000 + i * 7 + 7);
		t.fake.allowance = i * 5;
		poll_times(2);
		a = leave(0, a);
		b = leave(1, b);
	}
	t.fake.allowance = UINT32_MAX;
	poll_times(30);
	CHECK_INT(leave(0, a), ==, 660);
	CHECK_INT(leave(1, b), ==, 5140);
	tear_down();
}

TEST(a_full_dma_ring_leaves_packets_in_the_receive_queue)
{
	set_up(1, 64, 1024);
	arrive(0, 0, 500);
	t.fake.allowance = 0;
	poll_times(50);
	CHECK_INT(counter_get(&t.streams[0].count.received), <=, 64);
	CHECK_INT(rte_ring_count(t.in[0]), >=, 500 - 64);
	t.fake.allowance = UINT32_MAX;
	poll_times(50);
	CHECK_INT(leave(0, 0), ==, 500);
	tear_down();
}

TEST(a_full_transmit_queue_holds_packets_back_and_loses_none)
{
	uint32_t next = 0;

	set_up(1, 64, 16);
	arrive(0, 0, 500);
	poll_times(50);
	CHECK_INT(counter_get(&t.streams[0].count.received), <=, 64 + 15);
	for (int i = 0; i < 100; i++) {
		next = leave(0, next);
		poll_times(1);
	}
	CHECK_INT(leave(0, next), ==, 500);
	CHECK_INT(dropped(0, DROP_TX), ==, 0);
	tear_down();
}

TEST(a_blocked_stream_does_not_block_its_neighbour)
{
	uint32_t next = 5000;

	set_up(2, 64, 16);
	arrive(0, 0, 200); /* nobody takes these */
	for (uint32_t i = 0; i < 20; i++) {
		arrive(1, 5000 + i * 10, 5000 + i * 10 + 10);
		poll_times(5);
		next = leave(1, next);
	}
	CHECK_INT(next, ==, 5200);
	for (int i = 0; i < 100; i++) {
		leave(0,
		      (uint32_t)counter_get(&t.streams[0].count.sent) - rte_ring_count(t.out[0]));
		poll_times(1);
	}
	CHECK_INT(counter_get(&t.streams[0].count.sent), ==, 200);
	tear_down();
}

TEST(a_port_blocked_for_too_long_loses_packets_with_cause_tx)
{
	uint64_t hz = rte_get_tsc_hz(), start = rte_rdtsc();

	set_up(1, 64, 16);
	arrive(0, 0, 60);
	while (dropped(0, DROP_TX) == 0 && rte_rdtsc() - start < 60 * hz)
		poll_times(1);
	CHECK((rte_rdtsc() - start) / (hz / 1000) >= TX_HOLD_MS);
	poll_times(10);
	CHECK_INT(dropped(0, DROP_TX), ==, 60 - 15);
	CHECK_INT(leave(0, 0), ==, 15);
	/* The port takes packets again: all is as before. */
	arrive(0, 100, 110);
	poll_times(3);
	CHECK_INT(leave(0, 100), ==, 110);
	CHECK_INT(dropped(0, DROP_TX), ==, 60 - 15);
	/* Blocked once more, it has the whole time once more. */
	arrive(0, 200, 230);
	poll_times(10);
	CHECK_INT(leave(0, 200), ==, 215);
	poll_times(10);
	CHECK_INT(leave(0, 215), ==, 230);
	CHECK_INT(dropped(0, DROP_TX), ==, 60 - 15);
	tear_down();
}

/* A port that never takes packets of one length, as net_tap does with those beyond its MTU. */
static struct {
	eth_tx_burst_t send;
	uint16_t refused_len;
} picky;

static uint16_t
picky_send(void *txq, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t good = 0;

	while (good < n && pkts[good]->pkt_len != picky.refused_len)
		good++;
	return picky.send(txq, pkts, good);
}

static void
make_picky(int i, uint16_t refused_len)
{
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[t.streams[i].tx_port];

	picky.send = ops->tx_pkt_burst;
	picky.refused_len = refused_len;
	ops->tx_pkt_burst = picky_send;
}

TEST(a_packet_that_the_port_never_takes_costs_that_packet_only)
{
	uint64_t hz = rte_get_tsc_hz(), start = rte_rdtsc();

	set_up(1, 256, 1024);
	make_picky(0, LEN + 1);
	arrive(0, 0, 10);
	rte_ring_enqueue(t.in[0], rig_simple_packet(77, LEN + 1));
	arrive(0, 10, 20);
	while (dropped(0, DROP_TX) == 0 && rte_rdtsc() - start < 60 * hz)
		poll_times(1);
	poll_times(3);
	CHECK_INT(dropped(0, DROP_TX), ==, 1);
	CHECK_INT(leave(0, 0), ==, 20);
	tear_down();
}

TEST(a_port_that_stays_dead_costs_its_time_once)
{
	uint64_t hz = rte_get_tsc_hz(), start = rte_rdtsc();

	set_up(1, 256, 1024);
	make_picky(0, LEN);
	arrive(0, 0, 60);
	while (dropped(0, DROP_TX) != 60 && rte_rdtsc() - start < 60 * hz)
		poll_times(1);
	CHECK_INT(dropped(0, DROP_TX), ==, 60);
	arrive(0, 60, 100);
	poll_times(10);
	CHECK_INT(dropped(0, DROP_TX), ==, 100);
	/* It takes packets again, and has its whole time again. */
	picky.refused_len = 0;
	arrive(0, 100, 110);
	poll_times(3);
	CHECK_INT(leave(0, 100), ==, 110);
	picky.refused_len = LEN;
	arrive(0, 110, 120);
	poll_times(10);
	CHECK_INT(dropped(0, DROP_TX), ==, 100);
	picky.refused_len = 0;
	poll_times(3);
	CHECK_INT(leave(0, 110), ==, 120);
	tear_down();
}

TEST(an_empty_pool_holds_packets_back_until_buffers_come)
{
	struct rte_mempool *small = rte_pktmbuf_pool_create("few", 3, 0, 0, 2176, 0);
	uint32_t next = 0;

	set_up(1, 256, 1024);
	t.streams[0].pool = small;
	arrive(0, 0, 100);
	poll_times(5);
	CHECK_INT(counter_get(&t.streams[0].count.sent), ==, 3);
	CHECK_INT(counter_get(&t.streams[0].count.received), ==, RX_BURST);
	for (int i = 0; i < 100; i++) {
		next = leave(0, next);
		poll_times(2);
	}
	CHECK_INT(leave(0, next), ==, 100);
	CHECK_INT(dropped(0, DROP_NO_MBUF), ==, 0);
	tear_down();
	rte_mempool_free(small);
}

TEST(a_pool_empty_for_too_long_loses_packets_with_cause_no_mbuf)
{
	struct rte_mempool *small = rte_pktmbuf_pool_create("none", 3, 0, 0, 2176, 0);
	uint64_t hz = rte_get_tsc_hz(), start = rte_rdtsc();

	set_up(1, 256, 1024);
	t.streams[0].pool = small;
	arrive(0, 0, 20);
	while (dropped(0, DROP_NO_MBUF) == 0 && rte_rdtsc() - start < 60 * hz)
		poll_times(1);
	CHECK((rte_rdtsc() - start) / (hz / 1000) >= MBUF_HOLD_MS);
	CHECK_INT(dropped(0, DROP_NO_MBUF), ==, 17);
	CHECK_INT(leave(0, 0), ==, 3);
	tear_down();
	rte_mempool_free(small);
}

TEST(packets_beyond_the_limit_are_dropped_as_too_long)
{
	set_up(1, 256, 1024);
	t.streams[0].max_len = LEN;
	arrive(0, 0, 2);
	rte_ring_enqueue(t.in[0], rig_simple_packet(77, LEN + 1));
	arrive(0, 2, 4);
	poll_times(3);
	CHECK_INT(leave(0, 0), ==, 4);
	CHECK_INT(dropped(0, DROP_TOO_LONG), ==, 1);
	tear_down();
}

TEST(a_stream_receives_no_more_than_its_share_of_buffers)
{
	const uint16_t lens[] = {50, 50, 50, 50};

	set_up(1, 256, 1024);
	t.streams[0].max_buffers = 64;
	t.fake.allowance = 0;
	for (int i = 0; i < 200; i++)
		rte_ring_enqueue(t.in[0], rig_packet((uint32_t)i, lens, 4));
	poll_times(20);
	CHECK_INT(counter_get(&t.streams[0].count.received), ==, RX_BURST);
	t.fake.allowance = UINT32_MAX;
	poll_times(50);
	CHECK_INT(leave(0, 0), ==, 200);
	tear_down();
}

TEST(failed_copies_leave_in_their_place)
{
	set_up(1, 256, 1024);
	for (uint32_t i = 0; i < 100; i += 3)
		t.fake.fails[i] = true;
	arrive(0, 0, 100);
	poll_times(20);
	CHECK_INT(leave(0, 0), ==, 100);
	CHECK_INT(counter_get(&t.streams[0].count.cpu_packets), ==, 34);
	CHECK_INT(counter_get(&t.streams[0].count.dma_packets), ==, 66);
	tear_down();
}

TEST(a_device_that_dies_costs_no_packet)
{
	set_up(1, 256, 1024);
	t.fake.refuse_from = 40;
	t.fake.refuse_errno = -EIO;
	arrive(0, 0, 300);
	poll_times(30);
	CHECK_INT(leave(0, 0), ==, 300);
	CHECK_INT(counter_get(&t.streams[0].count.sent), ==, 300);
	tear_down();
}

TEST(a_stop_drains_what_is_in_flight_and_receives_no_more)
{
	set_up(1, 256, 1024);
	t.fake.allowance = 0;
	arrive(0, 0, 30);
	poll_times(2);
	arrive(0, 30, 40);
	t.fake.allowance = UINT32_MAX;
	atomic_store(&t.stop, true);
	lcore_main(&t.lc);
	CHECK_INT(leave(0, 0), ==, 30);
	CHECK_INT(rte_ring_count(t.in[0]), ==, 10);
	atomic_store(&t.stop, false);
	poll_times(3);
	CHECK_INT(leave(0, 30), ==, 40);
	tear_down();
}

TEST(a_drain_ends_though_device_and_port_do_not_move)
{
	struct stats_sum sum = {0};
	uint64_t hz = rte_get_tsc_hz(), start;

	set_up(1, 256, 16);
	arrive(0, 0, 100);
	poll_times(10);
	t.fake.allowance = 0;
	arrive(0, 100, 200);
	poll_times(10);
	start = rte_rdtsc();
	lcore_drain(&t.lc);
	CHECK((rte_rdtsc() - start) / hz < 10);
	stats_add_stream(&sum, &t.streams[0].count);
	CHECK_INT(sum.received, ==, 200);
	CHECK_INT(sum.sent, ==, 15);
	CHECK_INT(sum.dropped[DROP_TX], ==, 185);
	CHECK_INT(stats_in_flight(&sum), ==, 0);
	CHECK_INT(leave(0, 0), ==, 15);
	tear_down();
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dmafwd_lcore") == 0 ? 0 : 1;
}
