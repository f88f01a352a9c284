/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef BENCH_CREW_H
#define BENCH_CREW_H

/**
 * @file
 * Threads that measure something together: each is on its processor before any of them begins, and
 * it is known of each how often the scheduler took the processor away from it meanwhile.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_cycles.h>

#define BENCH_CREW_MAX    9u /* members */
#define BENCH_CPU_ANY     (-1)
#define BENCH_PATIENCE_US 120000000u /* how long one waits for another one, at most */

struct bench_crew;

/** One thread. The caller fills the first part, bench_crew_run() the second. */
struct bench_member {
	/** What it does. @return 0; negative errno: bench_crew_going() is false for all. */
	int (*work)(struct bench_crew *crew, void *arg);
	void *arg;
	int cpu; /**< a processor, or BENCH_CPU_ANY: where bench_crew_any() says */

	uint64_t begin, end; /**< TSC around the work */
	uint64_t forced;     /**< switches to other threads that it did not ask for */
	struct bench_crew *crew;
};

/** The two processors to measure on: the first two that this process may use. Before EAL, which
 * takes others away. @return 0; -ENODEV, which stderr says: there is only one.
 */
int bench_crew_cpus(int cpu[2]);

/** Members with BENCH_CPU_ANY may run on these two. */
void bench_crew_any(const int cpu[2]);

/** Run @p n members until all have ended. @return 0; the first negative errno of one. */
int bench_crew_run(struct bench_member *members, unsigned int n);

/** Whether @p n members have neither lost their processor nor begun elsewhere than they should. */
bool bench_crew_clean(const struct bench_member *members, unsigned int n);

/** False as soon as a member has failed: who waits for another one gives up. */
bool bench_crew_going(struct bench_crew *crew);

/** Poll until @p word is @p value. @return 0; -ETIMEDOUT; -ECANCELED: another member failed. */
int bench_crew_await(struct bench_crew *crew, _Atomic uint32_t *word, uint32_t value);

/** Switches to other threads so far that the calling thread did, and did not, ask for. */
struct bench_switches {
	uint64_t own, forced;
};

struct bench_switches bench_switches_now(void);

/**
 * How long two processors have neither been idle nor worked for this process: only differences
 * mean something, to two clock ticks.
 * @return 0; -ENOTSUP: the kernel does not say; other negative errno.
 */
int bench_others_us(const int cpu[2], int64_t *us);

/** @return the time stamp counter, read when all before it has been done. */
static inline uint64_t
bench_stamp(void)
{
#ifdef __x86_64__
	unsigned int aux; /* no number of a processor where the kernel does not set it */

	return __builtin_ia32_rdtscp(&aux);
#else
	return rte_rdtsc_precise();
#endif
}

/** TSC cycles in a time. */
uint64_t bench_cycles(double us);

/** The opposite. */
double bench_us(uint64_t cycles);

/** Poll the TSC until then. */
void bench_until(uint64_t stamp);

/**
 * Whether time stamps of two processors may be compared: a word goes to and fro between them, and
 * none may arrive before it was sent.
 * @param least  the least that one way took, in cycles, both ways
 * @return 0; -ERANGE: they may not; what bench_crew_run() returns.
 */
int bench_crew_clocks(const int cpu[2], int64_t least[2]);

#endif /* BENCH_CREW_H */
