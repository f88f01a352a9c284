/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef IOAT_REFUSE_H
#define IOAT_REFUSE_H

/**
 * @file
 * The data path and the registers of a channel that is closed, for threads that still call it.
 */

#include "ioat_priv.h"

/** Have copy, copy_sg, fill and enqueue refuse: -ENODEV, none taken. Others go on. */
void ioat_refuse_enqueues(struct rte_dma_fp_object *fp);

/** Have all functions refuse: what enqueues and submits with -ENODEV; nothing is completed. */
void ioat_refuse_all(struct rte_dma_fp_object *fp);

/** Have completions reported again, by the functions of @p from. */
void ioat_refuse_restore_completions(struct rte_dma_fp_object *fp,
                                     const struct rte_dma_fp_object *from);

/** Whether ioat_refuse_all() is in force. */
bool ioat_refuse_holds(const struct rte_dma_fp_object *fp);

/** Sleep until calls are over that had loaded a function before it was replaced. */
void ioat_refuse_grace(void);

/**
 * Cut a closed channel off from its device and engine, which go away: late calls find a channel
 * that is lost and has nothing to report. Its ring stays in their reach.
 */
void ioat_refuse_late(struct ioat_chan *ch);

/** Registers that read all ones and ignore writes, whatever the context. */
extern const struct ioat_mmio_ops ioat_gone_mmio_ops;

#endif /* IOAT_REFUSE_H */
