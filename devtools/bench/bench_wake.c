/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * F5. Two threads sleep on one processor, a worker in dcp_get() and another on a bare futex, and a
 * thread on the other processor wakes one of them at a time: time stamp before the call that
 * wakes, time stamp when the sleeper is back from the call that slept. Both poll equally long
 * before they sleep, and both have a limit of time, so the kernel does the same for both.
 */

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_pause.h>

#include "bench_crew.h"
#include "bench_rig.h"
#include "bench_threads.h"
#include "dcp.h"

#define POLL_US 20u  /* dcp_conf.spin_us when it is 0 */
#define NAP_US  100u /* dcp_conf.nap_us when it is 0 */
/* A thread is off its processor so long after the call that sleeps, or less. Woken before, it runs
 * after 3 to 5 us instead of some 20: whoever goes down faster would look slower.
 */
#define DOWN_US  4u
#define GROWN_US 300u /* after that naps have their full length */
#define LIMIT_S  60   /* more than anybody waits for another one */
#define PAIRS    5u   /* wakes of each sleeper that count, in one run */
#define LAST     UINT64_MAX

struct wake_case {
	const char *label;
	double idle_us;
	bool device;         /* a copy ends, instead of dcp_post() */
	unsigned long slack; /* of timers, ns; 0: as it is */
};

static const struct wake_case cases[] = {
	{.label = "post-2us", .idle_us = 2},
	{.label = "post-50us", .idle_us = 50},
	{.label = "post-1ms", .idle_us = 1000},
	{.label = "device", .idle_us = GROWN_US, .device = true, .slack = 1},
	{.label = "device-slack", .idle_us = GROWN_US, .device = true},
};

/* One of the two that sleep; each word has one writer. */
struct sleeper {
	struct wake_test *test;
	_Atomic uint32_t ready; /* how often it has begun to wait */
	uint64_t began;
	_Atomic uint32_t down; /* the bare one: how often it has begun to sleep */
	_Atomic uint32_t done; /* how often it was woken */
	uint64_t woken;
	bool clean;            /* it slept, and nothing came between */
	bool again;            /* it slept more than once for one wake */
	_Atomic uint32_t word; /* the bare futex */
} __rte_cache_aligned;

struct wake_test {
	const struct bench_plan *plan;
	const struct wake_case *how;
	struct bench_rig rig;
	struct sleeper sleepers[2]; /* on the port, and bare */
	unsigned int first;         /* who is woken before the other one */
	double took[2][PAIRS];
	unsigned int kept[2];
	unsigned int wakes[2], again[2]; /* of a case; who slept more than once does not count */
};

enum {
	PORT,
	FUTEX
};

static long
futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *limit)
{
	return syscall(SYS_futex, word, op, value, limit, NULL, 0);
}

static void
sleeper_begins(struct sleeper *s, uint32_t i)
{
	s->began = bench_stamp();
	atomic_store_explicit(&s->ready, i + 1, memory_order_release);
}

static void
sleeper_ends(struct sleeper *s, uint32_t i, const struct bench_switches *before)
{
	struct bench_switches now;

	s->woken = bench_stamp();
	now = bench_switches_now();
	s->again = !s->test->how->device && now.own > before->own + 1;
	/* A nap may end many times before the device is done. */
	s->clean = now.forced == before->forced &&
	           (s->test->how->device ? now.own > before->own : now.own == before->own + 1);
	atomic_store_explicit(&s->done, i + 1, memory_order_release);
}

static int
sleep_on_port(struct bench_crew *crew, void *arg)
{
	struct sleeper *s = arg;
	const struct wake_case *how = s->test->how;
	struct bench_switches before;
	struct dcp_cpl cpl = {0};
	uint32_t i;
	int rc;

	if (how->slack != 0 && prctl(PR_SET_TIMERSLACK, how->slack) < 0)
		return -errno;
	for (i = 0; bench_crew_going(crew); i++) {
		before = bench_switches_now();
		sleeper_begins(s, i);
		rc = dcp_get(s->test->rig.worker[0], &cpl, 1, LIMIT_S * UINT64_C(1000000000));
		if (rc < 0 || cpl.ctx == LAST)
			return rc < 0 ? rc : 0;
		sleeper_ends(s, i, &before);
		if (rc != 1 || cpl.ctx != i || cpl.status != 0)
			return -EBADMSG;
	}
	return -ECANCELED;
}

static int
sleep_bare(struct bench_crew *crew, void *arg)
{
	const struct timespec limit = {.tv_sec = LIMIT_S};
	struct bench_switches before;
	struct sleeper *s = arg;
	uint32_t i, now;

	for (i = 0; bench_crew_going(crew); i++) {
		before = bench_switches_now();
		sleeper_begins(s, i);
		bench_until(s->began + bench_cycles(POLL_US));
		atomic_store_explicit(&s->down, i + 1, memory_order_release);
		while ((now = atomic_load_explicit(&s->word, memory_order_acquire)) == i)
			if (futex(&s->word, FUTEX_WAIT_PRIVATE, i, &limit) < 0 &&
			    errno == ETIMEDOUT)
				return -ETIMEDOUT;
		if (now == UINT32_MAX)
			return 0;
		sleeper_ends(s, i, &before);
	}
	return -ECANCELED;
}

/* Wake one of them. @return the stamp before that; 0: it could not be done. */
static uint64_t
wake(struct wake_test *t, unsigned int who, uint32_t i)
{
	struct dcp_cpl cpl = {.ctx = i};
	uint64_t at = bench_stamp();

	if (who == FUTEX) {
		atomic_store_explicit(&t->sleepers[FUTEX].word, i + 1, memory_order_release);
		futex(&t->sleepers[FUTEX].word, FUTEX_WAKE_PRIVATE, 1, NULL);
	} else if (t->how->device) {
		bench_ideal_finish(t->rig.dev[0], 1);
	} else if (dcp_post(t->rig.port, &cpl, 1) != 1) {
		return 0;
	}
	return at;
}

/* How often the worker has begun to sleep. */
static uint64_t
count_naps(const struct wake_test *t)
{
	struct dcp_stats st = {0};

	dcp_stats(t->rig.port, DCP_CHAN_ALL, &st);
	return st.naps;
}

/*
 * Poll until a sleeper that has begun to wait makes the call that sleeps. A thread that lost its
 * processor may have missed that of the worker; then the wake does not count.
 */
static int
await_sleep(struct bench_crew *crew, struct wake_test *t, unsigned int who, uint32_t i)
{
	uint64_t end = bench_stamp() + bench_cycles(10 * POLL_US), naps;

	if (who == FUTEX)
		return bench_crew_await(crew, &t->sleepers[FUTEX].down, i + 1);
	naps = count_naps(t);
	while (count_naps(t) == naps && bench_stamp() < end)
		rte_pause();
	return 0;
}

/* Wake a sleeper for the i-th time. @return 0, with the time that it took if it counts; errors. */
static int
wake_once(struct bench_crew *crew, struct wake_test *t, unsigned int who, uint32_t i,
          double idle_us, double *us)
{
	struct sleeper *s = &t->sleepers[who];
	struct bench_switches before;
	struct dcp_op op = {.ctx = i, .len = 64};
	uint64_t at = 0;
	int rc;

	rc = bench_crew_await(crew, &s->ready, i + 1);
	if (rc == 0 && who == PORT && t->how->device)
		rc = dcp_issue(t->rig.port, t->rig.chan[0], &op, 1) == 1 ? 0 : -EIO;
	if (rc < 0)
		return rc;
	before = bench_switches_now();
	if (who == PORT && t->how->device) {
		bench_until(s->began + bench_cycles(POLL_US + idle_us));
	} else {
		rc = await_sleep(crew, t, who, i);
		bench_until(bench_stamp() + bench_cycles(DOWN_US + idle_us));
	}
	if (rc == 0)
		at = wake(t, who, i);
	if (at == 0)
		return rc < 0 ? rc : -EIO;
	rc = bench_crew_await(crew, &s->done, i + 1);
	if (rc < 0)
		return rc;
	t->wakes[who]++;
	t->again[who] += s->again;
	*us = s->clean && bench_switches_now().forced == before.forced ? bench_us(s->woken - at)
	                                                               : 0;
	return 0;
}

/*
 * Each wake that counts comes after another one of the same sleeper: so it is what put the
 * processor to rest, idle_us ago.
 */
static int
wake_pairs(struct bench_crew *crew, struct wake_test *t, unsigned int who, unsigned int pair)
{
	double idle_us = t->how->idle_us, us;
	int rc;

	if (t->how->device) /* at another point of the nap each time */
		idle_us = who == PORT ? idle_us + (double)(rand() % NAP_US) : 50;
	rc = wake_once(crew, t, who, 2 * pair, RTE_MIN(idle_us, 50), &us);
	if (rc == 0)
		rc = wake_once(crew, t, who, 2 * pair + 1, idle_us, &us);
	if (rc == 0 && us != 0)
		t->took[who][t->kept[who]++] = us;
	return rc;
}

static int
wake_all(struct bench_crew *crew, void *arg)
{
	const struct dcp_cpl last = {.ctx = LAST};
	struct wake_test *t = arg;
	unsigned int i;
	int rc = 0;

	for (i = 0; rc == 0 && i < 2 * PAIRS; i++)
		rc = wake_pairs(crew, t, (t->first + i) & 1, i / 2);
	if (dcp_post(t->rig.port, &last, 1) != 1)
		rc = -EIO;
	atomic_store(&t->sleepers[FUTEX].word, UINT32_MAX);
	futex(&t->sleepers[FUTEX].word, FUTEX_WAKE_PRIVATE, 1, NULL);
	return rc;
}

static int
compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *values, unsigned int n)
{
	qsort(values, n, sizeof(*values), compare_double);
	return values[n / 2];
}

/* What the kernel may add to a nap. */
static double
slack_us(const struct wake_case *how)
{
	return (double)(how->slack != 0 ? how->slack : (unsigned long)prctl(PR_GET_TIMERSLACK)) /
	       1000;
}

static int
wake_run(const struct bench_run *run, void *arg)
{
	struct wake_test *t = arg;
	struct bench_member members[] = {
		{.work = wake_all, .arg = t, .cpu = t->plan->cpu[0]},
		{.work = sleep_on_port, .arg = &t->sleepers[PORT], .cpu = t->plan->cpu[1]},
		{.work = sleep_bare, .arg = &t->sleepers[FUTEX], .cpu = t->plan->cpu[1]},
	};
	double port, longest, futex;
	int rc;

	memset(t->sleepers, 0, sizeof(t->sleepers));
	memset(t->kept, 0, sizeof(t->kept));
	t->sleepers[PORT].test = t->sleepers[FUTEX].test = t;
	t->first = run->number & 1;
	rc = bench_crew_run(members, RTE_DIM(members));
	if (rc < 0)
		return rc;
	if (RTE_MIN(t->kept[PORT], t->kept[FUTEX]) <= PAIRS / 2)
		return -EAGAIN;
	port = median(t->took[PORT], t->kept[PORT]); /* sorts them */
	longest = t->took[PORT][t->kept[PORT] - 1];
	futex = median(t->took[FUTEX], t->kept[FUTEX]);
	/* Of a nap each length is as likely: the limit is for the longest. */
	bench_run_record(run, "port", t->how->device ? longest : port);
	bench_run_record(run, "futex", futex);
	if (t->how->device)
		bench_run_record(run, "limit", NAP_US + slack_us(t->how) + 1.1 * futex);
	return 0;
}

int
bench_wake(const struct bench_plan *plan)
{
	static struct wake_test t;
	unsigned int i;
	int rc, closed;

	t.plan = plan;
	rc = bench_rig_open(&t.rig, 1, BENCH_IDEAL_BY_CALL, 1, 0);
	if (rc < 0)
		return rc;
	for (i = 0; rc == 0 && i < RTE_DIM(cases); i++) {
		t.how = &cases[i];
		memset(t.wakes, 0, sizeof(t.wakes));
		memset(t.again, 0, sizeof(t.again));
		rc = bench_runs(plan, "F5", t.how->label, wake_run, &t);
		if (rc == 0 && !t.how->device)
			printf("note,F5 %s: left out because the sleeper slept more than once: "
			       "%u of %u wakes by the port and %u of %u by the bare futex\n",
			       t.how->label, t.again[PORT], t.wakes[PORT], t.again[FUTEX],
			       t.wakes[FUTEX]);
	}
	closed = bench_rig_close(&t.rig);
	return rc < 0 ? rc : closed;
}
