/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The data path without errors: order, capacity, doorbells, completion writes, fences. */

#include <errno.h>

#include "test.h"

#include "rig.h"

#define SLOTS 32

static uint16_t
reap_all(struct rig *r)
{
	uint16_t last, n, sum = 0;
	bool error;

	do {
		n = rig_completed(r, SLOTS, &last, &error);
		CHECK(!error);
		sum += n;
	} while (n > 0);
	return sum;
}

TEST(full_ring_refuses_with_enospc_and_takes_again_after_completion)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	int i;

	for (i = 0; i < SLOTS - 1; i++)
		CHECK_INT(rig_copy(r, 0, 4096, 64, 0), ==, i);
	CHECK_INT(rig_copy(r, 0, 4096, 64, 0), ==, -ENOSPC);
	CHECK_INT(rig_capacity(r), ==, 0);
	CHECK_INT(rig_submit(r), ==, 0);
	rig_run(r);
	CHECK_INT(reap_all(r), ==, SLOTS - 1);
	CHECK_INT(rig_capacity(r), ==, SLOTS - 1);
	CHECK_INT(rig_copy(r, 0, 4096, 64, 0), ==, SLOTS - 1);
	rig_close(r);
}

TEST(channel_without_ring_refuses_and_reports_nothing)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	struct ioat_chan bare = {.general = r->ch.general, .regs = r->ch.regs, .takeover = true};
	uint16_t last;
	bool error = false;

	CHECK_INT(ioat_chan_open(&bare), ==, 0);
	CHECK_INT(r->fp.copy(&bare, 0, 0, 0, 64, 0), ==, -ENOSPC);
	CHECK_INT(r->fp.submit(&bare, 0), ==, 0);
	CHECK_INT(r->fp.burst_capacity(&bare, 0), ==, 0);
	CHECK_INT(r->fp.completed(&bare, 0, 8, &last, &error), ==, 0);
	CHECK(!error);
	rig_close(r);
}

TEST(enqueued_op_is_not_run_before_submit)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	uint64_t rings = rig_counters(r).doorbells;
	uint16_t last;
	bool error;

	r->arena[0] = 0x5a;
	rig_copy(r, 0, 4096, 64, 0);
	rig_run(r);
	CHECK_INT(rig_counters(r).doorbells, ==, rings);
	CHECK_INT(rig_completed(r, 1, &last, &error), ==, 0);
	CHECK_INT(r->arena[4096], ==, 0);
	rig_close(r);
}

TEST(submit_rings_once_for_a_burst_and_not_for_nothing)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	uint64_t rings = rig_counters(r).doorbells;
	int i;

	for (i = 0; i < 20; i++)
		rig_copy(r, 0, 4096, 64, 0);
	rig_submit(r);
	rig_submit(r);
	rig_run(r);
	CHECK_INT(rig_counters(r).doorbells, ==, rings + 1);
	rig_copy(r, 0, 4096, 64, RTE_DMA_OP_FLAG_SUBMIT);
	rig_run(r);
	CHECK_INT(rig_counters(r).doorbells, ==, rings + 2);
	rig_close(r);
}

TEST(completion_word_is_written_for_the_last_of_a_submit_only)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, 1024);
	uint64_t writes = rig_counters(r).completions;
	int i;

	for (i = 0; i < 20; i++)
		rig_copy(r, 0, 4096, 64, 0);
	rig_submit(r);
	rig_run(r);
	CHECK_INT(rig_counters(r).completions, ==, writes + 1);
	rig_close(r);
}

TEST(long_submit_reports_progress_every_32_descriptors)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, 1024);
	uint64_t writes = rig_counters(r).completions;
	int i;

	for (i = 0; i < 1000; i++)
		rig_copy(r, 0, 4096, 64, 0);
	rig_submit(r);
	rig_run(r);
	CHECK_INT(rig_counters(r).completions, ==, writes + 1000 / 32 + 1);
	CHECK_INT(reap_all(r), ==, 1000);
	rig_close(r);
}

/* Run bursts of one size, one submit each, and print what the device had to do for an operation. */
static void
check_cost(unsigned int burst)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, 1024);
	const struct ioat_model_counters before = rig_counters(r);
	const unsigned int rounds = 50;
	struct ioat_model_counters after;
	unsigned int round, i;

	for (round = 0; round < rounds; round++) {
		for (i = 0; i < burst; i++)
			CHECK_INT(rig_copy(r, 0, 4096, 64, 0), >=, 0);
		rig_submit(r);
		rig_run(r);
		CHECK_INT(reap_all(r), ==, burst);
	}
	after = rig_counters(r);
	CHECK_INT(after.descriptors - before.descriptors, ==, rounds * burst);
	CHECK_INT(after.doorbells - before.doorbells, ==, rounds);
	CHECK_INT(after.completions - before.completions, ==, rounds * (1 + (burst - 1) / 32));
	/* What telemetry tells is what the device did. */
	CHECK_INT(r->ch.doorbells, ==, rounds);
	CHECK_INT(r->ch.doorbells + r->ch.compl_extra, ==, after.completions - before.completions);
	print_message("# bursts of %u: %.4f doorbells and %.4f completion writes per operation\n",
	              burst, (double)(after.doorbells - before.doorbells) / (rounds * burst),
	              (double)(after.completions - before.completions) / (rounds * burst));
	rig_close(r);
}

TEST(burst_costs_one_doorbell_and_one_completion_write_per_32_operations)
{
	static const unsigned int bursts[] = {1, 2, 8, 31, 32, 33, 64, 65, 256, 1000};
	size_t i;

	for (i = 0; i < RTE_DIM(bursts); i++)
		check_cost(bursts[i]);
}

TEST(submit_of_any_size_is_reported_whole_without_another_behind_it)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, 256);
	unsigned int n, i;

	for (n = 1; n <= 255; n++) {
		for (i = 0; i < n; i++)
			CHECK_INT(rig_copy(r, 0, 4096, 64, 0), >=, 0);
		rig_submit(r);
		rig_run(r);
		CHECK_INT(reap_all(r), ==, n);
	}
	rig_close(r);
}

TEST(nothing_completed_leaves_last_idx_at_the_last_returned)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	uint16_t last = 7;
	bool error;

	CHECK_INT(rig_completed(r, 8, &last, &error), ==, 0);
	CHECK_INT(last, ==, UINT16_MAX);
	rig_copy(r, 0, 4096, 64, RTE_DMA_OP_FLAG_SUBMIT);
	rig_run(r);
	CHECK_INT(rig_completed(r, 8, &last, &error), ==, 1);
	CHECK_INT(last, ==, 0);
	CHECK_INT(rig_completed(r, 8, &last, &error), ==, 0);
	CHECK_INT(last, ==, 0);
	rig_close(r);
}

TEST(ids_and_descriptor_counts_wrap_at_65536)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	uint16_t id = 0, last;
	bool error;
	int round, i;

	for (round = 0; round < 7000; round++) {
		int n = 1 + round % (SLOTS - 1);

		for (i = 0; i < n; i++)
			CHECK_INT(rig_copy(r, 0, 4096, 8, 0), ==, id++);
		rig_submit(r);
		rig_run(r);
		CHECK_INT(rig_completed(r, SLOTS, &last, &error), ==, n);
		CHECK_INT(last, ==, (uint16_t)(id - 1));
	}
	CHECK_INT(r->ch.completed, ==, r->ch.submitted);
	rig_close(r);
}

TEST(indices_of_descriptors_wrap_at_two_to_the_32)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	struct ioat_chan *ch = &r->ch;
	int i;

	/* As if 65536 slots less than 2^32 had been used: the device counts from there, too. */
	ch->tail = ch->head = ch->rung = ch->base = -65536u;
	ch->limit = ch->head + ch->mask;
	ch->op_ahead = 65536;
	for (i = 0; i < 3 * 65536; i++) {
		CHECK_INT(rig_copy(r, 0, 4096, 64, 0), ==, i & UINT16_MAX);
		if (i % 16 != 15)
			continue;
		CHECK_INT(rig_submit(r), ==, 0);
		rig_run(r);
		CHECK_INT(reap_all(r), ==, 16);
		CHECK_INT(rig_capacity(r), ==, SLOTS - 1);
	}
	rig_close(r);
}

TEST(zero_length_copy_completes_without_touching_memory)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st[2];
	uint16_t last;

	CHECK_INT(r->fp.copy(&r->ch, 0, RIG_BAD_ADDR, RIG_BAD_ADDR, 0, 0), ==, 0);
	CHECK_INT(r->fp.fill(&r->ch, 0, 1, RIG_BAD_ADDR, 0, 0), ==, 1);
	rig_submit(r);
	rig_run(r);
	CHECK_INT(rig_status(r, 2, &last, st), ==, 2);
	CHECK_INT(st[0], ==, RTE_DMA_STATUS_SUCCESSFUL);
	CHECK_INT(st[1], ==, RTE_DMA_STATUS_SUCCESSFUL);
	rig_close(r);
}

TEST(fence_goes_on_the_descriptor_before_while_that_is_not_rung)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);

	rig_copy(r, 0, 4096, 64, 0);
	rig_copy(r, 4096, 8192, 64, RTE_DMA_OP_FLAG_FENCE);
	CHECK((r->ch.desc[0].ctrl & DESC_CTRL_FENCE) != 0);
	CHECK_INT(rig_capacity(r), ==, SLOTS - 1 - 2);
	rig_close(r);
}

TEST(fence_never_touches_a_descriptor_that_was_rung)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	struct ioat_desc before;
	uint16_t last;
	bool error;

	rig_copy(r, 0, 4096, 64, RTE_DMA_OP_FLAG_SUBMIT);
	before = r->ch.desc[0];
	CHECK_INT(rig_copy(r, 4096, 8192, 64, RTE_DMA_OP_FLAG_FENCE), ==, 1);
	CHECK_MEM(&before, &r->ch.desc[0], sizeof(before));
	CHECK_INT(r->ch.desc[1].ctrl & (DESC_CTRL_NULL | DESC_CTRL_FENCE), ==,
	          DESC_CTRL_NULL | DESC_CTRL_FENCE);
	rig_submit(r);
	rig_run(r);
	CHECK_INT(rig_completed(r, 1, &last, &error), ==, 1);
	CHECK_INT(rig_completed(r, 8, &last, &error), ==, 1);
	CHECK_INT(rig_capacity(r), ==, SLOTS - 1);
	rig_close(r);
}

TEST(fence_with_nothing_outstanding_takes_no_descriptor)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);

	rig_copy(r, 0, 4096, 64, RTE_DMA_OP_FLAG_FENCE);
	CHECK_INT(rig_capacity(r), ==, SLOTS - 2);
	rig_close(r);
}

TEST(fence_that_does_not_fit_is_refused_whole)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	int i;

	for (i = 0; i < SLOTS - 2; i++)
		rig_copy(r, 0, 4096, 64, 0);
	rig_submit(r);
	CHECK_INT(rig_copy(r, 0, 4096, 64, RTE_DMA_OP_FLAG_FENCE), ==, -ENOSPC);
	CHECK_INT(rig_copy(r, 0, 4096, 64, 0), ==, SLOTS - 2);
	rig_close(r);
}

TEST(part_of_the_finished_ops_is_reported_in_order_with_fences_between)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	uint16_t last, want = 0;
	bool error;
	int i;

	for (i = 0; i < 9; i++)
		rig_copy(r, 0, 4096, 64,
		         RTE_DMA_OP_FLAG_SUBMIT | (i % 3 == 2 ? RTE_DMA_OP_FLAG_FENCE : 0));
	CHECK_INT(rig_capacity(r), ==, SLOTS - 1 - 12);
	rig_run(r);
	for (i = 0; i < 9; i++) {
		CHECK_INT(rig_completed(r, 1, &last, &error), ==, 1);
		CHECK_INT(last, ==, want++);
	}
	CHECK_INT(rig_completed(r, 1, &last, &error), ==, 0);
	CHECK_INT(rig_capacity(r), ==, SLOTS - 1);
	rig_close(r);
}

TEST(restart_begins_again_at_id_0_with_an_empty_ring)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	int i;

	for (i = 0; i < 5; i++) {
		CHECK_INT(rig_copy(r, 0, 4096, 64, RTE_DMA_OP_FLAG_SUBMIT), ==, 0);
		CHECK_INT(rig_copy(r, 0, 4096, 64, 0), ==, 1); /* never rung */
		r->auto_step = true;
		CHECK_INT(ioat_chan_stop(&r->ch), ==, 0);
		CHECK_INT(ioat_chan_start(&r->ch), ==, 0);
		r->auto_step = false;
		CHECK_INT(rig_capacity(r), ==, SLOTS - 1);
	}
	CHECK_INT(r->ch.submitted, ==, 5);
	CHECK_INT(r->ch.completed, ==, 5);
	CHECK_INT(r->ch.errors, ==, 0);
	rig_close(r);
}

TEST_MAIN("driver_ring")
