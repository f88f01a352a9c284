/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef BENCH_THREADS_H
#define BENCH_THREADS_H

/**
 * @file
 * The figures of bench-port-threads: what the completion port does when several threads use it.
 * Each prints records FIGURE,CASE,WHO,RUN,VALUE; and note,TEXT: what to know of them.
 */

#include <stdint.h>

/** What all figures are told. */
struct bench_plan {
	unsigned int runs;
	int cpu[2];
};

/** F5: how long a blocked worker takes to run, beside a bare futex. */
int bench_wake(const struct bench_plan *plan);

/** F6: system calls that threads on a port make. */
int bench_calls(const struct bench_plan *plan);

/** F7: one thread issues and another gets, beside the same on bare dmadevs. */
int bench_split(const struct bench_plan *plan);

/** F9: more workers than processors. */
int bench_crowd(const struct bench_plan *plan);

/** One run of a case. */
struct bench_run {
	const char *figure, *label;
	unsigned int number;
};

/** Print what one subject came to in a run. */
void bench_run_record(const struct bench_run *run, const char *who, double value);

/** Make a run and print its records. @return 0; -EAGAIN: it is not to be believed; other errors */
typedef int (*bench_run_once)(const struct bench_run *run, void *arg);

/**
 * Make the runs of a case, in place of each that is not to be believed another one, until there
 * are enough or the time for a case is over. A note says how many were left out.
 * @return 0, also when there was none to be believed; what @p once returned.
 */
int bench_runs(const struct bench_plan *plan, const char *figure, const char *label,
               bench_run_once once, void *arg);

#endif /* BENCH_THREADS_H */
