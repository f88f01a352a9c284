/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * F9. One, two and eight workers on two processors, which the scheduler moves as it likes. Each
 * gets a batch, from any channel, and issues as many operations again on its own, of which there
 * are four, so that there is always work for all. Beside the throughput: how long a get lasts, and
 * how long the scheduler keeps a thread waiting that does nothing but count, one of eight.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "bench_crew.h"
#include "bench_rig.h"
#include "bench_threads.h"
#include "dcp.h"

#define BURST      32u
#define CROWD      BENCH_RIG_WORKERS
#define POPULATION 1024u /* operations that go round, in all channels together */
#define SHORT_US   3000u
#define LONG_US    100000u /* several turns of eight threads on two processors */
#define OTHERS_US  20000   /* other programs have in it, at most; also what idle time is exact to */
#define LIMIT_NS   UINT64_C(20000000)
#define GETS_MAX   65536u /* of one worker in one run; those after it are not timed */
#define AWAY_US    200u   /* a thread that counts has lost its processor for so long, at least */
#define AWAYS_MAX  256u

struct crowd_test {
	const struct bench_plan *plan;
	struct bench_rig rig;
	unsigned int workers;
	uint64_t length;      /* of a run, in cycles */
	_Atomic uint64_t end; /* of this one; 0: nobody has begun */
	struct crowd_thread {
		struct crowd_test *test;
		unsigned int number;
		uint64_t ops;
		uint32_t nb_gets, nb_aways;
		uint32_t gets[GETS_MAX]; /* cycles */
		uint64_t aways[AWAYS_MAX];
	} threads[CROWD];
};

/* As many as were got, on the worker's channel. */
static int
issue_again(struct crowd_test *t, const struct dcp_cpl *cpl, int n, uint16_t chan)
{
	struct dcp_op ops[BURST];
	int i;

	for (i = 0; i < n; i++) {
		if (cpl[i].status != 0)
			return -EIO;
		ops[i] = (struct dcp_op){.ctx = cpl[i].ctx, .len = 64};
	}
	return dcp_issue(t->rig.port, chan, ops, (uint16_t)n) == n ? 0 : -ENOSPC;
}

static void
note_get(struct crowd_thread *me, uint64_t cycles)
{
	if (me->nb_gets < GETS_MAX)
		me->gets[me->nb_gets++] = (uint32_t)RTE_MIN(cycles, UINT32_MAX);
}

/* All end at one time, also who has not begun until then: what a run is long counts for all. */
static uint64_t
run_end(struct crowd_test *t, uint64_t now)
{
	uint64_t end = 0;

	if (atomic_compare_exchange_strong(&t->end, &end, now + t->length))
		end = now + t->length;
	return end;
}

static int
work(struct bench_crew *crew, void *arg)
{
	struct crowd_thread *me = arg;
	struct crowd_test *t = me->test;
	uint64_t now = bench_stamp(), end = run_end(t, now), from;
	uint16_t chan = t->rig.chan[me->number % t->rig.nb_devs];
	struct dcp_cpl cpl[BURST];
	int n, rc = 0;

	while (rc == 0 && now < end) {
		from = bench_stamp();
		n = dcp_get(t->rig.worker[me->number], cpl, BURST, LIMIT_NS);
		now = bench_stamp();
		if (n < 0 && (n != -ETIMEDOUT || !bench_crew_going(crew)))
			return n;
		note_get(me, now - from); /* also of those that time out: they waited longest */
		if (n < 0)
			continue;
		rc = issue_again(t, cpl, n, chan);
		me->ops += (unsigned int)n;
	}
	return rc;
}

/* What the scheduler does to any thread. */
static int
spin(struct bench_crew *crew, void *arg)
{
	struct crowd_thread *me = arg;
	uint64_t away = bench_cycles(AWAY_US), now = bench_stamp(), last = now;
	uint64_t end = run_end(me->test, now);

	(void)crew;
	for (; now < end; last = now) {
		now = bench_stamp();
		if (now - last > away && me->nb_aways < AWAYS_MAX)
			me->aways[me->nb_aways++] = now - last;
	}
	return 0;
}

static int
run_crowd(struct crowd_test *t, unsigned int n, uint32_t us,
          int (*what)(struct bench_crew *crew, void *arg), bool *clean)
{
	struct bench_member members[CROWD] = {0};
	bool alone = n <= 2; /* each worker has a processor of its own */
	int64_t from = 0, to = 0;
	unsigned int i;
	int rc;

	t->length = bench_cycles(us);
	atomic_store(&t->end, 0);
	for (i = 0; i < n; i++) {
		t->threads[i].test = t;
		t->threads[i].number = i;
		t->threads[i].ops = 0;
		t->threads[i].nb_gets = 0;
		t->threads[i].nb_aways = 0;
		members[i] = (struct bench_member){
			.work = what,
			.arg = &t->threads[i],
			.cpu = alone ? t->plan->cpu[i] : BENCH_CPU_ANY,
		};
	}
	rc = alone ? 0 : bench_others_us(t->plan->cpu, &from);
	if (rc == 0)
		rc = bench_crew_run(members, n);
	if (rc == 0 && !alone)
		rc = bench_others_us(t->plan->cpu, &to);
	*clean = alone ? bench_crew_clean(members, n) : to - from <= OTHERS_US;
	return rc;
}

/* Operations in a microsecond. */
static double
rate(const struct crowd_test *t, unsigned int n)
{
	uint64_t ops = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		ops += t->threads[i].ops;
	return (double)ops / bench_us(t->length);
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The least that one in a thousand gets of the crowd took longer than, in microseconds. */
static double
longest_gets(const struct crowd_test *t)
{
	static uint32_t all[CROWD * GETS_MAX];
	size_t n = 0;
	unsigned int i;

	for (i = 0; i < CROWD; i++) {
		memcpy(all + n, t->threads[i].gets, t->threads[i].nb_gets * sizeof(*all));
		n += t->threads[i].nb_gets;
	}
	qsort(all, n, sizeof(*all), compare);
	return n == 0 ? 0 : bench_us(all[n - 1 - n / 1000]);
}

/* The mean time that a counting thread was away, for one of those that ran meanwhile. */
static double
slice(const struct crowd_test *t)
{
	uint64_t sum = 0;
	unsigned int i, k, n = 0;

	for (i = 0; i < CROWD; i++)
		for (k = 0; k < t->threads[i].nb_aways; k++, n++)
			sum += t->threads[i].aways[k];
	return n == 0 ? 0 : bench_us(sum / n) / (CROWD / 2 - 1);
}

static int
crowd_run(const struct bench_run *run, void *arg)
{
	static const struct {
		const char *who;
		unsigned int workers;
		uint32_t us;
	} crowds[] = {{"1", 1, SHORT_US}, {"2", 2, SHORT_US}, {"8", CROWD, LONG_US}};
	struct crowd_test *t = arg;
	double rates[RTE_DIM(crowds)], gets = 0;
	unsigned int i, k;
	bool clean;
	int rc;

	for (i = 0; i < RTE_DIM(crowds); i++) {
		k = (run->number + i) % RTE_DIM(crowds);
		rc = run_crowd(t, crowds[k].workers, crowds[k].us, work, &clean);
		if (rc < 0)
			return rc;
		if (!clean)
			return -EAGAIN;
		rates[k] = rate(t, crowds[k].workers);
		if (crowds[k].workers == CROWD)
			gets = longest_gets(t);
	}
	rc = run_crowd(t, CROWD, LONG_US, spin, &clean);
	if (rc < 0 || !clean)
		return rc < 0 ? rc : -EAGAIN;
	for (k = 0; k < RTE_DIM(crowds); k++)
		bench_run_record(run, crowds[k].who, rates[k]);
	bench_run_record(run, "get", gets);
	bench_run_record(run, "slice", slice(t));
	return 0;
}

int
bench_crowd(const struct bench_plan *plan)
{
	struct crowd_test *t = calloc(1, sizeof(*t));
	struct dcp_op op = {.len = 64};
	unsigned int i;
	int rc, closed;

	if (t == NULL)
		return -ENOMEM;
	t->plan = plan;
	rc = bench_rig_open(&t->rig, BENCH_RIG_DEVS, BENCH_IDEAL_AT_SUBMIT, CROWD, 0);
	for (i = 0; rc == 0 && i < POPULATION; i++) {
		op.ctx = i;
		if (dcp_issue(t->rig.port, t->rig.chan[i % BENCH_RIG_DEVS], &op, 1) != 1)
			rc = -EIO;
	}
	if (rc == 0)
		rc = bench_runs(plan, "F9", "all", crowd_run, t);
	closed = bench_rig_close(&t->rig);
	free(t);
	return rc < 0 ? rc : closed;
}
