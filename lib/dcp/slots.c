/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <assert.h>

#include "dcp_slots.h"

/* All below: under the lock, slots_running() also without. */

static uint32_t
slots_running(struct dcp_slots *s)
{
	DCP_STEP();
	return atomic_load_explicit(&s->running, memory_order_relaxed);
}

static void
slots_set(struct dcp_slots *s, struct dcp_waiter *w, bool slot)
{
	uint32_t running = slots_running(s);

	if (w->slot == slot)
		return;
	assert(slot || running != 0);
	w->slot = slot;
	atomic_store_explicit(&s->running, slot ? running + 1 : running - 1, memory_order_relaxed);
	if (slot && running >= s->limit)
		s->over_limit++;
}

static void
slots_push(struct dcp_slots *s, struct dcp_waiter *w)
{
	assert(!w->slot && w->above == NULL && w->below == NULL && s->top != w);
	w->below = s->top;
	if (s->top != NULL)
		s->top->above = w;
	s->top = w;
}

static void
slots_unlink(struct dcp_slots *s, struct dcp_waiter *w)
{
	if (w->above != NULL)
		w->above->below = w->below;
	else
		s->top = w->below;
	if (w->below != NULL)
		w->below->above = w->above;
	w->above = NULL;
	w->below = NULL;
}

/* Give the lead and a slot to the worker parked last, if both are free and not to stay so. */
static struct dcp_waiter *
slots_promote(struct dcp_slots *s)
{
	struct dcp_waiter *w = s->top;

	if (s->leader != NULL || s->vacant || w == NULL || slots_running(s) >= s->limit)
		return NULL;
	slots_unlink(s, w);
	slots_set(s, w, true);
	s->leader = w;
	s->wakes++;
	dcp_seat_set(&w->seat, DCP_SEAT_CALLED);
	return w;
}

/* The lead is vacant no more. Nobody sleeps in the bed. */
static void
slots_occupy(struct dcp_slots *s)
{
	if (!s->vacant)
		return;
	s->vacant = false;
	dcp_bed_leave(&s->bed);
}

static void
slots_unlock(struct dcp_slots *s)
{
	assert(s->leader == NULL || (s->leader->slot && !s->vacant));
	assert(s->top == NULL || s->leader != NULL || s->vacant || slots_running(s) >= s->limit);
	dcp_lock_drop(&s->lock);
}

/* All below: without the lock. */

bool
slots_try(struct dcp_slots *s, struct dcp_waiter *w)
{
	/* Those that poll would else fight for the lock. */
	if (!w->slot && slots_running(s) >= s->limit)
		return false;
	dcp_lock_take(&s->lock);
	if (w->slot && slots_running(s) > s->limit)
		slots_set(s, w, false); /* all others are taken still: nobody to promote */
	if (!w->slot && slots_running(s) < s->limit)
		slots_set(s, w, true);
	slots_unlock(s);
	return w->slot;
}

enum slots_role
slots_enter(struct dcp_slots *s, struct dcp_waiter *w)
{
	enum slots_role role = SLOTS_LEAD;

	dcp_lock_take(&s->lock);
	if (w->slot && slots_running(s) > s->limit)
		slots_set(s, w, false);
	if (atomic_load_explicit(&s->shut, memory_order_relaxed)) {
		role = SLOTS_SHUT;
	} else if (s->leader == NULL && (w->slot || slots_running(s) < s->limit)) {
		slots_set(s, w, true);
		slots_occupy(s);
		s->leader = w;
	} else {
		slots_set(s, w, false);
		slots_push(s, w);
		dcp_seat_set(&w->seat, DCP_SEAT_PARKED);
		role = SLOTS_PARK;
	}
	slots_unlock(s);
	return role;
}

struct dcp_waiter *
slots_lead_end(struct dcp_slots *s, struct dcp_waiter *w)
{
	struct dcp_waiter *next;

	dcp_lock_take(&s->lock);
	assert(s->leader == w);
	(void)w;
	s->leader = NULL;
	next = slots_promote(s);
	slots_unlock(s);
	return next;
}

void
slots_vacate(struct dcp_slots *s, struct dcp_waiter *w)
{
	dcp_lock_take(&s->lock);
	assert(s->leader == w);
	(void)w;
	s->leader = NULL;
	s->vacant = s->top != NULL && slots_running(s) < s->limit;
	if (s->vacant)
		dcp_bed_announce(&s->bed, DCP_BED_VACANT);
	slots_unlock(s);
}

struct dcp_waiter *
slots_fill(struct dcp_slots *s)
{
	struct dcp_waiter *next;

	dcp_lock_take(&s->lock);
	slots_occupy(s);
	next = slots_promote(s);
	slots_unlock(s);
	return next;
}

bool
slots_expire(struct dcp_slots *s, struct dcp_waiter *w)
{
	bool parked;

	dcp_lock_take(&s->lock);
	parked = dcp_seat_look(&w->seat) == DCP_SEAT_PARKED;
	if (parked) {
		slots_unlink(s, w);
		slots_set(s, w, true);
		dcp_seat_set(&w->seat, DCP_SEAT_FREE);
	}
	slots_unlock(s);
	return parked;
}

struct dcp_waiter *
slots_give(struct dcp_slots *s, struct dcp_waiter *w)
{
	struct dcp_waiter *next;

	dcp_lock_take(&s->lock);
	slots_set(s, w, false);
	next = slots_promote(s);
	slots_unlock(s);
	return next;
}

void
slots_take(struct dcp_slots *s, struct dcp_waiter *w)
{
	dcp_lock_take(&s->lock);
	slots_set(s, w, true);
	slots_unlock(s);
}

struct dcp_waiter *
slots_shut_one(struct dcp_slots *s)
{
	struct dcp_waiter *w;

	dcp_lock_take(&s->lock);
	atomic_store_explicit(&s->shut, true, memory_order_relaxed);
	w = s->top;
	if (w != NULL) {
		slots_unlink(s, w);
		s->wakes++;
		dcp_seat_set(&w->seat, DCP_SEAT_SHUT);
	}
	slots_unlock(s);
	return w;
}
