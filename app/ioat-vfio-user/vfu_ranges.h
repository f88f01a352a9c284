/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_RANGES_H
#define VFU_RANGES_H

/**
 * @file
 * Ranges of bus addresses, none of which overlaps another, found by address. Each is kept as it was
 * granted: neighbours are not merged, so that each can be taken back alone.
 *
 * To find, add or take one is logarithmic in their number whatever their order, and so is to take
 * many, but for the one look at each. They lie in one array of 40 bytes each, which a client can
 * make VFU_RANGES_MAX long; it shrinks when the last range has gone.
 *
 * Threads: as struct vfu_mem, which owns it.
 */

#include <stddef.h>
#include <stdint.h>

/* 16 GiB in pages, which an IOMMU makes of a guest's memory; 160 MiB here. */
#define VFU_RANGES_MAX (4u << 20)

struct vfu_view;

/** A granted range. */
struct vfu_range {
	uint64_t addr;
	uint64_t pages : 52;
	uint64_t rights : 2;   /**< VFU_MAP_READ, VFU_MAP_WRITE */
	uint64_t height : 6;   /**< of the tree below; the container's, as @c child */
	struct vfu_view *view; /**< NULL: by messages */
	unsigned char *data;   /**< in the view */
	uint32_t child[2];
};

/** The container; zeroed is empty. */
struct vfu_ranges {
	struct vfu_range *node; /**< node[0] stands for an empty tree */
	uint32_t room;          /**< nodes that there is memory for */
	uint32_t used;          /**< nodes that were ever taken, node[0] too */
	uint32_t unused;        /**< list of those that were given back, by child[0] */
	uint32_t root;
	uint32_t count;
};

/** The last byte of a range: an end behind it may be 2^64. */
uint64_t vfu_range_last(const struct vfu_range *range);

/**
 * One of the ranges that overlap @p addr to @p last.
 * @return valid until the next change; NULL: there is none.
 */
const struct vfu_range *vfu_ranges_find(const struct vfu_ranges *ranges, uint64_t addr,
                                        uint64_t last);

/**
 * Add a copy of @p range, which overlaps none.
 * @return 0; -ENOSPC: there are VFU_RANGES_MAX; -ENOMEM.
 */
int vfu_ranges_add(struct vfu_ranges *ranges, const struct vfu_range *range);

/**
 * Take out all ranges from @p addr to @p last, which cut none in two, and tell of each by @p gone
 * in ascending order.
 * @return how many.
 */
uint32_t vfu_ranges_take(struct vfu_ranges *ranges, uint64_t addr, uint64_t last,
                         void (*gone)(void *ctx, const struct vfu_range *range), void *ctx);

/** Forget all ranges at once, without a look at them. */
void vfu_ranges_clear(struct vfu_ranges *ranges);

#endif /* VFU_RANGES_H */
