/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_COPIER_DMA_H
#define DMAFWD_COPIER_DMA_H

/** @file What the set-up and the data path of the DMA copiers share. */

#include <stdbool.h>
#include <stdint.h>

#include <rte_dev.h>

#include <dcp.h>

#include "copier.h"
#include "packet.h"
#include "wait.h"

/* A packet being copied, the context of its operations; entries leave in the order they came. */
struct dma_entry {
	struct rte_mbuf *src, *dst;
	void *owner;
	uint32_t left; /* operations without a record, and 1 while there are more to come */
	enum dma_fate {
		DMA_GOOD, /* so far */
		DMA_REDO, /* by the CPU: an operation failed, or the device is gone */
		DMA_LOST, /* with a device that could not be stopped */
	} fate;
};

struct copier_group {
	struct dcp_port *port;
	struct dcp_worker *worker;
};

struct copier_dma {
	struct copier base;
	char dev_name[RTE_DEV_NAME_MAX_LEN]; /* of our own: dmadev's goes with the device */
	struct copier_group *group;
	uint16_t chan; /* of the group's port */
	uint16_t batch;
	uint16_t nb_ops;           /* that wait to be issued */
	bool partial;              /* the newest entry has more operations to come */
	bool running;              /* the device, until it is known to be stopped */
	struct packet_walk walk;   /* of the partial entry */
	uint32_t head, tail, mask; /* of entries; run free, masked on use */
	struct wait stall;
	uint32_t stall_left; /* of the oldest entry */
	struct dcp_op *ops;  /* room for a batch */
	struct dma_entry entries[] __rte_cache_aligned;
};

extern const struct copier_ops copier_dma_ops;

/**
 * Stop the device and take its channel out of the port: what it has done, then the rest as aborted.
 * @return whether it stopped; if not, it may still write, and the channel stays.
 */
bool copier_dma_stop(struct copier_dma *cd);

/** For the table of operations. */
void copier_dma_close(struct copier *c);

#endif /* DMAFWD_COPIER_DMA_H */
