/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef IOAT_EMU_PORT_H
#define IOAT_EMU_PORT_H

/**
 * @file
 * How other processes reach an emulated function: memory that all share, with its doorbell and a
 * slot for one register access, which the engine's thread in the primary process serves.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ioat_mmio.h"

/** The shared part of a function. */
struct ioat_emu_port {
	ioat_doorbell doorbell; /**< alone in its cache line */
	uint8_t pad[62];
	pthread_mutex_t lock; /**< over the slot; robust: a process may die with it */
	atomic_uint state;
	uint32_t offset;
	unsigned int width;
	bool write;
	uint64_t value;
};

/** Allocate one in shared memory. @return NULL: no memory. */
struct ioat_emu_port *emu_port_create(void);
void emu_port_destroy(struct ioat_emu_port *port);

/** For the engine: serve the access in the slot, if there is one, by @p ops. */
void emu_port_serve(struct ioat_emu_port *port, const struct ioat_mmio_ops *ops, void *ctx);

/**
 * For a secondary process: registers through the slot; the context is the struct ioat_emu_port.
 * Where the engine does not answer within a second, they read all ones, as of a device that has
 * gone.
 */
extern const struct ioat_mmio_ops ioat_emu_port_mmio_ops;

#endif /* IOAT_EMU_PORT_H */
