/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * F7. One thread issues copies and another, on the other processor, gets them: by the port, and by
 * the raw dmadev calls without a lock, with a ring of contexts as an application has it. Devices
 * finish at the doorbell. All contexts are looked at: each once, in order. Bursts are of 32, and
 * of 256 to see what a change of hands costs.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_dmadev.h>
#include <rte_pause.h>

#include "bench_crew.h"
#include "bench_rig.h"
#include "bench_threads.h"

#define BURST_MAX 256u
#define OPS       65536u
/* Twice the ring: descriptors become free before the contexts were read. */
#define CTXS (2 * BENCH_RIG_RING)

/* What both threads share is written before they start; the contexts are handed over by the device.
 */
struct split_test {
	const struct bench_plan *plan;
	struct bench_rig rig;
	uint16_t burst; /* operations issued and got at a time, at most */
	uint64_t *ctx[BENCH_RIG_DEVS];
};

/* A context: the channel, and how many there were before. */
#define CTX(chan, count) ((uint64_t)(chan) << 32 | (count))

/* What an issuer does when there is no room, and whether it still makes sense. */
static bool
may_wait(struct bench_crew *crew, uint64_t end)
{
	rte_pause();
	return bench_crew_going(crew) && bench_stamp() < end;
}

static uint16_t
raw_burst(struct split_test *t, unsigned int c, uint32_t count, uint16_t n)
{
	int16_t dev_id = t->rig.dev_id[c];
	uint64_t *ctx = t->ctx[c];
	uint16_t i;
	int idx;

	for (i = 0; i < n; i++) {
		idx = rte_dma_copy(dev_id, 0, 0x1000, 0x2000, 64, 0);
		if (unlikely(idx < 0))
			break;
		ctx[(unsigned int)idx % CTXS] = CTX(c, count + i);
	}
	if (i != 0)
		rte_dma_submit(dev_id, 0);
	return i;
}

static uint16_t
port_burst(struct split_test *t, unsigned int c, uint32_t count, uint16_t n)
{
	struct dcp_op ops[BURST_MAX];
	uint16_t i;
	int rc;

	for (i = 0; i < n; i++)
		ops[i] = (struct dcp_op){
			.ctx = CTX(c, count + i), .src = 0x1000, .dst = 0x2000, .len = 64};
	rc = dcp_issue(t->rig.port, t->rig.chan[c], ops, n);
	return rc < 0 ? 0 : (uint16_t)rc;
}

static __rte_always_inline int
issue(struct bench_crew *crew, struct split_test *t,
      uint16_t (*burst)(struct split_test *, unsigned int, uint32_t, uint16_t))
{
	uint64_t end = bench_stamp() + bench_cycles(BENCH_PATIENCE_US);
	uint32_t count[BENCH_RIG_DEVS] = {0}, left = OPS;
	unsigned int c = 0;
	uint16_t n;

	while (left != 0) {
		n = burst(t, c, count[c], (uint16_t)RTE_MIN(left, t->burst));
		if (n == 0 && !may_wait(crew, end))
			return -ETIMEDOUT;
		count[c] += n;
		left -= n;
		c = c + 1 == t->rig.nb_devs ? 0 : c + 1;
	}
	return 0;
}

static int
raw_issue(struct bench_crew *crew, void *arg)
{
	return issue(crew, arg, raw_burst);
}

static int
port_issue(struct bench_crew *crew, void *arg)
{
	return issue(crew, arg, port_burst);
}

/* What the getter does with each operation. @return false: it was not the next one. */
static inline bool
consume(uint32_t *count, uint64_t ctx, uint16_t status)
{
	unsigned int c = (unsigned int)(ctx >> 32);

	return c < BENCH_RIG_DEVS && ctx == CTX(c, count[c]++) && status == 0;
}

static int
raw_take(struct split_test *t, unsigned int c, uint32_t *count)
{
	enum rte_dma_status_code status[BURST_MAX];
	uint16_t last, n, i;
	bool right = true;

	n = rte_dma_completed_status(t->rig.dev_id[c], 0, t->burst, &last, status);
	for (i = 0; i < n; i++)
		right &= consume(count, t->ctx[c][(uint16_t)(last - n + 1 + i) % CTXS],
		                 (uint16_t)status[i]);
	return right ? n : -EBADMSG;
}

static int
port_take(struct split_test *t, unsigned int c, uint32_t *count)
{
	struct dcp_cpl cpl[BURST_MAX];
	bool right = true;
	int n, i;

	(void)c;
	n = dcp_get(t->rig.worker[0], cpl, t->burst, 0);
	for (i = 0; i < n; i++)
		right &= consume(count, cpl[i].ctx, cpl[i].status);
	return !right ? -EBADMSG : n == -EAGAIN ? 0 : n;
}

static __rte_always_inline int
take_all(struct bench_crew *crew, struct split_test *t,
         int (*take)(struct split_test *, unsigned int, uint32_t *))
{
	uint64_t end = bench_stamp() + bench_cycles(BENCH_PATIENCE_US);
	uint32_t count[BENCH_RIG_DEVS] = {0}, empty = 0, left;
	unsigned int c = 0;
	int n;

	for (left = OPS; left != 0; left -= (uint32_t)n) {
		n = take(t, c, count);
		if (unlikely(n < 0))
			return n;
		if (n == 0 && ++empty % 1024 == 0 && !may_wait(crew, end))
			return -ETIMEDOUT;
		c = c + 1 == t->rig.nb_devs ? 0 : c + 1;
	}
	return 0;
}

static int
raw_get(struct bench_crew *crew, void *arg)
{
	return take_all(crew, arg, raw_take);
}

static int
port_get(struct bench_crew *crew, void *arg)
{
	return take_all(crew, arg, port_take);
}

enum {
	RAW,
	PORT
};

static const struct subject {
	const char *who;
	int (*issue)(struct bench_crew *crew, void *arg);
	int (*get)(struct bench_crew *crew, void *arg);
} subjects[] = {
	[RAW] = {"raw", raw_issue, raw_get},
	[PORT] = {"port", port_issue, port_get},
};

static int
split_run(const struct bench_run *run, void *arg)
{
	struct split_test *tests = arg;
	double rate[RTE_DIM(subjects)];
	unsigned int i, s;
	int rc;

	for (i = 0; i < RTE_DIM(subjects); i++) {
		s = (run->number + i) % RTE_DIM(subjects);
		struct bench_member members[] = {
			{.work = subjects[s].issue, .arg = &tests[s], .cpu = tests->plan->cpu[0]},
			{.work = subjects[s].get, .arg = &tests[s], .cpu = tests->plan->cpu[1]},
		};
		rc = bench_crew_run(members, RTE_DIM(members));
		if (rc < 0)
			return rc;
		if (!bench_crew_clean(members, RTE_DIM(members)))
			return -EAGAIN;
		rate[s] = OPS /
		          bench_us(members[1].end - RTE_MAX(members[0].begin, members[1].begin));
	}
	for (s = 0; s < RTE_DIM(subjects); s++)
		bench_run_record(run, subjects[s].who, rate[s]);
	return 0;
}

/* Also of the runs that were left out. */
static void
note_misses(const struct split_test *t, const char *label)
{
	struct dcp_stats st;

	if (dcp_stats(t->rig.port, DCP_CHAN_ALL, &st) == 0 && st.gets != st.empty_gets)
		printf("note,F7 %s: for each get that brought something %.2f found the lock of a "
		       "device taken\n",
		       label, (double)st.lock_misses / (double)(st.gets - st.empty_gets));
}

static int
split_case(const struct bench_plan *plan, const char *label, unsigned int nb_devs, uint16_t burst)
{
	static uint64_t ctx[BENCH_RIG_DEVS][CTXS];
	static struct split_test tests[RTE_DIM(subjects)]; /* as the subjects */
	unsigned int i;
	int rc, closed;

	memset(tests, 0, sizeof(tests));
	tests[RAW].plan = plan;
	tests[RAW].burst = tests[PORT].burst = burst;
	for (i = 0; i < BENCH_RIG_DEVS; i++)
		tests[RAW].ctx[i] = ctx[i];
	rc = bench_rig_open(&tests[RAW].rig, nb_devs, BENCH_IDEAL_AT_SUBMIT, 0, 0);
	if (rc == 0)
		rc = bench_rig_open(&tests[PORT].rig, nb_devs, BENCH_IDEAL_AT_SUBMIT, 1,
		                    DCP_WORKER_F_NOSLEEP);
	if (rc == 0)
		rc = bench_runs(plan, "F7", label, split_run, tests);
	if (rc == 0)
		note_misses(&tests[PORT], label);
	for (i = 0; i < RTE_DIM(tests); i++) {
		closed = bench_rig_close(&tests[i].rig);
		rc = rc < 0 ? rc : closed;
	}
	return rc;
}

int
bench_split(const struct bench_plan *plan)
{
	static const struct {
		const char *label;
		unsigned int nb_devs;
		uint16_t burst;
	} cases[] = {
		{"1", 1, 32},
		{"4", 4, 32},
		{"1-burst-256", 1, 256},
		{"4-burst-256", 4, 256},
	};
	unsigned int i;
	int rc = 0;

	for (i = 0; rc == 0 && i < RTE_DIM(cases); i++)
		rc = split_case(plan, cases[i].label, cases[i].nb_devs, cases[i].burst);
	return rc;
}
