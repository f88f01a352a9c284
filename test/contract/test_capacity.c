/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Ring space and statistics. */

#include <errno.h>

#include "contract.h"

#define LEN 32

TEST(burst_capacity_drops_by_one_per_enqueue)
{
	uint16_t cap, id = 0;

	dev_up(RING_DEFAULT);
	cap = rte_dma_burst_capacity(dev, 0);
	CHECK_INT(cap, >=, 32);
	for (uint16_t i = 1; i <= 32; i++) {
		id = copy(0, 0, LEN, 0);
		CHECK_INT(rte_dma_burst_capacity(dev, 0), ==, cap - i);
	}
	submit();
	reap(32, 32, id);
}

TEST(burst_capacity_does_not_rise_before_ops_are_taken)
{
	uint16_t cap, id = 0;

	dev_up(RING_DEFAULT);
	for (uint16_t i = 0; i < 32; i++)
		id = copy(0, 0, LEN, 0);
	cap = rte_dma_burst_capacity(dev, 0);
	submit();
	CHECK_INT(rte_dma_burst_capacity(dev, 0), <=, cap);
	reap(32, 32, id);
}

TEST(burst_capacity_returns_after_reap_at_every_ring_position)
{
	uint16_t cap;

	dev_up(64);
	cap = rte_dma_burst_capacity(dev, 0);
	/* 7 is coprime to any ring size that is a power of two: all positions come up. */
	for (unsigned int round = 0; round < 2000; round++) {
		uint16_t id = 0;

		for (unsigned int i = 0; i < 7; i++)
			id = copy(0, 0, LEN, 0);
		submit();
		reap(7, 7, id);
		CHECK_INT(rte_dma_burst_capacity(dev, 0), ==, cap);
	}
}

TEST(as_many_ops_as_burst_capacity_says_are_accepted)
{
	dev_up(64);
	for (unsigned int round = 0; round < 50; round++) {
		uint16_t cap = rte_dma_burst_capacity(dev, 0);
		uint16_t id = 0;

		CHECK_INT(cap, >, 0);
		for (uint16_t i = 0; i < cap; i++)
			id = copy(0, 0, LEN, 0);
		CHECK_INT(rte_dma_burst_capacity(dev, 0), ==, 0);
		submit();
		reap(cap, UINT16_MAX, id);
	}
}

/* Enqueue until the ring refuses. @return how many it took; the last ring_idx in @p last. */
static uint16_t
fill_ring(uint16_t *last)
{
	uint32_t n = 0;
	int rc;

	while ((rc = rte_dma_copy(dev, 0, src.iova, dst.iova, LEN, 0)) >= 0) {
		*last = (uint16_t)rc;
		n++;
		CHECK_INT(n, <=, UINT16_MAX);
	}
	CHECK_INT(rc, ==, -ENOSPC);
	return (uint16_t)n;
}

TEST(full_ring_refuses_with_enospc_and_recovers)
{
	uint16_t last = 0, refused, n;

	dev_up(64);
	for (unsigned int round = 0; round < 50; round++) {
		n = fill_ring(&last);
		CHECK_INT(n, >=, dev_ring(64) / 2);
		CHECK_INT(rte_dma_burst_capacity(dev, 0), ==, 0);
		for (unsigned int i = 0; i < 3; i++)
			CHECK_INT(rte_dma_copy(dev, 0, src.iova, dst.iova, LEN, 0), ==, -ENOSPC);
		submit();
		reap(n, UINT16_MAX, last);
		refused = last + 1;
		CHECK_INT(copy(0, 0, LEN, RTE_DMA_OP_FLAG_SUBMIT), ==, refused);
		reap(1, 1, refused);
		last = refused;
	}
}

TEST(refused_op_with_submit_flag_loses_nothing)
{
	uint16_t last = 0, n;

	dev_up(64);
	n = fill_ring(&last);
	CHECK_INT(rte_dma_copy(dev, 0, src.iova, dst.iova, LEN, RTE_DMA_OP_FLAG_SUBMIT), ==,
	          -ENOSPC);
	submit();
	reap(n, UINT16_MAX, last);
	nothing_completes();
}

TEST(one_taken_completion_makes_room_for_one_op)
{
	uint16_t last = 0, idx, n;
	uint64_t deadline;

	dev_up(64);
	n = fill_ring(&last);
	submit();
	deadline = deadline_set();
	for (uint16_t i = 0; i < 3 * n; i++) {
		while (rte_dma_completed(dev, 0, 1, &idx, NULL) != 1)
			deadline_check(deadline, "completion");
		CHECK_INT(rte_dma_burst_capacity(dev, 0), ==, 1);
		CHECK_INT(idx, ==, (uint16_t)(last - n + 1));
		CHECK_INT(copy(0, 0, LEN, RTE_DMA_OP_FLAG_SUBMIT), ==, ++last);
	}
	reap(n, UINT16_MAX, last);
}

/* Check all three counters. */
static void
stats_check(uint16_t vchan, uint64_t submitted, uint64_t completed)
{
	struct rte_dma_stats stats = {~0ULL, ~0ULL, ~0ULL};

	CHECK_INT(rte_dma_stats_get(dev, vchan, &stats), ==, 0);
	CHECK_INT(stats.submitted, ==, submitted);
	CHECK_INT(stats.completed, ==, completed);
	CHECK_INT(stats.errors, ==, 0);
}

static void
run_ops(unsigned int n)
{
	uint16_t id = 0;

	for (unsigned int i = 0; i < n; i++)
		id = copy(0, 0, LEN, 0);
	submit();
	reap(n, UINT16_MAX, id);
}

TEST(stats_are_zero_after_setup)
{
	dev_up(RING_DEFAULT);
	stats_check(0, 0, 0);
}

TEST(stats_count_ops)
{
	dev_up(RING_DEFAULT);
	for (unsigned int n = 1; n <= 20; n++) {
		run_ops(n);
		stats_check(0, n * (n + 1) / 2, n * (n + 1) / 2);
	}
}

TEST(stats_of_all_vchans_are_the_sum)
{
	dev_up(RING_DEFAULT);
	run_ops(9);
	stats_check(RTE_DMA_ALL_VCHAN, 9, 9);
}

TEST(submitted_is_visible_right_after_submit)
{
	struct rte_dma_stats stats;
	uint16_t id;

	dev_up(RING_DEFAULT);
	copy(0, 0, LEN, 0);
	id = copy(0, 0, LEN, 0);
	submit();
	CHECK_INT(rte_dma_stats_get(dev, 0, &stats), ==, 0);
	CHECK_INT(stats.submitted, ==, 2);
	reap(2, 2, id);
}

TEST(stats_do_not_count_an_op_before_submit)
{
	uint16_t id;

	need_capa(RTE_DMA_CAPA_HANDLES_ERRORS,
	          "a device without channel states may count from the enqueue on");
	dev_up(RING_DEFAULT);
	id = copy(0, 0, LEN, 0);
	stats_check(0, 0, 0);
	submit();
	reap(1, 1, id);
	stats_check(0, 1, 1);
}

TEST(stats_reset_starts_again_at_zero)
{
	dev_up(RING_DEFAULT);
	run_ops(11);
	CHECK_INT(rte_dma_stats_reset(dev, 0), ==, 0);
	stats_check(0, 0, 0);
	run_ops(5);
	stats_check(0, 5, 5);
	CHECK_INT(rte_dma_stats_reset(dev, RTE_DMA_ALL_VCHAN), ==, 0);
	stats_check(0, 0, 0);
}

TEST(stats_of_a_missing_vchan_are_refused)
{
	struct rte_dma_stats stats;

	dev_up(RING_DEFAULT);
	CHECK_INT(rte_dma_stats_get(dev, 1, &stats), ==, -EINVAL);
	CHECK_INT(rte_dma_stats_reset(dev, 1), ==, -EINVAL);
}

TEST(stats_count_past_the_ids)
{
	enum {
		ROUNDS = 70000 / 100
	};

	dev_up(RING_DEFAULT);
	for (unsigned int i = 0; i < ROUNDS; i++)
		run_ops(100);
	stats_check(0, ROUNDS * 100, ROUNDS * 100);
}
