/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>

#include "test.h"

#include "dcp.h"
#include "dcp_sync.h"
#include "getter.h"
#include "rig.h"

/* --- the limit: T7, T8, T9 */

/* S5. */
TEST(never_more_workers_than_the_limit)
{
	struct dcp_port *port = limited_port(2, 0);
	struct getter *g[8];

	atomic_store(&getter_peak, 0);
	for (int i = 0; i < 8; i++)
		g[i] = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 7, true);
	for (uint64_t i = 0; i < 20000; i++) {
		const struct dcp_cpl cpl = {.ctx = i};

		while (dcp_post(port, &cpl, 1) == 0)
			sched_yield();
	}
	dcp_close(port);
	for (int i = 0; i < 8; i++)
		getter_join(g[i]);
	CHECK_INT(atomic_load(&getter_peak), >=, 1);
	CHECK_INT(atomic_load(&getter_peak), <=, 2);
	rig_end(port);
}

/* T7, S5: as many as may run do run, and not one more. */
TEST(as_many_as_the_limit_process_while_all_are_slow)
{
	for (uint16_t limit = 1; limit <= 3; limit++) {
		struct dcp_port *port = limited_port(limit, 0);
		uint16_t n = (uint16_t)(4 * limit);
		struct getter *g[12];
		uint32_t taken = 0;

		for (uint16_t i = 0; i < n; i++)
			g[i] = getter_start(port, DCP_FOREVER, 0);
		rig_wait_parked(port, n - 1u, true);
		atomic_store(&getter_peak, 0);
		for (uint16_t i = 0; i < n; i++)
			rig_post(port, i);
		rig_wait_for(&getter_peak, limit);
		rig_wait_parked(port, n - limit, false);
		rig_sleep_ms(20);
		for (uint16_t i = 0; i < n; i++)
			taken += atomic_load(&g[i]->records);
		CHECK_INT(taken, ==, limit); /* though there are records for all */
		dcp_close(port);
		for (uint16_t i = 0; i < n; i++)
			getter_join(g[i]);
		CHECK_INT(atomic_load(&getter_peak), ==, limit);
		rig_end(port);
	}
}

/* T7: what Windows calls the most efficient scenario. */
TEST(one_worker_does_it_all_while_there_is_work)
{
	struct dcp_port *port = limited_port(1, 0);
	struct dcp_worker *w = rig_worker(port, 0);
	struct rusage before, after;
	struct getter *g[2];
	struct dcp_cpl cpl;

	rig_post(port, 0);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, 1);
	for (int i = 0; i < 2; i++)
		g[i] = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 2, false);
	rig_post(port, 0);
	CHECK_INT(getrusage(RUSAGE_THREAD, &before), ==, 0);
	for (int i = 0; i < 100000; i++) {
		rig_post(port, 1);
		CHECK_INT(dcp_get(w, &cpl, 1, DCP_FOREVER), ==, 1);
	}
	CHECK_INT(getrusage(RUSAGE_THREAD, &after), ==, 0);
	CHECK_INT(after.ru_nvcsw - before.ru_nvcsw, ==, 0);
	CHECK_INT(STAT(port, wakes), ==, 0);
	CHECK_INT(atomic_load(&g[0]->records) + atomic_load(&g[1]->records), ==, 0);
	dcp_close(port);
	dcp_worker_del(w);
	for (int i = 0; i < 2; i++)
		getter_join(g[i]);
	rig_end(port);
}

/* T8. The mutants: slots_may_run() does not look at the limit; dcp_block(true) does not promote. */
TEST(blocking_lets_another_run_and_coming_back_makes_one_wait)
{
	struct dcp_port *port = limited_port(1, 0);
	struct dcp_worker *w = rig_worker(port, 0);
	struct getter *g;
	struct dcp_cpl cpl;

	rig_post(port, 1);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, 1);
	g = getter_start(port, DCP_FOREVER, 0);
	rig_wait_parked(port, 1, false);
	rig_post(port, 2);
	rig_sleep_ms(20);
	CHECK_INT(atomic_load(&g->records), ==, 0); /* though there is a record */
	dcp_block(w, true);
	rig_wait_for(&g->records, 1);
	dcp_block(w, false); /* at once, and one too many */
	CHECK_INT(STAT(port, over_limit), ==, 1);
	rig_post(port, 3);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, -EAGAIN);
	CHECK_INT(dcp_get(w, &cpl, 1, 20 * MS), ==, -ETIMEDOUT); /* parked, though there is one */
	/* It counts as running, so that now the other is one too many. */
	atomic_store(&g->gate, 1);
	rig_wait_parked(port, 1, false);
	CHECK_INT(atomic_load(&g->records), ==, 1);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, 1);
	CHECK_INT(cpl.ctx, ==, 3);
	dcp_close(port);
	dcp_worker_del(w);
	getter_join(g);
	rig_end(port);
}

/* P8: all that run block, and the port does not stand still. */
TEST(blocked_workers_do_not_use_up_the_limit)
{
	struct dcp_port *port = limited_port(1, 0);
	struct getter *g[3];

	for (int i = 0; i < 3; i++) {
		g[i] = getter_start(port, DCP_FOREVER, 0);
		atomic_store(&g[i]->block, true);
	}
	rig_wait_parked(port, 2, true);
	for (uint64_t i = 0; i < 3; i++)
		rig_post(port, i);
	for (int i = 0; i < 3; i++)
		rig_wait_for(&g[i]->records, 1);
	dcp_close(port);
	for (int i = 0; i < 3; i++)
		getter_join(g[i]);
	rig_end(port);
}

/* The leader, too, is not handed work when a worker that comes back has used up the limit. The
 * mutant: lead() does not look at the limit.
 */
TEST(leader_over_the_limit_takes_nothing)
{
	struct dcp_port *port = limited_port(1, 0);
	struct dcp_worker *w = rig_worker(port, 0);
	struct getter *g;
	struct dcp_cpl cpl;

	rig_post(port, 1);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, 1);
	dcp_block(w, true);
	g = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_bed(port, DCP_BED_DEEP);
	dcp_block(w, false);
	rig_post(port, 2);
	rig_wait_parked(port, 1, false);
	CHECK_INT(atomic_load(&g->records), ==, 0);
	dcp_worker_del(w);
	rig_wait_for(&g->records, 1);
	dcp_close(port);
	getter_join(g);
	rig_end(port);
}

static void
check_time_out_counts_as_running(uint32_t worker_flags)
{
	struct dcp_port *port = limited_port(1, 0);
	struct dcp_worker *w = rig_worker(port, worker_flags);
	struct getter *leader;
	struct dcp_cpl cpl;

	leader = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 0, true);
	CHECK_INT(dcp_get(w, &cpl, 1, 5 * MS), ==, -ETIMEDOUT);
	CHECK_INT(STAT(port, over_limit), ==, 1);
	rig_post(port, 1); /* the leader is over the limit now */
	rig_wait_parked(port, 1, false);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, 1);
	dcp_close(port);
	dcp_worker_del(w);
	getter_join(leader);
	rig_end(port);
}

/* T9, S5. The mutant: slots_expire() does not take a slot. */
TEST(time_out_counts_as_running)
{
	check_time_out_counts_as_running(0);
}

/* T9, S5. The mutant: wait_awake() does not take a slot. */
TEST(time_out_of_a_polling_worker_counts_as_running)
{
	check_time_out_counts_as_running(DCP_WORKER_F_NOSLEEP);
}

/* --- who is woken: T10 */

/* T10, S8. The mutant: slots_promote() takes the bottom of the stack. */
TEST(worker_parked_last_is_woken_first)
{
	struct dcp_port *port = rig_port();
	struct getter *g[3];

	for (unsigned int i = 0; i < 3; i++) {
		g[i] = getter_start(port, DCP_FOREVER, 0); /* takes one, and does not come back */
		rig_wait_parked(port, i, true);
	}
	for (uint32_t i = 0; i < 3; i++) {
		rig_post(port, i);
		rig_wait_for(&g[(3 - i) % 3]->records, 1); /* who leads, then from the top */
	}
	dcp_close(port);
	for (int i = 0; i < 3; i++)
		getter_join(g[i]);
	rig_end(port);
}

/* T10, F6. The mutant: the leader always hands on, so that a and c alternate. */
TEST(single_records_wake_the_leader_and_nobody_else)
{
	struct dcp_port *port = rig_port();
	struct getter *a, *b, *c;
	struct dcp_stats st;

	a = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 0, true);
	b = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 1, true);
	c = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 2, true);
	for (uint32_t i = 1; i <= 20; i++) {
		rig_post(port, i);
		rig_wait_for(&a->records, i);
		rig_wait_parked(port, 2, true);
	}
	CHECK_INT(atomic_load(&b->records), ==, 0);
	CHECK_INT(atomic_load(&c->records), ==, 0);
	CHECK_INT(dcp_stats(port, DCP_CHAN_ALL, &st), ==, 0);
	CHECK_INT(st.wakes, ==, 0); /* of parked workers */
	dcp_close(port);
	getter_join(a);
	getter_join(b);
	getter_join(c);
	rig_end(port);
}

TEST(with_a_limit_of_one_the_leader_does_it_all)
{
	struct dcp_port *port = limited_port(1, 0);
	struct getter *a, *b;

	a = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 0, true);
	b = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 1, true);
	for (uint32_t i = 1; i <= 10; i++) {
		rig_post(port, i);
		rig_wait_for(&a->records, i);
	}
	CHECK_INT(atomic_load(&b->records), ==, 0);
	dcp_close(port);
	getter_join(a);
	getter_join(b);
	rig_end(port);
}

/* The leader hands on before it processes. The mutant: slots_lead_end() does not promote. */
TEST(slow_processing_does_not_stop_the_others)
{
	struct dcp_port *port = rig_port();
	struct getter *g[3];

	for (int i = 0; i < 3; i++) {
		g[i] = getter_start(port, DCP_FOREVER, 0);
		rig_wait_parked(port, (unsigned int)i, true);
	}
	for (uint64_t i = 0; i < 3; i++)
		rig_post(port, i);
	for (int i = 0; i < 3; i++)
		rig_wait_for(&g[i]->records, 1);
	dcp_close(port);
	for (int i = 0; i < 3; i++)
		getter_join(g[i]);
	rig_end(port);
}

/* --- workers that leave: T19 */

TEST(worker_that_times_out_hands_the_lead_on)
{
	struct dcp_port *port = rig_port();
	struct getter *leader, *other;

	leader = getter_start(port, 50 * MS, 0);
	rig_wait_parked(port, 0, true);
	other = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_for(&leader->timeouts, 1); /* and it does not come back */
	rig_post(port, 1);
	rig_wait_for(&other->records, 1);
	dcp_close(port);
	getter_join(leader);
	getter_join(other);
	rig_end(port);
}

static void *
lead_and_leave(void *arg)
{
	struct dcp_port *port = arg;
	struct dcp_worker *w = rig_worker(port, 0);
	struct dcp_cpl cpl;

	CHECK_INT(dcp_get(w, &cpl, 1, 50 * MS), ==, -ETIMEDOUT);
	dcp_worker_del(w);
	return NULL;
}

/* The leader's time is over, it is deleted, and its thread ends: the others go on. */
TEST(leader_whose_thread_ends_leaves_the_lead_to_another)
{
	for (uint16_t limit = 0; limit <= 2; limit++) {
		struct dcp_port *port = limited_port(limit, 0);
		struct getter *g[2];
		pthread_t leader;

		CHECK_INT(pthread_create(&leader, NULL, lead_and_leave, port), ==, 0);
		rig_wait_parked(port, 0, true);
		for (unsigned int i = 0; i < 2; i++)
			g[i] = getter_start(port, DCP_FOREVER, UINT32_MAX);
		pthread_join(leader, NULL);
		rig_wait_parked(port, 1, true);
		for (uint32_t i = 1; i <= 10; i++) {
			rig_post(port, i);
			while (atomic_load(&g[0]->records) + atomic_load(&g[1]->records) < i)
				rig_sleep_ms(1);
		}
		dcp_close(port);
		for (int i = 0; i < 2; i++)
			getter_join(g[i]);
		rig_end(port);
	}
}

/* It was slow, others took its place, and it leaves without another get. */
TEST(worker_that_leaves_with_a_serial_channel_gives_it_to_one_that_waits)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();
	uint16_t chan = rig_chan(port, dev, DCP_CHAN_F_SERIAL);
	struct dcp_worker *w = rig_worker(port, 0);
	struct getter *g;
	struct dcp_cpl cpl;

	CHECK_INT(rig_issue(port, chan, 0, 2), ==, 2);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, 1);
	g = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 0, true);
	rig_sleep_ms(20);
	CHECK_INT(atomic_load(&g->records), ==, 0);
	dcp_worker_del(w);
	rig_wait_for(&g->records, 1);
	CHECK_INT(atomic_load(&g->last_ctx), ==, 1);
	dcp_close(port);
	getter_join(g);
	rig_end(port);
	rig_device_free(dev);
}

/* The mutant: dcp_worker_del() does not promote. */
TEST(worker_that_is_deleted_lets_another_run)
{
	struct dcp_port *port = limited_port(1, 0);
	struct dcp_worker *w = rig_worker(port, 0);
	struct getter *g;
	struct dcp_cpl cpl;

	rig_post(port, 1);
	rig_post(port, 2);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, 1);
	g = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 1, false);
	dcp_worker_del(w);
	rig_wait_for(&g->records, 1);
	dcp_close(port);
	getter_join(g);
	rig_end(port);
}

TEST(worker_that_timed_out_while_parked_can_be_deleted)
{
	struct dcp_port *port = limited_port(1, 0);
	struct dcp_worker *w = rig_worker(port, 0);
	struct getter *g = getter_start(port, DCP_FOREVER, UINT32_MAX);
	struct dcp_cpl cpl;

	rig_wait_parked(port, 0, true);
	CHECK_INT(dcp_get(w, &cpl, 1, 5 * MS), ==, -ETIMEDOUT);
	dcp_worker_del(w);
	rig_post(port, 1);
	rig_wait_for(&g->records, 1);
	dcp_close(port);
	getter_join(g);
	rig_end(port);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_slots") == 0 ? 0 : 1;
}
