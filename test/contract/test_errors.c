/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Failing operations: the right one is blamed, whatever the caller's max and however many fail;
 * nothing is lost, invented, or run without being submitted. An operation fails because its
 * source address is 0, which needs IOVA as VA and a device that reports errors.
 */

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_random.h>

#include "contract.h"

#define LEN   256
#define BURST 16

static void
errors_up(uint16_t nb_desc)
{
	need_capa(RTE_DMA_CAPA_HANDLES_ERRORS, "the device does not report errors");
	if (rte_eal_iova_mode() != RTE_IOVA_VA)
		SKIP("address 0 is only invalid with IOVA as VA");
	dev_up(nb_desc);
}

/* Enqueue operation @p i of a burst; a bad one reads from address 0. @return its ring_idx. */
static uint16_t
enqueue(unsigned int i, bool bad, uint64_t flags)
{
	int id = rte_dma_copy(dev, 0, bad ? 0 : src.iova + i * LEN, dst.iova + i * LEN, LEN, flags);

	CHECK_INT(id, >=, 0);
	return (uint16_t)id;
}

/* Enqueue @p n operations, bit i of @p bad makes number i fail. @return ring_idx of the first. */
static uint16_t
bad_burst(unsigned int n, uint64_t bad)
{
	uint16_t first = 0;

	scramble(src.va, n * LEN);
	memset(dst.va, 0x5a, n * LEN);
	for (unsigned int i = 0; i < n; i++) {
		uint16_t id = enqueue(i, bad >> i & 1, 0);

		if (i == 0)
			first = id;
		CHECK_INT(id, ==, (uint16_t)(first + i));
	}
	submit();
	return first;
}

/* A fault on the source side must be reported as one. */
static void
status_check(unsigned int i, enum rte_dma_status_code status, bool bad)
{
	if (!bad && status == RTE_DMA_STATUS_SUCCESSFUL)
		return;
	if (bad &&
	    (status == RTE_DMA_STATUS_INVALID_SRC_ADDR || status == RTE_DMA_STATUS_INVALID_ADDR ||
	     status == RTE_DMA_STATUS_BUS_READ_ERROR || status == RTE_DMA_STATUS_PAGE_FAULT))
		return;
	print_error("operation %u (%s): status %d\n", i, bad ? "bad" : "good", status);
	fail();
}

/* A failed operation has written nothing, any other one all of its bytes. */
static void
memory_check(unsigned int n, uint64_t bad)
{
	uint8_t untouched[LEN];

	memset(untouched, 0x5a, LEN);
	for (unsigned int i = 0; i < n; i++)
		CHECK_MEM(dst.va + i * LEN, bad >> i & 1 ? untouched : src.va + i * LEN, LEN);
}

/* Take operations @p from to @p n of a burst by completed_status() only, @p max per call. */
static void
take_status(unsigned int from, unsigned int n, uint64_t bad, uint16_t first, uint16_t max)
{
	const uint64_t deadline = deadline_set();

	while (from < n) {
		enum rte_dma_status_code status[64];
		uint16_t idx = 0, got;

		memset(status, 0xa5, sizeof(status));
		got = rte_dma_completed_status(dev, 0, max, &idx, status);
		CHECK_INT(got, <=, max);
		CHECK_INT(from + got, <=, n);
		for (uint16_t i = 0; i < got; i++)
			status_check(from + i, status[i], bad >> (from + i) & 1);
		CHECK_INT((uint32_t)status[got], ==, 0xa5a5a5a5u);
		from += got;
		CHECK_INT(idx, ==, (uint16_t)(first + from - 1));
		deadline_check(deadline, "completion");
	}
}

/*
 * Take successful operations by completed(), @p max per call, up to the first bad one from
 * @p from on. @return its number, or @p n if there is none.
 */
static unsigned int
take_good(unsigned int from, unsigned int n, uint64_t bad, uint16_t first, uint16_t max)
{
	const uint64_t deadline = deadline_set();
	unsigned int stop = from;
	bool error = false;

	while (stop < n && !(bad >> stop & 1))
		stop++;
	while (from < stop || (stop < n && !error)) {
		uint16_t idx = 0, got = rte_dma_completed(dev, 0, max, &idx, &error);

		CHECK_INT(got, <=, max);
		from += got;
		CHECK_INT(from, <=, stop);
		CHECK_INT(idx, ==, (uint16_t)(first + from - 1));
		if (error) /* set exactly where the bad operation is the next one */
			CHECK_INT(from, ==, stop < n ? stop : n + 1);
		deadline_check(deadline, "completion");
	}
	return stop;
}

TEST(completed_status_blames_the_bad_op_at_every_position_with_every_max)
{
	errors_up(RING_DEFAULT);
	for (unsigned int pos = 0; pos < BURST; pos++)
		for (uint16_t max = 1; max <= BURST; max++) {
			uint16_t first = bad_burst(BURST, 1ULL << pos);

			take_status(0, BURST, 1ULL << pos, first, max);
			memory_check(BURST, 1ULL << pos);
		}
	nothing_completes();
}

TEST(completed_stops_before_the_bad_op_at_every_position_with_every_max)
{
	errors_up(RING_DEFAULT);
	for (unsigned int pos = 0; pos < BURST; pos++)
		for (uint16_t max = 1; max <= BURST; max++) {
			const uint64_t bad = 1ULL << pos;
			uint16_t first = bad_burst(BURST, bad);

			CHECK_INT(take_good(0, BURST, bad, first, max), ==, pos);
			take_status(pos, pos + 1, bad, first, 1);
			CHECK_INT(take_good(pos + 1, BURST, bad, first, max), ==, BURST);
			memory_check(BURST, bad);
		}
	nothing_completes();
}

TEST(completed_status_goes_on_where_completed_stopped_with_every_max)
{
	errors_up(RING_DEFAULT);
	for (unsigned int pos = 0; pos < BURST; pos++)
		for (uint16_t max = 1; max <= BURST; max++) {
			const uint64_t bad = 1ULL << pos;
			uint16_t first = bad_burst(BURST, bad);

			take_good(0, BURST, bad, first, BURST);
			take_status(pos, BURST, bad, first, max);
			memory_check(BURST, bad);
		}
	nothing_completes();
}

TEST(completed_repeats_the_error_until_its_status_is_taken)
{
	uint16_t first, idx;
	bool error;

	errors_up(RING_DEFAULT);
	first = bad_burst(4, 0x4);
	CHECK_INT(take_good(0, 4, 0x4, first, 4), ==, 2);
	for (unsigned int i = 0; i < 10; i++) {
		error = false;
		idx = 0;
		CHECK_INT(rte_dma_completed(dev, 0, 4, &idx, &error), ==, 0);
		CHECK(error);
		CHECK_INT(idx, ==, (uint16_t)(first + 1));
	}
	take_status(2, 4, 0x4, first, 4);
}

/* Sets of failing operations with neighbours, gaps, the ends, and all of them. */
static const uint32_t sets[] = {
	0x0003, 0x0005, 0x0006, 0x8001, 0xc081, 0xc000, 0x7fff, 0xfffe,
	0xffff, 0x5555, 0xaaaa, 0x0ff0, 0x1111, 0x8421, 0x6db6, 0xe007,
};

TEST(several_bad_ops_are_each_blamed_by_completed_status)
{
	errors_up(RING_DEFAULT);
	for (size_t s = 0; s < RTE_DIM(sets); s++)
		for (uint16_t max = 1; max <= BURST; max++) {
			uint16_t first = bad_burst(BURST, sets[s]);

			take_status(0, BURST, sets[s], first, max);
			memory_check(BURST, sets[s]);
		}
	nothing_completes();
}

/* The way applications do it: completed(), and one completed_status() per error. */
static void
take_one_by_one(unsigned int n, uint64_t bad, uint16_t first, uint16_t max)
{
	unsigned int i = 0;

	while (i < n) {
		i = take_good(i, n, bad, first, max);
		if (i < n) {
			take_status(i, i + 1, bad, first, 1);
			i++;
		}
	}
}

TEST(several_bad_ops_are_each_found_one_by_one)
{
	errors_up(RING_DEFAULT);
	for (size_t s = 0; s < RTE_DIM(sets); s++)
		for (uint16_t max = 1; max <= BURST; max += 3) {
			uint16_t first = bad_burst(BURST, sets[s]);

			take_one_by_one(BURST, sets[s], first, max);
			memory_check(BURST, sets[s]);
		}
	nothing_completes();
}

TEST(taking_late_or_early_gives_the_same_statuses)
{
	errors_up(RING_DEFAULT);
	for (size_t s = 0; s < RTE_DIM(sets); s++) {
		uint16_t first = bad_burst(BURST, sets[s]);

		rte_delay_us_sleep(2000); /* all that can run before the first call has run */
		take_status(0, BURST, sets[s], first, BURST);
		memory_check(BURST, sets[s]);
	}
}

TEST(random_errors_survive_ring_and_id_wrap)
{
	uint32_t ops = 0;

	errors_up(64);
	while (ops < 70000) {
		unsigned int n = 1 + (unsigned int)rte_rand_max(30);
		uint64_t bad = rte_rand() & rte_rand() & rte_rand() & ((1ULL << n) - 1);
		uint16_t max = (uint16_t)(1 + rte_rand_max(n));
		uint16_t first = bad_burst(n, bad);

		CHECK_INT(first, ==, (uint16_t)ops);
		if (rte_rand() & 1)
			take_status(0, n, bad, first, max);
		else
			take_one_by_one(n, bad, first, max);
		memory_check(n, bad);
		ops += n;
	}
	nothing_completes();
}

TEST(error_in_one_submit_does_not_touch_the_next)
{
	uint16_t first;

	errors_up(RING_DEFAULT);
	scramble(src.va, 6 * LEN);
	memset(dst.va, 0x5a, 6 * LEN);
	first = enqueue(0, false, RTE_DMA_OP_FLAG_SUBMIT);
	for (unsigned int i = 1; i < 6; i++)
		enqueue(i, i == 2, RTE_DMA_OP_FLAG_SUBMIT);
	take_status(0, 6, 0x4, first, 6);
	memory_check(6, 0x4);
}

TEST(recovery_does_not_run_ops_that_were_not_submitted)
{
	struct rte_dma_stats stats;
	uint16_t first, idx;
	bool error = true;

	errors_up(RING_DEFAULT);
	for (unsigned int pos = 0; pos < 4; pos++) {
		scramble(src.va, 7 * LEN);
		memset(dst.va, 0x5a, 7 * LEN);
		CHECK_INT(rte_dma_stats_reset(dev, 0), ==, 0);
		first = enqueue(0, pos == 0, 0);
		for (unsigned int i = 1; i < 4; i++)
			enqueue(i, i == pos, 0);
		submit();
		for (unsigned int i = 4; i < 7; i++) /* enqueued, not submitted */
			enqueue(i, false, 0);
		take_status(0, 4, 1ULL << pos, first, 4);
		nothing_completes();
		memory_check(7, 0x70 | 1ULL << pos);
		CHECK_INT(rte_dma_stats_get(dev, 0, &stats), ==, 0);
		CHECK_INT(stats.submitted, ==, 4);
		CHECK_INT(rte_dma_completed(dev, 0, 1, &idx, &error), ==, 0);
		CHECK(!error);
		CHECK_INT(idx, ==, (uint16_t)(first + 3));
		submit();
		take_status(4, 7, 0, first, 7);
		memory_check(7, 1ULL << pos);
	}
}

TEST(submit_while_an_error_is_pending_runs_the_new_ops_too)
{
	uint16_t first;

	errors_up(RING_DEFAULT);
	for (unsigned int round = 0; round < 20; round++) {
		first = bad_burst(4, 0x2);
		take_good(0, 4, 0x2, first, 4);
		scramble(src.va + 4 * LEN, 4 * LEN);
		memset(dst.va + 4 * LEN, 0x5a, 4 * LEN);
		for (unsigned int i = 4; i < 8; i++)
			enqueue(i, i == 5, 0);
		submit();
		take_status(1, 8, 0x22, first, round % 8 + 1);
		memory_check(8, 0x22);
	}
}

TEST(full_ring_with_errors_at_both_ends_recovers)
{
	uint16_t cap, last = 0, n = 0;
	uint64_t deadline;

	errors_up(64);
	cap = rte_dma_burst_capacity(dev, 0);
	for (unsigned int round = 0; round < 20; round++) {
		unsigned int bad = 0, seen = 0;

		for (n = 0; n < cap; n++) {
			last = enqueue(0, n == 0 || n == cap - 1, 0);
			bad += n == 0 || n == cap - 1;
		}
		submit();
		deadline = deadline_set();
		for (uint16_t done = 0; done < cap;) {
			enum rte_dma_status_code st;
			uint16_t idx = 0;

			if (rte_dma_completed_status(dev, 0, 1, &idx, &st) == 1) {
				status_check(done, st, done == 0 || done == cap - 1);
				seen += st != RTE_DMA_STATUS_SUCCESSFUL;
				done++;
				CHECK_INT(idx, ==, (uint16_t)(last - cap + done));
			}
			deadline_check(deadline, "completion");
		}
		CHECK_INT(seen, ==, bad);
		CHECK_INT(rte_dma_burst_capacity(dev, 0), ==, cap);
	}
}

TEST(stats_count_errors_and_all_completions)
{
	struct rte_dma_stats stats;
	uint16_t first;

	errors_up(RING_DEFAULT);
	first = bad_burst(BURST, 0xc081);
	take_status(0, BURST, 0xc081, first, 5);
	first = bad_burst(BURST, 0x8001);
	take_one_by_one(BURST, 0x8001, first, 5);
	CHECK_INT(rte_dma_stats_get(dev, 0, &stats), ==, 0);
	CHECK_INT(stats.submitted, ==, 2 * BURST);
	CHECK_INT(stats.completed, ==, 2 * BURST);
	CHECK_INT(stats.errors, ==, 6);
}

TEST(vchan_status_is_idle_after_an_error_was_taken)
{
	enum rte_dma_vchan_status st = RTE_DMA_VCHAN_HALTED_ERROR;
	uint64_t deadline;
	uint16_t first;

	errors_up(RING_DEFAULT);
	first = bad_burst(BURST, 0x8000);
	take_status(0, BURST, 0x8000, first, BURST);
	deadline = deadline_set();
	do {
		CHECK_INT(rte_dma_vchan_status(dev, 0, &st), ==, 0);
		CHECK_INT(st, !=, RTE_DMA_VCHAN_HALTED_ERROR);
		deadline_check(deadline, "idle channel");
	} while (st != RTE_DMA_VCHAN_IDLE);
}

TEST(errors_are_reported_after_restart)
{
	uint16_t first;

	errors_up(RING_DEFAULT);
	for (unsigned int round = 0; round < 5; round++) {
		first = bad_burst(BURST, 0x0180);
		take_status(0, BURST, 0x0180, first, BURST);
		memory_check(BURST, 0x0180);
		CHECK_INT(rte_dma_stop(dev), ==, 0);
		CHECK_INT(rte_dma_start(dev), ==, 0);
	}
}

TEST(device_restarts_with_an_error_not_yet_taken)
{
	uint16_t id;

	errors_up(RING_DEFAULT);
	for (unsigned int round = 0; round < 5; round++) {
		id = bad_burst(BURST, 0x0010);
		take_good(0, BURST, 0x0010, id, BURST);
		CHECK_INT(rte_dma_stop(dev), ==, 0);
		dev_up(RING_DEFAULT);
		scramble(src.va, LEN);
		id = enqueue(0, false, RTE_DMA_OP_FLAG_SUBMIT);
		reap(1, 1, id);
		CHECK_MEM(dst.va, src.va, LEN);
	}
}

TEST(op_fenced_behind_a_failed_one_has_the_status_its_memory_shows)
{
	errors_up(RING_DEFAULT);
	for (unsigned int pos = 0; pos < BURST - 1; pos++) {
		enum rte_dma_status_code status[BURST];
		uint8_t untouched[LEN];
		uint16_t done = 0;
		uint64_t deadline = deadline_set();

		scramble(src.va, BURST * LEN);
		memset(dst.va, 0x5a, BURST * LEN);
		memset(untouched, 0x5a, LEN);
		for (unsigned int i = 0; i < BURST; i++)
			enqueue(i, i == pos, i == pos + 1 ? RTE_DMA_OP_FLAG_FENCE : 0);
		submit();
		while (done < BURST) {
			done += rte_dma_completed_status(dev, 0, BURST - done, NULL, &status[done]);
			deadline_check(deadline, "completion");
		}
		for (unsigned int i = 0; i < BURST; i++) {
			bool ran = status[i] == RTE_DMA_STATUS_SUCCESSFUL;

			if (i <= pos)
				status_check(i, status[i], i == pos);
			else if (!ran)
				CHECK_INT(status[i], ==, RTE_DMA_STATUS_NOT_ATTEMPTED);
			CHECK_MEM(dst.va + i * LEN, ran ? src.va + i * LEN : untouched, LEN);
		}
	}
}

TEST(zero_length_copy_does_not_stop_the_channel)
{
	int zero;

	errors_up(RING_DEFAULT);
	for (unsigned int round = 0; round < 10; round++) {
		enum rte_dma_status_code status[3];
		unsigned int n, done = 0;
		uint64_t deadline = deadline_set();

		scramble(src.va, LEN);
		memset(dst.va, 0x5a, LEN);
		zero = rte_dma_copy(dev, 0, src.iova, dst.iova + LEN, 0, 0);
		enqueue(0, false, RTE_DMA_OP_FLAG_SUBMIT);
		n = zero >= 0 ? 2 : 1; /* refused at once, or an operation like any other */
		while (done < n) {
			done += rte_dma_completed_status(dev, 0, 3, NULL, &status[done]);
			CHECK_INT(done, <=, n);
			deadline_check(deadline, "completion");
		}
		CHECK_INT(status[n - 1], ==, RTE_DMA_STATUS_SUCCESSFUL);
		CHECK_MEM(dst.va, src.va, LEN);
	}
	nothing_completes();
}
