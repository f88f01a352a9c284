/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * F6. System calls that the threads of a port make, all of them, while it is busy, while workers
 * sleep between batches, and while nothing happens. Devices finish at the doorbell.
 */

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_pause.h>

#include "bench_crew.h"
#include "bench_rig.h"
#include "bench_threads.h"
#include "bench_trap.h"
#include "dcp.h"

#define BURST      32u
#define BUSY_OPS   65536u
#define BATCHES    20u
#define ASLEEP_US  200u /* after a batch: ten times as long as a worker polls before it sleeps */
#define SETTLE_MS  5u
#define IDLE_MS    100u
#define LIMIT_NS   UINT64_C(60000000000) /* more than anybody waits for another one */
#define LAST       UINT64_MAX
#define THREADS    (BENCH_RIG_WORKERS + 1)
#define TRAP_CALLS 7u

struct calls_test {
	const struct bench_plan *plan;
	struct bench_rig rig;
	unsigned int workers;
	struct calls_thread {
		struct calls_test *test;
		struct dcp_worker *worker;
		struct bench_trap trap;
		_Atomic int tid;
	} threads[THREADS]; /* the one that issues is the last */
	_Atomic uint32_t delivered;
	uint64_t calls[THREADS], wakes, yields; /* while it was measured */
	uint64_t switches;
};

static int
issue(struct calls_test *t, uint16_t n)
{
	struct dcp_op ops[BURST];
	uint16_t i;

	for (i = 0; i < n; i++)
		ops[i] = (struct dcp_op){.ctx = i, .len = 64};
	return dcp_issue(t->rig.port, t->rig.chan[0], ops, n);
}

static int
post(struct calls_test *t, uint16_t n)
{
	static const struct dcp_cpl cpl[BURST];

	return dcp_post(t->rig.port, cpl, n);
}

/* --- busy: one thread that does all */

static int
busy_alone(struct calls_thread *me, int (*add)(struct calls_test *, uint16_t))
{
	struct dcp_cpl cpl[BURST];
	uint32_t left;
	int rc;

	rc = bench_trap_begin(&me->trap);
	for (left = BUSY_OPS; rc == 0 && left != 0; left -= BURST)
		if (add(me->test, BURST) != BURST ||
		    dcp_get(me->worker, cpl, BURST, LIMIT_NS) != BURST)
			rc = -EBADMSG;
	bench_trap_end();
	return rc;
}

static int
busy_issue(struct bench_crew *crew, void *arg)
{
	(void)crew;
	return busy_alone(arg, issue);
}

static int
busy_post(struct bench_crew *crew, void *arg)
{
	(void)crew;
	return busy_alone(arg, post);
}

/* --- busy: one thread issues, one gets */

static int
busy_issuer(struct bench_crew *crew, void *arg)
{
	struct calls_thread *me = arg;
	uint32_t left = BUSY_OPS;
	int rc;

	rc = bench_trap_begin(&me->trap);
	while (rc >= 0 && left != 0) {
		rc = issue(me->test, (uint16_t)RTE_MIN(left, BURST));
		if (rc >= 0)
			left -= (uint32_t)rc;
		if (!bench_crew_going(crew))
			rc = -ECANCELED;
		rte_pause();
	}
	bench_trap_end();
	return rc < 0 ? rc : 0;
}

static int
busy_getter(struct bench_crew *crew, void *arg)
{
	uint64_t end = bench_stamp() + bench_cycles(BENCH_PATIENCE_US);
	struct calls_thread *me = arg;
	struct dcp_cpl cpl[BURST];
	uint32_t left = BUSY_OPS;
	int rc;

	rc = bench_trap_begin(&me->trap);
	while (rc >= 0 && left != 0) {
		rc = dcp_get(me->worker, cpl, BURST, 0);
		if (rc > 0)
			left -= (uint32_t)rc;
		else if (rc == -EAGAIN)
			rc = bench_stamp() > end ? -ETIMEDOUT : 0;
		if (!bench_crew_going(crew))
			rc = -ECANCELED;
	}
	bench_trap_end();
	return rc < 0 ? rc : 0;
}

/* --- asleep between batches, or for good */

/* Let so many workers go. */
static int
dismiss(struct calls_test *t, unsigned int n)
{
	const struct dcp_cpl last = {.ctx = LAST};

	for (; n != 0; n--)
		if (dcp_post(t->rig.port, &last, 1) != 1)
			return -EIO;
	return 0;
}

static int
sleeper(struct bench_crew *crew, void *arg)
{
	struct calls_thread *me = arg;
	struct dcp_cpl cpl[BURST];
	int rc;

	atomic_store(&me->tid, gettid());
	rc = bench_trap_begin(&me->trap);
	while (rc >= 0 && bench_crew_going(crew)) {
		rc = dcp_get(me->worker, cpl, BURST, LIMIT_NS);
		if (rc > 0 && cpl[0].ctx == LAST) { /* the others are for others */
			rc = dismiss(me->test, (unsigned int)rc - 1);
			break;
		}
		if (rc > 0)
			atomic_fetch_add(&me->test->delivered, (uint32_t)rc);
	}
	bench_trap_end();
	return rc < 0 ? rc : 0;
}

static void
note_counts(struct calls_test *t)
{
	unsigned int i;

	t->wakes = 0;
	t->yields = 0;
	for (i = 0; i < THREADS; i++) {
		t->calls[i] = atomic_load(&t->threads[i].trap.all);
		t->wakes += atomic_load(&t->threads[i].trap.wakes);
		t->yields += atomic_load(&t->threads[i].trap.yields);
	}
}

static int
batches(struct bench_crew *crew, void *arg)
{
	struct calls_thread *me = arg;
	struct calls_test *t = me->test;
	unsigned int i;
	int rc;

	rc = bench_trap_begin(&me->trap);
	for (i = 0; rc == 0 && i < BATCHES; i++) {
		bench_until(bench_stamp() + bench_cycles(ASLEEP_US));
		if (issue(t, BURST) != BURST)
			rc = -EBADMSG;
		else
			rc = bench_crew_await(crew, &t->delivered, (i + 1) * BURST);
	}
	bench_until(bench_stamp() + bench_cycles(ASLEEP_US));
	bench_trap_end();
	note_counts(t);
	return rc < 0 ? rc : dismiss(t, t->workers);
}

/* Switches of a thread to others so far. */
static int
count_switches(int tid, uint64_t *sum)
{
	char line[128], path[64];
	uint64_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	f = fopen(path, "r");
	if (f == NULL)
		return -errno;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &n) == 1 ||
		    sscanf(line, "nonvoluntary_ctxt_switches: %" SCNu64, &n) == 1)
			*sum += n;
	fclose(f);
	return 0;
}

static int
note_switches(struct calls_test *t, uint64_t *sum)
{
	unsigned int i;
	int rc = 0;

	*sum = 0;
	for (i = 0; rc == 0 && i < t->workers; i++)
		rc = count_switches(atomic_load(&t->threads[i].tid), sum);
	return rc;
}

static void
pause_ms(unsigned int ms)
{
	const struct timespec ts = {.tv_nsec = ms * 1000000L};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

static int
idle(struct bench_crew *crew, void *arg)
{
	struct calls_test *t = ((struct calls_thread *)arg)->test;
	uint64_t before[THREADS], switches;
	unsigned int i;
	int rc;

	(void)crew;
	pause_ms(SETTLE_MS);
	note_counts(t);
	memcpy(before, t->calls, sizeof(before));
	rc = note_switches(t, &switches);
	pause_ms(IDLE_MS);
	if (rc == 0)
		rc = note_switches(t, &t->switches);
	t->switches -= switches;
	note_counts(t);
	for (i = 0; i < THREADS; i++)
		t->calls[i] -= before[i];
	return rc < 0 ? rc : dismiss(t, t->workers);
}

/* --- runs */

typedef int (*calls_work)(struct bench_crew *crew, void *arg);

/* Run workers on one processor, and on the other one, unless NULL, somebody else. */
static int
run_threads(struct calls_test *t, calls_work worker, unsigned int workers, calls_work other,
            bool *clean)
{
	struct bench_member members[THREADS] = {0};
	unsigned int i, n = 0;
	int rc;

	t->workers = workers;
	atomic_store(&t->delivered, 0);
	for (i = 0; i < THREADS; i++) {
		t->threads[i] = (struct calls_thread){.test = t};
		if (i < workers)
			members[n++] = (struct bench_member){
				.work = worker, .arg = &t->threads[i], .cpu = t->plan->cpu[1]};
		if (i < BENCH_RIG_WORKERS)
			t->threads[i].worker = t->rig.worker[i];
	}
	if (other != NULL)
		members[n++] = (struct bench_member){
			.work = other, .arg = &t->threads[THREADS - 1], .cpu = t->plan->cpu[0]};
	rc = bench_crew_run(members, n);
	*clean = bench_crew_clean(members, n);
	return rc;
}

static int
busy_run(const struct bench_run *run, struct calls_test *t, calls_work worker, calls_work other)
{
	bool clean;
	int rc = run_threads(t, worker, 1, other, &clean);

	if (rc < 0 || !clean)
		return rc < 0 ? rc : -EAGAIN;
	note_counts(t);
	bench_run_record(run, "calls",
	                 (double)(t->calls[0] + t->calls[THREADS - 1]) * 1000 / BUSY_OPS);
	bench_run_record(run, "yields", (double)t->yields * 1000 / BUSY_OPS);
	return 0;
}

static int
run_busy_issue(const struct bench_run *run, void *arg)
{
	return busy_run(run, arg, busy_issue, NULL);
}

static int
run_busy_post(const struct bench_run *run, void *arg)
{
	return busy_run(run, arg, busy_post, NULL);
}

static int
run_busy_two(const struct bench_run *run, void *arg)
{
	return busy_run(run, arg, busy_getter, busy_issuer);
}

static int
asleep_run(const struct bench_run *run, struct calls_test *t, unsigned int workers)
{
	bool clean;
	int rc = run_threads(t, sleeper, workers, batches, &clean);

	if (rc < 0)
		return rc;
	bench_run_record(run, "issuer", (double)t->calls[THREADS - 1] / BATCHES);
	bench_run_record(run, "wakes", (double)t->wakes / BATCHES);
	return 0;
}

static int
run_asleep_one(const struct bench_run *run, void *arg)
{
	return asleep_run(run, arg, 1);
}

static int
run_asleep_four(const struct bench_run *run, void *arg)
{
	return asleep_run(run, arg, 4);
}

static int
run_idle(const struct bench_run *run, void *arg)
{
	struct calls_test *t = arg;
	unsigned int i;
	uint64_t calls = 0;
	bool clean;
	int rc = run_threads(t, sleeper, 4, idle, &clean);

	if (rc < 0)
		return rc;
	for (i = 0; i < t->workers; i++)
		calls += t->calls[i];
	bench_run_record(run, "calls", (double)calls * 1000 / IDLE_MS);
	bench_run_record(run, "wakeups", (double)t->switches * 1000 / IDLE_MS);
	return 0;
}

static const struct {
	const char *label;
	bench_run_once once;
} cases[] = {
	{"busy-issue", run_busy_issue}, {"busy-post", run_busy_post},  {"busy-two", run_busy_two},
	{"asleep-1", run_asleep_one},   {"asleep-4", run_asleep_four}, {"idle", run_idle},
};

/* The counter counts what is known. */
static int
check_trap(struct bench_crew *crew, void *arg)
{
	struct bench_trap *trap = arg;
	unsigned int i;
	int rc;

	(void)crew;
	rc = bench_trap_begin(trap);
	for (i = 0; rc == 0 && i < TRAP_CALLS; i++)
		sched_yield();
	bench_trap_end();
	return rc == 0 && atomic_load(&trap->all) != TRAP_CALLS ? -EBADMSG : rc;
}

static int
open_trap(const struct bench_plan *plan)
{
	struct bench_trap trap;
	struct bench_member member = {.work = check_trap, .arg = &trap, .cpu = plan->cpu[1]};
	int rc = bench_trap_open();

	if (rc == 0)
		rc = bench_crew_run(&member, 1);
	if (rc < 0)
		fprintf(stderr, "F6: system calls cannot be counted here: %s\n", strerror(-rc));
	else
		printf("note,F6: %u system calls were made and counted before\n", TRAP_CALLS);
	return rc;
}

int
bench_calls(const struct bench_plan *plan)
{
	static struct calls_test t;
	unsigned int i;
	int rc, closed;

	rc = open_trap(plan);
	if (rc < 0)
		return rc;
	t.plan = plan;
	rc = bench_rig_open(&t.rig, 1, BENCH_IDEAL_AT_SUBMIT, 4, 0);
	for (i = 0; rc == 0 && i < RTE_DIM(cases); i++)
		rc = bench_runs(plan, "F6", cases[i].label, cases[i].once, &t);
	closed = bench_rig_close(&t.rig);
	return rc < 0 ? rc : closed;
}
