/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Operations as objects (see ioat_enq.h). */

#include <errno.h>

#include "ioat_enq.h"
#include "ioat_ring.h"

#if IOAT_HAS_OBJECTS

#define DEQUEUE_CHUNK 32u

/* impl_opaque[0] of an object: the status of one that no descriptor can express, else this. */
#define RUNS_AS_IT_IS 0

static int
enq_copy(struct ioat_chan *ch, const struct rte_dma_op *op)
{
	const struct rte_dma_sge *src = op->src_dst_seg;
	const struct rte_dma_sge *dst = src + op->nb_src;
	uint64_t flags = op->flags & RTE_DMA_OP_FLAG_FENCE; /* one doorbell for all: no SUBMIT */

	if (likely(op->nb_src == 1 && op->nb_dst == 1 && src->length == dst->length))
		return ioat_ring_copy(ch, 0, src->addr, dst->addr, src->length, flags);
	return ioat_ring_copy_sg(ch, 0, src, dst, op->nb_src, op->nb_dst, flags);
}

/*
 * The interface has no way to refuse one object, and a caller that tries the same one again would
 * never get further. So a malformed one takes its turn moving nothing, and gets its status then.
 */
static int
enq_put(struct ioat_chan *ch, struct rte_dma_op *op)
{
	int idx = enq_copy(ch, op);

	op->impl_opaque[0] = RUNS_AS_IT_IS;
	if (unlikely(idx == -EINVAL)) {
		op->impl_opaque[0] = RTE_DMA_STATUS_INVALID_LENGTH;
		idx = ioat_ring_copy(ch, 0, 0, 0, 0, op->flags & RTE_DMA_OP_FLAG_FENCE);
	}
	return idx;
}

/* Enqueue and submit as many of @p ops as fit now. */
static uint16_t
ioat_enq_enqueue(void *dev_private, uint16_t vchan, struct rte_dma_op **ops, uint16_t nb_ops)
{
	struct ioat_chan *ch = dev_private;
	uint16_t n;
	int idx;

	if (unlikely(ch->ops == NULL))
		return 0;
	for (n = 0; n < nb_ops; n++) {
		idx = enq_put(ch, ops[n]);
		if (idx < 0)
			break;
		/* No two operations of a ring share a slot: there are no more than descriptors. */
		ch->ops[(uint16_t)idx & ch->mask] = ops[n];
	}
	ioat_ring_submit(ch, vchan);
	return n;
}

uint16_t
ioat_enq_dequeue(void *dev_private, uint16_t vchan, struct rte_dma_op **ops, uint16_t nb_ops)
{
	enum rte_dma_status_code status[DEQUEUE_CHUNK];
	struct ioat_chan *ch = dev_private;
	uint16_t n = 0, got, last, i;
	struct rte_dma_op *op;

	if (unlikely(ch->ops == NULL))
		return 0;
	do {
		got = ioat_ring_completed_status(ch, vchan, RTE_MIN(DEQUEUE_CHUNK, nb_ops - n),
		                                 &last, status);
		for (i = 0; i < got; i++) {
			op = ch->ops[(uint16_t)(last + 1 - got + i) & ch->mask];
			op->status = status[i];
			if (unlikely(op->impl_opaque[0] != RUNS_AS_IT_IS) &&
			    status[i] == RTE_DMA_STATUS_SUCCESSFUL)
				op->status = (enum rte_dma_status_code)op->impl_opaque[0];
			ops[n++] = op;
		}
	} while (got == DEQUEUE_CHUNK && n < nb_ops);
	return n;
}

size_t
ioat_enq_slot_size(const struct rte_dma_dev *dev)
{
	return ioat_conf_has_objects(&dev->data->dev_conf) ? sizeof(struct rte_dma_op *) : 0;
}

uint64_t
ioat_enq_capability(void)
{
	return RTE_DMA_CAPA_OPS_ENQ_DEQ;
}

void
ioat_enq_install(struct rte_dma_fp_object *fp)
{
	fp->enqueue = ioat_enq_enqueue;
	fp->dequeue = ioat_enq_dequeue;
}

#else

size_t
ioat_enq_slot_size(const struct rte_dma_dev *dev __rte_unused)
{
	return 0;
}

uint64_t
ioat_enq_capability(void)
{
	return 0;
}

void
ioat_enq_install(struct rte_dma_fp_object *fp __rte_unused)
{
}

#endif
