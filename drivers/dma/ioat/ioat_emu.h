/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef IOAT_EMU_H
#define IOAT_EMU_H

/**
 * @file
 * A function of I/OAT inside the process: the model of lib/ioat_model with one channel, memory
 * as EAL knows it, and an engine that steps it, either a thread or the caller of completion
 * functions. Register reads step it in both.
 *
 * Threads: registers and doorbell as on hardware, from any thread that the driver's rules allow;
 * the emulation serialises them with its engine.
 */

#include <stdbool.h>
#include <stdint.h>

#include "ioat_mmio.h"
#include "ioat_model.h"

struct ioat_emu_port;

/** One function. */
struct ioat_emu;

/** How it is made. */
struct ioat_emu_conf {
	const char *name; /**< for logs and the thread */
	enum ioat_model_device device;
	unsigned int xfercap; /**< log2; 0: the part's own */
	bool no_fill;         /**< without block fill */
	enum ioat_model_halt_word halt_word;
	bool run_inline; /**< no thread: register reads and completion calls step the model */
	int lcore;       /**< lcore whose processors the thread uses; -1: as EAL places it */
};

/** Registers through the model; the context is the struct ioat_emu. */
extern const struct ioat_mmio_ops ioat_emu_mmio_ops;

/** The same for an inline engine, which works while registers are read. */
extern const struct ioat_mmio_ops ioat_emu_inline_mmio_ops;

/**
 * Make a function in its power-on state and start its engine.
 * @return 0 and the function in @p out; -EINVAL; -ENOMEM; -EAGAIN: no thread could be started.
 */
int ioat_emu_create(struct ioat_emu **out, const struct ioat_emu_conf *conf);

/**
 * Stop the engine and give the function up; NULL is allowed. Registers may still be read and
 * written by late calls, without an effect; it is freed later (ioat_defer.h).
 */
void ioat_emu_destroy(struct ioat_emu *emu);

/** The word that stands for DMACOUNT of channel 0. */
ioat_doorbell *ioat_emu_doorbell(struct ioat_emu *emu);

/** What other processes reach it by; NULL: an inline engine, which works for its own only. */
struct ioat_emu_port *ioat_emu_share(struct ioat_emu *emu);

#endif /* IOAT_EMU_H */
