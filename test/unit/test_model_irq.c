/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Interrupts: when they are due, the rearm bit, INTRDELAY, MSI-X and INTx. */

#include "rig.h"

#define INT_NULL (CTRL_NULL | DESC_CTRL_INT_EN)

/** A started channel whose whole ring is NULL descriptors that ask for an interrupt. */
static struct rig *
open_interrupting(void)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	unsigned int i;

	rig_start(r);
	for (i = 0; i < RIG_SLOTS; i++)
		rig_put(r, i, INT_NULL, 0, 0, 8);
	return r;
}

static void
rearm(struct rig *r)
{
	rig_set(r, IOAT_CHANCTRL, 2, RIG_CHANCTRL | CHANCTRL_INT_DISABLE);
}

TEST(a_descriptor_with_the_flag_interrupts_and_one_without_does_not)
{
	struct rig *r = open_interrupting();

	rig_put(r, 0, CTRL_NULL, 0, 0, 8);
	rig_go(r, 1);
	CHECK_INT(r->fh.interrupts[0], ==, 0);
	rig_go(r, 1);
	CHECK_INT(r->fh.interrupts[0], ==, 1);
	rig_close(r);
}

TEST(an_interrupt_sets_the_disable_bit_and_no_more_come)
{
	struct rig *r = open_interrupting();

	rig_go(r, 5);
	CHECK_INT(r->fh.interrupts[0], ==, 1);
	CHECK(rig_get(r, IOAT_CHANCTRL, 2) & CHANCTRL_INT_DISABLE);
	rig_close(r);
}

TEST(what_came_while_disabled_is_delivered_once_at_the_rearm)
{
	struct rig *r = open_interrupting();

	rig_go(r, 5);
	rearm(r);
	CHECK_INT(r->fh.interrupts[0], ==, 2);
	rearm(r);
	CHECK_INT(r->fh.interrupts[0], ==, 2);
	CHECK(!(rig_get(r, IOAT_CHANCTRL, 2) & CHANCTRL_INT_DISABLE));
	rig_close(r);
}

TEST(writing_zero_to_the_disable_bit_does_not_rearm)
{
	struct rig *r = open_interrupting();

	rig_go(r, 2);
	rig_set(r, IOAT_CHANCTRL, 2, RIG_CHANCTRL);
	CHECK(rig_get(r, IOAT_CHANCTRL, 2) & CHANCTRL_INT_DISABLE);
	CHECK_INT(r->fh.interrupts[0], ==, 1);
	rig_close(r);
}

TEST(an_error_interrupts_only_with_error_interrupts_enabled)
{
	struct rig *r = open_interrupting();

	rig_put(r, 0, CTRL_COPY, SRC, DST, 0);
	rig_go(r, 1);
	CHECK_INT(r->fh.interrupts[0], ==, 0);
	rig_start(r);
	rig_set(r, IOAT_CHANCTRL, 2, RIG_CHANCTRL | CHANCTRL_ERR_INT_EN);
	rig_go(r, 1);
	CHECK_INT(r->fh.interrupts[0], ==, 1);
	CHECK_INT(r->fh.event[r->fh.events - 1].kind, ==, 'i');
	rig_close(r);
}

TEST(reset_drops_what_is_pending)
{
	struct rig *r = open_interrupting();

	rig_go(r, 2);
	rig_command(r, CHANCMD_RESET);
	rearm(r);
	CHECK_INT(r->fh.interrupts[0], ==, 1);
	rig_close(r);
}

TEST(intrdelay_holds_an_interrupt_back_for_its_microseconds)
{
	struct rig *r = open_interrupting();

	ioat_model_write(r->m, IOAT_INTRDELAY, 2, 100);
	rig_go(r, 1);
	ioat_model_advance(r->m, 99);
	CHECK_INT(r->fh.interrupts[0], ==, 0);
	ioat_model_advance(r->m, 1);
	CHECK_INT(r->fh.interrupts[0], ==, 1);
	rig_close(r);
}

TEST(events_within_intrdelay_share_one_interrupt)
{
	struct rig *r = open_interrupting();

	ioat_model_write(r->m, IOAT_INTRDELAY, 2, 100);
	rig_go(r, 1);
	ioat_model_advance(r->m, 60);
	rig_go(r, 3);
	ioat_model_advance(r->m, 60);
	CHECK_INT(r->fh.interrupts[0], ==, 1);
	rearm(r);
	ioat_model_advance(r->m, 1000);
	CHECK_INT(r->fh.interrupts[0], ==, 1);
	rig_close(r);
}

TEST(intrdelay_runs_while_the_interrupt_is_disabled)
{
	struct rig *r = open_interrupting();

	ioat_model_write(r->m, IOAT_INTRDELAY, 2, 100);
	rig_go(r, 1);
	ioat_model_advance(r->m, 100);
	rig_go(r, 1);
	ioat_model_advance(r->m, 100);
	CHECK_INT(r->fh.interrupts[0], ==, 1);
	rearm(r);
	CHECK_INT(r->fh.interrupts[0], ==, 2);
	rig_close(r);
}

TEST(reset_drops_what_intrdelay_holds_back)
{
	struct rig *r = open_interrupting();

	ioat_model_write(r->m, IOAT_INTRDELAY, 2, 100);
	rig_go(r, 1);
	rig_command(r, CHANCMD_RESET);
	ioat_model_advance(r->m, 1000);
	CHECK_INT(r->fh.interrupts[0], ==, 0);
	rig_close(r);
}

TEST(msix_leaves_attnstatus_and_the_intx_level_alone)
{
	struct rig *r = open_interrupting();

	ioat_model_write(r->m, IOAT_INTRCTRL, 1, INTRCTRL_MASTER_INT_EN);
	rig_go(r, 1);
	CHECK_INT(ioat_model_read(r->m, IOAT_ATTNSTATUS, 4), ==, 0);
	CHECK(!ioat_model_intx_level(r->m));
	rig_close(r);
}

static struct rig *
open_intx(void)
{
	struct rig *r = open_interrupting();

	ioat_model_set_msix(r->m, false);
	ioat_model_write(r->m, IOAT_INTRCTRL, 1, INTRCTRL_MASTER_INT_EN);
	return r;
}

TEST(intx_rises_with_the_interrupt_and_the_handler_sequence_lowers_it)
{
	struct rig *r = open_intx();

	CHECK(!ioat_model_intx_level(r->m));
	rig_go(r, 1);
	CHECK(ioat_model_intx_level(r->m));
	CHECK_INT(ioat_model_read(r->m, IOAT_INTRCTRL, 1), ==,
	          INTRCTRL_MASTER_INT_EN | INTRCTRL_INT_STATUS | INTRCTRL_INT);
	CHECK(!ioat_model_intx_level(r->m));
	CHECK_INT(ioat_model_read(r->m, IOAT_ATTNSTATUS, 4), ==, 1);
	ioat_model_write(r->m, IOAT_INTRCTRL, 1,
	                 INTRCTRL_MASTER_INT_EN | INTRCTRL_INT_STATUS | INTRCTRL_INT);
	CHECK(!ioat_model_intx_level(r->m));
	rearm(r);
	rig_go(r, 1);
	CHECK(ioat_model_intx_level(r->m));
	rig_close(r);
}

TEST(without_the_master_enable_intx_stays_low_until_it_is_set)
{
	struct rig *r = open_intx();

	ioat_model_write(r->m, IOAT_INTRCTRL, 1, 0);
	rig_go(r, 1);
	CHECK(!ioat_model_intx_level(r->m));
	CHECK_INT(ioat_model_read(r->m, IOAT_INTRCTRL, 1), ==, INTRCTRL_INT_STATUS);
	ioat_model_write(r->m, IOAT_INTRCTRL, 1, INTRCTRL_MASTER_INT_EN);
	CHECK(ioat_model_intx_level(r->m));
	rig_close(r);
}

TEST(the_rearm_takes_back_attention_that_nobody_read)
{
	struct rig *r = open_intx();

	rig_go(r, 1);
	rearm(r);
	CHECK(!ioat_model_intx_level(r->m));
	CHECK_INT(ioat_model_read(r->m, IOAT_ATTNSTATUS, 4), ==, 0);
	rig_close(r);
}

TEST(attnstatus_names_each_channel_by_its_bit)
{
	struct rig *r = rig_open_conf((struct ioat_model_conf){.channels = 4});
	unsigned int i;

	ioat_model_set_msix(r->m, false);
	rig_put(r, 0, INT_NULL, 0, 0, 8);
	for (i = 1; i < 4; i += 2) {
		r->chan = i;
		rig_start(r);
		rig_go(r, 1);
	}
	CHECK_INT(ioat_model_read(r->m, IOAT_ATTNSTATUS, 4), ==, 0xa);
	CHECK_INT(ioat_model_read(r->m, IOAT_ATTNSTATUS, 4), ==, 0);
	CHECK_INT(r->fh.interrupts[1], ==, 1);
	CHECK_INT(r->fh.interrupts[3], ==, 1);
	rig_close(r);
}

TEST(reset_of_a_channel_takes_back_its_attention_only)
{
	struct rig *r = rig_open_conf((struct ioat_model_conf){.channels = 2});

	ioat_model_set_msix(r->m, false);
	rig_put(r, 0, INT_NULL, 0, 0, 8);
	for (r->chan = 0; r->chan < 2; r->chan++) {
		rig_start(r);
		rig_go(r, 1);
	}
	r->chan = 0;
	rig_command(r, CHANCMD_RESET);
	CHECK_INT(ioat_model_read(r->m, IOAT_ATTNSTATUS, 4), ==, 0x2);
	rig_close(r);
}

TEST(a_host_without_an_interrupt_callback_still_sees_the_registers)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	struct ioat_model_conf conf = {.host = fake_callbacks(&r->fh)};

	ioat_model_destroy(r->m);
	conf.host.irq = NULL;
	CHECK_INT(ioat_model_create(&r->m, &conf), ==, 0);
	ioat_model_set_msix(r->m, false);
	rig_start(r);
	rig_put(r, 0, INT_NULL, 0, 0, 8);
	rig_go(r, 1);
	CHECK_INT(ioat_model_read(r->m, IOAT_ATTNSTATUS, 4), ==, 1);
	rig_close(r);
}

TEST(chanerrmsk_int_keeps_an_error_from_interrupting_but_not_from_halting)
{
	struct rig *r = rig_open(IOAT_MODEL_SKX);

	ioat_model_mask_errors(r->m, CHANERR_SRC_ADDR);
	rig_start(r);
	rig_set(r, IOAT_CHANCTRL, 2, RIG_CHANCTRL | CHANCTRL_ERR_INT_EN);
	rig_put(r, 0, CTRL_COPY, NOWHERE, DST, 64);
	rig_go(r, 1);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_SRC_ADDR);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_HALTED);
	CHECK_INT(r->fh.interrupts[0], ==, 0);

	ioat_model_reset(r->m); /* forgets the mask */
	rig_start(r);
	rig_set(r, IOAT_CHANCTRL, 2, RIG_CHANCTRL | CHANCTRL_ERR_INT_EN);
	rig_go(r, 1);
	CHECK_INT(r->fh.interrupts[0], ==, 1);
	rig_close(r);
}

TEST_MAIN("model interrupts")
