/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The channel's states, and what moves it from one to the other. */

#include "rig.h"

static struct rig *
open_in(enum ioat_state state)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_enter(r, state);
	return r;
}

static const enum ioat_state all_states[] = {IOAT_STATE_ACTIVE, IOAT_STATE_DONE,
                                             IOAT_STATE_SUSPENDED, IOAT_STATE_HALTED,
                                             IOAT_STATE_ARMED};

TEST(power_on_is_halted_without_an_error)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	CHECK_INT(rig_status(r), ==, 0x3);
	CHECK_INT(rig_chanerr(r), ==, 0);
	rig_close(r);
}

TEST(reset_leaves_every_state_for_halted_with_status_exactly_3)
{
	size_t i;

	for (i = 0; i < 5; i++) {
		struct rig *r = open_in(all_states[i]);

		rig_command(r, CHANCMD_RESET);
		CHECK_INT(rig_status(r), ==, 0x3);
		rig_close(r);
	}
}

TEST(reset_clears_chain_count_completion_address_and_control)
{
	struct rig *r = open_in(IOAT_STATE_DONE);

	rig_command(r, CHANCMD_RESET);
	CHECK_INT(rig_get(r, IOAT_CHAINADDR, 8), ==, 0);
	CHECK_INT(rig_get(r, IOAT_DMACOUNT, 2), ==, 0);
	CHECK_INT(rig_get(r, IOAT_CHANCMP, 8), ==, 0);
	CHECK_INT(rig_get(r, IOAT_CDAR, 8), ==, 0);
	CHECK_INT(rig_get(r, IOAT_CHANCTRL, 2), ==, 0);
	rig_close(r);
}

TEST(reset_reads_as_done_at_the_next_read)
{
	struct rig *r = open_in(IOAT_STATE_ACTIVE);

	rig_command(r, CHANCMD_RESET);
	CHECK_INT(rig_get(r, IOAT_CHANCMD, 1), ==, 0);
	rig_close(r);
}

TEST(reset_makes_no_completion_write_and_no_interrupt)
{
	struct rig *r = open_in(IOAT_STATE_ACTIVE);
	size_t events = r->fh.events;

	rig_command(r, CHANCMD_RESET);
	rig_run(r);
	CHECK_INT(r->fh.events, ==, events);
	rig_close(r);
}

TEST(chainaddr_arms_from_every_state_with_status_exactly_4)
{
	size_t i;

	for (i = 0; i < 5; i++) {
		struct rig *r = open_in(all_states[i]);

		rig_set(r, IOAT_CHAINADDR, 8, rig_slot(0));
		CHECK_INT(rig_status(r), ==, 0x4);
		CHECK_INT(rig_get(r, IOAT_DMACOUNT, 2), ==, 0);
		CHECK_INT(rig_get(r, IOAT_CDAR, 8), ==, 0);
		rig_close(r);
	}
}

TEST(chainaddr_in_two_halves_arms_after_the_upper_one)
{
	struct rig *r = open_in(IOAT_STATE_HALTED);

	rig_put(r, 3, CTRL_NULL, 0, 0, 8);
	rig_set(r, IOAT_CHAINADDR, 4, rig_slot(3) & 0xffffffff);
	rig_set(r, IOAT_CHAINADDR + 4, 4, rig_slot(3) >> 32);
	CHECK_INT(rig_status(r), ==, 0x4);
	rig_set(r, IOAT_DMACOUNT, 2, 1);
	rig_run(r);
	CHECK_INT(rig_status(r), ==, rig_slot(3) | IOAT_STATE_DONE);
	rig_close(r);
}

TEST(chainaddr_does_not_arm_while_an_error_stands)
{
	struct rig *r = open_in(IOAT_STATE_DONE);

	rig_command(r, CHANCMD_SUSPEND | CHANCMD_RESET);
	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(0));
	CHECK_INT(rig_state(r), ==, IOAT_STATE_HALTED);
	rig_close(r);
}

TEST(clearing_the_error_and_chainaddr_arm_without_reset)
{
	struct rig *r = open_in(IOAT_STATE_DONE);

	rig_command(r, CHANCMD_SUSPEND | CHANCMD_RESET);
	rig_set(r, IOAT_CHANERR, 4, rig_chanerr(r));
	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(1));
	CHECK_INT(rig_status(r), ==, 0x4);
	rig_set(r, IOAT_DMACOUNT, 2, 1);
	rig_run(r);
	CHECK_INT(rig_status(r), ==, rig_slot(1) | IOAT_STATE_DONE);
	rig_close(r);
}

TEST(chainaddr_while_active_drops_the_old_chain)
{
	struct rig *r = open_in(IOAT_STATE_ARMED);

	rig_pattern(r);
	rig_put(r, 0, CTRL_COPY | DESC_CTRL_COMPL, SRC, DST, 65536);
	rig_ring(r, 1);
	ioat_model_step(r->m, 0, 8192);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_ACTIVE);
	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(8));
	CHECK_INT(rig_status(r), ==, 0x4);
	rig_run(r);
	CHECK_INT(rig_counters(r).descriptors, ==, 0);
	CHECK_INT(rig_word(r), ==, 0);
	rig_close(r);
}

TEST(nothing_runs_between_chainaddr_and_the_doorbell)
{
	struct rig *r = open_in(IOAT_STATE_ARMED);

	CHECK(!ioat_model_busy(r->m, 0));
	CHECK_INT(ioat_model_step(r->m, 0, SIZE_MAX), ==, 0);
	CHECK_INT(rig_status(r), ==, 0x4);
	rig_close(r);
}

TEST(the_doorbell_makes_armed_and_idle_active_at_once)
{
	struct rig *r = open_in(IOAT_STATE_ARMED);

	rig_ring(r, 1);
	CHECK_INT(rig_status(r), ==, IOAT_STATE_ACTIVE);
	rig_run(r);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	rig_ring(r, 1);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_ACTIVE);
	rig_close(r);
}

TEST(a_doorbell_of_zero_leaves_armed)
{
	struct rig *r = open_in(IOAT_STATE_ARMED);

	rig_set(r, IOAT_DMACOUNT, 2, 0);
	CHECK_INT(rig_status(r), ==, 0x4);
	CHECK(!ioat_model_busy(r->m, 0));
	rig_close(r);
}

TEST(the_same_count_again_leaves_idle)
{
	struct rig *r = open_in(IOAT_STATE_DONE);

	rig_set(r, IOAT_DMACOUNT, 2, 1);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	CHECK_INT(rig_counters(r).descriptors, ==, 1);
	rig_close(r);
}

TEST(the_doorbell_starts_nothing_while_suspended_or_halted)
{
	static const enum ioat_state states[] = {IOAT_STATE_SUSPENDED, IOAT_STATE_HALTED};
	size_t i;

	for (i = 0; i < 2; i++) {
		struct rig *r = open_in(states[i]);
		uint64_t done = rig_counters(r).descriptors;

		rig_set(r, IOAT_DMACOUNT, 2, 5);
		CHECK_INT(rig_state(r), ==, states[i]);
		rig_run(r);
		CHECK_INT(rig_counters(r).descriptors, ==, done);
		CHECK_INT(rig_chanerr(r), ==, 0);
		rig_close(r);
	}
}

TEST(taking_the_count_back_to_what_is_finished_ends_active)
{
	struct rig *r = open_in(IOAT_STATE_DONE);

	rig_set(r, IOAT_DMACOUNT, 2, 2);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_ACTIVE);
	rig_set(r, IOAT_DMACOUNT, 2, 1);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	CHECK(!ioat_model_busy(r->m, 0));
	rig_close(r);
}

TEST(suspend_makes_idle_suspended)
{
	struct rig *r = open_in(IOAT_STATE_DONE);

	rig_command(r, CHANCMD_SUSPEND);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_SUSPENDED);
	rig_close(r);
}

TEST(suspend_leaves_armed_and_halted_without_an_error)
{
	static const enum ioat_state states[] = {IOAT_STATE_ARMED, IOAT_STATE_HALTED};
	size_t i;

	for (i = 0; i < 2; i++) {
		struct rig *r = open_in(states[i]);

		rig_command(r, CHANCMD_SUSPEND);
		CHECK_INT(rig_status(r), ==, states[i]);
		CHECK_INT(rig_chanerr(r), ==, 0);
		rig_close(r);
	}
}

TEST(suspend_before_the_first_fetch_runs_nothing)
{
	struct rig *r = open_in(IOAT_STATE_ACTIVE);

	rig_command(r, CHANCMD_SUSPEND);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_SUSPENDED);
	rig_run(r);
	CHECK_INT(rig_counters(r).descriptors, ==, 0);
	rig_close(r);
}

/* Two copies of 64 KiB, the first of them begun. */
static struct rig *
open_in_mid_copy(void)
{
	struct rig *r = open_in(IOAT_STATE_ARMED);

	rig_pattern(r);
	rig_put(r, 0, CTRL_COPY | DESC_CTRL_COMPL, SRC, DST, 65536);
	rig_put(r, 1, CTRL_COPY | DESC_CTRL_COMPL, SRC, DST + 65536, 65536);
	rig_ring(r, 2);
	ioat_model_step(r->m, 0, 8192);
	CHECK_INT(rig_counters(r).bytes, >, 0);
	CHECK_INT(rig_counters(r).descriptors, ==, 0);
	return r;
}

TEST(suspend_finishes_the_descriptor_in_flight_and_no_other)
{
	struct rig *r = open_in_mid_copy();

	rig_command(r, CHANCMD_SUSPEND);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_SUSPENDED);
	CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_ACTIVE);
	rig_check_copied(r, SRC, DST, 65536);
	rig_run(r);
	CHECK_INT(rig_counters(r).descriptors, ==, 1);
	rig_close(r);
}

TEST(suspend_of_the_last_descriptor_reports_it_done_and_ends_suspended)
{
	struct rig *r = open_in_mid_copy();

	rig_set(r, IOAT_DMACOUNT, 2, 1);
	rig_command(r, CHANCMD_SUSPEND);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_SUSPENDED);
	CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	rig_close(r);
}

TEST(suspend_that_meets_an_error_ends_halted)
{
	struct rig *r = open_in_mid_copy();

	fake_grant(&r->fh, SRC + 0x8000, FAKE_PAGE, 0);
	rig_command(r, CHANCMD_SUSPEND);
	CHECK_INT(rig_status(r), ==, IOAT_STATE_HALTED);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_SRC_ADDR);
	rig_close(r);
}

TEST(resume_goes_on_where_suspend_stopped)
{
	struct rig *r = open_in_mid_copy();

	rig_command(r, CHANCMD_SUSPEND);
	rig_command(r, CHANCMD_RESUME);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_ACTIVE);
	rig_run(r);
	CHECK_INT(rig_word(r), ==, rig_slot(1) | IOAT_STATE_DONE);
	CHECK_INT(rig_counters(r).descriptors, ==, 2);
	rig_close(r);
}

TEST(resume_without_work_is_idle)
{
	struct rig *r = open_in(IOAT_STATE_SUSPENDED);

	rig_command(r, CHANCMD_RESUME);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	rig_close(r);
}

TEST(resume_runs_what_was_rung_while_suspended)
{
	struct rig *r = open_in(IOAT_STATE_SUSPENDED);

	rig_ring(r, 1);
	rig_command(r, CHANCMD_RESUME);
	rig_run(r);
	CHECK_INT(rig_status(r), ==, rig_slot(1) | IOAT_STATE_DONE);
	rig_close(r);
}

TEST(resume_changes_no_state_but_suspended)
{
	static const enum ioat_state states[] = {IOAT_STATE_ACTIVE, IOAT_STATE_DONE,
	                                         IOAT_STATE_HALTED, IOAT_STATE_ARMED};
	size_t i;

	for (i = 0; i < 4; i++) {
		struct rig *r = open_in(states[i]);

		rig_command(r, CHANCMD_RESUME);
		CHECK_INT(rig_state(r), ==, states[i]);
		rig_close(r);
	}
}

TEST(abort_halts_every_state_without_an_error)
{
	size_t i;

	for (i = 0; i < 5; i++) {
		struct rig *r = open_in(all_states[i]);

		rig_command(r, CHANCMD_ABORT);
		CHECK_INT(rig_state(r), ==, IOAT_STATE_HALTED);
		CHECK_INT(rig_chanerr(r), ==, 0);
		rig_close(r);
	}
}

TEST(abort_drops_the_descriptor_in_flight)
{
	struct rig *r = open_in_mid_copy();

	rig_command(r, CHANCMD_ABORT);
	rig_run(r);
	CHECK_INT(rig_counters(r).descriptors, ==, 0);
	CHECK_INT(rig_word(r), ==, 0);
	rig_close(r);
}

TEST(reset_in_the_middle_of_a_copy_drops_it)
{
	struct rig *r = open_in_mid_copy();
	uint64_t moved = rig_counters(r).bytes;

	rig_command(r, CHANCMD_RESET);
	rig_run(r);
	CHECK_INT(rig_counters(r).bytes, ==, moved);
	CHECK_INT(rig_counters(r).descriptors, ==, 0);
	CHECK_INT(rig_word(r), ==, 0);
	rig_close(r);
}

TEST(function_level_reset_in_the_middle_of_a_copy_drops_it)
{
	struct rig *r = open_in_mid_copy();

	ioat_model_reset(r->m);
	CHECK_INT(rig_status(r), ==, 0x3);
	rig_run(r);
	CHECK_INT(rig_counters(r).bytes, ==, 0);
	CHECK_INT(rig_word(r), ==, 0);
	rig_close(r);
}

TEST(start_and_append_of_version_1_do_nothing)
{
	size_t i;

	for (i = 0; i < 5; i++) {
		struct rig *r = open_in(all_states[i]);

		rig_command(r, CHANCMD_START);
		rig_command(r, CHANCMD_APPEND);
		CHECK_INT(rig_state(r), ==, all_states[i]);
		CHECK_INT(rig_chanerr(r), ==, 0);
		rig_close(r);
	}
}

TEST(two_commands_in_one_write_are_a_command_error_in_every_state)
{
	size_t i;

	for (i = 0; i < 5; i++) {
		struct rig *r = open_in(all_states[i]);

		rig_command(r, CHANCMD_SUSPEND | CHANCMD_RESET);
		CHECK_INT(rig_state(r), ==, IOAT_STATE_HALTED);
		CHECK_INT(rig_chanerr(r), ==, CHANERR_CMD);
		rig_close(r);
	}
}

TEST(reserved_command_bits_are_no_command)
{
	struct rig *r = open_in(IOAT_STATE_DONE);

	rig_command(r, 0xc0);
	rig_command(r, 0xc0 | CHANCMD_START);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	CHECK_INT(rig_chanerr(r), ==, 0);
	rig_close(r);
}

TEST(status_names_the_last_finished_descriptor_while_active)
{
	struct rig *r = open_in(IOAT_STATE_ARMED);

	rig_ring(r, 2);
	ioat_model_step(r->m, 0, 1);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_ACTIVE);
	rig_close(r);
}

TEST(cdar_names_the_descriptor_that_runs)
{
	struct rig *r = open_in_mid_copy();

	CHECK_INT(rig_get(r, IOAT_CDAR, 8), ==, rig_slot(0));
	rig_run(r);
	CHECK_INT(rig_get(r, IOAT_CDAR, 8), ==, rig_slot(1));
	rig_close(r);
}

TEST(channels_do_not_move_each_other)
{
	struct rig *r = rig_open_conf((struct ioat_model_conf){.channels = 4});

	for (r->chan = 0; r->chan < 4; r->chan++)
		rig_start_at(r, 16 * r->chan);
	r->chan = 2;
	rig_put(r, 32, CTRL_NULL | DESC_CTRL_COMPL, 0, 0, 8);
	rig_go(r, 1);
	CHECK_INT(rig_word(r), ==, rig_slot(32) | IOAT_STATE_DONE);
	r->chan = 3;
	rig_command(r, CHANCMD_RESET);
	CHECK_INT(rig_status(r), ==, 0x3);
	for (r->chan = 0; r->chan < 2; r->chan++)
		CHECK_INT(rig_status(r), ==, 0x4);
	r->chan = 2;
	CHECK_INT(rig_status(r), ==, rig_slot(32) | IOAT_STATE_DONE);
	rig_close(r);
}

TEST_MAIN("model states")
