/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The reference: what each operation must report and what memory must hold (world.h). */

#include "world_priv.h"

/* doc/driver.md, Statuses, written down a second time: first match. */
static enum rte_dma_status_code
status_of(uint32_t chanerr)
{
	static const enum rte_dma_status_code by_bit[28] = {
		[0] = RTE_DMA_STATUS_INVALID_SRC_ADDR,
		[1] = RTE_DMA_STATUS_INVALID_DST_ADDR,
		[2] = RTE_DMA_STATUS_DESCRIPTOR_READ_ERROR,
		[3] = RTE_DMA_STATUS_DESCRIPTOR_READ_ERROR,
		[4] = RTE_DMA_STATUS_INVALID_ADDR,
		[6] = RTE_DMA_STATUS_DATA_POISION,
		[7] = RTE_DMA_STATUS_DATA_POISION,
		[8] = RTE_DMA_STATUS_BUS_READ_ERROR,
		[9] = RTE_DMA_STATUS_BUS_WRITE_ERROR,
		[10] = RTE_DMA_STATUS_INVALID_OPCODE,
		[11] = RTE_DMA_STATUS_INVALID_LENGTH,
		[15] = RTE_DMA_STATUS_BUS_ERROR,
	};
	static const uint8_t order[] = {0, 1, 11, 10, 8, 9, 6, 7, 2, 3, 4, 15};
	size_t i;

	for (i = 0; i < RTE_DIM(order); i++)
		if ((chanerr >> order[i] & 1) != 0)
			return by_bit[order[i]];
	return RTE_DMA_STATUS_ERROR_UNKNOWN;
}

/* What was rung may have been fetched: the driver must not touch it any more. */
void
world_look_at_ring(struct world *w)
{
	const struct ioat_chan *ch = &w->r->ch;
	uint32_t i;

	if (w->lost) /* what it never rang is taken off its ring, too */
		return;
	for (i = ch->head; i != w->seen_to && i != ch->rung; i++)
		EXPECT(w, memcmp(&w->seen[i % SLOTS], &ch->desc[i % SLOTS], CELL) == 0,
		       "descriptor %u was changed after it was rung", i);
	for (i = w->seen_to; i != ch->rung; i++)
		w->seen[i % SLOTS] = ch->desc[i % SLOTS];
	w->seen_to = ch->rung;
}

static void
note_loss(struct world *w)
{
	if (w->lost || !w->r->ch.lost)
		return;
	EXPECT(w, (w->armed & ARMED(IOAT_MODEL_FAULT_STUCK)) != 0, "lost for no reason");
	w->lost = true;
	w->submitted = w->tail; /* nothing will run them: they are reported, too */
	w->stats->lost++;
}

static uint8_t
room_byte(const struct world *w, const struct op *op, uint32_t i)
{
	if (op->kind == STEP_FILL)
		return (uint8_t)(op->src >> (8 * (i % 8)));
	return w->r->arena[op->src + i];
}

/* The room of a reported operation holds all of it, or as much as was done before it failed. */
static void
check_room(struct world *w, const struct op *op, bool whole)
{
	size_t at = ROOM_AT + (op->nb_room - 1u) * ROOM;
	uint8_t *old = w->room[op->nb_room - 1];
	uint32_t i = 0;

	while (i < op->len && w->r->arena[at + i] == room_byte(w, op, i))
		i++;
	EXPECT(w, !whole || i == op->len, "op %u: byte %u of %u is wrong", w->head, i, op->len);
	EXPECT(w, memcmp(w->r->arena + at + i, old + i, ROOM - i) == 0,
	       "op %u: written behind byte %u", w->head, i);
	memcpy(old, w->r->arena + at, ROOM);
	w->room_taken[op->nb_room - 1] = false;
}

/* Whether a fault that was armed explains @p status; it has struck then. */
static bool
struck(struct world *w, enum rte_dma_status_code status)
{
	if ((w->armed & ARMED(IOAT_MODEL_FAULT_CHANERR)) != 0 && status == status_of(w->chanerr)) {
		w->armed &= (uint8_t)~ARMED(IOAT_MODEL_FAULT_CHANERR);
		return true;
	}
	if ((w->armed & ARMED(IOAT_MODEL_FAULT_HALT)) != 0 &&
	    status == RTE_DMA_STATUS_ERROR_UNKNOWN) {
		w->armed &= (uint8_t)~ARMED(IOAT_MODEL_FAULT_HALT);
		return true;
	}
	return false;
}

/* Whether the operation fails by itself. */
static bool
is_bad(const struct op *op, enum rte_dma_status_code status)
{
	return ((op->flags & STEP_BADSRC) != 0 && status == RTE_DMA_STATUS_INVALID_SRC_ADDR) ||
	       ((op->flags & STEP_BADDST) != 0 && status == RTE_DMA_STATUS_INVALID_DST_ADDR);
}

/* The next operation was reported as @p status. */
static void
take(struct world *w, enum rte_dma_status_code status)
{
	const struct op *op = &w->op[w->head];
	bool good = status == RTE_DMA_STATUS_SUCCESSFUL;
	uint32_t i;

	EXPECT(w, w->head != w->submitted, "op %u was reported and not submitted", w->head);
	if (good)
		EXPECT(w, (op->flags & (STEP_BADSRC | STEP_BADDST)) == 0, "bad op %u is good",
		       w->head);
	else if (w->aborting || (w->lost && status == RTE_DMA_STATUS_NOT_ATTEMPTED))
		EXPECT(w,
		       status == (w->stopped ? RTE_DMA_STATUS_USER_ABORT
		                             : RTE_DMA_STATUS_NOT_ATTEMPTED),
		       "op %u: status %d behind the end", w->head, status);
	else
		EXPECT(w, is_bad(op, status) || struck(w, status), "op %u: status %d for no reason",
		       w->head, status);
	EXPECT(w, !good || !w->aborting, "op %u is good behind the end", w->head);
	EXPECT(w, !good || !w->error, "the error at op %u was forgotten", w->head);
	w->error = false;
	w->aborting |= w->lost && status == RTE_DMA_STATUS_NOT_ATTEMPTED;
	w->stats->failed += !good;
	if (op->nb_room != 0)
		check_room(w, op, good);
	else if (good)
		for (i = 0; i < op->len; i++)
			w->cell[op->dst][i] = op->kind == STEP_FILL
			                              ? (uint8_t)(op->src >> (8 * (i % 8)))
			                              : w->cell[op->src][i];
	w->head++;
	w->stats->ops++;
}

void
world_reap(struct world *w, uint16_t max, bool with_status)
{
	enum rte_dma_status_code st[SLOTS];
	uint16_t last = 0x1234, n, i;
	bool error = false;

	memset(st, 0x7f, sizeof(st));
	n = with_status ? rig_status(w->r, max, &last, st)
	                : rig_completed(w->r, max, &last, &error);
	note_loss(w);
	EXPECT(w, n <= max, "%u reported, %u asked for", n, max);
	EXPECT(w, with_status || n == 0 || !w->error, "completed() went past an error");
	EXPECT(w, with_status || !w->error || error, "completed() took an error back");
	for (i = 0; i < n; i++) {
		take(w, with_status ? st[i] : RTE_DMA_STATUS_SUCCESSFUL);
		/* The device stopped at the one that failed, and nobody had seen it before. */
		if (w->stopped && with_status && i + 1 < n &&
		    st[i + 1] == RTE_DMA_STATUS_USER_ABORT && st[i] != RTE_DMA_STATUS_SUCCESSFUL)
			w->aborting = true;
	}
	EXPECT(w, last == (uint16_t)(w->head - 1), "last_idx %u, %u are reported", last, w->head);
	if (error)
		w->error = true;
}

void
world_check_memory(struct world *w)
{
	EXPECT(w, memcmp(w->r->arena, w->cell, sizeof(w->cell)) == 0, "memory differs");
	EXPECT(w, w->r->ch.completed == w->r->ch.submitted, "%llu submitted, %llu completed",
	       (unsigned long long)w->r->ch.submitted, (unsigned long long)w->r->ch.completed);
}
