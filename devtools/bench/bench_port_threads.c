/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * What the completion port does when several threads use it, beside what one would do without it.
 * Prints records as CSV, for devtools/bench-port to make a table of.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_eal.h>

#include "bench_crew.h"
#include "bench_options.h"
#include "bench_threads.h"

#define NAME   "bench-port-threads"
#define CASE_S 30 /* how long a case may take, at most */

/* In the same order. */
static const char *const figures[] = {"F5", "F6", "F7", "F9"};
static int (*const measures[])(const struct bench_plan *) = {bench_wake, bench_calls, bench_split,
                                                             bench_crowd};

static const struct bench_program program = {
	.name = NAME,
	.figures = figures,
	.nb_figures = RTE_DIM(figures),
};

void
bench_run_record(const struct bench_run *run, const char *who, double value)
{
	printf("%s,%s,%s,%u,%.4f\n", run->figure, run->label, who, run->number, value);
}

int
bench_runs(const struct bench_plan *plan, const char *figure, const char *label,
           bench_run_once once, void *arg)
{
	struct bench_run run = {.figure = figure, .label = label};
	uint64_t end = bench_stamp() + bench_cycles(CASE_S * 1e6);
	unsigned int dropped = 0;
	int rc = 0;

	while (rc == 0 && run.number < plan->runs && bench_stamp() < end) {
		rc = once(&run, arg);
		if (rc == -EAGAIN) {
			dropped++;
			rc = 0;
		} else if (rc == 0) {
			run.number++;
		}
	}
	if (rc < 0) {
		fprintf(stderr, NAME ": %s %s: %s\n", figure, label, strerror(-rc));
		return rc;
	}
	if (dropped != 0 || run.number != plan->runs)
		printf("note,%s %s: %u of %u runs in at most %u s; %u were left out because "
		       "other programs took a processor\n",
		       figure, label, run.number, plan->runs, CASE_S, dropped);
	return 0;
}

/* Says where threads ran, and lets nothing be measured with clocks that differ. */
static int
check_processors(const int cpu[2])
{
	int64_t least[2];
	int rc = bench_crew_clocks(cpu, least);

	if (rc == -ERANGE)
		fprintf(stderr, NAME ": the time stamp counters of processors %d and %d differ\n",
		        cpu[0], cpu[1]);
	else if (rc == 0)
		printf("note,threads ran on processors %d and %d; a word takes %.0f and %.0f ns "
		       "between them\n",
		       cpu[0], cpu[1], bench_us((uint64_t)least[0]) * 1000,
		       bench_us((uint64_t)least[1]) * 1000);
	return rc;
}

static int
measure(const struct bench_options *opt, struct bench_plan *plan)
{
	unsigned int i;
	int rc;

	bench_record_build();
	plan->runs = opt->runs;
	bench_crew_any(plan->cpu);
	rc = check_processors(plan->cpu);
	for (i = 0; rc == 0 && i < RTE_DIM(figures); i++)
		if ((opt->figures & RTE_BIT32(i)) != 0)
			rc = measures[i](plan);
	return rc;
}

int
main(int argc, char **argv)
{
	struct bench_options opt;
	struct bench_plan plan;
	int used, rc;

	if (bench_crew_cpus(plan.cpu) < 0)
		return 1;
	used = rte_eal_init(argc, argv);
	if (used < 0)
		return 1;
	rc = bench_options_parse(argc - used, argv + used, &program, &opt);
	if (rc == 0) {
		rc = measure(&opt, &plan);
		if (rc < 0)
			fprintf(stderr, NAME ": %s\n", strerror(-rc));
	}
	rte_eal_cleanup();
	return rc < 0;
}
