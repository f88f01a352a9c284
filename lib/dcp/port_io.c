/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <assert.h>
#include <errno.h>

#include <rte_branch_prediction.h>

#include "dcp_priv.h"

#define BURST 64u /* statuses asked of a device at a time */

static_assert(RTE_DMA_OP_FLAG_FENCE == DCP_OP_F_FENCE, "passed on as it is");
static_assert(RTE_DMA_OP_FLAG_LLC == DCP_OP_F_LLC << 1, "passed on shifted");

/* Lock the device of a channel. The place may have become another channel's meanwhile; as long as
 * the lock is held it stays what it is.
 */
struct dcp_dev *
chan_lock(struct dcp_chan *c)
{
	struct dcp_dev *dev = chan_dev(c);

	if (unlikely(dev == NULL))
		return NULL;
	dcp_lock_take(&dev->lock);
	if (likely(chan_dev(c) == dev))
		return dev;
	dcp_lock_drop(&dev->lock);
	return NULL;
}

/* --- issue */

static int
op_refused(const struct dcp_chan *c, const struct dcp_op *op)
{
	uint32_t nb_src = op->len & UINT16_MAX, nb_dst = op->len >> 16;

	if (op->type > DCP_OP_COPY_SG || (op->flags & ~(DCP_OP_F_FENCE | DCP_OP_F_LLC)) != 0 ||
	    op->len == 0)
		return -EINVAL;
	if ((c->ops & RTE_BIT32(op->type)) == 0)
		return -ENOTSUP;
	if (op->type == DCP_OP_COPY_SG && (op->sge == NULL || nb_src == 0 || nb_dst == 0 ||
	                                   nb_src > c->max_sges || nb_dst > c->max_sges))
		return -EINVAL;
	return 0;
}

static int
op_enqueue(const struct dcp_chan *c, const struct dcp_op *op)
{
	uint64_t flags = (op->flags & DCP_OP_F_FENCE) | (uint64_t)(op->flags & DCP_OP_F_LLC) << 1;
	uint16_t nb_src;
	int rc = op_refused(c, op);

	if (unlikely(rc != 0))
		return rc;
	if (likely(op->type == DCP_OP_COPY))
		return rte_dma_copy(c->dev_id, c->vchan, op->src, op->dst, op->len, flags);
	if (op->type == DCP_OP_FILL)
		return rte_dma_fill(c->dev_id, c->vchan, op->pattern, op->dst, op->len, flags);
	nb_src = (uint16_t)op->len;
	return rte_dma_copy_sg(c->dev_id, c->vchan, op->sge, op->sge + nb_src, nb_src,
	                       (uint16_t)(op->len >> 16), flags);
}

/* Room for n more operations. */
static uint64_t
chan_room(const struct dcp_port *port, const struct dcp_chan *c)
{
	return port->mask + 1 - (dcp_peek(&c->issued) - dcp_peek(&c->delivered));
}

/* Enqueue up to room operations. @return how many were; *rc is why the next one was not. */
static uint16_t
chan_enqueue(struct dcp_port *port, struct dcp_chan *c, const struct dcp_op *ops, uint16_t n,
             int *rc)
{
	uint64_t at = dcp_peek(&c->issued);
	uint16_t i;
	int idx;

	*rc = 0;
	for (i = 0; i < n; i++, at++) {
		idx = op_enqueue(c, &ops[i]);
		if (unlikely(idx < 0)) {
			*rc = idx;
			break;
		}
		c->ctx[at & port->mask] = ops[i].ctx;
		if (unlikely(at == 0))
			c->first_idx = (uint16_t)idx;
		if (unlikely((uint16_t)idx != (uint16_t)(c->first_idx + at))) {
			/* Restarted or used behind our back. The device has this operation. */
			chan_set_state(c, DCP_CHAN_FAULT);
			*rc = -EIO;
			at++;
			i++;
			break;
		}
	}
	dcp_put(&c->issued, at);
	return i;
}

int
chan_issue_error(const struct dcp_port *port, const struct dcp_chan *c, uint16_t chan)
{
	if (unlikely(chan_id(c) != chan))
		return -EINVAL;
	if (unlikely(atomic_load_explicit(&port->closing, memory_order_relaxed)))
		return -ESHUTDOWN;
	switch (chan_state(c)) {
	case DCP_CHAN_LIVE:
		return 0;
	case DCP_CHAN_DRAINING:
		return -ESHUTDOWN;
	default:
		return -EIO;
	}
}

void
chan_note_depth(struct dcp_chan *c, uint64_t depth)
{
	if (depth > dcp_peek(&c->max_depth))
		dcp_put(&c->max_depth, depth);
}

/* Under the lock. @return what dcp_issue() does. */
static int
chan_issue(struct dcp_port *port, struct dcp_chan *c, const struct dcp_op *ops, uint16_t n)
{
	uint64_t room = chan_room(port, c);
	uint16_t fit = (uint16_t)RTE_MIN(room, n), done;
	int rc;

	DCP_STEP();
	done = chan_enqueue(port, c, ops, fit, &rc);
	if (likely(done != 0) && unlikely(rte_dma_submit(c->dev_id, c->vchan) < 0))
		chan_set_state(c, DCP_CHAN_FAULT);
	chan_note_depth(c, port->mask + 1 - (room - done));
	if (rc == -ENOSPC || (rc == 0 && fit < n)) {
		dcp_count(&c->full, 1);
		rc = 0;
	}
	return done != 0 ? done : rc;
}

int
dcp_issue(struct dcp_port *port, uint16_t chan, const struct dcp_op *ops, uint16_t n)
{
	struct dcp_chan *c = &port->chans[chan & port->id_mask];
	struct dcp_dev *dev;
	bool have_sleepers;
	int rc;

	if (unlikely((chan & port->id_mask) >= port->max_chans))
		return -EINVAL;
	dev = chan_lock(c);
	if (unlikely(dev == NULL))
		return -EINVAL;
	rc = chan_issue_error(port, c, chan);
	if (likely(rc == 0))
		rc = chan_issue(port, c, ops, n);
	have_sleepers = atomic_load_explicit(&port->have_sleepers, memory_order_relaxed);
	dcp_lock_drop(&dev->lock);
	if (have_sleepers && rc > 0)
		port_rouse(port, DCP_BED_DEEP);
	return rc;
}

/* --- posts */

int
dcp_post(struct dcp_port *port, const struct dcp_cpl *cpl, uint16_t n)
{
	struct dcp_posts *q = &port->posts;
	bool have_sleepers;
	uint64_t in;
	int done = -ESHUTDOWN;

	if (q->depth == 0)
		return -EINVAL;
	dcp_lock_take(&q->lock);
	if (!atomic_load_explicit(&port->closing, memory_order_relaxed)) {
		in = dcp_peek(&q->in);
		for (done = 0; done < n && in - dcp_peek(&q->out) < q->depth; done++, in++) {
			q->ring[in & q->mask] = cpl[done];
			q->ring[in & q->mask].chan = DCP_CHAN_POST;
		}
		dcp_put(&q->in, in);
	}
	have_sleepers = atomic_load_explicit(&port->have_sleepers, memory_order_relaxed);
	dcp_lock_drop(&q->lock);
	if (have_sleepers && done > 0)
		port_rouse(port, DCP_BED_NAP);
	return done;
}

static uint16_t
posts_deliver(struct dcp_worker *w, struct dcp_cpl *out, uint16_t max)
{
	struct dcp_posts *q = &w->port->posts;
	uint64_t at;
	uint16_t n;

	if (likely(dcp_peek(&q->in) == dcp_peek(&q->out)))
		return 0;
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

/* --- deliver */

/* Ask the device for finished operations, at most max. @return how many; their statuses in st. */
static uint16_t
chan_ask(struct dcp_chan *c, uint64_t max, enum rte_dma_status_code *st)
{
	uint64_t noted = dcp_peek(&c->noted);
	uint64_t open = dcp_peek(&c->issued) - noted;
	uint16_t ask = (uint16_t)RTE_MIN(max, BURST);
	uint16_t last_idx = 0, n;

	ask = (uint16_t)RTE_MIN(open, ask);
	if (ask == 0)
		return 0;
	n = rte_dma_completed_status(c->dev_id, c->vchan, ask, &last_idx, st);
	if (likely(n == 0 || (n <= ask && last_idx == (uint16_t)(c->first_idx + noted + n - 1))))
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
chan_note(struct dcp_port *port, struct dcp_chan *c, uint32_t budget)
{
	enum rte_dma_status_code st[BURST];
	uint64_t at = dcp_peek(&c->noted);
	uint32_t total = 0;
	uint16_t n;

	while (total < budget && chan_works(c)) {
		n = chan_ask(c, budget - total, st);
		if (n == 0)
			break;
		for (uint16_t i = 0; i < n; i++, at++)
			c->status[at & port->mask] = (uint16_t)st[i];
		dcp_put(&c->noted, at);
		total += n;
	}
	return total;
}

static void
chan_record(const struct dcp_port *port, struct dcp_chan *c, uint64_t at, uint16_t status,
            struct dcp_cpl *out)
{
	out->ctx = c->ctx[at & port->mask];
	out->seq = (uint32_t)at;
	out->chan = (uint16_t)chan_id(c);
	out->status = status;
	if (unlikely(status == DCP_ST_ABORTED))
		dcp_count(&c->aborted, 1);
	else if (unlikely(status != DCP_ST_OK))
		dcp_count(&c->failed, 1);
}

/* Records straight from the device. */
static uint16_t
chan_deliver_fresh(struct dcp_port *port, struct dcp_chan *c, struct dcp_cpl *out, uint16_t max)
{
	enum rte_dma_status_code st[BURST];
	uint16_t total = 0, n;

	do {
		uint64_t at = dcp_peek(&c->noted);

		n = chan_ask(c, max - total, st);
		for (uint16_t i = 0; i < n; i++)
			chan_record(port, c, at + i, (uint16_t)st[i], &out[total + i]);
		dcp_put(&c->noted, at + n);
		total = (uint16_t)(total + n);
	} while (n == BURST && total < max);
	return total;
}

/* Everything that can be handed out now, in order. The device's lock. */
static uint16_t
chan_deliver(struct dcp_port *port, struct dcp_chan *c, struct dcp_cpl *out, uint16_t max)
{
	uint64_t at = dcp_peek(&c->delivered), noted = dcp_peek(&c->noted);
	struct dcp_source *source = chan_source(c);
	uint16_t n = 0;

	if (unlikely(source != NULL)) {
		n = source->deliver(source, c, out, max);
		dcp_put(&c->noted, at + n);
		dcp_put(&c->delivered, at + n);
		return n;
	}
	for (; n < max && at + n != noted; n++)
		chan_record(port, c, at + n, c->status[(at + n) & port->mask], &out[n]);
	if (likely(chan_works(c))) {
		n = (uint16_t)(n + chan_deliver_fresh(port, c, out + n, (uint16_t)(max - n)));
	} else if (chan_state(c) == DCP_CHAN_STOPPED) {
		for (; n < max && at + n != dcp_peek(&c->issued); n++)
			chan_record(port, c, at + n, DCP_ST_ABORTED, &out[n]);
		dcp_put(&c->noted, RTE_MAX(noted, at + n));
	}
	dcp_put(&c->delivered, at + n);
	return n;
}

static bool
chan_is_held(const struct dcp_chan *c)
{
	return atomic_load_explicit(&c->holder, memory_order_acquire) != NULL;
}

static uint16_t
chan_take(struct dcp_worker *w, struct dcp_chan *c, struct dcp_cpl *out, uint16_t max)
{
	struct dcp_dev *dev;
	uint16_t n = 0;

	DCP_STEP();
	if (dcp_peek(&c->issued) == dcp_peek(&c->delivered) || chan_is_held(c))
		return 0;
	dev = chan_dev(c);
	if (unlikely(dev == NULL))
		return 0;
	if (!dcp_lock_try(&dev->lock)) {
		dcp_count(&w->lock_misses, 1);
		return 0;
	}
	if (likely(chan_dev(c) == dev) && !chan_is_held(c))
		n = chan_deliver(w->port, c, out, max);
	if (n != 0 && (c->flags & DCP_CHAN_F_SERIAL) != 0) {
		c->next_held = w->held;
		w->held = c;
		atomic_store_explicit(&c->holder, w, memory_order_relaxed);
	}
	dcp_lock_drop(&dev->lock);
	return n;
}

/* Source 0 are the posts, the others the channels. */
uint16_t
port_poll(struct dcp_worker *w, struct dcp_cpl *out, uint16_t max)
{
	struct dcp_port *port = w->port;
	uint32_t sources = atomic_load_explicit(&port->used, memory_order_acquire) + 1;
	uint32_t s = w->rotor < sources ? w->rotor : 0;
	uint16_t n = 0;

	w->rotor = s + 1;
	for (uint32_t i = 0; i < sources && n < max; i++) {
		if (s == 0)
			n = (uint16_t)(n + posts_deliver(w, out + n, (uint16_t)(max - n)));
		else
			n = (uint16_t)(n + chan_take(w, &port->chans[s - 1], out + n,
			                             (uint16_t)(max - n)));
		if (++s == sources)
			s = 0;
	}
	return n;
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
			total += chan_note(port, c, budget - total);
		dcp_lock_drop(&dev->lock);
	}
	return (int)total;
}

/* --- what is there */

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

	for (uint32_t i = 0; i < used; i++) {
		DCP_STEP();
		if (dcp_peek(&port->chans[i].issued) != dcp_peek(&port->chans[i].delivered))
			return true;
	}
	return port_has_posts(port);
}
