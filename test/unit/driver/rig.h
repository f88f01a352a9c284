/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef RIG_H
#define RIG_H

/**
 * @file
 * A channel of the driver over the model, without EAL: the test decides when the device works.
 * The device may touch the ring and the arena, nothing else.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ioat_model.h"
#include "ioat_priv.h"

#define RIG_ARENA ((size_t)1 << 20)

struct rig {
	struct ioat_chan ch;
	struct rte_dma_fp_object fp;
	struct ioat_model *model;
	ioat_doorbell doorbell;
	uint16_t seen;
	bool auto_step; /**< register reads step the model, as with an inline engine */
	uint64_t reads; /**< of registers, by the driver */
	uint8_t *ring;
	size_t ring_len;
	uint8_t *arena; /**< RIG_ARENA bytes, the addresses are virtual */
};

/** A started channel of a part that moves at most 2^@p xfercap bytes per descriptor; 0: its own. */
struct rig *rig_open_cap(enum ioat_model_device device, uint32_t slots, unsigned int xfercap);
/** A started channel with @p slots descriptors; ends the test if that fails. */
struct rig *rig_open(enum ioat_model_device device, uint32_t slots);
void rig_close(struct rig *r);

/** Let the device do everything that was rung. */
void rig_run(struct rig *r);

/** Let the device do work of at most @p budget (see ioat_model_step()). */
void rig_step(struct rig *r, size_t budget);

void rig_inject(struct rig *r, const struct ioat_model_fault *fault);
struct ioat_model_counters rig_counters(const struct rig *r);

/** Addresses in the arena, and one outside of all that the device may touch. */
uint64_t rig_addr(const struct rig *r, size_t offset);
#define RIG_BAD_ADDR 0x1000ull

int rig_copy(struct rig *r, size_t src, size_t dst, uint32_t len, uint64_t flags);
int rig_copy_bad(struct rig *r, uint64_t flags);
int rig_submit(struct rig *r);
uint16_t rig_completed(struct rig *r, uint16_t max, uint16_t *last, bool *error);
uint16_t rig_status(struct rig *r, uint16_t max, uint16_t *last, enum rte_dma_status_code *st);
uint16_t rig_capacity(struct rig *r);

#endif /* RIG_H */
