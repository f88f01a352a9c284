/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Chains of descriptors: links, doorbell, completion words, budget, counters. */

#include "rig.h"

static struct rig *
open_started(void)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_pattern(r);
	rig_start(r);
	return r;
}

TEST(the_completion_word_is_the_descriptor_and_active_until_the_last)
{
	struct rig *r = open_started();
	unsigned int i;

	for (i = 0; i < 3; i++)
		rig_put(r, i, CTRL_NULL | DESC_CTRL_COMPL, 0, 0, 8);
	rig_go(r, 3);
	CHECK_INT(r->fh.events, ==, 3);
	for (i = 0; i < 3; i++)
		CHECK_INT(r->fh.event[i].value, ==,
		          rig_slot(i) | (i < 2 ? IOAT_STATE_ACTIVE : IOAT_STATE_DONE));
	rig_close(r);
}

TEST(only_descriptors_with_the_flag_write_the_completion_word)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_NULL, 0, 0, 8);
	rig_put(r, 1, CTRL_NULL | DESC_CTRL_COMPL, 0, 0, 8);
	rig_put(r, 2, CTRL_NULL, 0, 0, 8);
	rig_go(r, 3);
	CHECK_INT(rig_counters(r).completions, ==, 1);
	CHECK_INT(rig_word(r), ==, rig_slot(1) | IOAT_STATE_ACTIVE);
	CHECK_INT(rig_status(r), ==, rig_slot(2) | IOAT_STATE_DONE);
	rig_close(r);
}

static void
check_data_is_there(struct fake_host *fh, uint64_t addr, uint64_t value)
{
	struct rig *r = fh->arg;

	(void)value;
	CHECK_INT(addr, ==, CMP);
	rig_check_copied(r, SRC, DST, 9000);
	fh->arg = NULL;
}

TEST(data_is_visible_before_the_completion_word_and_that_before_the_interrupt)
{
	struct rig *r = open_started();

	r->fh.on_completion = check_data_is_there;
	r->fh.arg = r;
	rig_put(r, 0, CTRL_COPY | DESC_CTRL_COMPL | DESC_CTRL_INT_EN, SRC, DST, 9000);
	rig_go(r, 1);
	CHECK(r->fh.arg == NULL);
	CHECK_INT(r->fh.events, ==, 2);
	CHECK_INT(r->fh.event[0].kind, ==, 'w');
	CHECK_INT(r->fh.event[1].kind, ==, 'i');
	rig_close(r);
}

TEST(a_chain_goes_where_its_links_say)
{
	static const unsigned int order[] = {200, 3, 77, 4, 129};
	struct rig *r = open_started();
	unsigned int i;

	for (i = 0; i < 5; i++)
		rig_put(r, order[i], CTRL_COPY | DESC_CTRL_COMPL, SRC + i * 64, DST + i * 64, 64)
			->next = rig_slot(order[(i + 1) % 5]);
	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(order[0]));
	rig_go(r, 5);
	for (i = 0; i < 5; i++)
		CHECK_INT(r->fh.event[i].value & CHANSTS_DESC, ==, rig_slot(order[i]));
	rig_check_copied(r, SRC, DST, 5 * 64);
	rig_close(r);
}

TEST(a_chain_goes_on_behind_the_descriptor_where_it_stopped)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_NULL, 0, 0, 8)->next = rig_slot(100);
	rig_go(r, 1);
	rig_put(r, 100, CTRL_NULL, 0, 0, 8);
	rig_go(r, 1);
	CHECK_INT(rig_status(r), ==, rig_slot(100) | IOAT_STATE_DONE);
	rig_close(r);
}

TEST(a_descriptor_is_read_only_when_the_count_covers_it)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_NULL, 0, 0, 8);
	rig_put(r, 1, CTRL_COPY, NOWHERE, NOWHERE, 0);
	rig_go(r, 1);
	rig_put(r, 1, CTRL_COPY, SRC, DST, 64); /* now it is good */
	rig_go(r, 1);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	rig_check_copied(r, SRC, DST, 64);
	rig_close(r);
}

TEST(the_link_of_the_last_descriptor_is_not_followed_before_its_doorbell)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_NULL, 0, 0, 8)->next = NOWHERE + 1;
	rig_go(r, 1);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	CHECK_INT(rig_chanerr(r), ==, 0);
	rig_close(r);
}

TEST(a_descriptor_changed_while_it_runs_keeps_its_first_form)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_COPY, SRC, DST, 20000);
	rig_ring(r, 1);
	ioat_model_step(r->m, 0, 4096);
	memset(rig_desc(r, 0), 0xff, sizeof(struct ioat_desc));
	rig_run(r);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	rig_check_copied(r, SRC, DST, 20000);
	rig_close(r);
}

TEST(descriptors_are_read_whole_whatever_piece_of_the_ring_the_host_maps)
{
	static const size_t pieces[] = {1, 63, 64, 65, 100, 127, 128, 200, 4096};
	size_t way;
	unsigned int i;

	for (way = 0; way < sizeof(pieces) / sizeof(pieces[0]); way++) {
		struct rig *r = open_started();

		r->fh.map_max = pieces[way];
		r->fh.map_apart = true;
		for (i = 0; i < 10; i++)
			rig_put(r, i, CTRL_NULL | DESC_CTRL_COMPL, 0, 0, 8);
		rig_go(r, 10);
		CHECK_INT(rig_status(r), ==, rig_slot(9) | IOAT_STATE_DONE);
		CHECK_INT(rig_counters(r).completions, ==, 10);
		rig_close(r);
	}
}

TEST(one_self_linked_descriptor_runs_65535_times)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_COPY, SRC, DST, 16)->next = rig_slot(0);
	rig_set(r, IOAT_DMACOUNT, 2, 65535);
	rig_run(r);
	CHECK_INT(rig_counters(r).descriptors, ==, 65535);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	rig_close(r);
}

TEST(the_doorbell_wraps_at_65536)
{
	struct rig *r = open_started();
	unsigned int i;

	for (i = 0; i < RIG_SLOTS; i++)
		rig_put(r, i, CTRL_NULL | DESC_CTRL_COMPL, 0, 0, 8);
	for (i = 0; i < 700; i++)
		rig_go(r, 200);
	CHECK_INT(rig_counters(r).descriptors, ==, 140000);
	CHECK_INT(rig_get(r, IOAT_DMACOUNT, 2), ==, 140000 % 65536);
	CHECK_INT(rig_word(r), ==, rig_slot(139999) | IOAT_STATE_DONE);
	rig_close(r);
}

TEST(work_that_ends_exactly_at_count_65536_is_done)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_NULL | DESC_CTRL_COMPL, 0, 0, 8)->next = rig_slot(0);
	rig_go(r, 65535);
	rig_go(r, 1);
	CHECK_INT(rig_get(r, IOAT_DMACOUNT, 2), ==, 0);
	CHECK_INT(rig_counters(r).descriptors, ==, 65536);
	CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	rig_close(r);
}

TEST(a_count_of_65536_more_looks_like_none)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_NULL, 0, 0, 8)->next = rig_slot(0);
	rig_go(r, 3);
	rig_ring(r, 65536);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	CHECK_INT(rig_counters(r).descriptors, ==, 3);
	rig_close(r);
}

TEST(the_descriptor_memory_is_never_written)
{
	static unsigned char before[RING_LEN];
	struct rig *r = open_started();
	unsigned int i;

	for (i = 0; i < 8; i++)
		rig_put(r, i, CTRL_COPY | DESC_CTRL_COMPL, SRC, DST, i == 7 ? 0 : 64);
	memcpy(before, fake_at(&r->fh, RING), RING_LEN);
	rig_go(r, 8);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_HALTED);
	CHECK_MEM(fake_at(&r->fh, RING), before, RING_LEN);
	rig_close(r);
}

TEST(a_step_costs_64_and_the_bytes_of_each_descriptor)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_COPY, SRC, DST, 1000);
	rig_put(r, 1, CTRL_NULL, 0, 0, 8);
	rig_ring(r, 2);
	CHECK_INT(ioat_model_step(r->m, 0, SIZE_MAX), ==, 64 + 1000 + 64);
	rig_close(r);
}

TEST(a_step_ends_in_the_middle_of_a_copy_and_the_next_goes_on)
{
	static const size_t budgets[] = {1, 63, 64, 65, 100, 4096, 5000, 100000};
	size_t i;

	for (i = 0; i < 8; i++) {
		struct rig *r = open_started();
		size_t total = 0, cost;

		rig_put(r, 0, CTRL_COPY | DESC_CTRL_COMPL, SRC + 1, DST, 65537);
		rig_ring(r, 1);
		while ((cost = ioat_model_step(r->m, 0, budgets[i])) != 0) {
			CHECK_INT(cost, <=, budgets[i] + 4096 + 64);
			CHECK_INT(rig_word(r) != 0, ==, !ioat_model_busy(r->m, 0));
			total += cost;
		}
		CHECK_INT(total, ==, 64 + 65537);
		CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_DONE);
		rig_check_copied(r, SRC + 1, DST, 65537);
		rig_close(r);
	}
}

TEST(a_budget_of_nothing_does_nothing)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_NULL, 0, 0, 8);
	rig_ring(r, 1);
	CHECK_INT(ioat_model_step(r->m, 0, 0), ==, 0);
	CHECK(ioat_model_busy(r->m, 0));
	rig_close(r);
}

TEST(counters_tell_what_was_done)
{
	struct rig *r = open_started();
	struct ioat_model_counters c;

	rig_put(r, 0, CTRL_COPY | DESC_CTRL_COMPL, SRC, DST, 100);
	rig_put(r, 1, CTRL_FILL | DESC_CTRL_INT_EN, 0, DST, 50);
	rig_put(r, 2, CTRL_COPY, SRC, DST, 0);
	rig_go(r, 2);
	rig_go(r, 1);
	c = rig_counters(r);
	CHECK_INT(c.doorbells, ==, 2);
	CHECK_INT(c.descriptors, ==, 2);
	CHECK_INT(c.completions, ==, 2); /* one of them reports the halt */
	CHECK_INT(c.bytes, ==, 150);
	CHECK_INT(c.interrupts, ==, 1);
	CHECK_INT(c.errors, ==, 1);
	rig_close(r);
}

TEST(mapped_memory_is_not_copied_through_the_slow_way)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_COPY, SRC, DST, 8192);
	rig_put(r, 1, CTRL_FILL, 0, DST, 8192);
	rig_go(r, 2);
	CHECK_INT(r->fh.copied, ==, 0);
	CHECK_INT(r->fh.mapped, ==, 4); /* the ring once, and three ends */
	rig_close(r);
}

TEST_MAIN("model chains")
