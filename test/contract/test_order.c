/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Data path: ring indices, doorbells, order of completions, fences. */

#include <rte_cycles.h>

#include "contract.h"

#define BURST 32

/* Enqueue and submit @p n copies of 64 bytes. @return the last ring_idx. */
static uint16_t
burst(uint16_t n)
{
	uint16_t id = 0;

	for (uint16_t i = 0; i < n; i++)
		id = copy(i * 64, i * 64, 64, 0);
	submit();
	return id;
}

TEST(ring_idx_starts_at_zero_and_counts_by_one)
{
	dev_up(RING_DEFAULT);
	for (uint16_t i = 0; i < BURST; i++)
		CHECK_INT(copy(0, 0, 64, 0), ==, i);
	submit();
	reap(BURST, BURST, BURST - 1);
}

TEST(ids_wrap_at_65536)
{
	uint16_t id = UINT16_MAX;

	dev_up(RING_DEFAULT);
	for (uint32_t i = 0; i < 3 * 65536 + BURST; i += BURST) {
		for (uint16_t n = 0; n < BURST; n++)
			CHECK_INT(copy(n * 8, n * 8, 8, 0), ==, ++id);
		submit();
		reap(BURST, BURST, id);
	}
}

TEST(enqueued_but_not_submitted_op_does_not_run)
{
	uint8_t before[64];
	uint16_t id;

	dev_up(RING_DEFAULT);
	scramble(src.va, 64);
	scramble(dst.va, 64);
	memcpy(before, dst.va, 64);
	id = copy(0, 0, 64, 0);
	nothing_completes();
	CHECK_MEM(dst.va, before, 64);
	submit();
	reap(1, 1, id);
	CHECK_MEM(dst.va, src.va, 64);
}

TEST(submit_flag_rings)
{
	uint16_t id;

	dev_up(RING_DEFAULT);
	scramble(src.va, 64);
	id = copy(0, 0, 64, RTE_DMA_OP_FLAG_SUBMIT);
	reap(1, 1, id);
	CHECK_MEM(dst.va, src.va, 64);
}

TEST(submit_flag_also_rings_for_earlier_ops)
{
	uint16_t id;

	dev_up(RING_DEFAULT);
	scramble(src.va, 192);
	copy(0, 0, 64, 0);
	copy(64, 64, 64, 0);
	id = copy(128, 128, 64, RTE_DMA_OP_FLAG_SUBMIT);
	reap(3, 3, id);
	CHECK_MEM(dst.va, src.va, 192);
}

TEST(submit_with_nothing_enqueued_is_harmless)
{
	uint16_t id;

	dev_up(RING_DEFAULT);
	submit();
	submit();
	nothing_completes();
	id = burst(4);
	submit();
	reap(4, 4, id);
	submit();
	nothing_completes();
}

TEST(llc_hint_is_accepted)
{
	uint16_t id;

	dev_up(RING_DEFAULT);
	id = copy(0, 0, 64, RTE_DMA_OP_FLAG_LLC | RTE_DMA_OP_FLAG_SUBMIT);
	reap(1, 1, id);
}

TEST(completed_returns_in_order)
{
	dev_up(RING_DEFAULT);
	for (unsigned int round = 0; round < 50; round++) {
		uint16_t id = 0;

		/* Sizes that differ much would overtake each other on a parallel engine. */
		for (uint16_t i = 0; i < BURST; i++)
			id = copy(0, i * 16384u, i % 2 ? 8 : 16384, 0);
		submit();
		reap(BURST, round % BURST + 1, id);
	}
}

TEST(completed_returns_no_more_than_asked)
{
	uint16_t id;

	dev_up(RING_DEFAULT);
	for (uint16_t max = 1; max <= BURST + 1; max++) {
		id = burst(BURST);
		rte_delay_us_sleep(500);
		reap(BURST, max, id); /* checks each count against max */
	}
}

TEST(before_the_first_completion_last_idx_is_one_before_zero)
{
	uint16_t idx = 77;

	dev_up(RING_DEFAULT);
	CHECK_INT(rte_dma_completed(dev, 0, 1, &idx, NULL), ==, 0);
	CHECK_INT(idx, ==, UINT16_MAX);
}

TEST(last_idx_with_nothing_completed_is_the_last_returned)
{
	enum rte_dma_status_code status;
	uint16_t id, idx;
	bool error = true;

	dev_up(RING_DEFAULT);
	id = burst(5);
	reap(5, 5, id);
	for (unsigned int i = 0; i < 3; i++) {
		idx = (uint16_t)~id;
		CHECK_INT(rte_dma_completed(dev, 0, 1, &idx, &error), ==, 0);
		CHECK_INT(idx, ==, id);
		CHECK(!error);
		idx = (uint16_t)~id;
		CHECK_INT(rte_dma_completed_status(dev, 0, 1, &idx, &status), ==, 0);
		CHECK_INT(idx, ==, id);
	}
}

TEST(completed_status_all_successful)
{
	enum rte_dma_status_code status[BURST + 1];
	uint16_t id, idx, done = 0;
	uint64_t deadline;

	dev_up(RING_DEFAULT);
	memset(status, 0xa5, sizeof(status));
	id = burst(BURST);
	deadline = deadline_set();
	while (done < BURST) {
		uint16_t n = rte_dma_completed_status(dev, 0, BURST - done, &idx, &status[done]);

		CHECK_INT(n, <=, BURST - done);
		done += n;
		CHECK_INT(idx, ==, (uint16_t)(id - BURST + done));
		deadline_check(deadline, "completion");
	}
	for (unsigned int i = 0; i < BURST; i++)
		CHECK_INT(status[i], ==, RTE_DMA_STATUS_SUCCESSFUL);
	CHECK_INT((uint32_t)status[BURST], ==, 0xa5a5a5a5u); /* writes n entries, not more */
}

TEST(completed_and_completed_status_take_turns)
{
	uint16_t first = 0, idx;
	uint64_t deadline;

	dev_up(RING_DEFAULT);
	for (unsigned int round = 0; round < 100; round++) {
		uint16_t done = 0;

		burst(BURST);
		deadline = deadline_set();
		for (unsigned int call = 0; done < BURST; call++) {
			enum rte_dma_status_code status[3];
			uint16_t n;

			n = call % 2 ? rte_dma_completed(dev, 0, 2, &idx, NULL)
			             : rte_dma_completed_status(dev, 0, 3, &idx, status);
			done += n;
			CHECK_INT(idx, ==, (uint16_t)(first + done - 1));
			for (uint16_t i = 0; call % 2 == 0 && i < n; i++)
				CHECK_INT(status[i], ==, RTE_DMA_STATUS_SUCCESSFUL);
			deadline_check(deadline, "completion");
		}
		CHECK_INT(done, ==, BURST);
		first += BURST;
	}
}

TEST(optional_results_may_be_null)
{
	enum rte_dma_status_code status;
	uint64_t deadline;

	dev_up(RING_DEFAULT);
	burst(2);
	deadline = deadline_set();
	while (rte_dma_completed(dev, 0, 1, NULL, NULL) != 1)
		deadline_check(deadline, "completion");
	while (rte_dma_completed_status(dev, 0, 1, NULL, &status) != 1)
		deadline_check(deadline, "completion");
	CHECK_INT(status, ==, RTE_DMA_STATUS_SUCCESSFUL);
}

/* a to b, then (fenced) b to c, then (fenced) c to d: each reads what the one before wrote. */
static void
fence_chain(bool submit_each)
{
	enum {
		LEN = 4096,
		STEPS = 6
	};
	uint64_t flags = submit_each ? RTE_DMA_OP_FLAG_SUBMIT : 0;

	for (unsigned int round = 0; round < 300; round++) {
		uint16_t id;

		scramble(src.va, LEN);
		id = copy(0, 0, LEN, flags);
		for (unsigned int s = 1; s < STEPS; s++) {
			int rc = rte_dma_copy(dev, 0, dst.iova + (s - 1) * LEN, dst.iova + s * LEN,
			                      LEN, flags | RTE_DMA_OP_FLAG_FENCE);

			CHECK_INT(rc, ==, (uint16_t)(id + 1));
			id = (uint16_t)rc;
		}
		submit();
		reap(STEPS, STEPS, id);
		for (unsigned int s = 0; s < STEPS; s++)
			CHECK_MEM(dst.va + s * LEN, src.va, LEN);
	}
}

TEST(fence_orders_dependent_copies)
{
	dev_up(64);
	fence_chain(false);
}

TEST(fence_orders_across_separate_submits)
{
	dev_up(64);
	fence_chain(true);
}

TEST(fence_on_the_first_operation_after_start_is_harmless)
{
	uint16_t id;

	dev_up(64);
	scramble(src.va, 64);
	id = copy(0, 0, 64, RTE_DMA_OP_FLAG_FENCE | RTE_DMA_OP_FLAG_SUBMIT);
	reap(1, 1, id);
	CHECK_MEM(dst.va, src.va, 64);
}

/* Poll vchan_status until it says @p want. */
static void
await_status(enum rte_dma_vchan_status want)
{
	const uint64_t deadline = deadline_set();
	enum rte_dma_vchan_status st;

	do {
		CHECK_INT(rte_dma_vchan_status(dev, 0, &st), ==, 0);
		deadline_check(deadline, "wanted vchan status");
	} while (st != want);
}

TEST(vchan_status_is_idle_once_all_has_run)
{
	uint16_t id;

	dev_up(RING_DEFAULT);
	await_status(RTE_DMA_VCHAN_IDLE);
	id = burst(BURST);
	await_status(RTE_DMA_VCHAN_IDLE);
	reap(BURST, BURST, id);
	await_status(RTE_DMA_VCHAN_IDLE);
}

TEST(vchan_status_idle_means_all_is_ready_to_be_taken)
{
	uint16_t id, idx;

	dev_up(RING_DEFAULT);
	for (unsigned int round = 0; round < 100; round++) {
		id = burst(BURST);
		await_status(RTE_DMA_VCHAN_IDLE);
		CHECK_INT(rte_dma_completed(dev, 0, BURST, &idx, NULL), ==, BURST);
		CHECK_INT(idx, ==, id);
	}
}

TEST(vchan_status_of_a_stopped_device_is_idle)
{
	enum rte_dma_vchan_status st = RTE_DMA_VCHAN_HALTED_ERROR;
	uint16_t id;

	dev_up(RING_DEFAULT);
	id = burst(BURST);
	reap(BURST, BURST, id);
	CHECK_INT(rte_dma_stop(dev), ==, 0);
	CHECK_INT(rte_dma_vchan_status(dev, 0, &st), ==, 0);
	CHECK_INT(st, ==, RTE_DMA_VCHAN_IDLE);
}

TEST(vchan_status_of_an_op_not_submitted_is_idle)
{
	uint16_t id;

	need_capa(RTE_DMA_CAPA_HANDLES_ERRORS,
	          "a device without channel states may count from the enqueue on");
	dev_up(RING_DEFAULT);
	id = copy(0, 0, 64, 0);
	await_status(RTE_DMA_VCHAN_IDLE);
	submit();
	reap(1, 1, id);
}
