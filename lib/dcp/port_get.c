/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include <rte_branch_prediction.h>

#include "dcp_priv.h"

#define BURST 64u /* statuses asked of a device at a time */

static __rte_noinline uint16_t
posts_take(struct dcp_worker *w, struct dcp_cpl *out, uint16_t max)
{
	struct dcp_posts *q = &w->port->posts;
	uint64_t at;
	uint16_t n;

	if (!dcp_lock_try(&q->lock)) {
		dcp_count(&w->lock_misses, 1);
		return 0;
	}
	at = dcp_peek(&q->out);
	for (n = 0; n < max && at != dcp_peek(&q->in); n++, at++)
		out[n] = q->ring[at & q->mask];
	dcp_put(&q->out, at);
	dcp_lock_drop(&q->lock);
	return n;
}

/* Ask the device for finished operations, at most max, from position at on. @return how many; their
 * statuses in st.
 */
static inline uint16_t
chan_ask(struct dcp_chan *c, uint64_t at, uint64_t max, enum rte_dma_status_code *st)
{
	uint64_t open = dcp_peek(&c->issued) - at;
	uint16_t ask = (uint16_t)RTE_MIN(RTE_MIN(max, BURST), open);
	uint16_t last_idx = 0, n;

	if (unlikely(ask == 0))
		return 0;
	n = rte_dma_completed_status(c->dev_id, c->vchan, ask, &last_idx, st);
	if (likely(n == 0 || (n <= ask && last_idx == (uint16_t)(c->first_idx + at + n - 1))))
		return n;
	/* It has lost count: which contexts these are is anybody's guess. */
	chan_set_state(c, DCP_CHAN_FAULT);
	return 0;
}

static bool
chan_works(const struct dcp_chan *c)
{
	enum dcp_chan_state state = chan_state(c);

	return state == DCP_CHAN_LIVE || state == DCP_CHAN_DRAINING;
}

uint32_t
chan_note(struct dcp_chan *c, uint32_t budget)
{
	enum rte_dma_status_code st[BURST];
	uint64_t at = dcp_peek(&c->noted);
	uint32_t total = 0;
	uint16_t n;

	while (total < budget && chan_works(c)) {
		n = chan_ask(c, at, budget - total, st);
		if (n == 0)
			break;
		for (uint16_t i = 0; i < n; i++, at++)
			c->status[at & c->mask] = (uint16_t)st[i];
		dcp_put(&c->noted, at);
		total += n;
	}
	return total;
}

static inline void
record_fill(struct dcp_cpl *out, uint64_t ctx, uint64_t at, uint16_t chan, uint16_t status)
{
	out->ctx = ctx;
	out->seq = (uint32_t)at;
	out->chan = chan;
	out->status = status;
}

static __rte_noinline void
chan_count_failures(struct dcp_chan *c, const struct dcp_cpl *out, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		if (out[i].status == DCP_ST_ABORTED)
			dcp_count(&c->aborted, 1);
		else if (out[i].status != DCP_ST_OK)
			dcp_count(&c->failed, 1);
	}
}

/* Records straight from the device. */
static __rte_always_inline uint16_t
chan_deliver_fresh(struct dcp_chan *c, struct dcp_cpl *out, uint16_t max)
{
	enum rte_dma_status_code st[BURST];
	const uint64_t *ctx = c->ctx, mask = c->mask;
	uint64_t at = dcp_peek(&c->noted);
	uint16_t id = (uint16_t)chan_id(c), left = max, n;

	do {
		uint32_t failures = 0;

		n = chan_ask(c, at, left, st);
		for (uint16_t i = 0; i < n; i++, at++) {
			failures |= (uint32_t)st[i];
			record_fill(&out[i], ctx[at & mask], at, id, (uint16_t)st[i]);
		}
		if (unlikely(failures != 0))
			chan_count_failures(c, out, n);
		out += n;
		left = (uint16_t)(left - n);
	} while (unlikely(n == BURST && left != 0));
	dcp_put(&c->noted, at);
	return (uint16_t)(max - left);
}

/* Records from a position on: of what is noted, or of what a stopped device has not finished. */
static uint16_t
chan_deliver_known(struct dcp_chan *c, uint64_t at, bool finished, struct dcp_cpl *out, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++, at++)
		record_fill(&out[i], c->ctx[at & c->mask], at, (uint16_t)chan_id(c),
		            finished ? c->status[at & c->mask] : DCP_ST_ABORTED);
	chan_count_failures(c, out, (uint16_t)n);
	return (uint16_t)n;
}

/* What is not, or not all, straight from a device that works. */
static __rte_noinline uint16_t
chan_deliver_other(struct dcp_chan *c, struct dcp_cpl *out, uint16_t max)
{
	uint64_t at = dcp_peek(&c->delivered), noted = dcp_peek(&c->noted), open;
	struct dcp_source *source = chan_source(c);
	uint16_t n = 0;

	if (source != NULL) {
		n = source->deliver(source, c, out, max);
		dcp_put(&c->noted, at + n);
		return n;
	}
	n = chan_deliver_known(c, at, true, out, RTE_MIN(noted - at, max));
	if (chan_works(c))
		return (uint16_t)(n + chan_deliver_fresh(c, out + n, (uint16_t)(max - n)));
	if (chan_state(c) == DCP_CHAN_STOPPED) {
		open = dcp_peek(&c->issued) - (at + n);
		n = (uint16_t)(n + chan_deliver_known(c, at + n, false, out + n,
		                                      RTE_MIN(open, (uint64_t)(max - n))));
		dcp_put(&c->noted, RTE_MAX(noted, at + n));
	}
	return n;
}

/* Everything that can be handed out now, in order. The device's lock. */
static inline uint16_t
chan_deliver(struct dcp_chan *c, struct dcp_cpl *out, uint16_t max)
{
	uint64_t at = dcp_peek(&c->delivered);
	uint16_t n;

	if (likely(chan_works(c) && chan_source(c) == NULL && dcp_peek(&c->noted) == at))
		n = chan_deliver_fresh(c, out, max);
	else
		n = chan_deliver_other(c, out, max);
	dcp_put(&c->delivered, at + n);
	chan_assert_sound(c);
	return n;
}

static bool
chan_is_held(const struct dcp_chan *c)
{
	return atomic_load_explicit(&c->holder, memory_order_acquire) != NULL;
}

static __rte_noinline uint16_t
chan_take(struct dcp_worker *w, struct dcp_chan *c, struct dcp_cpl *out, uint16_t max)
{
	struct dcp_dev *dev = chan_dev(c);
	uint16_t n = 0;

	if (unlikely(dev == NULL || chan_is_held(c)))
		return 0;
	if (!dcp_lock_try(&dev->lock)) {
		dcp_count(&w->lock_misses, 1);
		return 0;
	}
	if (likely(chan_dev(c) == dev) && !chan_is_held(c))
		n = chan_deliver(c, out, max);
	/* Without a record it may be another channel by now, under another lock. */
	if (n != 0 && unlikely((c->flags & DCP_CHAN_F_SERIAL) != 0)) {
		c->next_held = w->held;
		w->held = c;
		atomic_store_explicit(&c->holder, w, memory_order_relaxed);
	}
	dcp_lock_drop(&dev->lock);
	return n;
}

/* --- what is there */

static inline bool
chan_owes(const struct dcp_chan *c)
{
	DCP_STEP();
	return dcp_peek(&c->issued) != dcp_peek(&c->delivered);
}

bool
port_has_posts(const struct dcp_port *port)
{
	DCP_STEP();
	return dcp_peek(&port->posts.in) != dcp_peek(&port->posts.out);
}

bool
port_has_work(const struct dcp_port *port)
{
	uint32_t used = atomic_load_explicit(&port->used, memory_order_acquire);

	for (uint32_t i = 0; i < used; i++) {
		const struct dcp_chan *c = &port->chans[i];
		/* From a failed channel comes only what is noted, until an abort. */
		const _Atomic uint64_t *end =
			chan_state(c) == DCP_CHAN_FAULT ? &c->noted : &c->issued;

		DCP_STEP();
		if (dcp_peek(end) != dcp_peek(&c->delivered) && chan_source(c) == NULL)
			return true;
	}
	return port_has_posts(port);
}

bool
port_owes(const struct dcp_port *port)
{
	uint32_t used = atomic_load_explicit(&port->used, memory_order_acquire);

	for (uint32_t i = 0; i < used; i++)
		if (chan_owes(&port->chans[i]))
			return true;
	return port_has_posts(port);
}

/* --- get */

/* Source 0 are the posts, the others the channels. */
static inline uint16_t
port_take(struct dcp_worker *w, struct dcp_cpl *out, uint16_t max)
{
	struct dcp_port *port = w->port;
	uint32_t last = atomic_load_explicit(&port->used, memory_order_acquire);
	uint32_t s = w->rotor <= last ? w->rotor : 0, left;
	uint16_t n = 0, got;

	for (left = last + 1; left != 0 && n < max; left--, s = s == last ? 0 : s + 1) {
		got = 0;
		if (s != 0 && chan_owes(&port->chans[s - 1]))
			got = chan_take(w, &port->chans[s - 1], out + n, (uint16_t)(max - n));
		else if (s == 0 && port_has_posts(port))
			got = posts_take(w, out + n, (uint16_t)(max - n));
		if (n == 0 && got != 0)
			w->rotor = s + 1;
		n = (uint16_t)(n + got);
	}
	return n;
}

uint16_t
port_poll(struct dcp_worker *w, struct dcp_cpl *out, uint16_t max)
{
	return port_take(w, out, max);
}

static __rte_noinline int
get_or_wait(struct dcp_worker *w, struct dcp_cpl *out, uint16_t max, uint64_t timeout_ns)
{
	struct dcp_slots *slots = &w->port->slots;
	int rc = 0;

	if (unlikely(w->held != NULL))
		worker_drop_held(w);
	if (likely(slots_may_run(slots, &w->wait)) ||
	    (timeout_ns == 0 && slots_try(slots, &w->wait)))
		rc = port_take(w, out, max);
	if (rc == 0)
		rc = worker_wait(w, out, max, timeout_ns);
	DCP_STEP();
	dcp_count(rc > 0 ? &w->full_gets : &w->empty_gets, 1);
	if (rc > 0 && unlikely(atomic_load_explicit(&w->port->closing, memory_order_relaxed)))
		port_settle(w->port);
	return rc;
}

int
dcp_get(struct dcp_worker *w, struct dcp_cpl *out, uint16_t max, uint64_t timeout_ns)
{
	struct dcp_port *port;

	if (unlikely(w == NULL || out == NULL || max == 0 || w->blocked))
		return -EINVAL;
	port = w->port;
	worker_set_thread(w, thread_self());
	/* A worker that polls finds nothing most of the time. */
	if (timeout_ns == 0 && w->held == NULL && slots_may_run(&port->slots, &w->wait) &&
	    !port_owes(port) && !atomic_load_explicit(&port->closing, memory_order_relaxed)) {
		dcp_count(&w->empty_gets, 1);
		return -EAGAIN;
	}
	return get_or_wait(w, out, max, timeout_ns);
}

int
dcp_harvest(struct dcp_port *port, uint16_t budget)
{
	uint32_t used = atomic_load_explicit(&port->used, memory_order_acquire);
	uint32_t total = 0;

	for (uint32_t i = 0; i < used && total < budget; i++) {
		struct dcp_chan *c = &port->chans[i];
		struct dcp_dev *dev = chan_dev(c);

		if (dcp_peek(&c->issued) == dcp_peek(&c->noted) || dev == NULL ||
		    !dcp_lock_try(&dev->lock))
			continue;
		if (chan_dev(c) == dev && chan_source(c) == NULL)
			total += chan_note(c, budget - total);
		dcp_lock_drop(&dev->lock);
	}
	return (int)total;
}
