/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Descriptors, addresses and programming that are wrong: one CHANERR bit each, and the halt. */

#include <errno.h>

#include "rig.h"

#define TOO_LONG ((1u << 16) + 1)

static struct rig *
open_started(void)
{
	struct rig *r = rig_open_conf((struct ioat_model_conf){.xfercap = 16});

	rig_pattern(r);
	rig_start(r);
	return r;
}

/** Run one descriptor at slot 0 and check that it halts the channel with @p bit. */
static void
check_halts(struct rig *r, uint32_t bit)
{
	rig_go(r, 1);
	CHECK_INT(rig_chanerr(r), ==, bit);
	CHECK_INT(rig_status(r), ==, IOAT_STATE_HALTED);
	CHECK_INT(rig_word(r), ==, IOAT_STATE_HALTED);
	CHECK_INT(rig_counters(r).descriptors, ==, 0);
	CHECK_INT(rig_counters(r).errors, ==, 1);
	rig_close(r);
}

static void
check_descriptor_halts(uint32_t ctrl, uint64_t src, uint64_t dst, uint32_t size, uint32_t bit)
{
	size_t way;

	for (way = 0; way < 2; way++) {
		struct rig *r = open_started();

		r->fh.no_map = way == 1;
		rig_put(r, 0, ctrl, src, dst, size);
		check_halts(r, bit);
	}
}

TEST(a_source_that_is_not_granted_is_a_source_address_error)
{
	check_descriptor_halts(CTRL_COPY, NOWHERE, DST, 64, CHANERR_SRC_ADDR);
	check_descriptor_halts(CTRL_COPY, 0, DST, 64, CHANERR_SRC_ADDR);
	check_descriptor_halts(CTRL_COPY, 0xffff000000000000, DST, 64, CHANERR_SRC_ADDR);
}

TEST(a_source_that_ends_outside_is_a_source_address_error)
{
	check_descriptor_halts(CTRL_COPY, SRC + SRC_LEN - 63, DST, 64, CHANERR_SRC_ADDR);
}

TEST(a_destination_that_is_not_granted_is_a_destination_address_error)
{
	check_descriptor_halts(CTRL_COPY, SRC, NOWHERE, 64, CHANERR_DST_ADDR);
	check_descriptor_halts(CTRL_COPY, SRC, 0, 64, CHANERR_DST_ADDR);
	check_descriptor_halts(CTRL_FILL, 0, NOWHERE, 64, CHANERR_DST_ADDR);
}

TEST(a_destination_that_may_only_be_read_is_a_destination_address_error)
{
	check_descriptor_halts(CTRL_COPY, SRC, ROM, 64, CHANERR_DST_ADDR);
	check_descriptor_halts(CTRL_FILL, 0, ROM, 64, CHANERR_DST_ADDR);
}

TEST(a_source_that_may_only_be_written_is_a_source_address_error)
{
	check_descriptor_halts(CTRL_COPY, CMP, DST, 64, CHANERR_SRC_ADDR);
}

TEST(two_bad_addresses_are_one_error_the_source)
{
	check_descriptor_halts(CTRL_COPY, NOWHERE, NOWHERE, 64, CHANERR_SRC_ADDR);
}

TEST(addresses_that_wrap_never_reach_the_host)
{
	/* The fake host aborts the program if they do. */
	check_descriptor_halts(CTRL_COPY, UINT64_MAX - 62, DST, 64, CHANERR_SRC_ADDR);
	check_descriptor_halts(CTRL_COPY, UINT64_MAX - 63, DST, 64, CHANERR_SRC_ADDR);
	check_descriptor_halts(CTRL_COPY, SRC, UINT64_MAX, 64, CHANERR_DST_ADDR);
	check_descriptor_halts(CTRL_FILL, 0, UINT64_MAX - 7, 8, CHANERR_DST_ADDR);
}

TEST(second_pages_that_wrap_never_reach_the_host)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_COPY | DESC_CTRL_SRC_BREAK, SRC + 4000, DST, 200)->src2 =
		UINT64_MAX - 50;
	check_halts(r, CHANERR_SRC_ADDR);
	r = open_started();
	rig_put(r, 0, CTRL_COPY | DESC_CTRL_DST_BREAK, SRC, DST + 4000, 200)->dst2 =
		UINT64_MAX - 50;
	check_halts(r, CHANERR_DST_ADDR);
}

TEST(a_second_page_that_is_not_granted_is_the_error_of_its_side)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_COPY | DESC_CTRL_SRC_BREAK, SRC + 4000, DST, 200)->src2 = NOWHERE;
	check_halts(r, CHANERR_SRC_ADDR);
	r = open_started();
	rig_put(r, 0, CTRL_FILL | DESC_CTRL_DST_BREAK, 0, DST + 4000, 200)->dst2 = NOWHERE;
	check_halts(r, CHANERR_DST_ADDR);
}

TEST(a_page_broken_job_that_two_pages_cannot_hold_is_a_length_error)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_COPY | DESC_CTRL_SRC_BREAK, SRC + 1, DST, 8192)->src2 = SRC + 0x5000;
	check_halts(r, CHANERR_LENGTH);
	r = open_started();
	rig_put(r, 0, CTRL_COPY | DESC_CTRL_DST_BREAK, SRC, DST, 8193)->dst2 = DST + 0x5000;
	check_halts(r, CHANERR_LENGTH);
}

TEST(bad_source_data_is_a_read_data_error)
{
	struct rig *r = open_started();

	r->fh.eio_at = SRC + 100;
	rig_put(r, 0, CTRL_COPY, SRC, DST, 200);
	check_halts(r, CHANERR_READ_DATA);
}

TEST(data_that_cannot_be_stored_is_a_write_data_error)
{
	struct rig *r = open_started();

	r->fh.eio_at = DST + 100;
	rig_put(r, 0, CTRL_COPY, SRC, DST, 200);
	check_halts(r, CHANERR_WRITE_DATA);
}

TEST(a_misaligned_chainaddr_is_a_chain_address_error)
{
	struct rig *r = open_started();

	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(0) + 32);
	check_halts(r, CHANERR_CHAIN_ADDR);
}

TEST(a_chainaddr_at_the_end_of_the_address_space_is_a_chain_address_error)
{
	struct rig *r = open_started();

	rig_set(r, IOAT_CHAINADDR, 8, UINT64_MAX - 63);
	check_halts(r, CHANERR_CHAIN_ADDR);
}

TEST(a_first_descriptor_that_cannot_be_read_is_a_descriptor_error)
{
	size_t way;

	for (way = 0; way < 2; way++) {
		struct rig *r = open_started();

		r->fh.no_map = way == 1;
		rig_set(r, IOAT_CHAINADDR, 8, NOWHERE);
		check_halts(r, CHANERR_DESC);
	}
}

TEST(a_link_that_is_misaligned_or_leads_nowhere_is_a_next_address_error)
{
	static const uint64_t bad[] = {RING + 8, NOWHERE, 0, UINT64_MAX, UINT64_MAX - 63, CMP};
	size_t i;

	for (i = 0; i < 6; i++) {
		struct rig *r = open_started();

		rig_put(r, 0, CTRL_NULL, 0, 0, 8)->next = bad[i];
		rig_go(r, 2);
		CHECK_INT(rig_chanerr(r), ==, CHANERR_NEXT_ADDR);
		CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_HALTED);
		rig_close(r);
	}
}

TEST(a_descriptor_that_begins_in_the_last_granted_bytes_is_whole_or_an_error)
{
	struct rig *r = open_started();

	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(255));
	r->rung = 0;
	rig_put(r, 255, CTRL_NULL, 0, 0, 8)->next = RING + RING_LEN;
	rig_go(r, 1);
	CHECK_INT(rig_status(r), ==, rig_slot(255) | IOAT_STATE_DONE);
	rig_go(r, 1);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_NEXT_ADDR);
	rig_close(r);
}

TEST(every_operation_but_copy_and_fill_is_a_control_error)
{
	unsigned int op;

	for (op = 2; op < 256; op++) {
		struct rig *r = open_started();

		rig_put(r, 0, DESC_CTRL_OP(op), SRC, DST, 64);
		check_halts(r, CHANERR_CONTROL);
	}
}

TEST(fill_is_a_control_error_on_a_part_without_block_fill)
{
	struct rig *r =
		rig_open_conf((struct ioat_model_conf){.device = IOAT_MODEL_ICX, .no_fill = true});

	CHECK_INT(rig_get(r, IOAT_DMACAPABILITY, 4) & DMACAP_BFILL, ==, 0);
	rig_start(r);
	rig_put(r, 0, DESC_CTRL_OP(IOAT_OP_FILL), SRC, DST, 64);
	check_halts(r, CHANERR_CONTROL);
}

TEST(every_reserved_control_bit_is_a_control_error)
{
	static const struct {
		uint32_t op, reserved;
	} ops[] = {{CTRL_COPY, 0x00fff800}, {CTRL_FILL, 0x00fffe62}};
	unsigned int i, bit;

	for (i = 0; i < 2; i++) {
		for (bit = 0; bit < 24; bit++) {
			struct rig *r = open_started();

			rig_put(r, 0, ops[i].op | 1u << bit, SRC, DST, 64);
			if (ops[i].reserved & 1u << bit) {
				check_halts(r, CHANERR_CONTROL);
				continue;
			}
			rig_go(r, 1);
			CHECK_INT(rig_chanerr(r), ==, 0);
			rig_close(r);
		}
	}
}

TEST(size_zero_is_a_length_error_for_copy_fill_and_null)
{
	check_descriptor_halts(CTRL_COPY, SRC, DST, 0, CHANERR_LENGTH);
	check_descriptor_halts(CTRL_FILL, SRC, DST, 0, CHANERR_LENGTH);
	check_descriptor_halts(CTRL_NULL, 0, 0, 0, CHANERR_LENGTH);
}

TEST(more_than_xfercap_is_a_length_error_and_moves_nothing)
{
	static const uint32_t too_long[] = {TOO_LONG, 1u << 31, UINT32_MAX};
	size_t i;

	for (i = 0; i < 3; i++) {
		struct rig *r = open_started();
		const unsigned char *to = fake_at(&r->fh, DST);

		rig_put(r, 0, CTRL_COPY, SRC, DST, too_long[i]);
		rig_go(r, 1);
		CHECK_INT(rig_chanerr(r), ==, CHANERR_LENGTH);
		CHECK_INT(rig_counters(r).bytes, ==, 0);
		CHECK_INT(to[0], ==, 0xff);
		rig_close(r);
	}
}

TEST(several_things_wrong_with_a_descriptor_are_one_error)
{
	check_descriptor_halts(DESC_CTRL_OP(0x87), NOWHERE, NOWHERE, 0, CHANERR_CONTROL);
	check_descriptor_halts(CTRL_COPY, NOWHERE, NOWHERE, 0, CHANERR_LENGTH);
}

TEST(a_completion_address_that_cannot_be_written_halts_without_a_completion_write)
{
	static const uint64_t bad[] = {0, NOWHERE, ROM, CMP + 4, UINT64_MAX - 7, UINT64_MAX};
	size_t i;

	for (i = 0; i < 6; i++) {
		struct rig *r = open_started();

		rig_set(r, IOAT_CHANCMP, 8, bad[i]);
		rig_put(r, 0, CTRL_NULL, 0, 0, 8);
		rig_put(r, 1, CTRL_NULL | DESC_CTRL_COMPL, 0, 0, 8);
		rig_go(r, 2);
		CHECK_INT(rig_chanerr(r), ==, CHANERR_COMPL_ADDR);
		CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_HALTED);
		CHECK_INT(r->fh.events, ==, 0);
		rig_close(r);
	}
}

TEST(a_halt_with_a_bad_completion_address_keeps_its_own_error_bit_only)
{
	struct rig *r = open_started();

	rig_set(r, IOAT_CHANCMP, 8, NOWHERE);
	rig_put(r, 0, CTRL_COPY, SRC, DST, 0);
	rig_go(r, 1);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_LENGTH);
	CHECK_INT(r->fh.events, ==, 0);
	rig_close(r);
}

TEST(the_halt_names_the_last_good_descriptor_and_keeps_its_data)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_COPY, SRC, DST, 64);
	rig_put(r, 1, CTRL_COPY, SRC + 64, DST + 64, 64);
	rig_put(r, 2, CTRL_COPY | DESC_CTRL_COMPL, NOWHERE, DST + 128, 64);
	rig_put(r, 3, CTRL_COPY | DESC_CTRL_COMPL, SRC, DST + 192, 64);
	rig_go(r, 4);
	CHECK_INT(rig_status(r), ==, rig_slot(1) | IOAT_STATE_HALTED);
	CHECK_INT(rig_word(r), ==, rig_slot(1) | IOAT_STATE_HALTED);
	CHECK_INT(rig_counters(r).descriptors, ==, 2);
	CHECK_INT(rig_get(r, IOAT_CDAR, 8), ==, rig_slot(2));
	rig_check_copied(r, SRC, DST, 128);
	rig_close(r);
}

/** Halt a channel by its second descriptor. @return words written, the first one's too. */
static size_t
words_of_a_halt(enum ioat_model_halt_word halt_word, uint32_t chanctrl)
{
	struct rig *r = rig_open_conf((struct ioat_model_conf){.halt_word = halt_word});
	size_t words;

	rig_pattern(r);
	rig_start(r);
	rig_set(r, IOAT_CHANCTRL, 2, chanctrl);
	rig_put(r, 0, CTRL_COPY | DESC_CTRL_COMPL, SRC, DST, 64);
	rig_put(r, 1, CTRL_COPY, NOWHERE, DST, 64);
	rig_go(r, 2);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_HALTED);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_SRC_ADDR);
	words = r->fh.events;
	if (words == 2)
		CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_HALTED);
	else if (words == 1)
		CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_ACTIVE);
	rig_close(r);
	return words;
}

/* SPDK: it sets no more than ANY_ERR_ABORT_EN and looks for HALTED in the word alone. */
TEST(a_halt_is_written_without_error_completion_too)
{
	CHECK_INT(words_of_a_halt(IOAT_MODEL_HALT_WORD_ALWAYS, CHANCTRL_ANY_ERR_ABORT), ==, 2);
	CHECK_INT(words_of_a_halt(IOAT_MODEL_HALT_WORD_ALWAYS, RIG_CHANCTRL), ==, 2);
}

TEST(a_halt_is_written_as_asked_where_that_is_the_rule)
{
	CHECK_INT(words_of_a_halt(IOAT_MODEL_HALT_WORD_ASKED, CHANCTRL_ANY_ERR_ABORT), ==, 1);
	CHECK_INT(words_of_a_halt(IOAT_MODEL_HALT_WORD_ASKED, RIG_CHANCTRL), ==, 2);
}

TEST(a_part_that_writes_no_halt_word_halts_all_the_same)
{
	CHECK_INT(words_of_a_halt(IOAT_MODEL_HALT_WORD_NEVER, CHANCTRL_ANY_ERR_ABORT), ==, 1);
	CHECK_INT(words_of_a_halt(IOAT_MODEL_HALT_WORD_NEVER, RIG_CHANCTRL), ==, 1);
}

TEST(a_descriptor_error_halts_even_without_any_error_abort)
{
	struct rig *r = open_started();

	rig_set(r, IOAT_CHANCTRL, 2, CHANCTRL_ERR_COMPL_EN);
	rig_put(r, 0, CTRL_COPY, NOWHERE, DST, 64);
	check_halts(r, CHANERR_SRC_ADDR);
}

TEST(an_unaffiliated_error_halts_only_with_any_error_abort)
{
	const struct ioat_model_fault fault = {.kind = IOAT_MODEL_FAULT_CHANERR,
	                                       .chanerr = CHANERR_UNAFFILIATED};
	struct rig *r = open_started();

	rig_set(r, IOAT_CHANCTRL, 2, 0);
	CHECK_INT(ioat_model_inject(r->m, 0, &fault), ==, 0);
	rig_put(r, 0, CTRL_COPY, SRC, DST, 64);
	rig_go(r, 1);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_UNAFFILIATED);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | CHANSTS_UNAFFILIATED | IOAT_STATE_DONE);
	rig_set(r, IOAT_CHANERR, 4, CHANERR_UNAFFILIATED);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_DONE);

	rig_start(r);
	CHECK_INT(ioat_model_inject(r->m, 0, &fault), ==, 0);
	rig_go(r, 1);
	CHECK_INT(rig_status(r), ==, IOAT_STATE_HALTED);
	rig_close(r);
}

TEST(a_masked_error_is_recorded_and_halts_without_an_interrupt)
{
	struct rig *r = open_started();

	rig_set(r, IOAT_CHANCTRL, 2, RIG_CHANCTRL | CHANCTRL_ERR_INT_EN);
	rig_set(r, IOAT_CHANERRMASK, 4, CHANERR_SRC_ADDR);
	rig_put(r, 0, CTRL_COPY, NOWHERE, DST, 64);
	rig_put(r, 1, CTRL_COPY, SRC, NOWHERE, 64);
	rig_go(r, 1);
	CHECK_INT(rig_status(r), ==, IOAT_STATE_HALTED);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_SRC_ADDR);
	CHECK_INT(r->fh.interrupts[0], ==, 0);

	rig_start_at(r, 1);
	rig_set(r, IOAT_CHANCTRL, 2, RIG_CHANCTRL | CHANCTRL_ERR_INT_EN);
	rig_go(r, 1);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_DST_ADDR);
	CHECK_INT(r->fh.interrupts[0], ==, 1);
	rig_close(r);
}

TEST(an_error_stays_until_software_clears_it)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_COPY, NOWHERE, DST, 64);
	rig_go(r, 1);
	rig_command(r, CHANCMD_SUSPEND);
	rig_set(r, IOAT_DMACOUNT, 2, 7);
	rig_run(r);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_SRC_ADDR);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_HALTED);
	rig_set(r, IOAT_CHANERR, 4, CHANERR_SRC_ADDR);
	CHECK_INT(rig_chanerr(r), ==, 0);
	rig_close(r);
}

TEST(an_error_while_halted_is_recorded_but_neither_reported_nor_signalled)
{
	struct rig *r = open_started();

	rig_set(r, IOAT_CHANCTRL, 2, RIG_CHANCTRL | CHANCTRL_ERR_INT_EN);
	rig_put(r, 0, CTRL_COPY, NOWHERE, DST, 64);
	rig_go(r, 1);
	CHECK_INT(r->fh.events, ==, 2);
	rig_set(r, IOAT_CHANCTRL, 2, RIG_CHANCTRL | CHANCTRL_ERR_INT_EN | CHANCTRL_INT_DISABLE);
	rig_command(r, CHANCMD_SUSPEND | CHANCMD_ABORT);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_SRC_ADDR | CHANERR_CMD);
	CHECK_INT(r->fh.events, ==, 2);
	rig_close(r);
}

TEST(a_source_taken_away_during_the_copy_is_a_source_address_error)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_COPY, SRC, DST, 65536);
	rig_ring(r, 1);
	ioat_model_step(r->m, 0, 8192);
	fake_grant(&r->fh, SRC, SRC_LEN, 0);
	rig_run(r);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_SRC_ADDR);
	CHECK_INT(rig_word(r), ==, IOAT_STATE_HALTED);
	rig_close(r);
}

TEST_MAIN("model errors")
