/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <assert.h>
#include <errno.h>

#include <rte_branch_prediction.h>

#include "dcp_priv.h"

#define OP_FLAGS (DCP_OP_F_FENCE | DCP_OP_F_LLC)

static_assert(DCP_OP_COPY == 0, "an operation with neither type nor unknown flags is a copy");
static_assert(RTE_DMA_OP_FLAG_FENCE == DCP_OP_F_FENCE && RTE_DMA_OP_FLAG_LLC == DCP_OP_F_LLC,
              "passed on as they are");

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

	if (op->type > DCP_OP_COPY_SG || (op->flags & ~OP_FLAGS) != 0 || op->len == 0)
		return -EINVAL;
	if ((c->ops & RTE_BIT32(op->type)) == 0)
		return -ENOTSUP;
	if (op->type == DCP_OP_COPY_SG && (op->sge == NULL || nb_src == 0 || nb_dst == 0 ||
	                                   nb_src > c->max_sges || nb_dst > c->max_sges))
		return -EINVAL;
	return 0;
}

/* Any operation; out of the way of plain copies. */
static __rte_noinline int
op_enqueue(const struct dcp_chan *c, const struct dcp_op *op)
{
	uint16_t nb_src = (uint16_t)op->len;
	int rc = op_refused(c, op);

	if (rc != 0)
		return rc;
	if (op->type == DCP_OP_COPY)
		return rte_dma_copy(c->dev_id, c->vchan, op->src, op->dst, op->len, op->flags);
	if (op->type == DCP_OP_FILL)
		return rte_dma_fill(c->dev_id, c->vchan, op->pattern, op->dst, op->len, op->flags);
	return rte_dma_copy_sg(c->dev_id, c->vchan, op->sge, op->sge + nb_src, nb_src,
	                       (uint16_t)(op->len >> 16), op->flags);
}

/* A copy of which op_refused() can only say that the device has none. */
static inline bool
op_is_plain_copy(const struct dcp_op *op)
{
	return op->type == DCP_OP_COPY && (op->flags & ~OP_FLAGS) == 0 && op->len != 0;
}

/* Room for n more operations. */
static uint64_t
chan_room(const struct dcp_port *port, const struct dcp_chan *c)
{
	return port->mask + 1 - (dcp_peek(&c->issued) - dcp_peek(&c->delivered));
}

/* Keep the contexts of n operations that the device has; the index of the last is idx. */
static void
chan_accept(struct dcp_port *port, struct dcp_chan *c, const struct dcp_op *ops, uint16_t n,
            int idx)
{
	uint64_t at = dcp_peek(&c->issued), *ctx = c->ctx, mask = port->mask;
	uint16_t first_idx;

	for (uint16_t i = 0; i < n; i++)
		ctx[(at + i) & mask] = ops[i].ctx;
	first_idx = (uint16_t)((uint64_t)idx - (at + n - 1));
	if (unlikely(at == 0))
		c->first_idx = first_idx;
	else if (unlikely(first_idx != c->first_idx)) /* restarted or used behind our back */
		chan_set_state(c, DCP_CHAN_FAULT);
	dcp_put(&c->issued, at + n);
}

/* Give the device up to n operations. @return how many it has; *rc is why it refused the next. */
static uint16_t
chan_enqueue(struct dcp_port *port, struct dcp_chan *c, const struct dcp_op *ops, uint16_t n,
             int *rc)
{
	const bool copies = (c->ops & RTE_BIT32(DCP_OP_COPY)) != 0;
	const uint16_t vchan = c->vchan;
	const int16_t dev_id = c->dev_id;
	int idx, last = 0;
	uint16_t i;

	*rc = 0;
	for (i = 0; i < n; i++, last = idx) {
		const struct dcp_op *op = &ops[i];

		if (likely(copies && op_is_plain_copy(op)))
			idx = rte_dma_copy(dev_id, vchan, op->src, op->dst, op->len, op->flags);
		else
			idx = op_enqueue(c, op);
		if (unlikely(idx < 0)) {
			*rc = idx;
			break;
		}
	}
	if (likely(i != 0))
		chan_accept(port, c, ops, i, last);
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
