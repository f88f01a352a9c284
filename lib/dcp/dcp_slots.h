/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_SLOTS_H
#define DCP_SLOTS_H

/**
 * @file
 * Who runs, who polls for the others, who sleeps. A slot is the right to run: to poll or to process
 * records. One worker with a slot, the leader, polls for those that are parked. Whoever gives up a
 * slot or the lead hands both to the worker that was parked last. Only when nothing is in flight
 * the lead stays vacant, so that nobody is woken for nothing: whoever adds work fills it.
 *
 * Whenever the lock is free: nobody is parked, or there is a leader, or all slots are taken, or the
 * lead is vacant.
 *
 * Functions that return a waiter want it woken: dcp_os_wake() on its seat, outside the lock.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dcp_sync.h"

#define SLOTS_UNLIMITED  UINT32_MAX
#define SLOTS_CACHE_LINE 64

struct dcp_waiter {
	struct dcp_seat seat;
	bool slot; /* its own thread reads it; written under the lock */
	struct dcp_waiter *above, *below;
};

struct dcp_slots {
	struct dcp_lock lock;
	_Atomic uint32_t running; /* slots taken; more than the limit after returns and time-outs */
	_Atomic bool shut;        /* nothing will ever come again */
	uint32_t limit;
	bool vacant; /* nobody leads the parked, and the bed says so */
	struct dcp_waiter *leader;
	struct dcp_waiter *top; /* of the stack of the parked */
	uint64_t wakes, over_limit;
	/* Read by all that add work. */
	_Alignas(SLOTS_CACHE_LINE) struct dcp_bed bed;
};

enum slots_role {
	SLOTS_LEAD, /* poll, then slots_lead_end() or slots_vacate() */
	SLOTS_PARK, /* sleep until the seat changes */
	SLOTS_SHUT, /* nothing will come */
};

/** Whether a worker may take records right now. Without the lock: what busy workers call. */
static inline bool
slots_may_run(struct dcp_slots *s, const struct dcp_waiter *w)
{
	if (s->limit == SLOTS_UNLIMITED)
		return true;
	DCP_STEP();
	return w->slot && atomic_load_explicit(&s->running, memory_order_relaxed) <= s->limit;
}

/** The same for one that does not wait: takes a free slot, gives up one over the limit. */
bool slots_try(struct dcp_slots *s, struct dcp_waiter *w);

/** A worker has found nothing and waits. */
enum slots_role slots_enter(struct dcp_slots *s, struct dcp_waiter *w);

/** The leader stops polling and keeps its slot. */
struct dcp_waiter *slots_lead_end(struct dcp_slots *s, struct dcp_waiter *w);

/**
 * The leader stops polling, keeps its slot, and has seen that nothing is in flight. After this it
 * looks again, and calls slots_fill() when there is something.
 */
void slots_vacate(struct dcp_slots *s, struct dcp_waiter *w);

/** Work was added: somebody is to lead, if the lead is vacant still. */
struct dcp_waiter *slots_fill(struct dcp_slots *s);

/**
 * The time of a parked worker is over. @return true: it is off the stack and counts as running;
 * false: its seat has changed just now, that counts.
 */
bool slots_expire(struct dcp_slots *s, struct dcp_waiter *w);

/** Give up the slot, if any. */
struct dcp_waiter *slots_give(struct dcp_slots *s, struct dcp_waiter *w);

/** Have a slot from now on, free or not. */
void slots_take(struct dcp_slots *s, struct dcp_waiter *w);

/** Nothing will come: let one of the parked go. Call it until it returns NULL. */
struct dcp_waiter *slots_shut_one(struct dcp_slots *s);

#endif /* DCP_SLOTS_H */
