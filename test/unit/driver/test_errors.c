/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Errors and the life cycle: each operation gets its own status, nothing is lost or invented. */

#include <errno.h>

#include "test.h"

#include "rig.h"

#define SLOTS   64
#define OK      RTE_DMA_STATUS_SUCCESSFUL
#define BAD_SRC RTE_DMA_STATUS_INVALID_SRC_ADDR

/* Enqueue one operation per character, 'b' bad and 'g' good, and submit them. */
static void
enqueue(struct rig *r, const char *program)
{
	const char *p;

	for (p = program; *p != '\0'; p++)
		CHECK_INT(*p == 'b' ? rig_copy_bad(r, 0) : rig_copy(r, 0, 4096, 64, 0), >=, 0);
	rig_submit(r);
	rig_run(r);
}

/* Take all statuses, at most max per call, and compare them with the program. */
static void
expect(struct rig *r, const char *program, uint16_t max)
{
	enum rte_dma_status_code st[SLOTS];
	size_t done = 0, len = strlen(program);
	uint16_t n, i, last, idle = 0;

	while (done < len && idle < 4) {
		memset(st, 0x7f, sizeof(st));
		n = rig_status(r, max, &last, st);
		CHECK_INT(n, <=, max);
		for (i = 0; i < n; i++)
			CHECK_INT(st[i], ==, program[done + i] == 'b' ? BAD_SRC : OK);
		done += n;
		CHECK_INT(last, ==, (uint16_t)(done - 1));
		idle = n == 0 ? idle + 1 : 0;
		rig_run(r);
	}
	CHECK_INT(done, ==, len);
	CHECK_INT(rig_status(r, max, &last, st), ==, 0);
}

TEST(failure_found_by_completed_is_reported_once_by_status_calls_of_one)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	uint16_t last;
	bool error;

	enqueue(r, "bgg");
	CHECK_INT(rig_completed(r, SLOTS, &last, &error), ==, 0);
	CHECK(error);
	CHECK_INT(last, ==, UINT16_MAX);
	expect(r, "bgg", 1);
	rig_close(r);
}

TEST(several_failures_are_each_blamed_on_the_right_op_whatever_max_ops)
{
	static const char *const programs[] = {"bbg",
	                                       "bgbg",
	                                       "gbbbg",
	                                       "bbbb",
	                                       "gggb",
	                                       "b",
	                                       "gb",
	                                       "bg",
	                                       "gbgbgbgbgbgbgbgb",
	                                       "bggggggbggggggbb"};
	struct rig *r;
	uint16_t max;
	size_t i;

	for (i = 0; i < RTE_DIM(programs); i++) {
		for (max = 1; max <= 17; max++) {
			r = rig_open(IOAT_MODEL_ICX, SLOTS);
			enqueue(r, programs[i]);
			expect(r, programs[i], max);
			CHECK_INT(r->ch.completed, ==, r->ch.submitted);
			rig_close(r);
		}
	}
}

TEST(completed_stops_before_a_failure_and_says_so_until_it_is_taken)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st;
	uint16_t last;
	bool error;
	int i;

	enqueue(r, "ggbgg");
	CHECK_INT(rig_completed(r, SLOTS, &last, &error), ==, 2);
	CHECK(error);
	CHECK_INT(last, ==, 1);
	for (i = 0; i < 3; i++) {
		CHECK_INT(rig_completed(r, SLOTS, &last, &error), ==, 0);
		CHECK(error);
		CHECK_INT(last, ==, 1);
	}
	CHECK_INT(rig_status(r, 1, &last, &st), ==, 1);
	CHECK_INT(st, ==, BAD_SRC);
	rig_run(r);
	CHECK_INT(rig_completed(r, SLOTS, &last, &error), ==, 2);
	CHECK(!error);
	CHECK_INT(last, ==, 4);
	rig_close(r);
}

TEST(completed_that_has_no_room_for_the_failure_does_not_announce_it)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	uint16_t last;
	bool error;

	enqueue(r, "ggb");
	CHECK_INT(rig_completed(r, 2, &last, &error), ==, 2);
	CHECK(!error);
	CHECK_INT(rig_completed(r, 2, &last, &error), ==, 0);
	CHECK(error);
	rig_close(r);
}

TEST(recovery_does_not_ring_operations_that_were_not_submitted)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st[8];
	uint64_t submitted;
	uint16_t last;
	bool error;

	r->arena[0] = 0x5a;
	enqueue(r, "b");
	rig_copy(r, 0, 8192, 64, 0);
	submitted = r->ch.submitted;
	CHECK_INT(rig_completed(r, 8, &last, &error), ==, 0);
	CHECK_INT(rig_status(r, 8, &last, st), ==, 1);
	rig_run(r);
	CHECK_INT(rig_status(r, 8, &last, st), ==, 0);
	CHECK_INT(r->ch.submitted, ==, submitted);
	CHECK_INT(r->arena[8192], ==, 0);
	rig_submit(r);
	rig_run(r);
	CHECK_INT(rig_status(r, 8, &last, st), ==, 1);
	CHECK_INT(st[0], ==, OK);
	CHECK_INT(r->arena[8192], ==, 0x5a);
	rig_close(r);
}

TEST(submit_after_a_recovery_counts_from_the_new_chain)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st[8];
	uint16_t last;
	int i;

	for (i = 0; i < 3000; i++) {
		enqueue(r, "gbg");
		CHECK_INT(rig_status(r, 2, &last, st), ==, 2);
		CHECK_INT(st[1], ==, BAD_SRC);
		rig_run(r);
		CHECK_INT(rig_status(r, 2, &last, st), ==, 1);
		CHECK_INT(st[0], ==, OK);
	}
	CHECK_INT(r->ch.completed, ==, 9000);
	CHECK_INT(r->ch.errors, ==, 3000);
	rig_close(r);
}

TEST(spurious_halt_without_chanerr_fails_the_op_it_hit)
{
	const struct ioat_model_fault halt = {.kind = IOAT_MODEL_FAULT_HALT, .after = 2};
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st[8];
	uint16_t last;

	rig_inject(r, &halt);
	enqueue(r, "ggggg");
	CHECK_INT(rig_status(r, 3, &last, st), ==, 3);
	CHECK_INT(st[1], ==, OK);
	CHECK_INT(st[2], ==, RTE_DMA_STATUS_ERROR_UNKNOWN);
	rig_run(r);
	CHECK_INT(rig_status(r, 8, &last, st), ==, 2);
	CHECK_INT(st[0], ==, OK);
	CHECK_INT(st[1], ==, OK);
	rig_close(r);
}

TEST(each_chanerr_bit_maps_to_its_status)
{
	static const struct {
		uint32_t bit;
		enum rte_dma_status_code status;
	} map[] = {
		{CHANERR_SRC_ADDR, RTE_DMA_STATUS_INVALID_SRC_ADDR},
		{CHANERR_DST_ADDR, RTE_DMA_STATUS_INVALID_DST_ADDR},
		{CHANERR_NEXT_ADDR, RTE_DMA_STATUS_DESCRIPTOR_READ_ERROR},
		{CHANERR_DESC, RTE_DMA_STATUS_DESCRIPTOR_READ_ERROR},
		{CHANERR_CHAIN_ADDR, RTE_DMA_STATUS_INVALID_ADDR},
		{CHANERR_CMD, RTE_DMA_STATUS_ERROR_UNKNOWN},
		{CHANERR_CHIPSET, RTE_DMA_STATUS_DATA_POISION},
		{CHANERR_DMA_INTEGRITY, RTE_DMA_STATUS_DATA_POISION},
		{CHANERR_READ_DATA, RTE_DMA_STATUS_BUS_READ_ERROR},
		{CHANERR_WRITE_DATA, RTE_DMA_STATUS_BUS_WRITE_ERROR},
		{CHANERR_CONTROL, RTE_DMA_STATUS_INVALID_OPCODE},
		{CHANERR_LENGTH, RTE_DMA_STATUS_INVALID_LENGTH},
		{CHANERR_UNAFFILIATED, RTE_DMA_STATUS_BUS_ERROR},
		/* Bits 12 to 14 and from 16 on have no status of their own. */
		{RTE_BIT32(12), RTE_DMA_STATUS_ERROR_UNKNOWN},
		{RTE_BIT32(14), RTE_DMA_STATUS_ERROR_UNKNOWN},
		{RTE_BIT32(18), RTE_DMA_STATUS_ERROR_UNKNOWN},
	};
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st[4];
	struct ioat_model_fault fault = {.kind = IOAT_MODEL_FAULT_CHANERR, .after = 1};
	uint16_t last;
	size_t i;

	for (i = 0; i < RTE_DIM(map); i++) {
		fault.chanerr = map[i].bit;
		rig_inject(r, &fault);
		enqueue(r, "ggg");
		ioat_ring_ask(&r->ch); /* bit 12: where completions cannot go no halt can */
		CHECK_INT(rig_status(r, 2, &last, st), ==, 2);
		CHECK_INT(st[0], ==, OK);
		CHECK_INT(st[1], ==, map[i].status);
		CHECK_INT(r->ch.last_chanerr, ==, map[i].bit);
		rig_run(r);
		CHECK_INT(rig_status(r, 2, &last, st), ==, 1);
		CHECK_INT(st[0], ==, OK);
	}
	rig_close(r);
}

TEST(failed_recovery_reports_what_was_done_and_what_was_not)
{
	const struct ioat_model_fault refuse = {.kind = IOAT_MODEL_FAULT_RESET, .count = 1000};
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st[8];
	uint16_t last;
	bool error;

	enqueue(r, "ggbgg");
	rig_copy(r, 0, 4096, 64, 0); /* enqueued, not submitted */
	rig_inject(r, &refuse);
	CHECK_INT(rig_completed(r, 8, &last, &error), ==, 2);
	CHECK(error);
	CHECK_INT(last, ==, 1);
	CHECK_INT(rig_status(r, 8, &last, st), ==, 4);
	CHECK_INT(last, ==, 5);
	CHECK_INT(st[0], ==, BAD_SRC);
	CHECK_INT(st[1], ==, RTE_DMA_STATUS_NOT_ATTEMPTED);
	CHECK_INT(st[3], ==, RTE_DMA_STATUS_NOT_ATTEMPTED);
	CHECK_INT(rig_status(r, 8, &last, st), ==, 0);
	CHECK_INT(rig_copy(r, 0, 4096, 64, 0), ==, -EIO);
	CHECK_INT(rig_copy(r, 0, 4096, 0, 0), ==, -EIO);
	CHECK_INT(rig_submit(r), ==, -EIO);
	CHECK_INT(rig_capacity(r), ==, 0);
	CHECK_INT(r->ch.completed, ==, r->ch.submitted);
	CHECK_INT(ioat_chan_start(&r->ch), ==, -EIO);
	rig_close(r);
}

TEST(channel_that_is_not_armed_after_recovery_is_lost)
{
	const struct ioat_model_fault stuck = {.kind = IOAT_MODEL_FAULT_STUCK, .count = 1};
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st[8];
	uint16_t last;

	enqueue(r, "bg");
	rig_inject(r, &stuck);
	CHECK_INT(rig_status(r, 8, &last, st), ==, 2);
	CHECK_INT(st[0], ==, BAD_SRC);
	CHECK_INT(st[1], ==, RTE_DMA_STATUS_NOT_ATTEMPTED);
	CHECK(r->ch.lost);
	rig_close(r);
}

TEST(stop_lets_submitted_work_finish_and_reports_it)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	uint16_t last;
	bool error;
	int i;

	r->arena[0] = 0x77;
	for (i = 0; i < 10; i++)
		rig_copy(r, 0, 4096 + 64 * i, 64, 0);
	rig_submit(r);
	r->auto_step = true;
	CHECK_INT(ioat_chan_stop(&r->ch), ==, 0);
	CHECK_INT(rig_completed(r, SLOTS, &last, &error), ==, 10);
	CHECK(!error);
	CHECK_INT(r->arena[4096 + 64 * 9], ==, 0x77);
	rig_close(r);
}

TEST(stop_of_a_device_that_does_not_finish_aborts_what_is_left)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st[SLOTS];
	uint16_t last, i;

	for (i = 0; i < 10; i++)
		rig_copy(r, 0, 4096, 64, 0);
	rig_submit(r);
	rig_step(r, 3 * (64 + 64)); /* three of them, and no completion word yet */
	CHECK_INT(rig_counters(r).descriptors, ==, 3 + 1);
	CHECK_INT(ioat_chan_stop(&r->ch), ==, 0); /* after its second of patience */
	CHECK_INT(rig_status(r, SLOTS, &last, st), ==, 10);
	for (i = 0; i < 10; i++)
		CHECK_INT(st[i], ==, i < 3 ? OK : RTE_DMA_STATUS_USER_ABORT);
	CHECK_INT(rig_status(r, SLOTS, &last, st), ==, 0);
	rig_close(r);
}

TEST(stop_with_a_halt_nobody_saw_keeps_the_status_of_the_failed_op)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st[8];
	uint16_t last;

	enqueue(r, "gbg");
	CHECK_INT(ioat_chan_stop(&r->ch), ==, 0);
	CHECK_INT(rig_status(r, 8, &last, st), ==, 3);
	CHECK_INT(st[0], ==, OK);
	CHECK_INT(st[1], ==, BAD_SRC);
	CHECK_INT(st[2], ==, RTE_DMA_STATUS_USER_ABORT);
	rig_close(r);
}

TEST(operations_never_asked_for_are_counted_at_the_next_start)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);

	enqueue(r, "gbg");
	CHECK_INT(ioat_chan_stop(&r->ch), ==, 0);
	r->auto_step = true;
	CHECK_INT(ioat_chan_start(&r->ch), ==, 0);
	CHECK_INT(r->ch.submitted, ==, 3);
	CHECK_INT(r->ch.completed, ==, 3);
	CHECK_INT(r->ch.errors, ==, 2);
	rig_close(r);
}

TEST(stop_of_a_device_that_refuses_reset_says_so_and_the_channel_is_lost)
{
	const struct ioat_model_fault refuse = {.kind = IOAT_MODEL_FAULT_RESET, .count = 1000};
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);

	rig_inject(r, &refuse);
	CHECK_INT(ioat_chan_stop(&r->ch), ==, -ETIMEDOUT);
	CHECK(r->ch.lost);
	CHECK_INT(ioat_chan_stop(&r->ch), ==, 0);
	rig_close(r);
}

TEST(start_fails_where_the_device_cannot_write_its_completion_word)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);

	CHECK_INT(ioat_chan_stop(&r->ch), ==, 0);
	r->ch.status_iova = RIG_BAD_ADDR;
	r->auto_step = true;
	CHECK_INT(ioat_chan_start(&r->ch), ==, -EIO);
	rig_close(r);
}

static uint64_t
gone_read(void *ctx __rte_unused, uint32_t offset __rte_unused, unsigned int width)
{
	return width == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
}

static void
gone_write(void *ctx __rte_unused, uint32_t offset __rte_unused, unsigned int width __rte_unused,
           uint64_t value __rte_unused)
{
}

static const struct ioat_mmio_ops gone_ops = {.read = gone_read, .write = gone_write};

TEST(open_of_a_device_that_reads_all_ones_fails)
{
	struct ioat_chan ch = {.general.ops = &gone_ops, .regs.ops = &gone_ops};

	CHECK_INT(ioat_chan_open(&ch), ==, -ENODEV);
}

TEST(device_that_vanishes_is_an_error_of_stop_and_nothing_is_said_to_be_done)
{
	enum rte_dma_status_code st[SLOTS];
	struct rig *r;
	uint16_t last, n, i;
	int before;

	/* All ones look like an address, too: of whatever slot the ring's place makes of it. */
	for (before = 0; before < SLOTS; before++) {
		r = rig_open(IOAT_MODEL_ICX, SLOTS);
		for (i = 0; i < before; i++) {
			enqueue(r, "g");
			CHECK_INT(rig_status(r, 1, &last, st), ==, 1);
		}
		for (i = 0; i < SLOTS - 1; i++)
			rig_copy(r, 0, 4096, 64, 0);
		rig_submit(r);
		r->ch.regs.ops = &gone_ops;
		CHECK_INT(ioat_chan_stop(&r->ch), ==, -ENODEV);
		n = rig_status(r, SLOTS, &last, st);
		CHECK_INT(n, ==, SLOTS - 1);
		for (i = 0; i < n; i++)
			CHECK_INT(st[i], ==, RTE_DMA_STATUS_DEV_LINK_ERROR);
		rig_close(r);
	}
}

TEST(completion_word_with_a_foreign_address_completes_nothing)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	uint16_t last;
	bool error;
	int i;

	for (i = 0; i < 10; i++)
		rig_copy(r, 0, 4096, 64, 0);
	rig_submit(r);
	*r->ch.status = (r->ch.ring_iova + 64 * SLOTS * 1000 + 64 * 7) | IOAT_STATE_DONE;
	CHECK_INT(rig_completed(r, SLOTS, &last, &error), ==, 0);
	*r->ch.status = (r->ch.ring_iova - 64) | IOAT_STATE_DONE;
	CHECK_INT(rig_completed(r, SLOTS, &last, &error), ==, 0);
	rig_close(r);
}

TEST(channel_lost_in_stop_takes_no_work_and_rings_no_doorbell)
{
	const struct ioat_model_fault refuse = {.kind = IOAT_MODEL_FAULT_RESET, .count = 100000};
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st[4];
	uint16_t last, bell;

	rig_copy(r, 0, 4096, 64, 0); /* enqueued, not submitted */
	rig_inject(r, &refuse);
	CHECK_INT(ioat_chan_stop(&r->ch), ==, -ETIMEDOUT);
	bell = r->doorbell;
	CHECK_INT(rig_copy(r, 0, 4096, 64, RTE_DMA_OP_FLAG_SUBMIT), ==, -EIO);
	CHECK_INT(rig_submit(r), ==, -EIO);
	CHECK_INT(r->doorbell, ==, bell);
	CHECK_INT(rig_status(r, 4, &last, st), ==, 1);
	CHECK_INT(st[0], ==, RTE_DMA_STATUS_USER_ABORT);
	rig_close(r);
}

TEST(failed_start_leaves_the_device_at_rest)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);

	CHECK_INT(ioat_chan_stop(&r->ch), ==, 0);
	/* Nothing steps the model: the self-test finds no answer. */
	CHECK_INT(ioat_chan_start(&r->ch), ==, -ETIMEDOUT);
	CHECK_INT(ioat_chan_state(&r->ch), ==, IOAT_STATE_HALTED);
	CHECK_INT(mmio_read64(&r->ch.regs, IOAT_CHANCMP), ==, 0);
	CHECK(!r->ch.lost);
	*r->ch.status = 0xdeadbeef;
	rig_run(r);
	CHECK_INT(*r->ch.status, ==, 0xdeadbeef);
	rig_close(r);
}

TEST(channel_lost_while_idle_blames_no_operation)
{
	const struct ioat_model_fault stuck = {.kind = IOAT_MODEL_FAULT_STUCK, .count = 1};
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st[4];
	uint16_t last;

	enqueue(r, "g");
	mmio_write8(&r->ch.regs, IOAT_CHANCMD, CHANCMD_SUSPEND | CHANCMD_RESUME); /* a fault */
	rig_inject(r, &stuck);
	rig_copy(r, 0, 4096, 64, 0);
	rig_copy(r, 0, 4096, 64, 0);
	CHECK_INT(rig_status(r, 4, &last, st), ==, 3);
	CHECK_INT(st[0], ==, OK);
	CHECK_INT(st[1], ==, RTE_DMA_STATUS_NOT_ATTEMPTED);
	CHECK_INT(st[2], ==, RTE_DMA_STATUS_NOT_ATTEMPTED);
	rig_close(r);
}

TEST_MAIN("driver_errors")
