/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_TEST_FAIR_H
#define DCP_TEST_FAIR_H

/**
 * @file
 * A clock for the patience of tests. While threads of the process wait for processors that others
 * have, it passes by the part that they get: so a thread that did not run is not taken for one that
 * hangs, whatever the load. While they all sleep, as they do when a wake-up was lost, it is the
 * time of day.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** Whether a thread of this process runs, or waits for a processor. */
bool fair_wants_processor(pid_t tid);

/** One thread at a time. */
struct fair_clock {
	uint64_t ns, last, given;
};

void fair_start(struct fair_clock *c);

/** Looks at all threads of the process at most ten times a second. @return ns since fair_start() */
uint64_t fair_now(struct fair_clock *c);

#endif /* DCP_TEST_FAIR_H */
