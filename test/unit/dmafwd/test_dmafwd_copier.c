/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include "test.h"

#include <rte_bus_vdev.h>
#include <rte_dmadev.h>

#include "packet.h"
#include "rig.h"

static struct fake_dma fake;

TEST(copies_come_back_whole_and_in_order)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	CHECK_INT(rig_issue(c, 0, 30), ==, 30);
	c->ops->submit(c);
	rig_reap_all(c, 30);
	rig_check_records(0, 30, 0, COPY_BY_DMA);
	rig_check_closed(c, before);
}

TEST(operation_indices_may_start_anywhere_and_wrap)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	fake.first_idx = 65530;
	for (uint32_t round = 0; round < 5; round++) {
		CHECK_INT(rig_issue(c, round * 20, round * 20 + 20), ==, 20);
		c->ops->submit(c);
		rig_reap_all(c, 20);
		rig_check_records(0, 20, round * 20, COPY_BY_DMA);
	}
	CHECK_INT(atomic_load(&c->count.fault), ==, 0);
	rig_check_closed(c, before);
}

TEST(nothing_completes_before_the_last_segment)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 64, 32);

	fake.allowance = 2;
	CHECK_INT(rig_issue(c, 2, 3), ==, 1); /* three segments, at least three operations */
	c->ops->submit(c);
	CHECK_INT(rig_reap(c, rig_recs, RIG_RECORDS), ==, 0);
	CHECK_INT(rig_reap(c, rig_recs, RIG_RECORDS), ==, 0);
	fake.allowance = UINT32_MAX;
	CHECK_INT(rig_reap(c, rig_recs, RIG_RECORDS), ==, 1);
	rig_check_records(0, 1, 2, COPY_BY_DMA);
	rig_check_closed(c, before);
}

TEST(a_full_batch_is_submitted_at_once_and_the_rest_by_submit)
{
	struct copier *c = rig_copier(&fake, 256, 4);

	CHECK_INT(rig_issue(c, 0, 1), ==, 1);
	CHECK_INT(fake.submits, ==, 0);
	CHECK_INT(rig_issue(c, 1, 3), ==, 2); /* 2 and 3 operations or more: past the batch of 4 */
	CHECK_INT(fake.submits, ==, 1);
	CHECK_INT(fake.rung, ==, 4);
	c->ops->submit(c);
	CHECK_INT(fake.submits, ==, 2);
	CHECK_INT(fake.rung, ==, fake.in);
	c->ops->submit(c);
	CHECK_INT(fake.submits, ==, 2); /* nothing new, no doorbell */
	CHECK_INT(counter_get(&c->count.submits), ==, 2);
	CHECK_INT(counter_get(&c->count.operations), ==, fake.in);
	rig_reap_all(c, 3);
	rig_check_records(0, 3, 0, COPY_BY_DMA);
	rig_close(c);
}

TEST(a_full_ring_refuses_packets_and_loses_none)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 64, 32);
	uint16_t taken;

	fake.allowance = 0;
	taken = rig_issue(c, 0, 100);
	CHECK_INT(taken, <, 64);
	CHECK_INT(rig_issue(c, 1000, 1001), ==, 0);
	fake.allowance = UINT32_MAX;
	c->ops->submit(c);
	rig_reap_all(c, taken);
	rig_check_records(0, taken, 0, COPY_BY_DMA);
	CHECK_INT(rig_issue(c, 0, 1), ==, 1);
	rig_reap_all(c, 1);
	rig_check_records(0, 1, 0, COPY_BY_DMA);
	rig_check_closed(c, before);
}

TEST(a_full_device_is_given_no_more_than_a_batch)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 64, 4);
	uint32_t i = 0;

	fake.capacity = 2;
	while (i < 60 && rig_issue(c, i, i + 1) == 1)
		i += 3; /* packets in one segment */
	CHECK_INT(i, ==, 3 * (2 + 4));
	for (uint32_t at = 0; at < i; at += 3) {
		rig_reap_all(c, 1);
		rig_check_records(0, 1, at, COPY_BY_DMA);
	}
	rig_check_closed(c, before);
}

TEST(a_packet_larger_than_the_ring_goes_through_in_parts)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 64, 32);

	fake.capacity = 2;
	CHECK_INT(rig_issue(c, 2, 3), ==, 1);
	c->ops->submit(c);
	rig_reap_all(c, 1);
	rig_check_records(0, 1, 2, COPY_BY_DMA);
	CHECK_INT(counter_get(&c->count.operations), >=, 3);
	rig_check_closed(c, before);
}

TEST(no_packet_comes_between_the_parts_of_another)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 64, 4);

	fake.capacity = 2;
	CHECK_INT(rig_issue(c, 0, 3), ==, 3); /* a part of packet 2 waits for room in the batch */
	fake.capacity = 64;
	c->ops->submit(c);
	CHECK_INT(rig_issue(c, 3, 4), ==, 0);
	rig_reap_all(c, 3);
	rig_check_records(0, 3, 0, COPY_BY_DMA);
	rig_check_closed(c, before);
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
	CHECK_INT(c->ops->issue(c, srcs, dsts, 2, &rig_owner), ==, 2);
	c->ops->submit(c);
	CHECK_INT(rig_reap(c, rig_recs, RIG_RECORDS), ==, 0);
	fake.allowance = 1;
	CHECK_INT(rig_reap(c, rig_recs, RIG_RECORDS), ==, 2);
	rig_check_packet(rig_recs[0].dst, 0, 300);
	rig_check_packet(rig_recs[1].dst, 1, 0);
	rte_pktmbuf_free(rig_recs[0].dst);
	rte_pktmbuf_free(rig_recs[1].dst);
	rig_check_closed(c, before);
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

	CHECK_INT(rig_issue(c, 0, 70), ==, 64);
	CHECK_INT(rig_issue(c, 100, 101), ==, 0);
	CHECK_INT(rig_reap(c, rig_recs, 50), ==, 50);
	CHECK_INT(rig_reap(c, rig_recs + 50, 50), ==, 14);
	rig_check_records(0, 64, 0, COPY_BY_CPU);
	rig_check_closed(c, before);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dmafwd_copier") == 0 ? 0 : 1;
}
