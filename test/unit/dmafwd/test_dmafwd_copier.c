/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "test.h"

#include <errno.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_dmadev.h>

#include "packet.h"
#include "rig.h"

#define MAX 256

static struct fake_dma fake;
static struct copy_record recs[MAX];
static int owner; /* only its address matters */

/* Packets 0 to n-1, each a copy of its own; packet i has (i % 3) + 1 segments. */
static const uint16_t seg_lens[] = {300, 40, 2000};

static uint32_t
packet_len(uint32_t i)
{
	return i % 3 == 0 ? 300 : i % 3 == 1 ? 340 : 2340;
}

/* Hand over packets @p from to @p to - 1. @return how many were taken; the rest is freed. */
static uint16_t
issue(struct copier *c, uint32_t from, uint32_t to)
{
	struct rte_mbuf *srcs[MAX], *dsts[MAX];
	uint16_t n = (uint16_t)(to - from), taken;
	uint32_t buffers = 0;

	for (uint16_t i = 0; i < n; i++)
		srcs[i] = rig_packet(from + i, seg_lens, (from + i) % 3 + 1);
	CHECK_INT(packet_alloc_copies(rig_pool, srcs, dsts, n, &buffers), ==, n);
	taken = c->ops->issue(c, srcs, dsts, n, &owner);
	rte_pktmbuf_free_bulk(&srcs[taken], n - taken);
	rte_pktmbuf_free_bulk(&dsts[taken], n - taken);
	return taken;
}

/* Poll until @p n records came, at most a fixed number of times. */
static void
reap(struct copier *c, uint16_t n)
{
	uint16_t got = 0;

	for (int i = 0; i < 10000 && got < n; i++) {
		got += rig_reap(c, recs + got, n - got);
		c->ops->submit(c);
	}
	CHECK_INT(got, ==, n);
}

/* Records @p at to @p at + n - 1 are packets @p from on, whole and in order. */
static void
check_records(uint16_t at, uint16_t n, uint32_t from, enum copy_result result)
{
	for (uint16_t i = 0; i < n; i++) {
		struct copy_record *r = &recs[at + i];

		CHECK(r->owner == &owner);
		CHECK_INT(r->result, ==, result);
		CHECK_INT(r->buffers, ==, (from + i) % 3 + 1);
		rig_check_packet(r->dst, from + i, packet_len(from + i));
		rte_pktmbuf_free(r->dst);
	}
}

static void
check_closed(struct copier *c, unsigned int buffers_before)
{
	rig_close(c);
	CHECK_INT(rig_buffers_in_use(), ==, buffers_before);
}

TEST(copies_come_back_whole_and_in_order)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	CHECK_INT(issue(c, 0, 30), ==, 30);
	c->ops->submit(c);
	reap(c, 30);
	check_records(0, 30, 0, COPY_BY_DMA);
	check_closed(c, before);
}

TEST(operation_indices_may_start_anywhere_and_wrap)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	fake.first_idx = 65530;
	for (uint32_t round = 0; round < 5; round++) {
		CHECK_INT(issue(c, round * 20, round * 20 + 20), ==, 20);
		c->ops->submit(c);
		reap(c, 20);
		check_records(0, 20, round * 20, COPY_BY_DMA);
	}
	CHECK_INT(atomic_load(&c->count.fault), ==, 0);
	check_closed(c, before);
}

TEST(nothing_completes_before_the_last_segment)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 64, 32);

	fake.allowance = 2;
	CHECK_INT(issue(c, 2, 3), ==, 1); /* three segments, at least three operations */
	c->ops->submit(c);
	CHECK_INT(rig_reap(c, recs, MAX), ==, 0);
	CHECK_INT(rig_reap(c, recs, MAX), ==, 0);
	fake.allowance = UINT32_MAX;
	CHECK_INT(rig_reap(c, recs, MAX), ==, 1);
	check_records(0, 1, 2, COPY_BY_DMA);
	check_closed(c, before);
}

TEST(a_full_batch_is_submitted_at_once_and_the_rest_by_submit)
{
	struct copier *c = rig_copier(&fake, 256, 4);

	CHECK_INT(issue(c, 0, 1), ==, 1);
	CHECK_INT(fake.submits, ==, 0);
	CHECK_INT(issue(c, 1, 3), ==, 2); /* 2 and 3 operations or more: past the batch of 4 */
	CHECK_INT(fake.submits, ==, 1);
	CHECK_INT(fake.rung, ==, 4);
	c->ops->submit(c);
	CHECK_INT(fake.submits, ==, 2);
	CHECK_INT(fake.rung, ==, fake.in);
	c->ops->submit(c);
	CHECK_INT(fake.submits, ==, 2); /* nothing new, no doorbell */
	CHECK_INT(counter_get(&c->count.submits), ==, 2);
	CHECK_INT(counter_get(&c->count.operations), ==, fake.in);
	reap(c, 3);
	check_records(0, 3, 0, COPY_BY_DMA);
	rig_close(c);
}

TEST(a_full_ring_refuses_packets_and_loses_none)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 64, 32);
	uint16_t taken;

	fake.allowance = 0;
	taken = issue(c, 0, 100);
	CHECK_INT(taken, <, 64);
	CHECK_INT(issue(c, 1000, 1001), ==, 0);
	fake.allowance = UINT32_MAX;
	c->ops->submit(c);
	reap(c, taken);
	check_records(0, taken, 0, COPY_BY_DMA);
	CHECK_INT(issue(c, 0, 1), ==, 1);
	reap(c, 1);
	check_records(0, 1, 0, COPY_BY_DMA);
	check_closed(c, before);
}

TEST(a_packet_larger_than_the_ring_goes_through_in_parts)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 64, 32);

	fake.capacity = 2;
	CHECK_INT(issue(c, 2, 3), ==, 1);
	c->ops->submit(c);
	reap(c, 1);
	check_records(0, 1, 2, COPY_BY_DMA);
	CHECK_INT(counter_get(&c->count.operations), >=, 3);
	check_closed(c, before);
}

TEST(a_failed_operation_is_redone_for_its_packet_only)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	/* Packets 0, 1, 2 begin with operations 0, 1, 3. */
	fake.fails[2] = true;
	CHECK_INT(issue(c, 0, 6), ==, 6);
	c->ops->submit(c);
	reap(c, 6);
	check_records(0, 1, 0, COPY_BY_DMA);
	check_records(1, 1, 1, COPY_BY_CPU);
	check_records(2, 4, 2, COPY_BY_DMA);
	CHECK_INT(counter_get(&c->count.errors), ==, 1);
	CHECK_INT(counter_get(&c->count.redone), ==, 1);
	CHECK_INT(atomic_load(&c->count.fault), ==, 0);
	check_closed(c, before);
}

TEST(two_failed_operations_of_one_packet_redo_it_once)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	fake.fails[1] = fake.fails[2] = true;
	CHECK_INT(issue(c, 0, 3), ==, 3);
	c->ops->submit(c);
	reap(c, 3);
	check_records(1, 1, 1, COPY_BY_CPU);
	rte_pktmbuf_free(recs[0].dst);
	rte_pktmbuf_free(recs[2].dst);
	CHECK_INT(counter_get(&c->count.errors), ==, 2);
	CHECK_INT(counter_get(&c->count.redone), ==, 1);
	check_closed(c, before);
}

TEST(when_all_operations_fail_the_cpu_copies_all)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	memset(fake.fails, 1, sizeof(fake.fails));
	CHECK_INT(issue(c, 0, 60), ==, 60);
	c->ops->submit(c);
	reap(c, 60);
	check_records(0, 60, 0, COPY_BY_CPU);
	CHECK_INT(counter_get(&c->count.redone), ==, 60);
	check_closed(c, before);
}

TEST(a_device_that_refuses_an_operation_is_replaced_by_the_cpu_in_order)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 4);

	fake.refuse_from = 4; /* in the midst of packet 2 */
	fake.refuse_errno = -EIO;
	CHECK_INT(issue(c, 0, 9), ==, 9);
	CHECK_INT(atomic_load(&c->count.fault), ==, -EIO);
	reap(c, 9);
	check_records(0, 2, 0, COPY_BY_DMA); /* done before */
	check_records(2, 7, 2, COPY_BY_CPU);
	CHECK_INT(issue(c, 9, 12), ==, 3);
	reap(c, 3);
	check_records(0, 3, 9, COPY_BY_CPU);
	CHECK_INT(counter_get(&c->count.redone), ==, 10);
	check_closed(c, before);
}

TEST(a_submit_that_fails_ends_the_use_of_the_device)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	fake.submit_errno = -ENODEV;
	CHECK_INT(issue(c, 0, 3), ==, 3);
	c->ops->submit(c);
	reap(c, 3);
	CHECK_INT(atomic_load(&c->count.fault), ==, -EIO);
	check_records(0, 3, 0, COPY_BY_CPU);
	check_closed(c, before);
}

TEST(what_was_complete_when_the_device_failed_counts_as_its_work)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	CHECK_INT(issue(c, 0, 3), ==, 3);
	c->ops->submit(c);
	CHECK_INT(rig_reap(c, recs, 1), ==, 1); /* all are done, one is fetched */
	check_records(0, 1, 0, COPY_BY_DMA);
	fake.submit_errno = -EIO;
	CHECK_INT(issue(c, 3, 4), ==, 1);
	c->ops->submit(c);
	reap(c, 3);
	check_records(0, 2, 1, COPY_BY_DMA);
	check_records(2, 1, 3, COPY_BY_CPU);
	check_closed(c, before);
}

TEST(a_device_that_reports_more_than_it_was_given_is_not_believed)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	fake.lie = 50;
	fake.allowance = 0;
	CHECK_INT(issue(c, 0, 3), ==, 3);
	c->ops->submit(c);
	reap(c, 3);
	check_records(0, 3, 0, COPY_BY_CPU);
	CHECK_INT(atomic_load(&c->count.fault), ==, -EIO);
	check_closed(c, before);
}

TEST(a_device_whose_last_index_contradicts_its_count_is_not_believed)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	CHECK_INT(issue(c, 0, 3), ==, 3);
	c->ops->submit(c);
	fake.first_idx = 1; /* it numbers them otherwise than when it took them */
	reap(c, 3);
	check_records(0, 3, 0, COPY_BY_CPU);
	CHECK_INT(atomic_load(&c->count.fault), ==, -EIO);
	check_closed(c, before);
}

TEST(a_device_that_completes_nothing_is_given_up_in_bounded_time)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);
	uint64_t hz = rte_get_tsc_hz(), start = rte_rdtsc();
	uint16_t n = 0;

	fake.allowance = 0;
	CHECK_INT(issue(c, 0, 3), ==, 3);
	c->ops->submit(c);
	while (n == 0 && rte_rdtsc() - start < 60 * hz)
		n = rig_reap(c, recs, MAX);
	CHECK_INT(n, ==, 3);
	CHECK((rte_rdtsc() - start) / (hz / 1000) >= COPIER_STALL_MS);
	CHECK_INT(atomic_load(&c->count.fault), ==, -ETIMEDOUT);
	check_records(0, 3, 0, COPY_BY_CPU);
	check_closed(c, before);
}

TEST(buffers_of_a_device_that_does_not_stop_are_never_used_again)
{
	unsigned int before = rig_buffers_in_use(), with;
	struct copier *c = rig_copier(&fake, 256, 32);

	rig_stop_errno = -EBUSY;
	fake.allowance = 0;
	CHECK_INT(issue(c, 0, 3), ==, 3);
	c->ops->submit(c);
	with = rig_buffers_in_use();
	c->ops->abort(c);
	reap(c, 3);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(recs[i].result, ==, COPY_LOST);
		CHECK(recs[i].dst == NULL);
	}
	CHECK_INT(recs[0].buffers, ==, 2);
	CHECK_INT(rig_buffers_in_use(), ==, with);
	CHECK_INT(issue(c, 3, 5), ==, 2);
	reap(c, 2);
	check_records(0, 2, 3, COPY_BY_CPU);
	rig_stop_errno = 0;
	rig_close(c);
	CHECK_INT(rig_buffers_in_use(), >, before);
}

TEST(what_a_device_never_got_is_copied_by_the_cpu_though_it_does_not_stop)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	rig_stop_errno = -EBUSY;
	CHECK_INT(issue(c, 0, 3), ==, 3); /* less than a batch, and no submit */
	c->ops->abort(c);
	CHECK_INT(fake.in, ==, 0);
	reap(c, 3);
	check_records(0, 3, 0, COPY_BY_CPU);
	rig_stop_errno = 0;
	check_closed(c, before);
}

TEST(a_device_that_fails_leaves_the_other_of_its_group_at_work)
{
	static struct fake_dma other;
	unsigned int before = rig_buffers_in_use();
	struct copier *a = rig_copier(&fake, 256, 32), *b = rig_copier(&other, 256, 32);

	fake.allowance = 0;
	CHECK_INT(issue(a, 0, 6), ==, 6);
	CHECK_INT(issue(b, 6, 12), ==, 6);
	a->ops->submit(a);
	b->ops->submit(b);
	a->ops->abort(a);
	reap(a, 6);
	check_records(0, 6, 0, COPY_BY_CPU);
	reap(b, 6);
	check_records(0, 6, 6, COPY_BY_DMA);
	CHECK_INT(issue(b, 12, 15), ==, 3);
	reap(b, 3);
	check_records(0, 3, 12, COPY_BY_DMA);
	CHECK_INT(atomic_load(&a->count.fault), ==, -ECANCELED);
	CHECK_INT(atomic_load(&b->count.fault), ==, 0);
	a->ops->close(a);
	check_closed(b, before);
}

TEST(a_packet_without_data_waits_its_turn)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 64, 32);
	struct rte_mbuf *srcs[] = {rig_simple_packet(0, 300), rig_simple_packet(1, 0)};
	struct rte_mbuf *dsts[2];
	uint32_t buffers = 0;

	CHECK_INT(packet_alloc_copies(rig_pool, srcs, dsts, 2, &buffers), ==, 2);
	fake.allowance = 0;
	CHECK_INT(c->ops->issue(c, srcs, dsts, 2, &owner), ==, 2);
	c->ops->submit(c);
	CHECK_INT(rig_reap(c, recs, MAX), ==, 0);
	fake.allowance = 1;
	CHECK_INT(rig_reap(c, recs, MAX), ==, 2);
	rig_check_packet(recs[0].dst, 0, 300);
	rig_check_packet(recs[1].dst, 1, 0);
	rte_pktmbuf_free(recs[0].dst);
	rte_pktmbuf_free(recs[1].dst);
	check_closed(c, before);
}

TEST(a_ring_beyond_the_device_is_refused)
{
	struct copier_dma_conf conf = {.ring_size = 16384, .batch_size = 32};
	struct copier *c = NULL;

	assert_int_equal(rte_vdev_init("dma_skeleton_big", NULL), 0);
	conf.dev_id = (int16_t)rte_dma_get_dev_id_by_name("dma_skeleton_big");
	CHECK_INT(copier_dma_open(&c, &conf), ==, -EINVAL);
	CHECK(c == NULL);
}

TEST(the_cpu_copier_gives_back_what_it_took_in_order)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = copier_cpu_open(64, 0);

	CHECK_INT(issue(c, 0, 70), ==, 64);
	CHECK_INT(issue(c, 100, 101), ==, 0);
	CHECK_INT(rig_reap(c, recs, 50), ==, 50);
	CHECK_INT(rig_reap(c, recs + 50, 50), ==, 14);
	check_records(0, 64, 0, COPY_BY_CPU);
	check_closed(c, before);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dmafwd_copier") == 0 ? 0 : 1;
}
