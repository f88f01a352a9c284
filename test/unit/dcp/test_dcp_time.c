/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/time.h>

#include "test.h"

#include "dcp.h"
#include "getter.h"
#include "rig.h"

/* T6: time-outs, and signals during a wait. */

#ifdef SANITIZED
#define WAITS 2000
#else
#define WAITS 50000 /* twice: asleep as the leader, and parked */
#endif

/* A worker on this thread, and somebody else who leads if it is to park. */
struct bench {
	struct dcp_port *port;
	struct dcp_worker *w;
	struct getter *leader;
};

static void
bench_begin(struct bench *b, uint32_t port_flags, uint32_t worker_flags, bool led)
{
	struct dcp_conf conf = rig_conf();

	conf.spin_us = 1; /* so that it sleeps */
	conf.flags = port_flags;
	b->port = dcp_create(&conf);
	assert_non_null(b->port);
	b->w = rig_worker(b->port, worker_flags);
	b->leader = led ? getter_start(b->port, DCP_FOREVER, UINT32_MAX) : NULL;
	if (led)
		rig_wait_parked(b->port, 0, true);
}

static void
bench_end(struct bench *b)
{
	dcp_worker_del(b->w);
	dcp_close(b->port);
	if (b->leader != NULL)
		getter_join(b->leader);
	rig_end(b->port);
}

TEST(get_without_time_does_not_wait)
{
	struct dcp_cpl cpl;
	struct bench b;

	bench_begin(&b, 0, 0, false);
	for (int i = 0; i < 1000; i++)
		CHECK_INT(dcp_get(b.w, &cpl, 1, 0), ==, -EAGAIN);
	CHECK_INT(STAT(b.port, naps), ==, 0);
	bench_end(&b);
}

/* --- never early */

static void
check_never_early(struct bench *b, int waits)
{
	int slack = prctl(PR_GET_TIMERSLACK);
	struct dcp_cpl cpl;

	CHECK_INT(prctl(PR_SET_TIMERSLACK, 1), ==, 0); /* what hides a wait that is short */
	for (int i = 0; i < waits; i++) {
		uint64_t timeout = 1 + (uint64_t)(i % 100) * 200, start = rig_now_ns();

		CHECK_INT(dcp_get(b->w, &cpl, 1, timeout), ==, -ETIMEDOUT);
		CHECK_INT(rig_now_ns() - start, >=, timeout);
	}
	CHECK_INT(prctl(PR_SET_TIMERSLACK, slack), ==, 0);
}

/* The mutant: lead() ends its wait a little early. */
TEST(leader_is_never_early)
{
	struct bench b;

	bench_begin(&b, 0, 0, false);
	check_never_early(&b, WAITS);
	CHECK_INT(STAT(b.port, naps), >, WAITS / 2); /* it has slept */
	bench_end(&b);
}

TEST(leader_that_watches_files_is_never_early)
{
	struct bench b;

	bench_begin(&b, DCP_F_URING, 0, false);
	check_never_early(&b, WAITS / 10);
	bench_end(&b);
}

/* The mutant: park() ends its wait a little early. */
TEST(parked_worker_is_never_early)
{
	struct bench b;

	bench_begin(&b, 0, 0, true);
	check_never_early(&b, WAITS);
	bench_end(&b);
}

TEST(polling_worker_is_never_early)
{
	struct bench b;

	bench_begin(&b, 0, DCP_WORKER_F_NOSLEEP, false);
	check_never_early(&b, WAITS);
	bench_end(&b);
}

/* --- signals */

#define STORM 20 /* alarms that are enough of them */

static _Atomic uint32_t alarms;

static void
on_alarm(int signo)
{
	(void)signo;
	atomic_fetch_add(&alarms, 1);
}

/* Get once, among a thousand signals each second, or fewer on a busy machine. Threads that were
 * started meanwhile block them, so that they are this one's.
 */
static int
get_in_a_storm(struct bench *b, uint64_t timeout_ns, struct dcp_cpl *cpl)
{
	const struct itimerval fast = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
	struct sigaction act = {.sa_handler = on_alarm}, old;
	int rc;

	CHECK_INT(sigaction(SIGALRM, &act, &old), ==, 0);
	CHECK_INT(setitimer(ITIMER_REAL, &fast, NULL), ==, 0);
	rc = dcp_get(b->w, cpl, 1, timeout_ns);
	CHECK_INT(setitimer(ITIMER_REAL, &off, NULL), ==, 0);
	CHECK_INT(sigaction(SIGALRM, &old, NULL), ==, 0);
	return rc;
}

static void
want_alarms(int how)
{
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	CHECK_INT(pthread_sigmask(how, &alarm, NULL), ==, 0);
}

static void
check_signals(uint32_t port_flags, uint32_t worker_flags, bool led)
{
	struct dcp_cpl cpl;
	struct bench b;

	atomic_store(&alarms, 0);
	want_alarms(SIG_BLOCK);
	bench_begin(&b, port_flags, worker_flags, led);
	want_alarms(SIG_UNBLOCK);
	for (int i = 0; i < 50 && atomic_load(&alarms) < STORM; i++) {
		uint64_t start = rig_now_ns();

		CHECK_INT(get_in_a_storm(&b, 200 * MS, &cpl), ==, -ETIMEDOUT);
		CHECK_INT(rig_now_ns() - start, >=, 200 * MS);
	}
	CHECK_INT(atomic_load(&alarms), >=, STORM);
	bench_end(&b);
}

/* The mutants: lead_sleep() returns -EINTR upwards; park() ends when its sleep does. */
TEST(signals_do_not_end_the_wait_of_the_leader)
{
	check_signals(0, 0, false);
}

TEST(signals_do_not_end_the_wait_of_a_leader_that_watches_files)
{
	check_signals(DCP_F_URING, 0, false);
}

TEST(signals_do_not_end_the_wait_of_a_parked_worker)
{
	check_signals(0, 0, true);
}

TEST(signals_do_not_end_the_wait_of_a_polling_worker)
{
	check_signals(0, DCP_WORKER_F_NOSLEEP, false);
}

static void *
post_late(void *port)
{
	rig_wait_for(&alarms, STORM);
	rig_post(port, 7);
	return NULL;
}

TEST(wait_for_ever_ends_with_a_record_and_not_with_signals)
{
	struct dcp_cpl cpl = {0};
	pthread_t thread;
	struct bench b;

	atomic_store(&alarms, 0);
	want_alarms(SIG_BLOCK);
	bench_begin(&b, 0, 0, false);
	CHECK_INT(pthread_create(&thread, NULL, post_late, b.port), ==, 0);
	want_alarms(SIG_UNBLOCK);
	CHECK_INT(get_in_a_storm(&b, DCP_FOREVER, &cpl), ==, 1);
	CHECK_INT(cpl.ctx, ==, 7);
	pthread_join(thread, NULL);
	bench_end(&b);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_time") == 0 ? 0 : 1;
}
