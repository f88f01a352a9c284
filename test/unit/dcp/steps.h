/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_TEST_STEPS_H
#define DCP_TEST_STEPS_H

/**
 * @file
 * Runs the library as it is shipped in every interleaving with at most two preemptions.
 *
 * The files of the library are compiled with this header in front: DCP_STEP(), which stands before
 * each access to a shared word, asks here whether to go on with another task. Tasks are coroutines,
 * time is virtual: it passes while tasks wait. A task that sleeps with a deadline may be preempted
 * to, which is the time-out at that very moment. When all tasks sleep for ever, a wake-up was lost.
 */

#include <stdbool.h>
#include <stdint.h>

#define DCP_STEP()  steps_step()

#define STEPS_TASKS 4

struct steps_scenario {
	void (*begin)(void);
	void (*task[STEPS_TASKS])(void); /* the first n */
	void (*end)(void);               /* checks; all tasks have ended */
};

void steps_step(void);

/** Run all interleavings; ends the test at the first that goes wrong. @return how many were run. */
uint32_t steps_explore(const struct steps_scenario *scenario);

#endif /* DCP_TEST_STEPS_H */
