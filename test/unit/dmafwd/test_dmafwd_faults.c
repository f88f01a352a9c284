/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* A DMA device that fails: each packet ends once, in its place, whole or lost for a reason. */

#include "test.h"

#include <errno.h>
#include <pthread.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_dmadev.h>

#include "removal.h"
#include "rig.h"
#include "wait.h"

static struct fake_dma fake;

TEST(a_packet_that_is_partly_in_a_failed_device_is_copied_by_the_cpu)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 64, 4);

	fake.capacity = 2;
	fake.allowance = 1;
	CHECK_INT(rig_issue(c, 0, 3), ==, 3); /* the batch is full, packet 2 is in it by half */
	c->ops->submit(c);
	CHECK_INT(rig_reap(c, rig_recs, RIG_RECORDS), ==, 1);
	rig_check_records(0, 1, 0, COPY_BY_DMA);
	c->ops->abort(c);
	rig_reap_all(c, 2);
	rig_check_records(0, 2, 1, COPY_BY_CPU);
	CHECK_INT(counter_get(&c->count.redone), ==, 2);
	CHECK_INT(rig_issue(c, 3, 6), ==, 3);
	rig_reap_all(c, 3);
	rig_check_records(0, 3, 3, COPY_BY_CPU);
	rig_check_closed(c, before);
}

TEST(a_packet_that_is_partly_in_a_device_that_does_not_stop_is_lost)
{
	unsigned int before = rig_buffers_in_use(), with;
	struct copier *c = rig_copier(&fake, 64, 4);

	rig_stop_errno = -EBUSY;
	fake.capacity = 1;
	fake.allowance = 0;
	CHECK_INT(rig_issue(c, 2, 3), ==, 1);
	c->ops->submit(c);
	CHECK_INT(fake.in, ==, 1);
	with = rig_buffers_in_use();
	c->ops->abort(c);
	rig_reap_all(c, 1);
	CHECK_INT(rig_recs[0].result, ==, COPY_LOST);
	CHECK_INT(rig_buffers_in_use(), ==, with);
	rig_stop_errno = 0;
	rig_close(c);
	CHECK_INT(rig_buffers_in_use(), >, before);
}

TEST(a_failed_operation_is_redone_for_its_packet_only)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	/* Packets 0, 1, 2 begin with operations 0, 1, 3. */
	fake.fails[2] = true;
	CHECK_INT(rig_issue(c, 0, 6), ==, 6);
	c->ops->submit(c);
	rig_reap_all(c, 6);
	rig_check_records(0, 1, 0, COPY_BY_DMA);
	rig_check_records(1, 1, 1, COPY_BY_CPU);
	rig_check_records(2, 4, 2, COPY_BY_DMA);
	CHECK_INT(counter_get(&c->count.errors), ==, 1);
	CHECK_INT(counter_get(&c->count.redone), ==, 1);
	CHECK_INT(atomic_load(&c->count.fault), ==, 0);
	rig_check_closed(c, before);
}

TEST(two_failed_operations_of_one_packet_redo_it_once)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	fake.fails[1] = fake.fails[2] = true;
	CHECK_INT(rig_issue(c, 0, 3), ==, 3);
	c->ops->submit(c);
	rig_reap_all(c, 3);
	rig_check_records(1, 1, 1, COPY_BY_CPU);
	rte_pktmbuf_free(rig_recs[0].dst);
	rte_pktmbuf_free(rig_recs[2].dst);
	CHECK_INT(counter_get(&c->count.errors), ==, 2);
	CHECK_INT(counter_get(&c->count.redone), ==, 1);
	rig_check_closed(c, before);
}

TEST(when_all_operations_fail_the_cpu_copies_all)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	memset(fake.fails, 1, sizeof(fake.fails));
	CHECK_INT(rig_issue(c, 0, 60), ==, 60);
	c->ops->submit(c);
	rig_reap_all(c, 60);
	rig_check_records(0, 60, 0, COPY_BY_CPU);
	CHECK_INT(counter_get(&c->count.redone), ==, 60);
	rig_check_closed(c, before);
}

TEST(a_device_that_refuses_an_operation_is_replaced_by_the_cpu_in_order)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 4);

	fake.refuse_from = 4; /* in the midst of packet 2 */
	fake.refuse_errno = -EIO;
	CHECK_INT(rig_issue(c, 0, 9), ==, 9);
	CHECK_INT(atomic_load(&c->count.fault), ==, -EIO);
	rig_reap_all(c, 9);
	rig_check_records(0, 2, 0, COPY_BY_DMA); /* done before */
	rig_check_records(2, 7, 2, COPY_BY_CPU);
	CHECK_INT(rig_issue(c, 9, 12), ==, 3);
	rig_reap_all(c, 3);
	rig_check_records(0, 3, 9, COPY_BY_CPU);
	CHECK_INT(counter_get(&c->count.redone), ==, 10);
	rig_check_closed(c, before);
}

TEST(a_device_that_refuses_all_is_replaced_in_the_midst_of_a_packet)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 4);

	fake.refuse_from = 0;
	fake.refuse_errno = -EIO;
	CHECK_INT(rig_issue(c, 0, 3), ==, 3); /* the batch is full with a part of packet 2 */
	CHECK_INT(atomic_load(&c->count.fault), ==, -EIO);
	rig_reap_all(c, 3);
	rig_check_records(0, 3, 0, COPY_BY_CPU);
	rig_check_closed(c, before);
}

TEST(a_submit_that_fails_ends_the_use_of_the_device)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	fake.submit_errno = -ENODEV;
	CHECK_INT(rig_issue(c, 0, 3), ==, 3);
	c->ops->submit(c);
	rig_reap_all(c, 3);
	c->ops->abort(c); /* at the end of the program; the first error stays */
	CHECK_INT(atomic_load(&c->count.fault), ==, -EIO);
	rig_check_records(0, 3, 0, COPY_BY_CPU);
	rig_check_closed(c, before);
}

TEST(what_was_complete_when_the_device_failed_counts_as_its_work)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	CHECK_INT(rig_issue(c, 0, 3), ==, 3);
	c->ops->submit(c);
	CHECK_INT(rig_reap(c, rig_recs, 1), ==, 1); /* all are done, one is fetched */
	rig_check_records(0, 1, 0, COPY_BY_DMA);
	fake.submit_errno = -EIO;
	CHECK_INT(rig_issue(c, 3, 4), ==, 1);
	c->ops->submit(c);
	rig_reap_all(c, 3);
	rig_check_records(0, 2, 1, COPY_BY_DMA);
	rig_check_records(2, 1, 3, COPY_BY_CPU);
	rig_check_closed(c, before);
}

TEST(a_device_that_reports_more_than_it_was_given_is_not_believed)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	fake.lie = 50;
	fake.allowance = 0;
	CHECK_INT(rig_issue(c, 0, 3), ==, 3);
	c->ops->submit(c);
	rig_reap_all(c, 3);
	rig_check_records(0, 3, 0, COPY_BY_CPU);
	CHECK_INT(atomic_load(&c->count.fault), ==, -EIO);
	rig_check_closed(c, before);
}

TEST(a_device_whose_last_index_contradicts_its_count_is_not_believed)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	CHECK_INT(rig_issue(c, 0, 3), ==, 3);
	c->ops->submit(c);
	fake.first_idx = 1; /* it numbers them otherwise than when it took them */
	rig_reap_all(c, 3);
	rig_check_records(0, 3, 0, COPY_BY_CPU);
	CHECK_INT(atomic_load(&c->count.fault), ==, -EIO);
	rig_check_closed(c, before);
}

TEST(a_device_that_completes_nothing_is_given_up_in_bounded_time)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);
	uint64_t hz = rte_get_tsc_hz(), start = rte_rdtsc();
	uint16_t n = 0;

	fake.allowance = 0;
	CHECK_INT(rig_issue(c, 0, 3), ==, 3);
	c->ops->submit(c);
	while (n == 0 && rte_rdtsc() - start < 60 * hz)
		n = rig_reap(c, rig_recs, RIG_RECORDS);
	CHECK_INT(n, ==, 3);
	CHECK((rte_rdtsc() - start) / (hz / 1000) >= COPIER_STALL_MS);
	CHECK_INT(atomic_load(&c->count.fault), ==, -ETIMEDOUT);
	CHECK_INT(counter_get(&c->count.errors), ==, 0); /* it has reported none */
	rig_check_records(0, 3, 0, COPY_BY_CPU);
	rig_check_closed(c, before);
}

/* Let the device do one operation more, and look at it for 750 ms. @return records. */
static uint16_t
one_more(struct copier *c, uint16_t at)
{
	struct wait wait; /* counts time as the copier does, on a busy machine, too */
	uint16_t n = 0;

	wait_init(&wait, rte_get_tsc_hz(), 750);
	fake.allowance++;
	while (!wait_expired(&wait, rte_rdtsc()))
		n += rig_reap(c, rig_recs + at + n, RIG_RECORDS - at - n);
	return n;
}

TEST(a_device_that_is_slow_is_kept_as_long_as_it_moves)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	fake.allowance = 0;
	for (uint32_t i = 0; i < 12; i += 3) /* packets of one operation */
		CHECK_INT(rig_issue(c, i, i + 1), ==, 1);
	CHECK_INT(rig_issue(c, 2, 3), ==, 1);
	c->ops->submit(c);
	CHECK_INT(fake.in, ==, 4 + 4);
	for (uint16_t i = 0; i < 4; i++)
		CHECK_INT(one_more(c, i), ==, 1);
	for (uint16_t i = 0; i < 4; i++)
		CHECK_INT(one_more(c, 4), ==, i == 3);
	CHECK_INT(atomic_load(&c->count.fault), ==, 0);
	for (uint16_t i = 0; i < 4; i++)
		rig_check_records(i, 1, 3 * i, COPY_BY_DMA);
	rig_check_records(4, 1, 2, COPY_BY_DMA);
	rig_check_closed(c, before);
}

TEST(buffers_of_a_device_that_does_not_stop_are_never_used_again)
{
	unsigned int before = rig_buffers_in_use(), with;
	struct copier *c = rig_copier(&fake, 256, 32);

	rig_stop_errno = -EBUSY;
	fake.allowance = 0;
	CHECK_INT(rig_issue(c, 0, 3), ==, 3);
	c->ops->submit(c);
	with = rig_buffers_in_use();
	c->ops->abort(c);
	rig_reap_all(c, 3);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(rig_recs[i].result, ==, COPY_LOST);
		CHECK(rig_recs[i].dst == NULL);
	}
	CHECK_INT(rig_recs[0].buffers, ==, 2);
	CHECK_INT(rig_buffers_in_use(), ==, with);
	CHECK_INT(rig_issue(c, 3, 5), ==, 2);
	rig_reap_all(c, 2);
	rig_check_records(0, 2, 3, COPY_BY_CPU);
	rig_stop_errno = 0;
	rig_close(c);
	CHECK_INT(rig_buffers_in_use(), >, before);
}

TEST(what_a_device_never_got_is_copied_by_the_cpu_though_it_does_not_stop)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);

	rig_stop_errno = -EBUSY;
	CHECK_INT(rig_issue(c, 0, 3), ==, 3); /* less than a batch, and no submit */
	c->ops->abort(c);
	CHECK_INT(fake.in, ==, 0);
	rig_reap_all(c, 3);
	rig_check_records(0, 3, 0, COPY_BY_CPU);
	rig_stop_errno = 0;
	rig_check_closed(c, before);
}

TEST(a_device_that_fails_leaves_the_other_of_its_group_at_work)
{
	static struct fake_dma other;
	unsigned int before = rig_buffers_in_use();
	struct copier *a = rig_copier(&fake, 256, 32), *b = rig_copier(&other, 256, 32);

	fake.allowance = 0;
	CHECK_INT(rig_issue(a, 0, 6), ==, 6);
	CHECK_INT(rig_issue(b, 6, 12), ==, 6);
	a->ops->submit(a);
	b->ops->submit(b);
	a->ops->abort(a);
	rig_reap_all(a, 6);
	rig_check_records(0, 6, 0, COPY_BY_CPU);
	rig_reap_all(b, 6);
	rig_check_records(0, 6, 6, COPY_BY_DMA);
	CHECK_INT(rig_issue(b, 12, 15), ==, 3);
	rig_reap_all(b, 3);
	rig_check_records(0, 3, 12, COPY_BY_DMA);
	CHECK_INT(atomic_load(&a->count.fault), ==, -ECANCELED);
	CHECK_INT(atomic_load(&b->count.fault), ==, 0);
	a->ops->close(a);
	rig_check_closed(b, before);
}

/* A driver tells of the removal in a thread of its own, which waits for the lcore of the copier. */
static atomic_bool told;

static void *
tell_removal(void *device)
{
	rte_dev_event_callback_process(device, RTE_DEV_EVENT_REMOVE);
	atomic_store(&told, true);
	return NULL;
}

TEST(a_device_that_is_removed_is_stopped_by_its_lcore_and_the_cpu_goes_on)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32), *copiers[1] = {c};
	uint64_t end = rte_get_timer_cycles() + 60 * rte_get_timer_hz();
	char name[RTE_DEV_NAME_MAX_LEN];
	uint16_t got = 0;
	pthread_t thread;

	snprintf(name, sizeof(name), "%s", c->name);
	CHECK_INT(removal_watch(copiers, 1), ==, 0);
	fake.allowance = 1;
	CHECK_INT(rig_issue(c, 0, 6), ==, 6);
	c->ops->submit(c);
	/* Others, though their names begin alike, and what is no removal. */
	name[strlen(name) - 1] = '\0';
	rte_dev_event_callback_process(name, RTE_DEV_EVENT_REMOVE);
	rte_dev_event_callback_process(c->name, RTE_DEV_EVENT_ADD);
	CHECK(!atomic_load(&c->leave));
	snprintf(name, sizeof(name), "%s", c->name);
	atomic_store(&told, false);
	CHECK_INT(pthread_create(&thread, NULL, tell_removal, name), ==, 0);
	while (got < 6 || !atomic_load(&told)) {
		got += rig_reap(c, rig_recs + got, 6 - got);
		CHECK(rte_get_timer_cycles() < end);
	}
	pthread_join(thread, NULL);
	CHECK(atomic_load(&c->left));
	CHECK_INT(atomic_load(&c->count.fault), ==, -ENODEV);
	/* It is stopped: another driver than ours would refuse else. Its name stays here. */
	CHECK_INT(rte_vdev_uninit(name), ==, 0);
	CHECK(strcmp(c->name, name) == 0);
	rig_check_records(0, 1, 0, COPY_BY_DMA);
	rig_check_records(1, 5, 1, COPY_BY_CPU);
	CHECK_INT(rig_issue(c, 6, 9), ==, 3);
	rig_reap_all(c, 3);
	rig_check_records(0, 3, 6, COPY_BY_CPU);
	removal_unwatch();
	rte_dev_event_callback_process(name, RTE_DEV_EVENT_REMOVE);
	rig_check_closed(c, before);
}

TEST(a_device_that_was_removed_is_not_closed_though_another_has_its_number)
{
	unsigned int before = rig_buffers_in_use();
	struct copier *c = rig_copier(&fake, 256, 32);
	int id = c->dev_id;

	c->ops->abort(c);
	CHECK_INT(rte_vdev_uninit(c->name), ==, 0);
	CHECK_INT(rte_vdev_init("dma_skeleton_next", NULL), ==, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name("dma_skeleton_next"), ==, id);
	rig_check_closed(c, before);
	CHECK_INT(rte_dma_get_dev_id_by_name("dma_skeleton_next"), ==, id);
	CHECK_INT(rte_vdev_uninit("dma_skeleton_next"), ==, 0);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dmafwd_faults") == 0 ? 0 : 1;
}
