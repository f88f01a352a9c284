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

/* What is no plain copy. */
static __rte_noinline int
op_enqueue(const struct dcp_chan *c, const struct dcp_op *op)
{
	uint16_t nb_src = (uint16_t)op->len;
	int rc = op_refused(c, op);

	if (rc != 0)
		return rc;
	if (op->type == DCP_OP_FILL)
		return rte_dma_fill(c->dev_id, c->vchan, op->pattern, op->dst, op->len, op->flags);
	return rte_dma_copy_sg(c->dev_id, c->vchan, op->sge, op->sge + nb_src, nb_src,
	                       (uint16_t)(op->len >> 16), op->flags);
}

/* What nearly all are: a copy that op_refused() would not refuse. */
static inline bool
op_is_plain_copy(const struct dcp_op *op)
{
	return op->type == DCP_OP_COPY && (op->flags & ~OP_FLAGS) == 0 && op->len != 0;
}

/* The device has n operations more; the index of the last is idx. */
static inline void
chan_accept(struct dcp_chan *c, const struct dcp_op *ops, uint16_t n, int idx)
{
	uint64_t *ctx = c->ctx, mask = c->mask, at = dcp_peek(&c->issued), end = at + n;
	uint16_t first_idx = (uint16_t)((uint64_t)idx - (end - 1));

	if (unlikely(at == 0))
		c->first_idx = first_idx;
	else if (unlikely(first_idx != c->first_idx)) /* restarted or used behind our back */
		chan_set_state(c, DCP_CHAN_FAULT);
	for (; at != end; at++, ops++)
		ctx[at & mask] = ops->ctx;
	dcp_put(&c->issued, end);
}

/* Give the device up to n operations. @return how many it has; *rc is why it refused the next. */
static inline uint16_t
chan_enqueue(struct dcp_chan *c, const struct dcp_op *ops, uint16_t n, int *rc)
{
	const uint16_t vchan = c->vchan;
	const int16_t dev_id = c->dev_id;
	const struct dcp_op *op, *end = ops + n;
	int idx, last = 0;

	for (op = ops; op != end; op++) {
		if (unlikely(!op_is_plain_copy(op)))
			idx = op_enqueue(c, op);
		else
			idx = rte_dma_copy(dev_id, vchan, op->src, op->dst, op->len, op->flags);
		if (unlikely(idx < 0)) {
			*rc = idx;
			break;
		}
		last = idx;
	}
	n = (uint16_t)(op - ops);
	if (likely(n != 0))
		chan_accept(c, ops, n, last);
	return n;
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
static inline int
chan_issue(struct dcp_chan *c, const struct dcp_op *ops, uint16_t n)
{
	uint64_t held = dcp_peek(&c->issued) - dcp_peek(&c->delivered);
	uint16_t fit = (uint16_t)RTE_MIN(c->mask + 1 - held, n), done;
	int rc = 0;

	DCP_STEP();
	done = likely(fit != 0) ? chan_enqueue(c, ops, fit, &rc) : 0;
	if (likely(done != 0) && unlikely(rte_dma_submit(c->dev_id, c->vchan) < 0))
		chan_set_state(c, DCP_CHAN_FAULT);
	chan_note_depth(c, held + done);
	chan_assert_sound(c);
	if (unlikely(done != n) && (rc == -ENOSPC || rc == 0)) {
		dcp_count(&c->full, 1);
		rc = 0;
	}
	return done != 0 ? done : rc;
}

int
dcp_issue(struct dcp_port *port, uint16_t chan, const struct dcp_op *ops, uint16_t n)
{
	uint32_t place = chan & port->id_mask;
	struct dcp_chan *c;
	struct dcp_dev *dev;
	bool have_sleepers;
	int rc;

	if (unlikely(place >= port->max_chans))
		return -EINVAL;
	c = &port->chans[place];
	dev = chan_lock(c);
	if (unlikely(dev == NULL))
		return -EINVAL;
	rc = chan_issue_error(port, c, chan);
	if (likely(rc == 0))
		rc = likely(chan_source(c) == NULL) ? chan_issue(c, ops, n) : -ENOTSUP;
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
