/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

/**
 * @file
 * What the programs that measure the completion port share: their options, and the records that
 * they print for devtools/bench-port.
 */

#include <stdbool.h>
#include <stdint.h>

#define BENCH_RUNS_MAX 100000u

/** One program. */
struct bench_program {
	const char *name;
	const char *const *figures; /**< what it measures, such as "F1" */
	unsigned int nb_figures;    /**< at most 32 */
	bool can_count;             /**< has --count: for callgrind */
};

struct bench_options {
	unsigned int runs;
	uint32_t figures; /**< bit n: bench_program.figures[n] is wanted */
	bool count;
};

/**
 * Parse what follows the options of EAL; argv[0] is not looked at.
 * @return 0; 1: help was wanted, and is printed; -EINVAL: stderr says what is wrong and what legal.
 */
int bench_options_parse(int argc, char **argv, const struct bench_program *program,
                        struct bench_options *opt);

/** Print one measurement: FIGURE,CASE,WHO,RUN,VALUE. */
void bench_record(const char *figure, unsigned int which, const char *who, unsigned int run,
                  double value);

/** Print by what the program was compiled: build,COMPILER,DPDK version. Before all else. */
void bench_record_build(void);

#endif /* BENCH_OPTIONS_H */
