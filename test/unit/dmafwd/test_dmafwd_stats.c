/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "test.h"

#include <errno.h>

#include "stats.h"
#include "wait.h"

static char text[4096];

static void
capture_channel(const struct channel_counters *cc)
{
	FILE *f = fmemopen(text, sizeof(text), "w");

	stats_print_channel(f, "dma 3", cc);
	fclose(f);
}

TEST(sums_add_up_over_streams)
{
	struct stream_counters sc[2] = {0};
	struct stats_sum sum = {0};

	counter_add(&sc[0].received, 10);
	counter_add(&sc[0].sent, 4);
	counter_add(&sc[0].dropped[DROP_TX], 1);
	counter_add(&sc[1].received, 5);
	counter_add(&sc[1].sent, 2);
	counter_add(&sc[1].dropped[DROP_TOO_LONG], 3);
	counter_add(&sc[1].dma_bytes, 1000);
	stats_add_stream(&sum, &sc[0]);
	stats_add_stream(&sum, &sc[1]);
	CHECK_INT(sum.received, ==, 15);
	CHECK_INT(sum.sent, ==, 6);
	CHECK_INT(sum.dma_bytes, ==, 1000);
	CHECK_INT(stats_in_flight(&sum), ==, 5);
}

TEST(every_number_has_a_line_of_its_own)
{
	struct stats_sum sum = {
		.received = 101,
		.sent = 90,
		.dma_packets = 80,
		.dma_bytes = 8000,
		.cpu_packets = 15,
		.cpu_bytes = 1500,
		.dropped = {[DROP_TX] = 1, [DROP_NO_MBUF] = 2, [DROP_DMA] = 3, [DROP_TOO_LONG] = 4},
	};
	FILE *f = fmemopen(text, sizeof(text), "w");

	stats_print_sum(f, "port 2", &sum);
	fclose(f);
	assert_string_equal(text, "port 2 received packets: 101\n"
	                          "port 2 copied by DMA packets: 80\n"
	                          "port 2 copied by DMA bytes: 8000\n"
	                          "port 2 copied by CPU packets: 15\n"
	                          "port 2 copied by CPU bytes: 1500\n"
	                          "port 2 sent packets: 90\n"
	                          "port 2 dropped (tx): 1\n"
	                          "port 2 dropped (no mbuf): 2\n"
	                          "port 2 dropped (DMA error): 3\n"
	                          "port 2 dropped (too long): 4\n"
	                          "port 2 in flight: 1\n");
}

TEST(mean_batch_is_operations_per_submit)
{
	struct channel_counters cc = {.operations = 10, .submits = 4};

	capture_channel(&cc);
	CHECK(strstr(text, "dma 3 mean batch: 2.50\n") != NULL);
	CHECK(strstr(text, "dma 3 state: in use\n") != NULL);
}

TEST(mean_batch_without_submits_is_zero)
{
	struct channel_counters cc = {0};

	capture_channel(&cc);
	CHECK(strstr(text, "dma 3 mean batch: 0.00\n") != NULL);
}

TEST(the_state_of_a_failed_channel_names_the_error)
{
	struct channel_counters cc = {.fault = -EIO};

	capture_channel(&cc);
	CHECK(strstr(text, strerror(EIO)) != NULL);
}

TEST(a_wait_ends_when_its_polls_span_the_limit)
{
	struct wait w;

	wait_init(&w, 1000000, 5); /* 1 MHz: 5000 cycles, steps of at most 10000 */
	CHECK(!wait_expired(&w, 100000));
	CHECK(!wait_expired(&w, 104000));
	CHECK(wait_expired(&w, 105010));
	CHECK(wait_expired(&w, 105011));
}

TEST(a_reset_wait_starts_again)
{
	struct wait w;

	wait_init(&w, 1000000, 5);
	CHECK(!wait_expired(&w, 100000));
	CHECK(wait_expired(&w, 109000));
	wait_reset(&w);
	CHECK(!wait_expired(&w, 110000));
	CHECK(!wait_expired(&w, 114000));
}

TEST(time_in_which_nobody_polled_hardly_counts)
{
	struct wait w;

	wait_init(&w, 1000000, 1000);
	CHECK(!wait_expired(&w, 1000));
	CHECK(!wait_expired(&w, 1000 + 3600 * UINT64_C(1000000)));
}

TEST_MAIN("dmafwd_stats")
