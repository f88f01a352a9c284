/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef WORLD_H
#define WORLD_H

/**
 * @file
 * A random program is a list of steps, each of which makes sense in any state: so any part of a
 * program is a program, and one that fails can be shrunk. A world runs one, beside a reference
 * that knows what each operation must report and what memory must hold.
 */

#include <stddef.h>
#include <stdint.h>

enum step_kind {
	STEP_COPY, /* a: source cell, b: destination cell */
	STEP_FILL, /* a: pattern, b: destination cell */
	STEP_SG,   /* a: shape, b: place */
	STEP_LONG, /* a: length, b: place; bit 0 of a: a fill */
	STEP_SUBMIT,
	STEP_RUN,       /* a: budget */
	STEP_COMPLETED, /* a: max_ops */
	STEP_STATUS,    /* a: max_ops */
	STEP_ASK,       /* as rte_dma_vchan_status() of a channel that halted */
	STEP_FAULT,     /* a: kind, b: details */
	STEP_DRAIN,     /* a & 1: submit first */
	STEP_RESTART,
	STEP_KINDS
};

#define STEP_FENCE  1u /* flags */
#define STEP_KICK   2u
#define STEP_BADSRC 4u
#define STEP_BADDST 8u

struct step {
	uint8_t kind;
	uint8_t flags;
	uint16_t place; /* in the program as it was made */
	uint32_t a;
	uint32_t b;
};

/** What the programs of a run came across. */
struct world_stats {
	uint64_t ops;
	uint64_t failed;
	uint64_t recoveries;
	uint64_t watch_hits;
	uint64_t late;
	uint64_t lost;
	uint64_t restarts;
};

/**
 * Run @p n steps on a new channel of part @p device.
 * @return NULL; what went wrong, in a buffer that the next call overwrites.
 */
const char *world_run(const struct step *steps, size_t n, int device, struct world_stats *stats);

#endif /* WORLD_H */
