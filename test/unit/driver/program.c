/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The steps of a random program: what they do to the channel and to the reference (world.h). */

#include <errno.h>

#include "world_priv.h"

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
	world_look_at_ring(w);
}

static void
submit(struct world *w)
{
	int rc = rig_submit(w->r);

	EXPECT(w, rc == (w->lost ? -EIO : 0), "submit: %d", rc);
	w->submitted = w->tail;
	world_look_at_ring(w);
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
		world_reap(w, (uint16_t)(1 + i % SLOTS), true);
	}
	EXPECT(w, w->head == w->submitted, "op %u is never reported", w->head);
	rig_run(w->r);
	world_check_memory(w);
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
		world_reap(w, SLOTS, true);
	EXPECT(w, w->head == w->submitted, "op %u is not reported after stop", w->head);
	world_check_memory(w);
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
		world_reap(w, (uint16_t)(s->b % 3 == 0 ? 1 : 1 + s->a % SLOTS),
		           s->kind == STEP_STATUS);
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

/* Apart from setjmp(), which would leave the variables of all that is inlined here undefined. */
static __rte_noinline void
run_steps(struct world *w, const struct step *steps, size_t n, volatile size_t *at)
{
	for (*at = 0; *at < n; (*at)++)
		do_step(w, &steps[*at]);
	drain(w, true);
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
		run_steps(w, steps, n, &i);
	} else {
		snprintf(why, sizeof(why), "step %zu: %s", (size_t)i, w->why);
	}
	stats->recoveries += w->r->ch.recoveries;
	stats->watch_hits += w->r->ch.watch_hits;
	rig_close(w->r);
	free(w);
	return why[0] == '\0' ? NULL : why;
}
