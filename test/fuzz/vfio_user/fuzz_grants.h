/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef FUZZ_GRANTS_H
#define FUZZ_GRANTS_H

/**
 * @file
 * The client's memory: two files, one of which changes its length, and memory behind messages.
 * It is kept twice, so that every byte that the server may not write, or writes although nothing
 * moved, is noticed; and the granted ranges are kept as the protocol defines them, so that the
 * server's idea of who may reach what is compared with another one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfu_mem.h"
#include "vfu_wire.h"

#define PAGE           4096u
#define FILE_PAGES     16u
#define FILE_SIZE      (FILE_PAGES * PAGE)
#define WINDOW         0x100000ull /* the bus addresses that inputs use most */
#define WINDOW_PAGES   48u
#define RANGES_TRACKED 64u

/** Where a range leads. */
enum fuzz_backing {
	BACKING_MAIN,     /* a file of FILE_PAGES */
	BACKING_SHORT,    /* one whose length changes */
	BACKING_MAIN_RO,  /* the first one, by a descriptor that cannot write */
	BACKING_MESSAGES, /* no file */
	BACKING_EVENTFD,  /* what cannot be mapped, the rest */
	BACKING_PIPE,
	BACKINGS,
};

/** Make files; once in the life of the process. */
void grants_prepare(void);

/** Nothing granted, memory as it was in the beginning. */
void grants_reset(void);

/** The descriptor to send for a range; -1: none. */
int grants_fd(enum fuzz_backing backing);

/** Whether DMA_MAP must be accepted. */
bool grants_map_is_legal(const struct vfu_dma_map *map, enum fuzz_backing backing);

/** Take over what was accepted. */
void grants_map(const struct vfu_dma_map *map, enum fuzz_backing backing);

/** Whether [@p addr, @p addr + @p size) holds a part of a range, but not all of it. */
bool grants_cuts(uint64_t addr, uint64_t size);
void grants_unmap(uint64_t addr, uint64_t size);
void grants_unmap_all(void);

/** The client writes to its own memory, the first file. */
void grants_put(uint64_t offset, const void *data, size_t len);
const void *grants_get(uint64_t offset);

/** The client changes the length of the second file, in pages. */
void grants_cut(unsigned int pages);

/** What requests by messages come to: 0, -EFAULT or -EIO. */
void grants_answer(int result);
struct vfu_mem_remote grants_remote(void);

/** Whether the function may do DMA until the next grants_check(). */
void grants_allow(bool dma);

/**
 * Compare memory with what it was at the last call: without DMA, and where nothing is granted
 * for writing, all bytes; elsewhere as many may differ as @p most says.
 */
void grants_check(uint64_t most);

/** Compare what the server reads at every page with what is granted there, and how many ranges. */
void grants_probe(struct vfu_mem *mem);

#endif /* FUZZ_GRANTS_H */
