/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef IOAT_EMU_MEM_H
#define IOAT_EMU_MEM_H

/**
 * @file
 * What memory an emulated device may touch: the memory of EAL and external memory registered
 * with it, as an IOMMU would have it. Addresses are virtual (IOVA as VA).
 */

#include <stddef.h>
#include <stdint.h>

#define EMU_MEM_CACHED 4u

struct emu_mem_range {
	uintptr_t start;
	uintptr_t end; /**< exclusive */
};

/** What one device found lately. One thread at a time. */
struct emu_mem_cache {
	uint32_t generation;
	unsigned int next; /**< to be replaced */
	struct emu_mem_range range[EMU_MEM_CACHED];
};

/**
 * Called when memory is about to go away, from the thread that frees it: returns once no device
 * uses an address it looked up before.
 */
typedef void (*emu_mem_quiesce)(void);

/**
 * Start to follow EAL's memory; counted, each success needs one emu_mem_stop().
 * @return 0; -ENOMEM; or EAL's error.
 */
int emu_mem_start(emu_mem_quiesce quiesce);
void emu_mem_stop(void);

/**
 * Memory at @p addr, and in @p len, on input the bytes wanted, on output how many of them follow
 * without a gap. @return NULL: not known to EAL.
 */
void *emu_mem_find(struct emu_mem_cache *cache, uint64_t addr, size_t *len);

#endif /* IOAT_EMU_MEM_H */
