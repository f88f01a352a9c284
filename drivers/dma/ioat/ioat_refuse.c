/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * A data path that refuses, and registers of a device that is gone: for a channel that is closed
 * although a thread may not know of it yet. Nothing here looks at the channel, for dmadev sets
 * dev_private to NULL before it takes these functions away.
 */

#include <errno.h>

#include "ioat_refuse.h"

/* For calls that have loaded a function before it was replaced; a preempted one may take longer. */
#define GRACE_US 10000u

static int
refuse_copy(void *dev_private __rte_unused, uint16_t vchan __rte_unused,
            rte_iova_t src __rte_unused, rte_iova_t dst __rte_unused, uint32_t length __rte_unused,
            uint64_t flags __rte_unused)
{
	return -ENODEV;
}

static int
refuse_copy_sg(void *dev_private __rte_unused, uint16_t vchan __rte_unused,
               const struct rte_dma_sge *src __rte_unused,
               const struct rte_dma_sge *dst __rte_unused, uint16_t nb_src __rte_unused,
               uint16_t nb_dst __rte_unused, uint64_t flags __rte_unused)
{
	return -ENODEV;
}

static int
refuse_fill(void *dev_private __rte_unused, uint16_t vchan __rte_unused,
            uint64_t pattern __rte_unused, rte_iova_t dst __rte_unused,
            uint32_t length __rte_unused, uint64_t flags __rte_unused)
{
	return -ENODEV;
}

static int
refuse_submit(void *dev_private __rte_unused, uint16_t vchan __rte_unused)
{
	return -ENODEV;
}

static uint16_t
refuse_completed(void *dev_private __rte_unused, uint16_t vchan __rte_unused,
                 const uint16_t nb_cpls __rte_unused, uint16_t *last_idx __rte_unused,
                 bool *has_error __rte_unused)
{
	return 0;
}

static uint16_t
refuse_completed_status(void *dev_private __rte_unused, uint16_t vchan __rte_unused,
                        const uint16_t nb_cpls __rte_unused, uint16_t *last_idx __rte_unused,
                        enum rte_dma_status_code *status __rte_unused)
{
	return 0;
}

static uint16_t
refuse_burst_capacity(const void *dev_private __rte_unused, uint16_t vchan __rte_unused)
{
	return 0;
}

#if IOAT_HAS_OBJECTS
static uint16_t
refuse_objects(void *dev_private __rte_unused, uint16_t vchan __rte_unused,
               struct rte_dma_op **ops __rte_unused, uint16_t nb_ops __rte_unused)
{
	return 0;
}
#endif

void
ioat_refuse_enqueues(struct rte_dma_fp_object *fp)
{
	fp->copy = refuse_copy;
	fp->copy_sg = refuse_copy_sg;
	fp->fill = refuse_fill;
#if IOAT_HAS_OBJECTS
	fp->enqueue = refuse_objects;
#endif
}

void
ioat_refuse_all(struct rte_dma_fp_object *fp)
{
	ioat_refuse_enqueues(fp);
	fp->submit = refuse_submit;
	fp->completed = refuse_completed;
	fp->completed_status = refuse_completed_status;
	fp->burst_capacity = refuse_burst_capacity;
#if IOAT_HAS_OBJECTS
	fp->dequeue = refuse_objects;
#endif
}

void
ioat_refuse_restore_completions(struct rte_dma_fp_object *fp, const struct rte_dma_fp_object *from)
{
	fp->completed = from->completed;
	fp->completed_status = from->completed_status;
#if IOAT_HAS_OBJECTS
	fp->dequeue = from->dequeue;
#endif
}

bool
ioat_refuse_holds(const struct rte_dma_fp_object *fp)
{
	return fp->submit == refuse_submit && fp->completed == refuse_completed;
}

void
ioat_refuse_grace(void)
{
	rte_delay_us_sleep(GRACE_US);
}

static uint64_t
gone_read(void *ctx __rte_unused, uint32_t offset __rte_unused, unsigned int width)
{
	return UINT64_MAX >> (64 - 8 * width);
}

static void
gone_write(void *ctx __rte_unused, uint32_t offset __rte_unused, unsigned int width __rte_unused,
           uint64_t value __rte_unused)
{
}

static void
gone_work(void *ctx __rte_unused)
{
}

const struct ioat_mmio_ops ioat_gone_mmio_ops = {
	.read = gone_read,
	.write = gone_write,
	.work = gone_work,
};

void
ioat_refuse_late(struct ioat_chan *ch)
{
	ch->started = false;
	ch->lost = true;
	ioat_ring_close_down(ch);
	ch->status = &ch->no_status;
	ch->doorbell = &ch->no_doorbell;
	ch->regs.ops = &ioat_gone_mmio_ops;
	ch->general.ops = &ioat_gone_mmio_ops;
}
