/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Random programs of copies, fills, bad operations, fences, submits, device steps and completion
 * calls of every size, with injected faults, against a reference that knows what each operation
 * must report and what memory must hold.
 */

#include <errno.h>

#include "test.h"

#include "rig.h"

#define SLOTS    64
#define ROUNDS   5000
#define STEPS    2000
#define CELL     64u /* operations work on cells of the arena, so that the reference stays simple */
#define CELLS    64u
#define OPS_HELD 65536u

enum kind {
	COPY,
	FILL,
	BAD_SRC,
	BAD_DST
};

struct op {
	enum kind kind;
	uint64_t src; /* cell, or pattern */
	unsigned int dst;
};

struct reference {
	struct op op[OPS_HELD]; /* by id */
	uint8_t cell[CELLS][CELL];
	uint16_t head; /* next to be reported */
	uint16_t tail;
	uint16_t submitted;
	unsigned int injected; /* faults armed and not seen yet */
};

static uint64_t rng_state;

static uint32_t
rng(uint32_t below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (uint32_t)((rng_state >> 20) % below);
}

static void
enqueue_one(struct rig *r, struct reference *ref)
{
	struct op *op = &ref->op[ref->tail];
	uint64_t flags = rng(4) == 0 ? RTE_DMA_OP_FLAG_FENCE : 0;
	uint32_t dice = rng(40);
	int id;

	op->kind = dice == 0 ? BAD_SRC : dice == 1 ? BAD_DST : dice < 12 ? FILL : COPY;
	op->src = op->kind == FILL ? rng(UINT32_MAX) : rng(CELLS);
	op->dst = rng(CELLS);
	if (rng(8) == 0)
		flags |= RTE_DMA_OP_FLAG_SUBMIT;
	if (op->kind == FILL)
		id = r->fp.fill(&r->ch, 0, op->src, rig_addr(r, op->dst * CELL), CELL, flags);
	else
		id = r->fp.copy(&r->ch, 0,
		                op->kind == BAD_SRC ? RIG_BAD_ADDR : rig_addr(r, op->src * CELL),
		                op->kind == BAD_DST ? RIG_BAD_ADDR : rig_addr(r, op->dst * CELL),
		                CELL, flags);
	if (id == -ENOSPC)
		return;
	CHECK_INT(id, ==, ref->tail);
	ref->tail++;
	if ((flags & RTE_DMA_OP_FLAG_SUBMIT) != 0)
		ref->submitted = ref->tail;
}

/* One reported operation: apply it, or check that its status is allowed. */
static void
take(struct reference *ref, enum rte_dma_status_code status)
{
	const struct op *op = &ref->op[ref->head];
	unsigned int i;

	CHECK_INT((uint16_t)(ref->submitted - ref->head), >, 0);
	if (op->kind == BAD_SRC && status == RTE_DMA_STATUS_INVALID_SRC_ADDR)
		goto out;
	if (op->kind == BAD_DST && status == RTE_DMA_STATUS_INVALID_DST_ADDR)
		goto out;
	if (status != RTE_DMA_STATUS_SUCCESSFUL) {
		/* Only an injected fault may fail a good operation, and each only once. */
		CHECK_INT(ref->injected, >, 0);
		CHECK(status == RTE_DMA_STATUS_ERROR_UNKNOWN ||
		      status == RTE_DMA_STATUS_BUS_READ_ERROR);
		ref->injected--;
		goto out;
	}
	CHECK(op->kind == COPY || op->kind == FILL);
	for (i = 0; i < CELL; i++)
		ref->cell[op->dst][i] = op->kind == FILL ? (uint8_t)(op->src >> (8 * (i % 8)))
		                                         : ref->cell[op->src][i];
out:
	ref->head++;
}

static void
reap(struct rig *r, struct reference *ref)
{
	enum rte_dma_status_code st[SLOTS];
	uint16_t max = (uint16_t)(1 + rng(SLOTS)), last, n, i;
	bool error = false, with_status = rng(2) == 0;

	n = with_status ? rig_status(r, max, &last, st) : rig_completed(r, max, &last, &error);
	CHECK_INT(n, <=, max);
	for (i = 0; i < n; i++)
		take(ref, with_status ? st[i] : RTE_DMA_STATUS_SUCCESSFUL);
	CHECK_INT(last, ==, (uint16_t)(ref->head - 1));
	if (error) {
		CHECK_INT(rig_status(r, 1, &last, st), ==, 1);
		CHECK_INT(st[0], !=, RTE_DMA_STATUS_SUCCESSFUL);
		take(ref, st[0]);
	}
}

/* After stop: as reap(), and what stood behind a halt nobody had seen was not run. */
static void
reap_stopped(struct rig *r, struct reference *ref)
{
	enum rte_dma_status_code st[SLOTS];
	uint16_t last, n, i;

	n = rig_status(r, (uint16_t)(1 + rng(SLOTS)), &last, st);
	for (i = 0; i < n; i++) {
		if (st[i] == RTE_DMA_STATUS_USER_ABORT)
			ref->head++;
		else
			take(ref, st[i]);
	}
	CHECK_INT(last, ==, (uint16_t)(ref->head - 1));
}

static void
inject(struct rig *r, struct reference *ref)
{
	struct ioat_model_fault fault = {.after = rng(20)};

	if (ref->injected > 0)
		return;
	fault.kind = rng(2) == 0 ? IOAT_MODEL_FAULT_HALT : IOAT_MODEL_FAULT_CHANERR;
	fault.chanerr = CHANERR_READ_DATA;
	rig_inject(r, &fault);
	ref->injected++;
}

static void
one_step(struct rig *r, struct reference *ref)
{
	switch (rng(8)) {
	case 0:
		rig_submit(r);
		ref->submitted = ref->tail;
		break;
	case 1:
		rig_step(r, rng(4000));
		break;
	case 2:
		reap(r, ref);
		break;
	case 3:
		if (rng(200) == 0)
			inject(r, ref);
		break;
	default:
		enqueue_one(r, ref);
		break;
	}
}

/* Stop lets what was submitted finish, reports it, and forgets what was not; ids begin again. */
static void
restart(struct rig *r, struct reference *ref)
{
	unsigned int i;

	r->auto_step = true;
	CHECK_INT(ioat_chan_stop(&r->ch), ==, 0);
	for (i = 0; i < 4 * SLOTS && ref->head != ref->submitted; i++)
		reap_stopped(r, ref);
	CHECK_INT(ref->head, ==, ref->submitted);
	CHECK_INT(ioat_chan_start(&r->ch), ==, 0);
	r->auto_step = false;
	ref->head = 0;
	ref->tail = 0;
	ref->submitted = 0;
}

TEST(every_op_of_random_programs_is_reported_once_in_order_with_its_own_status)
{
	struct reference *ref = calloc(1, sizeof(*ref));
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	unsigned int round, i;
	uint64_t total;

	assert_non_null(ref);
	rng_state = 0x9e3779b97f4a7c15ull;
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < STEPS; i++)
			one_step(r, ref);
		if (round % 4 == 0) {
			restart(r, ref);
			continue;
		}
		/* Drain: everything submitted must come out, nothing else. */
		rig_submit(r);
		ref->submitted = ref->tail;
		for (i = 0; i < 100 * SLOTS && ref->head != ref->tail; i++) {
			rig_run(r);
			reap(r, ref);
		}
		CHECK_INT(ref->head, ==, ref->tail);
		CHECK_MEM(r->arena, ref->cell, sizeof(ref->cell));
		CHECK_INT(rig_capacity(r), ==, SLOTS - 1);
		CHECK_INT(r->ch.completed, ==, r->ch.submitted);
	}
	total = r->ch.completed;
	print_message("# %llu operations, %llu failed, %llu recoveries\n",
	              (unsigned long long)total, (unsigned long long)r->ch.errors,
	              (unsigned long long)r->ch.recoveries);
	CHECK_INT(total, >, 4000000);
	CHECK_INT(r->ch.errors, >, 1000);
	rig_close(r);
	free(ref);
}

TEST_MAIN("driver_random")
