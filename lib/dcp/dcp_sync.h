/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_SYNC_H
#define DCP_SYNC_H

/**
 * @file
 * The lock word and the two kinds of wake words. C11 atomics and nothing else, so that tests can
 * run this code as it is shipped, step by step: DCP_STEP() stands before each access to a shared
 * word, dcp_os_relax() where a thread waits for another one.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#ifndef DCP_STEP
#define DCP_STEP() ((void)0)
#endif

/** Let the thread go on that the caller waits for; @p spins counts the calls so far. */
void dcp_os_relax(uint32_t spins);

/* --- lock: test and test-and-set; holders do bounded work and never sleep */

struct dcp_lock {
	_Atomic uint32_t taken;
	bool off; /* set before the first use: a single thread needs no lock */
};

static inline bool
dcp_lock_try(struct dcp_lock *l)
{
	if (l->off)
		return true;
	DCP_STEP();
	/* The plain look first: a failed exchange would take the line from the holder. */
	if (atomic_load_explicit(&l->taken, memory_order_relaxed) != 0)
		return false;
	DCP_STEP();
	return atomic_exchange_explicit(&l->taken, 1, memory_order_acquire) == 0;
}

static inline void
dcp_lock_take(struct dcp_lock *l)
{
	for (uint32_t spins = 0; !dcp_lock_try(l); spins++)
		dcp_os_relax(spins);
}

static inline void
dcp_lock_drop(struct dcp_lock *l)
{
	DCP_STEP();
	atomic_store_explicit(&l->taken, 0, memory_order_release);
}

/* --- bed: the word on which the one leader sleeps, and which tells others who looks for work */

enum dcp_bed_state {
	DCP_BED_AWAKE,
	DCP_BED_NAP,    /* with a time-out: operations are in flight */
	DCP_BED_DEEP,   /* nothing is in flight */
	DCP_BED_VACANT, /* nothing is in flight, and nobody leads those that are parked */
};

struct dcp_bed {
	_Atomic uint32_t state;
};

/**
 * The leader is about to sleep, or has left the lead vacant. After this it looks for work once
 * more, and sleeps or leaves only if there is none: whoever adds work after that look finds the new
 * state in dcp_bed_rouse().
 */
static inline void
dcp_bed_announce(struct dcp_bed *b, enum dcp_bed_state state)
{
	DCP_STEP();
	atomic_store_explicit(&b->state, state, memory_order_relaxed);
	DCP_STEP();
	/* The store must not sink below the look for work; on x86, too, it would. */
	atomic_thread_fence(memory_order_seq_cst);
}

static inline void
dcp_bed_leave(struct dcp_bed *b)
{
	DCP_STEP();
	atomic_store_explicit(&b->state, DCP_BED_AWAKE, memory_order_relaxed);
}

/**
 * After work was added: what the caller has to do about a leader that sleeps at least as deeply as
 * @p at_least, or about a vacant lead.
 * @return the state that it has ended, for one caller only; DCP_BED_AWAKE: nothing to do.
 */
static inline enum dcp_bed_state
dcp_bed_rouse(struct dcp_bed *b, enum dcp_bed_state at_least)
{
	uint32_t old;

	/* The other half of dcp_bed_announce(): the work must be visible before the look. */
	DCP_STEP();
	atomic_thread_fence(memory_order_seq_cst);
	DCP_STEP();
	old = atomic_load_explicit(&b->state, memory_order_relaxed);
	while (old >= (uint32_t)at_least) {
		DCP_STEP();
		if (atomic_compare_exchange_weak_explicit(&b->state, &old, DCP_BED_AWAKE,
		                                          memory_order_relaxed,
		                                          memory_order_relaxed))
			return (enum dcp_bed_state)old;
	}
	return DCP_BED_AWAKE;
}

/* --- seat: the word on which a parked worker sleeps */

enum dcp_seat_state {
	DCP_SEAT_FREE,
	DCP_SEAT_PARKED,
	DCP_SEAT_CALLED, /* woken, with a slot and as the leader */
	DCP_SEAT_SHUT,   /* woken, because the port is closed and empty */
};

struct dcp_seat {
	_Atomic uint32_t state;
};

static inline uint32_t
dcp_seat_look(struct dcp_seat *s)
{
	DCP_STEP();
	return atomic_load_explicit(&s->state, memory_order_acquire);
}

static inline void
dcp_seat_set(struct dcp_seat *s, enum dcp_seat_state state)
{
	DCP_STEP();
	atomic_store_explicit(&s->state, state, memory_order_release);
}

#endif /* DCP_SYNC_H */
