/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 *
 * over 500 lines: the reference and what it checks know each other
 */

#include <errno.h>
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
	uint16_t seen_to;
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
static void
look_at_ring(struct world *w)
{
	const struct ioat_chan *ch = &w->r->ch;
	uint16_t i;

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

static void
reap(struct world *w, uint16_t max, bool with_status)
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

static void
check_memory(struct world *w)
{
	EXPECT(w, memcmp(w->r->arena, w->cell, sizeof(w->cell)) == 0, "memory differs");
	EXPECT(w, w->r->ch.completed == w->r->ch.submitted, "%llu submitted, %llu completed",
	       (unsigned long long)w->r->ch.submitted, (unsigned long long)w->r->ch.completed);
}

/*
 * Let the late write happen if it was held back. Where it was not lost in the word of an earlier
 * time it stays until a newer one comes. @return whether none is to come.
 */
static bool
late_is_out(struct world *w)
{
	if ((w->armed & ARMED(IOAT_MODEL_FAULT_LATE_WRITE)) == 0)
		return true;
	rig_run(w->r);
	return rig_counters(w->r).completions != w->late_completions;
}

static void restart(struct world *w);

/* A word that is a lap old looks like a new one: keep within the lap, start anew behind it. */
static bool
late_allows(struct world *w)
{
	if ((w->armed & ARMED(IOAT_MODEL_FAULT_LATE_WRITE)) == 0 ||
	    (uint16_t)(w->r->ch.tail - w->late_from) + PIECES + 1 < SLOTS)
		return true;
	restart(w);
	return (w->armed & ARMED(IOAT_MODEL_FAULT_LATE_WRITE)) == 0;
}

static uint64_t
op_flags(const struct step *s)
{
	return ((s->flags & STEP_FENCE) != 0 ? RTE_DMA_OP_FLAG_FENCE : 0) |
	       ((s->flags & STEP_KICK) != 0 ? RTE_DMA_OP_FLAG_SUBMIT : 0);
}

/* A scattered copy of up to 4 segments a side, all of one length. */
static int
enqueue_sg(struct world *w, const struct step *s, struct op *op, size_t at)
{
	struct rte_dma_sge side[2][4] = {0};
	uint64_t addr[2] = {rig_addr(w->r, op->src), rig_addr(w->r, at)};
	uint16_t n[2] = {(uint16_t)(1 + s->a % 4), (uint16_t)(1 + (s->a >> 2) % 4)}, i, k;
	uint32_t left, len;

	op->len = s->b % 700;
	for (k = 0; k < 2; k++) {
		for (i = 0, left = op->len; i < n[k]; i++, left -= len) {
			len = i + 1 == n[k] ? left : (s->a >> (4 + i + k)) % (left + 1);
			side[k][i] = (struct rte_dma_sge){addr[k], len};
			addr[k] += len;
		}
	}
	if (op->len == 0) /* touches nothing, so nothing is bad */
		op->flags &= (uint8_t) ~(STEP_BADSRC | STEP_BADDST);
	for (k = 0; k < 2; k++)
		for (i = 0; (op->flags & (k == 0 ? STEP_BADSRC : STEP_BADDST)) != 0 && i < n[k];
		     i++)
			if (side[k][i].length != 0 && (i + 1 == n[k] || s->b % 3 == i))
				side[k][i].addr = RIG_BAD_ADDR;
	/* An empty last segment leaves nothing that is bad. */
	for (k = 0; k < 2; k++) {
		uint8_t flag = k == 0 ? STEP_BADSRC : STEP_BADDST;
		bool bad = false;

		for (i = 0; i < n[k]; i++)
			bad |= side[k][i].addr == RIG_BAD_ADDR;
		if (!bad)
			op->flags &= (uint8_t)~flag;
	}
	return w->r->fp.copy_sg(&w->r->ch, 0, side[0], side[1], n[0], n[1], op_flags(s));
}

static int
enqueue_room(struct world *w, const struct step *s, struct op *op)
{
	unsigned int room = s->b / 1024 % ROOMS;
	size_t at = ROOM_AT + room * ROOM;
	int id;

	if (w->room_taken[room])
		return -ENOSPC;
	op->nb_room = (uint8_t)(room + 1);
	op->src = SOURCE_AT + s->a % 4096;
	if (s->kind == STEP_SG) {
		id = enqueue_sg(w, s, op, at);
	} else {
		op->flags &= (uint8_t) ~(STEP_BADSRC | STEP_BADDST);
		op->len = s->a % LEN_MAX;
		if ((s->b & 1) != 0) {
			op->kind = STEP_FILL;
			op->src = s->a * 0x9e3779b97f4a7c15ull;
			id = w->r->fp.fill(&w->r->ch, 0, op->src, rig_addr(w->r, at), op->len,
			                   op_flags(s));
		} else {
			id = rig_copy(w->r, op->src, at, op->len, op_flags(s));
		}
	}
	w->room_taken[room] = id >= 0;
	return id;
}

static int
enqueue_cell(struct world *w, const struct step *s, struct op *op)
{
	uint64_t to;

	op->dst = (uint8_t)(s->b % CELLS);
	op->len = CELL;
	to = (op->flags & STEP_BADDST) != 0 ? RIG_BAD_ADDR : rig_addr(w->r, op->dst * CELL);
	if (s->kind == STEP_FILL) {
		op->flags &= (uint8_t)~STEP_BADSRC;
		op->src = s->a * 0x9e3779b97f4a7c15ull;
		return w->r->fp.fill(&w->r->ch, 0, op->src, to, CELL, op_flags(s));
	}
	op->src = s->a % CELLS;
	return w->r->fp.copy(&w->r->ch, 0,
	                     (op->flags & STEP_BADSRC) != 0 ? RIG_BAD_ADDR
	                                                    : rig_addr(w->r, op->src * CELL),
	                     to, CELL, op_flags(s));
}

static void
enqueue(struct world *w, const struct step *s)
{
	struct op op = {.kind = s->kind, .flags = s->flags};
	uint16_t room;
	int id;

	/* So many outstanding ids that a new one would be an old one. */
	if ((uint16_t)(w->tail - w->head) > UINT16_MAX / 2 || !late_allows(w))
		return;
	room = rig_capacity(w->r);
	id = s->kind == STEP_SG || s->kind == STEP_LONG ? enqueue_room(w, s, &op)
	                                                : enqueue_cell(w, s, &op);
	if (w->lost) {
		EXPECT(w, id == -EIO || id == -ENOSPC, "a lost channel takes work: %d", id);
		return;
	}
	if (id == -ENOSPC) {
		EXPECT(w, s->kind == STEP_SG || s->kind == STEP_LONG || room < 2,
		       "no space, capacity %u", room);
		return;
	}
	EXPECT(w, id == w->tail, "ring_idx %d, expected %u", id, w->tail);
	w->op[w->tail++] = op;
	if ((s->flags & STEP_KICK) != 0)
		w->submitted = w->tail;
	look_at_ring(w);
}

static void
submit(struct world *w)
{
	int rc = rig_submit(w->r);

	EXPECT(w, rc == (w->lost ? -EIO : 0), "submit: %d", rc);
	w->submitted = w->tail;
	look_at_ring(w);
}

static void
inject(struct world *w, const struct step *s)
{
	static const enum ioat_model_fault_kind kinds[] = {
		IOAT_MODEL_FAULT_CHANERR,    IOAT_MODEL_FAULT_CHANERR, IOAT_MODEL_FAULT_CHANERR,
		IOAT_MODEL_FAULT_HALT,       IOAT_MODEL_FAULT_HALT,    IOAT_MODEL_FAULT_LATE_WRITE,
		IOAT_MODEL_FAULT_LATE_WRITE, IOAT_MODEL_FAULT_STUCK,
	};
	struct ioat_model_fault f = {.kind = kinds[s->a % RTE_DIM(kinds)], .after = s->b % 24};

	if ((w->armed & ARMED(f.kind)) != 0 || w->lost)
		return;
	f.count = 1 + s->b % 3;
	if (f.kind == IOAT_MODEL_FAULT_STUCK && s->b % 16 != 0)
		return; /* it ends a program: rarely */
	f.chanerr = 1u << (s->b >> 8) % 28;
	if ((s->b >> 16) % 4 == 0)
		f.chanerr |= 1u << (s->b >> 20) % 28;
	if (f.kind == IOAT_MODEL_FAULT_CHANERR)
		w->chanerr = f.chanerr;
	if (f.kind == IOAT_MODEL_FAULT_LATE_WRITE) {
		rig_run(w->r);
		w->late_from = w->r->ch.head;
		w->late_completions = rig_counters(w->r).completions;
	}
	w->armed |= (uint8_t)ARMED(f.kind);
	rig_inject(w->r, &f);
}

/* Let the device finish; everything that was submitted comes out, and nothing else. */
static void
drain(struct world *w, bool all)
{
	unsigned int i;

	if (all)
		submit(w);
	for (i = 0; i < 16 * SLOTS && w->head != w->submitted; i++) {
		rig_run(w->r);
		ioat_ring_ask(&w->r->ch);
		reap(w, (uint16_t)(1 + i % SLOTS), true);
	}
	EXPECT(w, w->head == w->submitted, "op %u is never reported", w->head);
	rig_run(w->r);
	check_memory(w);
	if (all && !w->lost)
		EXPECT(w, rig_capacity(w->r) == SLOTS - 1, "capacity %u", rig_capacity(w->r));
}

/*
 * Stop; what is left is reported; then the memory of the ring may be used for something else,
 * the device keeps away from it and from what was not submitted. Start; ids begin again.
 */
static void
restart(struct world *w)
{
	struct rig *r = w->r;
	uint8_t *copy;
	unsigned int i;

	if (w->lost || (w->armed & ~ARMED(IOAT_MODEL_FAULT_LATE_WRITE)) != 0 || !late_is_out(w))
		return;
	w->stats->late += w->armed != 0;
	w->armed = 0;
	r->auto_step = true;
	EXPECT(w, ioat_chan_stop(&r->ch) == 0, "stop fails");
	r->auto_step = false;
	w->stopped = true;
	copy = malloc(r->ring_len);
	memcpy(copy, r->ring, r->ring_len);
	rig_run(r);
	EXPECT(w, memcmp(copy, r->ring, r->ring_len) == 0, "the ring is written after stop");
	free(copy);
	for (i = 0; i < 4 * SLOTS && w->head != w->submitted; i++)
		reap(w, SLOTS, true);
	EXPECT(w, w->head == w->submitted, "op %u is not reported after stop", w->head);
	check_memory(w);
	EXPECT(w, memcmp(r->arena + ROOM_AT, w->room, sizeof(w->room)) == 0,
	       "an operation was run that was not submitted");
	EXPECT(w,
	       ioat_model_read(r->model, IOAT_CHAN_BASE(0) + IOAT_CHANSTS, 8) == IOAT_STATE_HALTED,
	       "the device is not reset by stop");
	r->auto_step = true;
	EXPECT(w, ioat_chan_start(&r->ch) == 0, "start fails");
	r->auto_step = false;
	w->stopped = w->aborting = w->error = false;
	memset(w->room_taken, 0, sizeof(w->room_taken));
	w->head = w->tail = w->submitted = w->seen_to = 0;
	w->stats->restarts++;
}

static void
do_step(struct world *w, const struct step *s)
{
	switch ((enum step_kind)s->kind) {
	case STEP_SUBMIT:
		submit(w);
		break;
	case STEP_RUN:
		rig_step(w->r, s->a % 4000);
		break;
	case STEP_COMPLETED:
	case STEP_STATUS:
		reap(w, (uint16_t)(s->b % 3 == 0 ? 1 : 1 + s->a % SLOTS), s->kind == STEP_STATUS);
		break;
	case STEP_ASK:
		ioat_ring_ask(&w->r->ch);
		break;
	case STEP_FAULT:
		inject(w, s);
		break;
	case STEP_DRAIN:
		drain(w, (s->a & 1) != 0);
		break;
	case STEP_RESTART:
		restart(w);
		break;
	default:
		enqueue(w, s);
		break;
	}
}

const char *
world_run(const struct step *steps, size_t n, int device, struct world_stats *stats)
{
	static char why[300];
	struct world *w = calloc(1, sizeof(*w));
	volatile size_t i = 0; /* kept over longjmp() */
	size_t k;

	assert_non_null(w);
	w->stats = stats;
	w->r = rig_open_cap((enum ioat_model_device)device, SLOTS, XFERCAP_MIN);
	for (k = SOURCE_AT; k < SOURCE_AT + 2 * ROOM; k++)
		w->r->arena[k] = (uint8_t)(k * 31 + k / 253);
	why[0] = '\0';
	if (setjmp(w->out) == 0) {
		for (i = 0; i < n; i++)
			do_step(w, &steps[i]);
		drain(w, true);
	} else {
		snprintf(why, sizeof(why), "step %zu: %s", (size_t)i, w->why);
	}
	stats->recoveries += w->r->ch.recoveries;
	stats->watch_hits += w->r->ch.watch_hits;
	rig_close(w->r);
	free(w);
	return why[0] == '\0' ? NULL : why;
}
