/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "test.h"

#include "dcp.h"
#include "dcp_sync.h"
#include "rig.h"

/* One thread that gets, in a loop, one record at a time. */
struct getter {
	pthread_t thread;
	struct dcp_port *port;
	uint32_t flags;
	uint64_t timeout_ns;
	_Atomic uint32_t gate;    /* how many records it may have processed; it waits for more */
	_Atomic uint32_t records; /* taken */
	_Atomic uint32_t timeouts;
	_Atomic bool block; /* the next record is processed between dcp_block() calls */
	_Atomic uint64_t last_ctx;
	int rc; /* how it ended */
	long switches;
};

static _Atomic uint32_t working, peak;

static void
getter_process(struct getter *g, struct dcp_worker *w)
{
	uint32_t now = atomic_fetch_add(&working, 1) + 1, old = atomic_load(&peak);
	uint32_t n = atomic_fetch_add(&g->records, 1) + 1;

	while (now > old && !atomic_compare_exchange_weak(&peak, &old, now))
		;
	if (atomic_load(&g->block)) {
		dcp_block(w, true);
		atomic_fetch_sub(&working, 1);
		rig_wait_for(&g->gate, n);
		dcp_block(w, false);
		return;
	}
	rig_wait_for(&g->gate, n);
	atomic_fetch_sub(&working, 1);
}

static void *
getter_main(void *arg)
{
	struct getter *g = arg;
	struct dcp_worker *w = rig_worker(g->port, g->flags);
	struct rusage ru;
	struct dcp_cpl cpl;

	for (;;) {
		g->rc = dcp_get(w, &cpl, 1, g->timeout_ns);
		if (g->rc == -ETIMEDOUT) {
			rig_wait_for(&g->gate, atomic_fetch_add(&g->timeouts, 1) + 1);
			continue;
		}
		if (g->rc != 1)
			break;
		atomic_store(&g->last_ctx, cpl.ctx);
		getter_process(g, w);
	}
	dcp_worker_del(w);
	getrusage(RUSAGE_THREAD, &ru);
	g->switches = ru.ru_nvcsw;
	return NULL;
}

static struct getter *
getter_start(struct dcp_port *port, uint64_t timeout_ns, uint32_t gate)
{
	struct getter *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	g->port = port;
	g->timeout_ns = timeout_ns;
	atomic_store(&g->gate, gate);
	assert_int_equal(pthread_create(&g->thread, NULL, getter_main, g), 0);
	return g;
}

/* Wait for its end, which closing brings, and free it. */
static void
getter_join(struct getter *g)
{
	atomic_store(&g->gate, UINT32_MAX);
	pthread_join(g->thread, NULL);
	CHECK_INT(g->rc, ==, -ESHUTDOWN);
	free(g);
}

static struct dcp_port *
limited_port(uint16_t max_running, uint32_t nap_us)
{
	struct dcp_conf conf = rig_conf();
	struct dcp_port *port;

	conf.max_running = max_running;
	conf.nap_us = nap_us;
	port = dcp_create(&conf);
	assert_non_null(port);
	return port;
}

static uint64_t
stat_of(struct dcp_port *port, size_t offset)
{
	struct dcp_stats st;

	CHECK_INT(dcp_stats(port, DCP_CHAN_ALL, &st), ==, 0);
	return *(uint64_t *)((char *)&st + offset);
}
#define STAT(port, field) stat_of(port, offsetof(struct dcp_stats, field))

/* --- time-outs: T6 */

TEST(get_without_time_does_not_wait)
{
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	struct dcp_cpl cpl;

	for (int i = 0; i < 1000; i++)
		CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, -EAGAIN);
	CHECK_INT(STAT(port, naps), ==, 0);
	dcp_worker_del(w);
	rig_end(port);
}

static void
check_never_early(uint32_t flags, int waits)
{
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, flags);
	struct dcp_cpl cpl;

	for (int i = 0; i < waits; i++) {
		uint64_t timeout = 1 + (uint64_t)(i % 100) * 1000, start = rig_now_ns();

		CHECK_INT(dcp_get(w, &cpl, 1, timeout), ==, -ETIMEDOUT);
		CHECK_INT(rig_now_ns() - start, >=, timeout);
	}
	dcp_worker_del(w);
	rig_end(port);
}

/* The mutant: lead() compares with the deadline plus a microsecond. */
TEST(wait_is_never_early)
{
	check_never_early(0, 20000);
}

TEST(wait_is_never_early_when_polling)
{
	check_never_early(DCP_WORKER_F_NOSLEEP, 20000);
}

static _Atomic uint32_t alarms;

static void
on_alarm(int signo)
{
	(void)signo;
	atomic_fetch_add(&alarms, 1);
}

/* The mutant: lead_sleep() returns -EINTR upwards, or park() ends when its sleep does. */
TEST(signals_do_not_end_a_wait)
{
	const struct itimerval fast = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
	struct sigaction act = {.sa_handler = on_alarm}, old;
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	struct dcp_cpl cpl;
	uint64_t start;

	CHECK_INT(sigaction(SIGALRM, &act, &old), ==, 0);
	CHECK_INT(setitimer(ITIMER_REAL, &fast, NULL), ==, 0);
	start = rig_now_ns();
	CHECK_INT(dcp_get(w, &cpl, 1, 200 * MS), ==, -ETIMEDOUT);
	CHECK_INT(rig_now_ns() - start, >=, 200 * MS);
	CHECK_INT(setitimer(ITIMER_REAL, &off, NULL), ==, 0);
	CHECK_INT(sigaction(SIGALRM, &old, NULL), ==, 0);
	CHECK_INT(atomic_load(&alarms), >, 20);
	dcp_worker_del(w);
	rig_end(port);
}

/* --- the limit: T7, T8, T9 */

/* S5. The mutant: slots_enter() does not look at the limit. */
TEST(never_more_workers_than_the_limit)
{
	struct dcp_port *port = limited_port(2, 0);
	struct getter *g[8];

	atomic_store(&peak, 0);
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
	CHECK_INT(atomic_load(&peak), >=, 1);
	CHECK_INT(atomic_load(&peak), <=, 2);
	rig_end(port);
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

/* T8. The mutants: dcp_block(true) does not promote; lead() does not look at the limit. */
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

/* The leader, too, is not handed work when a worker that comes back has used up the limit. */
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

/* T9. The mutant: slots_expire() does not take a slot. */
TEST(time_out_counts_as_running)
{
	struct dcp_port *port = limited_port(1, 0);
	struct dcp_worker *w = rig_worker(port, 0);
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

/* --- who is woken: T10, T11 */

/* S8. The mutant: slots_promote() takes the bottom of the stack. */
TEST(worker_parked_last_is_woken_first)
{
	struct dcp_port *port = rig_port();
	struct getter *a, *b, *c;

	a = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 0, true);
	b = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 1, true);
	c = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 2, true);
	for (uint32_t i = 1; i <= 20; i++) {
		struct getter *turn = i % 2 == 1 ? a : c;

		rig_post(port, i);
		rig_wait_for(&turn->records, (i + 1) / 2);
		rig_wait_parked(port, 2, true);
	}
	CHECK_INT(atomic_load(&a->records), ==, 10);
	CHECK_INT(atomic_load(&b->records), ==, 0);
	CHECK_INT(atomic_load(&c->records), ==, 10);
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

/* T11, S6. The mutant: lead_sleep() sleeps deeply although operations are in flight. */
TEST(device_that_finishes_while_all_sleep_is_noticed)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();
	uint16_t chan = rig_chan(port, dev, 0);
	struct getter *g[2];

	atomic_store(&dev->vchan[0].allow, 0);
	CHECK_INT(rig_issue(port, chan, 0, 20), ==, 20);
	for (int i = 0; i < 2; i++)
		g[i] = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 1, true);
	for (uint32_t i = 1; i <= 20; i++) {
		rig_sleep_ms(2);
		atomic_store(&dev->vchan[0].allow, i);
		while (atomic_load(&g[0]->records) + atomic_load(&g[1]->records) < i)
			rig_sleep_ms(1);
	}
	dcp_close(port);
	for (int i = 0; i < 2; i++)
		getter_join(g[i]);
	rig_end(port);
	rig_device_free(dev);
}

/* T11. The mutants: dcp_issue() does not rouse; dcp_post() rouses the deeply asleep only. */
TEST(work_wakes_the_leader_from_its_sleep)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = limited_port(0, 100000);
	uint16_t chan = rig_chan(port, dev, 0);
	struct getter *g = getter_start(port, DCP_FOREVER, UINT32_MAX);
	uint64_t start;

	for (uint32_t i = 1; i <= 20; i++) {
		rig_wait_bed(port, DCP_BED_DEEP);
		CHECK_INT(rig_issue(port, chan, i, 1), ==, 1);
		rig_wait_for(&g->records, i);
	}
	/* Operations in flight, so that it naps, up to 100 ms: a post does not wait for that. */
	atomic_store(&dev->vchan[0].allow, 20);
	CHECK_INT(rig_issue(port, chan, 0, 1), ==, 1);
	rig_sleep_ms(300);
	start = rig_now_ns();
	for (uint32_t i = 1; i <= 5; i++) {
		rig_wait_bed(port, DCP_BED_NAP);
		rig_post(port, i);
		rig_wait_for(&g->records, 20 + i);
	}
	CHECK_INT(rig_now_ns() - start, <, 100 * MS);
	atomic_store(&dev->vchan[0].allow, FAKE_ALL);
	dcp_close(port);
	getter_join(g);
	rig_end(port);
	rig_device_free(dev);
}

/* --- quiet: T12 */

/* S7. The mutant: lead_sleep() always naps. */
TEST(idle_port_uses_no_processor)
{
	struct dcp_port *port = rig_port();
	struct getter *g[3];
	struct rusage before, after;
	uint64_t naps;

	for (int i = 0; i < 3; i++)
		g[i] = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 2, true);
	rig_wait_bed(port, DCP_BED_DEEP);
	naps = STAT(port, naps);
	CHECK_INT(getrusage(RUSAGE_SELF, &before), ==, 0);
	rig_sleep_ms(500);
	CHECK_INT(getrusage(RUSAGE_SELF, &after), ==, 0);
	CHECK_INT(STAT(port, naps), ==, naps);
	/* This thread's own sleep is one; the rest of EAL has threads, too. */
	CHECK_INT(after.ru_nvcsw - before.ru_nvcsw, <=, 10);
	dcp_close(port);
	for (int i = 0; i < 3; i++)
		getter_join(g[i]);
	rig_end(port);
}

/* A failed channel brings nothing until it is aborted: no reason to stay up. */
TEST(failed_channel_lets_the_port_sleep_and_its_abort_wakes_it)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();
	uint16_t chan = rig_chan(port, dev, 0);
	struct getter *g;

	dev->vchan[0].lie_idx = 5;
	CHECK_INT(rig_issue(port, chan, 0, 3), ==, 3);
	g = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_bed(port, DCP_BED_DEEP);
	CHECK_INT(dcp_chan_del(port, chan, true, 5000 * MS), ==, 0);
	CHECK_INT(atomic_load(&g->records), ==, 3);
	dcp_close(port);
	getter_join(g);
	rig_end(port);
	rig_device_free(dev);
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
	return test_run_all("dcp_wait") == 0 ? 0 : 1;
}
