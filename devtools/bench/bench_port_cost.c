/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * What the completion port costs one thread, in TSC cycles, on devices that cost next to nothing:
 * F1 beside raw dmadev, F4 a look that finds nothing, F8 with more channels. In each run all users
 * take turns within some ten microseconds, so that they meet the machine in the same state.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_eal.h>

#ifdef BENCH_CALLGRIND
#include <valgrind/callgrind.h>
#endif

#include "bench_common.h"
#include "bench_cost.h"
#include "bench_options.h"

#define RING 1024u
/* 48 rings of that size are no longer in any cache, and it is those that would be measured. */
#define RING_F8   128u
#define RUN_OPS   256u /* about the operations of one user in one turn */
#define WARM_OPS  64u  /* before that, not timed: the users before have used the caches */
#define LOOKS     128u
#define USERS_MAX 8u

enum {
	F1,
	F4,
	F8,
	FIGURES
};

static const char *const figures[FIGURES] = {"F1", "F4", "F8"};

static const struct bench_program program = {
	.name = "bench-port-cost",
	.figures = figures,
	.nb_figures = FIGURES,
	.can_count = true,
};

/** Users that take turns. */
struct group {
	const char *figure;
	unsigned int nb;
	struct {
		enum cost_kind kind;
		unsigned int nb_chans;
	} conf[USERS_MAX];
	struct cost_user users[USERS_MAX];
};

static struct group groups[FIGURES] = {
	[F1] = {"F1", 6,
                .conf = {{COST_RAW, 1},
                         {COST_RAW_STATUS, 1},
                         {COST_RAW_CTX, 1},
                         {COST_PORT, 1},
                         {COST_PORT_SINGLE, 1},
                         {COST_PORT_SLEEP, 1}}},
	[F4] = {"F4", 6,
                .conf = {{COST_RAW, 1},
                         {COST_PORT_SINGLE, 1},
                         {COST_PORT, 1},
                         {COST_PORT, 2},
                         {COST_PORT, 4},
                         {COST_PORT, 16}}},
	[F8] = {"F8", 7,
                .conf = {{COST_RAW_CTX, 1},
                         {COST_RAW_CTX, 16},
                         {COST_PORT, 1},
                         {COST_PORT, 2},
                         {COST_PORT, 4},
                         {COST_PORT, 8},
                         {COST_PORT, 16}}},
};

/* Cycles per operation in bursts of n; negative errno in *rc. */
static double
time_rounds(struct cost_user *u, uint16_t n, int *rc)
{
	unsigned int turns = 4 * u->nb_chans, rounds = RTE_MAX(RUN_OPS / n, turns);
	uint64_t from, took, timer = bench_timer_cost();

	cost_fill(u, n);
	cost_rounds(u, n, RTE_MAX(WARM_OPS / n, turns));
	from = rte_rdtsc_precise();
	cost_rounds(u, n, rounds);
	took = rte_rdtsc_precise() - from;
	*rc = cost_drain(u, n);
	return ((double)took - (double)timer) / rounds / n;
}

/* Cycles of a look at idle channels; negative errno in *rc. */
static double
time_looks(struct cost_user *u, int *rc)
{
	uint64_t from, took, timer = bench_timer_cost();

	cost_look(u, LOOKS / 4);
	from = rte_rdtsc_precise();
	cost_look(u, LOOKS);
	took = rte_rdtsc_precise() - from;
	*rc = cost_verify(u);
	return ((double)took - (double)timer) / LOOKS;
}

/* All users in turn; who is first changes from run to run. n is 0 for looks. */
static int
run_group(struct group *g, unsigned int run, uint16_t n, double *cycles)
{
	unsigned int i, turn;
	int rc = 0;

	for (i = 0; rc == 0 && i < g->nb; i++) {
		turn = (run + i) % g->nb;
		if (n == 0)
			cycles[turn] = time_looks(&g->users[turn], &rc);
		else
			cycles[turn] = time_rounds(&g->users[turn], n, &rc);
	}
	return rc;
}

static int
measure_f1(struct group *g, unsigned int run)
{
	static const uint16_t bursts[] = {1, 4, 8, 32, 64};
	double cycles[USERS_MAX];
	unsigned int b, i;
	int rc = 0;

	for (b = 0; rc == 0 && b < RTE_DIM(bursts); b++) {
		rc = run_group(g, run, bursts[b], cycles);
		for (i = 0; rc == 0 && i < g->nb; i++)
			bench_record(g->figure, bursts[b], cost_names[g->users[i].kind], run,
			             cycles[i]);
	}
	return rc;
}

/* F4 and F8: the case is the number of channels. */
static int
measure_channels(struct group *g, unsigned int run, uint16_t n)
{
	double cycles[USERS_MAX];
	unsigned int i;
	int rc;

	rc = run_group(g, run, n, cycles);
	for (i = 0; rc == 0 && i < g->nb; i++)
		bench_record(g->figure, g->users[i].nb_chans, cost_names[g->users[i].kind], run,
		             cycles[i]);
	return rc;
}

static int
measure(unsigned int figure, unsigned int runs)
{
	struct group *g = &groups[figure];
	unsigned int run;
	int rc = 0;

	for (run = 0; rc == 0 && run < runs; run++) {
		if (figure == F1)
			rc = measure_f1(g, run);
		else
			rc = measure_channels(g, run, figure == F8 ? 32 : 0);
	}
	return rc;
}

/* --- a figure's users */

static int
close_group(struct group *g)
{
	int rc = 0, closed;
	unsigned int i;

	for (i = 0; i < g->nb; i++) {
		closed = cost_close(&g->users[i]);
		rc = rc < 0 ? rc : closed;
	}
	return rc;
}

static int
open_group(struct group *g)
{
	struct cost_user *u;
	unsigned int i;
	int rc = 0;

	for (i = 0; rc == 0 && i < g->nb; i++) {
		u = &g->users[i];
		rc = cost_open(u, g->conf[i].kind, g->conf[i].nb_chans,
		               g == &groups[F8] ? RING_F8 : RING);
		if (rc == 0)
			rc = cost_check(u);
		if (rc == 0)
			printf("checked,%s,%s,%u\n", g->figure, cost_names[u->kind],
			       (unsigned int)u->issued);
	}
	return rc;
}

/* --- instructions */

#ifdef BENCH_CALLGRIND
/* One call of the port's each, alone in a dump that says which: WHO,CALL,BURST. */
static int
count_user(struct cost_user *u, uint16_t n)
{
	char name[64];
	int rc;

	/* n is 0 for a get that finds nothing. */
#define COUNT(part, call)                                                               \
	do {                                                                            \
		CALLGRIND_ZERO_STATS;                                                   \
		CALLGRIND_TOGGLE_COLLECT;                                               \
		call;                                                                   \
		CALLGRIND_TOGGLE_COLLECT;                                               \
		snprintf(name, sizeof(name), "%s,%s,%u", cost_names[u->kind], part, n); \
		CALLGRIND_DUMP_STATS_AT(name);                                          \
	} while (0)
	if (n == 0) {
		COUNT("empty-get", cost_look(u, 1));
		return cost_verify(u);
	}
	COUNT("issue", cost_fill(u, n));
	COUNT("get", rc = cost_drain(u, n));
#undef COUNT
	return rc;
}

static int
count(void)
{
	static const uint16_t bursts[] = {0, 1, 32};
	struct group *g = &groups[F1];
	unsigned int b, i;
	int rc, closed;

	rc = open_group(g);
	for (i = 0; rc == 0 && i < g->nb; i++) {
		if (g->users[i].kind < COST_PORT)
			continue;
		/* Twice: a first dump also has calls made before, as ZERO_STATS leaves them. */
		for (b = 0; rc == 0 && b < 2 * RTE_DIM(bursts); b++)
			rc = count_user(&g->users[i], bursts[b % RTE_DIM(bursts)]);
	}
	closed = close_group(g);
	return rc < 0 ? rc : closed;
}
#else
static int
count(void)
{
	return -ENOTSUP;
}
#endif

static int
run_figure(unsigned int figure, const struct bench_options *opt)
{
	struct group *g = &groups[figure];
	int rc, closed;

	rc = open_group(g);
	if (rc == 0)
		rc = measure(figure, opt->runs);
	closed = close_group(g);
	rc = rc < 0 ? rc : closed;
	if (rc < 0)
		fprintf(stderr, "%s: %s: %s\n", program.name, g->figure, strerror(-rc));
	return rc;
}

int
main(int argc, char **argv)
{
	struct bench_options opt;
	unsigned int i;
	int used, rc;

	used = rte_eal_init(argc, argv);
	if (used < 0)
		return 1;
	rc = bench_options_parse(argc - used, argv + used, &program, &opt);
	if (rc == 0)
		bench_record_build();
	if (rc == 0 && opt.count) {
		rc = count();
		if (rc < 0)
			fprintf(stderr, "%s: counting: %s\n", program.name, strerror(-rc));
	}
	for (i = 0; rc == 0 && !opt.count && i < FIGURES; i++)
		if ((opt.figures & RTE_BIT32(i)) != 0)
			rc = run_figure(i, &opt);
	rte_eal_cleanup();
	return rc < 0;
}
