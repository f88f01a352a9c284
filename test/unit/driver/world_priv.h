/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef WORLD_PRIV_H
#define WORLD_PRIV_H

/**
 * @file
 * What the reference (world.c) and the steps that drive a channel beside it (program.c) share.
 */

#include <setjmp.h>

#include "test.h"

#include "rig.h"
#include "world.h"

#define SLOTS 64u
#define CELL  64u /* plain operations work on cells, read and written again and again */
#define CELLS 64u
/* Operations of several pieces write to rooms, each its own while it is outstanding. */
#define ROOM      ((size_t)16 << 10)
#define ROOMS     8u
#define ROOM_AT   ((size_t)64 << 10)
#define SOURCE_AT ((size_t)512 << 10) /* and read what never changes */
#define LEN_MAX   (3u * 4096 + 100)
#define PIECES    8u

struct op {
	uint8_t kind;
	uint8_t flags;
	uint8_t nb_room; /* rooms are counted from 1; 0: the operation has none */
	uint8_t dst;     /* cell */
	uint32_t len;
	uint64_t src; /* cell, pattern, or place of the source */
};

struct world {
	struct rig *r;
	struct op op[UINT16_MAX + 1];
	uint8_t cell[CELLS][CELL];
	uint8_t room[ROOMS][ROOM]; /* as it was before the operation that has it */
	bool room_taken[ROOMS];
	struct ioat_desc seen[SLOTS]; /* what the device may have fetched */
	uint32_t seen_to;
	uint16_t head; /* next to be reported */
	uint16_t tail;
	uint16_t submitted;
	bool error; /* completed() announced one */
	bool lost;
	bool stopped;
	bool aborting; /* after stop: nothing behind the failed one was run */
	uint8_t armed; /* faults that have not struck, by kind */
	uint32_t chanerr;
	uint16_t late_from; /* descriptor that was the oldest when the late write was armed */
	uint64_t late_completions;
	struct world_stats *stats;
	jmp_buf out;
	char why[256];
};

#define ARMED(kind) (1u << (kind))

#define EXPECT(w, cond, ...)                                               \
	do {                                                               \
		if (!(cond)) {                                             \
			snprintf((w)->why, sizeof((w)->why), __VA_ARGS__); \
			longjmp((w)->out, 1);                              \
		}                                                          \
	} while (0)

/** Check that no descriptor changed that was rung before, and note those that are rung now. */
void world_look_at_ring(struct world *w);

/** Ask for up to @p max operations, with statuses or without, and check each one reported. */
void world_reap(struct world *w, uint16_t max, bool with_status);

/** Check the cells and the statistics; nothing that was submitted is outstanding. */
void world_check_memory(struct world *w);

#endif /* WORLD_PRIV_H */
