/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef IOAT_ENQ_H
#define IOAT_ENQ_H

/**
 * @file
 * Operations as objects: rte_dma_enqueue_ops() and rte_dma_dequeue_ops(), in DPDK from 25.11 on.
 * For a device that is configured with RTE_DMA_CFG_FLAG_ENQ_DEQ; the ring is used as by copy and
 * completed_status, and an array by slot remembers the objects.
 */

#include "ioat_priv.h"

/** Bytes per slot that @p dev needs for them behind its ring: 0 when it is not configured so. */
size_t ioat_enq_slot_size(const struct rte_dma_dev *dev);

/** The capability, or 0 where DPDK has none. */
uint64_t ioat_enq_capability(void);

#if IOAT_HAS_OBJECTS
/** rte_dma_dequeue_ops(), for a front door that has to do something before. */
uint16_t ioat_enq_dequeue(void *dev_private, uint16_t vchan, struct rte_dma_op **ops,
                          uint16_t nb_ops);
#endif

/** Install the functions. */
void ioat_enq_install(struct rte_dma_fp_object *fp);

#endif /* IOAT_ENQ_H */
