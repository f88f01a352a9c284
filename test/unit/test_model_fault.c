/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Fault injection: what each kind does, when, how often, and what ends it. */

#include <errno.h>

#include "rig.h"

static struct rig *
open_with(struct ioat_model_fault fault)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	unsigned int i;

	for (i = 0; i < RIG_SLOTS; i++)
		rig_put(r, i, CTRL_NULL | DESC_CTRL_COMPL | DESC_CTRL_INT_EN, 0, 0, 8);
	rig_start(r);
	CHECK_INT(ioat_model_inject(r->m, 0, &fault), ==, 0);
	return r;
}

TEST(every_chanerr_bit_can_be_raised_at_the_nth_descriptor)
{
	unsigned int bit;

	for (bit = 0; bit < 28; bit++) {
		struct rig *r = open_with((struct ioat_model_fault){
			.kind = IOAT_MODEL_FAULT_CHANERR, .chanerr = 1u << bit, .after = 3});

		rig_go(r, 10);
		CHECK_INT(rig_chanerr(r), ==, 1u << bit);
		CHECK_INT(rig_status(r), ==, rig_slot(2) | IOAT_STATE_HALTED);
		/* With a completion address error the word still shows the descriptor before. */
		CHECK_INT(rig_word(r), ==,
		          rig_slot(2) | (1u << bit == CHANERR_COMPL_ADDR ? IOAT_STATE_ACTIVE
		                                                         : IOAT_STATE_HALTED));
		rig_close(r);
	}
}

TEST(a_chanerr_fault_strikes_once)
{
	struct rig *r = open_with((struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_CHANERR,
	                                                    .chanerr = CHANERR_READ_DATA});

	rig_go(r, 1);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_HALTED);
	rig_start(r);
	rig_go(r, 200);
	CHECK_INT(rig_status(r), ==, rig_slot(199) | IOAT_STATE_DONE);
	rig_close(r);
}

TEST(a_chanerr_fault_may_raise_several_bits)
{
	struct rig *r = open_with((struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_CHANERR,
	                                                    .chanerr = CHANERR_ALL});

	rig_go(r, 1);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_ALL);
	rig_close(r);
}

TEST(a_fault_waits_through_reset)
{
	struct rig *r =
		open_with((struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_HALT, .after = 2});

	rig_go(r, 1);
	rig_start(r);
	rig_go(r, 5);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_HALTED);
	rig_close(r);
}

TEST(a_spurious_halt_reports_and_leaves_chanerr_zero)
{
	struct rig *r =
		open_with((struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_HALT, .after = 1});

	rig_go(r, 3);
	CHECK_INT(rig_chanerr(r), ==, 0);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_HALTED);
	CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_HALTED);
	CHECK_INT(rig_counters(r).errors, ==, 1);
	rig_close(r);
}

TEST(refused_resets_leave_bit_5_set_and_everything_else_as_it_was)
{
	struct rig *r =
		open_with((struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_RESET, .count = 2});
	unsigned int i;

	rig_go(r, 4);
	for (i = 0; i < 2; i++) {
		rig_command(r, CHANCMD_RESET);
		CHECK_INT(rig_get(r, IOAT_CHANCMD, 1), ==, CHANCMD_RESET);
		CHECK_INT(rig_status(r), ==, rig_slot(3) | IOAT_STATE_DONE);
	}
	rig_command(r, CHANCMD_RESET);
	CHECK_INT(rig_get(r, IOAT_CHANCMD, 1), ==, 0);
	CHECK_INT(rig_status(r), ==, 0x3);
	rig_close(r);
}

TEST(a_late_write_comes_after_its_steps)
{
	struct rig *r = open_with(
		(struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_LATE_WRITE, .count = 3});
	unsigned int i;

	rig_ring(r, 1);
	CHECK_INT(ioat_model_step(r->m, 0, 1000), ==, 64);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	for (i = 0; i < 3; i++) {
		CHECK(ioat_model_busy(r->m, 0));
		CHECK_INT(rig_word(r), ==, 0);
		CHECK_INT(ioat_model_step(r->m, 0, 1000), ==, 64);
	}
	CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	CHECK(!ioat_model_busy(r->m, 0));
	CHECK_INT(rig_counters(r).completions, ==, 1);
	rig_close(r);
}

TEST(a_late_write_survives_the_reset_command)
{
	struct rig *r = open_with(
		(struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_LATE_WRITE, .count = 2});

	rig_ring(r, 1);
	ioat_model_step(r->m, 0, 1000);
	rig_start_at(r, 8);
	rig_ring(r, 1);
	ioat_model_step(r->m, 0, 1000);
	CHECK_INT(rig_word(r), ==, rig_slot(8) | IOAT_STATE_DONE);
	ioat_model_step(r->m, 0, 1000);
	CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	rig_close(r);
}

TEST(a_late_write_is_dropped_by_function_level_reset)
{
	struct rig *r = open_with(
		(struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_LATE_WRITE, .count = 2});

	rig_ring(r, 1);
	ioat_model_step(r->m, 0, 1000);
	ioat_model_reset(r->m);
	rig_run(r);
	CHECK_INT(rig_word(r), ==, 0);
	rig_close(r);
}

TEST(a_second_late_write_waits_for_the_first)
{
	const struct ioat_model_fault late = {.kind = IOAT_MODEL_FAULT_LATE_WRITE, .count = 3};
	struct rig *r = open_with(late);

	rig_ring(r, 1);
	ioat_model_step(r->m, 0, 1000);
	CHECK_INT(ioat_model_inject(r->m, 0, &late), ==, 0);
	rig_ring(r, 1); /* reported at once: only one word can be held */
	ioat_model_step(r->m, 0, 1000);
	CHECK_INT(rig_word(r), ==, rig_slot(1) | IOAT_STATE_DONE);
	rig_run(r);
	CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	rig_ring(r, 1); /* now the second fault strikes */
	ioat_model_step(r->m, 0, 1000);
	CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	rig_run(r);
	CHECK_INT(rig_word(r), ==, rig_slot(2) | IOAT_STATE_DONE);
	rig_close(r);
}

TEST(a_late_write_that_the_host_refuses_is_dropped)
{
	struct rig *r = open_with(
		(struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_LATE_WRITE, .count = 1});

	rig_ring(r, 1);
	ioat_model_step(r->m, 0, 1000);
	fake_grant(&r->fh, CMP, CMP_LEN, 0);
	rig_run(r);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	CHECK_INT(rig_chanerr(r), ==, 0);
	CHECK_INT(rig_counters(r).completions, ==, 0);
	rig_close(r);
}

TEST(lost_interrupts_disable_the_channel_but_never_arrive)
{
	struct rig *r =
		open_with((struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_LOST_IRQ, .count = 2});
	unsigned int i;

	for (i = 0; i < 3; i++) {
		CHECK_INT(r->fh.interrupts[0], ==, 0);
		rig_go(r, 1);
		CHECK(rig_get(r, IOAT_CHANCTRL, 2) & CHANCTRL_INT_DISABLE);
		rig_set(r, IOAT_CHANCTRL, 2, RIG_CHANCTRL | CHANCTRL_INT_DISABLE);
	}
	CHECK_INT(r->fh.interrupts[0], ==, 1);
	CHECK_INT(rig_counters(r).interrupts, ==, 1);
	rig_close(r);
}

TEST(a_stuck_channel_stays_halted_after_chainaddr_as_often_as_asked)
{
	struct rig *r =
		open_with((struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_STUCK, .count = 2});

	rig_start(r);
	CHECK_INT(rig_status(r), ==, 0x3);
	rig_go(r, 1);
	CHECK_INT(rig_counters(r).descriptors, ==, 0);
	rig_start(r);
	CHECK_INT(rig_status(r), ==, 0x3);
	rig_start(r);
	CHECK_INT(rig_status(r), ==, 0x4);
	rig_close(r);
}

TEST(a_chainaddr_write_in_two_halves_uses_up_one_stuck)
{
	struct rig *r =
		open_with((struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_STUCK, .count = 1});

	rig_command(r, CHANCMD_RESET);
	rig_set(r, IOAT_CHAINADDR, 4, rig_slot(0));
	rig_set(r, IOAT_CHAINADDR + 4, 4, rig_slot(0) >> 32);
	CHECK_INT(rig_status(r), ==, 0x3);
	rig_set(r, IOAT_CHAINADDR, 4, rig_slot(0));
	rig_set(r, IOAT_CHAINADDR + 4, 4, rig_slot(0) >> 32);
	CHECK_INT(rig_status(r), ==, 0x4);
	rig_close(r);
}

TEST(a_stuck_fault_does_not_touch_a_channel_that_is_not_halted)
{
	struct rig *r =
		open_with((struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_STUCK, .count = 1});

	rig_go(r, 1);
	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(0));
	CHECK_INT(rig_status(r), ==, 0x4);
	rig_close(r);
}

TEST(faults_of_different_kinds_are_armed_together)
{
	struct rig *r = open_with((struct ioat_model_fault){
		.kind = IOAT_MODEL_FAULT_CHANERR, .chanerr = CHANERR_Q, .after = 1});
	const struct ioat_model_fault halt = {.kind = IOAT_MODEL_FAULT_HALT, .after = 1};

	CHECK_INT(ioat_model_inject(r->m, 0, &halt), ==, 0);
	rig_go(r, 2);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_Q);
	rig_start(r);
	rig_go(r, 2);
	CHECK_INT(rig_status(r), ==, 0x3);
	CHECK_INT(rig_chanerr(r), ==, 0);
	rig_close(r);
}

TEST(arming_a_kind_again_replaces_it)
{
	struct rig *r = open_with((struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_HALT});
	const struct ioat_model_fault later = {.kind = IOAT_MODEL_FAULT_HALT, .after = 5};

	CHECK_INT(ioat_model_inject(r->m, 0, &later), ==, 0);
	rig_go(r, 10);
	CHECK_INT(rig_status(r), ==, rig_slot(4) | IOAT_STATE_HALTED);
	rig_close(r);
}

TEST(function_level_reset_disarms_everything)
{
	struct rig *r = open_with((struct ioat_model_fault){.kind = IOAT_MODEL_FAULT_HALT});

	ioat_model_reset(r->m);
	rig_start(r);
	rig_go(r, 1);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	rig_close(r);
}

TEST(bad_faults_are_refused)
{
	static const struct ioat_model_fault bad[] = {
		{.kind = IOAT_MODEL_FAULT_CHANERR},
		{.kind = IOAT_MODEL_FAULT_CHANERR, .chanerr = 1u << 28},
		{.kind = IOAT_MODEL_FAULT_CHANERR, .chanerr = UINT32_MAX},
		{.kind = IOAT_MODEL_FAULT_RESET},
		{.kind = IOAT_MODEL_FAULT_LATE_WRITE},
		{.kind = IOAT_MODEL_FAULT_LOST_IRQ},
		{.kind = IOAT_MODEL_FAULT_STUCK},
		{.kind = (enum ioat_model_fault_kind)99, .chanerr = 1, .count = 1},
	};
	const struct ioat_model_fault good = {.kind = IOAT_MODEL_FAULT_HALT};
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_INT(ioat_model_inject(r->m, 0, &bad[i]), ==, -EINVAL);
	CHECK_INT(ioat_model_inject(r->m, 1, &good), ==, -EINVAL);
	CHECK_INT(ioat_model_inject(r->m, 0, &good), ==, 0);
	rig_close(r);
}

TEST_MAIN("model faults")
