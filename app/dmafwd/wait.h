/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_WAIT_H
#define DMAFWD_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * @file
 * A bounded wait of a polling loop, in TSC cycles. It adds up the time between its own polls and
 * clips each step: time in which the loop itself did not run (stopped, preempted) is no fault of
 * what it waits for.
 */

struct wait {
	uint64_t limit; /* cycles */
	uint64_t step;  /* most cycles one poll can add */
	uint64_t spent;
	uint64_t last; /* 0: nothing is awaited */
};

static inline void
wait_init(struct wait *w, uint64_t hz, unsigned int limit_ms)
{
	*w = (struct wait){.limit = hz / 1000 * limit_ms, .step = hz / 100};
}

/**
 * One more poll brought nothing. @return true from the poll on that reaches the limit, until
 * wait_reset().
 */
static inline bool
wait_expired(struct wait *w, uint64_t now)
{
	if (w->last != 0) {
		uint64_t delta = now - w->last;

		w->spent += delta < w->step ? delta : w->step;
	}
	w->last = now | 1;
	return w->spent >= w->limit;
}

/** What was awaited has come. */
static inline void
wait_reset(struct wait *w)
{
	w->spent = 0;
	w->last = 0;
}

#endif /* DMAFWD_WAIT_H */
