/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "test.h"

#include "dcp.h"
#include "dcp_os.h"
#include "dcp_sync.h"
#include "getter.h"
#include "rig.h"

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

/* --- noticing work: T11 */

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
	uint64_t start, waited = 0;

	for (uint32_t i = 1; i <= 20; i++) {
		rig_wait_bed(port, DCP_BED_DEEP);
		CHECK_INT(rig_issue(port, chan, i, 1), ==, 1);
		rig_wait_for(&g->records, i);
	}
	/* Operations in flight, so that it naps, up to 100 ms: a post does not wait for that. */
	atomic_store(&dev->vchan[0].allow, 20);
	CHECK_INT(rig_issue(port, chan, 0, 1), ==, 1);
	for (uint32_t i = 1; i <= 5; i++) {
		rig_sleep_ms(200);
		rig_wait_bed(port, DCP_BED_NAP);
		start = rig_now_ns();
		rig_post(port, i);
		rig_wait_for(&g->records, 20 + i);
		waited += rig_now_ns() - start;
	}
	CHECK_INT(waited, <, 100 * MS);
	atomic_store(&dev->vchan[0].allow, FAKE_ALL);
	dcp_close(port);
	getter_join(g);
	rig_end(port);
	rig_device_free(dev);
}

/* --- quiet: T12 */

static _Atomic uint32_t os_wakes, os_sleeps;

void __real_dcp_os_wake(_Atomic uint32_t *word);
void __wrap_dcp_os_wake(_Atomic uint32_t *word);
void __real_dcp_os_sleep(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns);
void __wrap_dcp_os_sleep(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns);

void
__wrap_dcp_os_wake(_Atomic uint32_t *word)
{
	atomic_fetch_add(&os_wakes, 1);
	__real_dcp_os_wake(word);
}

void
__wrap_dcp_os_sleep(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	atomic_fetch_add(&os_sleeps, 1);
	__real_dcp_os_sleep(word, value, deadline_ns);
}

/* S9. The mutant: port_rouse() wakes without a look whether somebody sleeps. */
TEST(busy_port_makes_no_system_call)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint16_t chan = rig_chan(port, dev, 0);
	struct dcp_cpl cpl[64];

	atomic_store(&os_wakes, 0);
	atomic_store(&os_sleeps, 0);
	for (int i = 0; i < 1000; i++) {
		CHECK_INT(rig_issue(port, chan, 0, 20), ==, 20);
		rig_post(port, 1);
		CHECK_INT(dcp_get(w, cpl, RTE_DIM(cpl), DCP_FOREVER), ==, 21);
	}
	CHECK_INT(atomic_load(&os_wakes), ==, 0);
	CHECK_INT(atomic_load(&os_sleeps), ==, 0);
	dcp_worker_del(w);
	rig_end(port);
	rig_device_free(dev);
}

TEST(sleeping_worker_costs_one_wake_for_a_batch)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();
	uint16_t chan = rig_chan(port, dev, 0);
	struct getter *g = getter_start(port, DCP_FOREVER, UINT32_MAX);

	rig_wait_bed(port, DCP_BED_DEEP);
	atomic_store(&os_wakes, 0);
	CHECK_INT(rig_issue(port, chan, 0, 20), ==, 20);
	rig_wait_for(&g->records, 20);
	CHECK_INT(atomic_load(&os_wakes), ==, 1);
	dcp_close(port);
	getter_join(g);
	rig_end(port);
	rig_device_free(dev);
}

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

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_wait") == 0 ? 0 : 1;
}
