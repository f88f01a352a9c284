/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The registers that start and recovery use, on a device that is slow or says more than it must. */

#include <errno.h>

#include "test.h"

#include "rig.h"

#define SLOTS 64
#define OK    RTE_DMA_STATUS_SUCCESSFUL

/* Between the driver and the registers of the rig's channel. */
struct between {
	const struct ioat_mmio_ops *ops;
	void *ctx;
	unsigned int reset_reads; /* a RESET takes so many reads of CHANCMD */
	unsigned int pending;     /* of them are left */
	unsigned int arm_reads;   /* CHANSTS follows CHAINADDR after so many reads */
	unsigned int unarmed;     /* of them are left */
	uint64_t *word;           /* this completion word follows CHANSTS a read later */
	uint64_t late;            /* what it will be */
	uint64_t stale;           /* address bits that CHANSTS keeps where there should be none */
	bool from_reset;          /* nothing was rung since the last RESET */
	unsigned int resets;
	unsigned int armed;
};

static void
between_delay_word(struct between *b, uint64_t state)
{
	if (b->late != 0) {
		*b->word = b->late;
		b->word = NULL; /* once */
		b->late = 0;
	} else if (b->word != NULL && state == IOAT_STATE_DONE) {
		b->late = *b->word;
		*b->word = 0;
	}
}

static uint64_t
between_read(void *ctx, uint32_t offset, unsigned int width)
{
	struct between *b = ctx;
	uint64_t value = b->ops->read(b->ctx, offset, width), state = value & CHANSTS_STATE;

	switch (offset - IOAT_CHAN_BASE(0)) {
	case IOAT_CHANCMD:
		if (b->pending > 0) {
			b->pending--;
			value |= CHANCMD_RESET;
		}
		break;
	case IOAT_CHANSTS:
		if (b->unarmed > 0) {
			b->unarmed--;
			return IOAT_STATE_HALTED;
		}
		between_delay_word(b, state);
		if (state == IOAT_STATE_HALTED || state == IOAT_STATE_ARMED)
			value |= b->stale;
		break;
	}
	return value;
}

static void
between_write(void *ctx, uint32_t offset, unsigned int width, uint64_t value)
{
	struct between *b = ctx;

	switch (offset - IOAT_CHAN_BASE(0)) {
	case IOAT_CHANCMD:
		if ((value & CHANCMD_RESET) != 0) {
			b->pending = b->reset_reads;
			b->resets++;
			b->from_reset = true;
		}
		break;
	case IOAT_CHAINADDR:
		CHECK(b->from_reset);
		CHECK_INT(b->pending, ==, 0);
		b->armed++;
		break;
	case IOAT_CHAINADDR + 4: /* the second half arms it */
		b->from_reset = false;
		b->unarmed = b->arm_reads;
		break;
	}
	b->ops->write(b->ctx, offset, width, value);
}

static const struct ioat_mmio_ops between_ops = {.read = between_read, .write = between_write};

static struct rig *
open_between(struct between *b)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);

	b->ops = r->ch.regs.ops;
	b->ctx = r->ch.regs.ctx;
	r->ch.regs.ops = &between_ops;
	r->ch.regs.ctx = b;
	return r;
}

/* A bad operation among good ones, then some more: the channel recovers and runs on. */
static void
fail_and_go_on(struct rig *r)
{
	enum rte_dma_status_code st[8];
	uint16_t last, i;

	rig_copy(r, 0, 4096, 64, 0);
	rig_copy_bad(r, 0);
	rig_copy(r, 0, 4096, 64, 0);
	rig_submit(r);
	rig_run(r);
	CHECK_INT(rig_status(r, 2, &last, st), ==, 2);
	CHECK_INT(st[0], ==, OK);
	CHECK_INT(st[1], ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	for (i = 0; i < 3; i++)
		rig_copy(r, 0, 4096, 64, RTE_DMA_OP_FLAG_SUBMIT);
	rig_run(r);
	CHECK_INT(rig_status(r, 8, &last, st), ==, 4);
	for (i = 0; i < 4; i++)
		CHECK_INT(st[i], ==, OK);
	CHECK(!r->ch.lost);
}

static void
restart(struct rig *r)
{
	r->auto_step = true;
	CHECK_INT(ioat_chan_stop(&r->ch), ==, 0);
	CHECK_INT(ioat_chan_start(&r->ch), ==, 0);
	r->auto_step = false;
}

TEST(recovery_waits_for_a_reset_that_takes_its_time)
{
	struct between b = {.reset_reads = 12};
	struct rig *r = open_between(&b);

	fail_and_go_on(r);
	CHECK_INT(b.resets, ==, 1);
	CHECK_INT(r->ch.recoveries, ==, 1);
	restart(r);
	fail_and_go_on(r);
	rig_close(r);
}

TEST(address_bits_left_in_chansts_do_not_make_a_recovery_or_a_start_fail)
{
	struct between b = {.stale = 0x12345640};
	struct rig *r = open_between(&b);

	fail_and_go_on(r);
	restart(r);
	fail_and_go_on(r);
	CHECK_INT(r->ch.recoveries, ==, 2);
	rig_close(r);
}

TEST(channel_is_armed_from_a_reset_only_at_start_restart_and_recovery)
{
	struct between b = {0};
	struct rig *r = open_between(&b);

	restart(r);
	CHECK_INT(b.armed, ==, 2); /* for the self-test, and for work */
	fail_and_go_on(r);
	CHECK_INT(b.armed, ==, 3);
	restart(r);
	CHECK_INT(b.armed, ==, 5);
	CHECK_INT(b.resets, >=, b.armed);
	rig_close(r);
}

TEST(part_whose_state_follows_chainaddr_later_starts_and_recovers)
{
	struct between b = {.arm_reads = 5};
	struct rig *r = open_between(&b);

	restart(r);
	fail_and_go_on(r);
	CHECK_INT(r->ch.recoveries, ==, 1);
	rig_close(r);
}

TEST(stop_lets_work_behind_a_failure_nobody_asked_for_finish)
{
	struct between b = {0};
	struct rig *r = open_between(&b);
	enum rte_dma_status_code st[8];
	uint16_t last, i;

	rig_copy(r, 0, 4096, 64, 0);
	rig_copy_bad(r, 0);
	for (i = 0; i < 3; i++)
		rig_copy(r, 0, 4096, 64, 0);
	rig_submit(r);
	r->auto_step = true;
	CHECK_INT(ioat_chan_stop(&r->ch), ==, 0);
	CHECK_INT(rig_status(r, 8, &last, st), ==, 5);
	for (i = 0; i < 5; i++)
		CHECK_INT(st[i], ==, i == 1 ? RTE_DMA_STATUS_INVALID_SRC_ADDR : OK);
	rig_close(r);
}

TEST(second_failure_before_the_first_is_asked_for_ends_the_work_at_stop)
{
	struct between b = {0};
	struct rig *r = open_between(&b);
	enum rte_dma_status_code st[8];
	uint16_t last;

	rig_copy_bad(r, 0);
	rig_copy(r, 0, 4096, 64, 0);
	rig_copy_bad(r, 0);
	rig_copy(r, 0, 4096, 64, RTE_DMA_OP_FLAG_SUBMIT);
	r->auto_step = true;
	CHECK_INT(ioat_chan_stop(&r->ch), ==, 0);
	CHECK_INT(rig_status(r, 8, &last, st), ==, 4);
	CHECK_INT(st[0], ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	CHECK_INT(st[1], ==, OK);
	CHECK_INT(st[2], ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	CHECK_INT(st[3], ==, RTE_DMA_STATUS_USER_ABORT);
	rig_close(r);
}

TEST(channel_that_halted_while_idle_recovers_when_asked_and_blames_no_later_operation)
{
	struct between b = {0};
	struct rig *r = open_between(&b);
	enum rte_dma_status_code st[8];
	uint16_t last;

	mmio_write8(&r->ch.regs, IOAT_CHANCMD, CHANCMD_ABORT); /* halts, and no word says so */
	ioat_ring_ask(&r->ch);
	CHECK_INT(rig_status(r, 8, &last, st), ==, 0);
	CHECK_INT(r->ch.recoveries, ==, 1);
	rig_copy(r, 0, 4096, 64, RTE_DMA_OP_FLAG_SUBMIT);
	rig_run(r);
	CHECK_INT(rig_status(r, 8, &last, st), ==, 1);
	CHECK_INT(st[0], ==, OK);
	rig_close(r);
}

TEST(part_that_is_never_armed_fails_the_start_in_time)
{
	struct between b = {.arm_reads = UINT32_MAX};
	struct rig *r = open_between(&b);
	uint64_t begin;

	CHECK_INT(ioat_chan_stop(&r->ch), ==, 0);
	begin = ioat_chan_now_us();
	CHECK_INT(ioat_chan_start(&r->ch), ==, -EIO);
	CHECK_INT(ioat_chan_now_us() - begin, <, 1000000);
	rig_close(r);
}

TEST(completion_word_that_follows_the_register_passes_the_self_test)
{
	struct between b = {0};
	struct rig *r = open_between(&b);

	r->auto_step = true;
	CHECK_INT(ioat_chan_stop(&r->ch), ==, 0);
	/* Words take turns in their line; the self-test has the next one. */
	b.word = RTE_PTR_ADD(RTE_PTR_ALIGN_FLOOR(r->ch.status, RTE_CACHE_LINE_SIZE),
	                     (r->ch.status_iova + sizeof(uint64_t)) % RTE_CACHE_LINE_SIZE);
	CHECK_INT(ioat_chan_start(&r->ch), ==, 0);
	CHECK(b.word == NULL); /* it was late */
	rig_close(r);
}

TEST_MAIN("driver_recovery")
