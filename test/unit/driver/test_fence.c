/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Fences on a device that makes use of its freedom. It fetches each descriptor as soon as that is
 * rung, and reads the sources of all it has fetched before it writes any destination; only the
 * fence bit of a descriptor, as it was when it was fetched, holds back what comes behind it.
 */

#include "test.h"

#include "rig.h"

#define SLOTS 64
#define CELL  64u
#define CELLS 21u

struct eager {
	struct rig *r;
	struct ioat_desc desc[SLOTS]; /* as they were fetched */
	uint64_t addr[SLOTS];
	unsigned int nb; /* fetched and not run */
	uint16_t fetched;
	uint64_t next; /* address of the next descriptor */
};

static struct eager
eager_open(void)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);

	return (struct eager){.r = r, .next = r->ch.ring_iova};
}

static void
eager_fetch(struct eager *e)
{
	uint16_t count = mmio_read_doorbell(&e->r->doorbell);

	for (; e->fetched != count; e->fetched++, e->nb++) {
		CHECK_INT(e->nb, <, SLOTS);
		e->addr[e->nb] = e->next;
		e->desc[e->nb] = *(const struct ioat_desc *)(uintptr_t)e->next;
		e->next = e->desc[e->nb].next;
	}
}

/* Run from descriptor @p i to the next that has the fence bit. @return the one behind. */
static unsigned int
eager_group(struct eager *e, unsigned int i)
{
	uint8_t data[SLOTS][CELL];
	unsigned int end = i, k;

	while (end < e->nb && (e->desc[end++].ctrl & DESC_CTRL_FENCE) == 0)
		;
	for (k = i; k < end; k++)
		if ((e->desc[k].ctrl & DESC_CTRL_NULL) == 0)
			memcpy(data[k], (const void *)(uintptr_t)e->desc[k].src, CELL);
	for (k = i; k < end; k++) {
		if ((e->desc[k].ctrl & DESC_CTRL_NULL) == 0)
			memcpy((void *)(uintptr_t)e->desc[k].dst, data[k], CELL);
		if ((e->desc[k].ctrl & DESC_CTRL_COMPL) != 0)
			*e->r->ch.status = e->addr[k] | IOAT_STATE_DONE;
	}
	return end;
}

static void
eager_run(struct eager *e)
{
	unsigned int i = 0;

	while (i < e->nb)
		i = eager_group(e, i);
	e->nb = 0;
}

/* A copy from one cell to another. */
static void
copy(struct eager *e, unsigned int from, unsigned int to, uint64_t flags)
{
	CHECK_INT(rig_copy(e->r, from * CELL, to * CELL, CELL, flags), >=, 0);
}

/* Cell 0 holds 'n'; all others 'o'. */
static void
paint(struct eager *e)
{
	memset(e->r->arena, 'o', CELLS * CELL);
	memset(e->r->arena, 'n', CELL);
}

static int
cell(const struct eager *e, unsigned int i)
{
	return e->r->arena[i * CELL];
}

static void
reap(struct eager *e, uint16_t n)
{
	uint16_t last;
	bool error;

	CHECK_INT(rig_completed(e->r, SLOTS, &last, &error), ==, n);
	CHECK(!error);
}

TEST(eager_device_reads_before_an_earlier_write_where_there_is_no_fence)
{
	struct eager e = eager_open();

	paint(&e);
	copy(&e, 0, 1, 0);
	copy(&e, 1, 2, RTE_DMA_OP_FLAG_SUBMIT);
	eager_fetch(&e);
	eager_run(&e);
	reap(&e, 2);
	CHECK_INT(cell(&e, 1), ==, 'n');
	CHECK_INT(cell(&e, 2), ==, 'o');
	rig_close(e.r);
}

TEST(fence_bit_set_on_a_descriptor_that_was_rung_comes_too_late_for_an_eager_device)
{
	struct eager e = eager_open();

	paint(&e);
	copy(&e, 0, 1, RTE_DMA_OP_FLAG_SUBMIT);
	eager_fetch(&e);
	/* A fence made by changing the descriptor before, wherever that is by now. */
	e.r->ch.desc[0].ctrl |= DESC_CTRL_FENCE;
	copy(&e, 1, 2, RTE_DMA_OP_FLAG_SUBMIT);
	eager_fetch(&e);
	eager_run(&e);
	reap(&e, 2);
	CHECK_INT(cell(&e, 2), ==, 'o');
	rig_close(e.r);
}

TEST(fence_behind_a_descriptor_that_was_rung_holds_on_an_eager_device)
{
	struct eager e = eager_open();

	paint(&e);
	copy(&e, 0, 1, RTE_DMA_OP_FLAG_SUBMIT);
	eager_fetch(&e);
	copy(&e, 1, 2, RTE_DMA_OP_FLAG_SUBMIT | RTE_DMA_OP_FLAG_FENCE);
	eager_fetch(&e);
	eager_run(&e);
	reap(&e, 2);
	CHECK_INT(cell(&e, 2), ==, 'n');
	rig_close(e.r);
}

TEST(fence_within_one_submit_holds_on_an_eager_device)
{
	struct eager e = eager_open();

	paint(&e);
	copy(&e, 0, 1, 0);
	copy(&e, 1, 2, RTE_DMA_OP_FLAG_SUBMIT | RTE_DMA_OP_FLAG_FENCE);
	eager_fetch(&e);
	eager_run(&e);
	reap(&e, 2);
	CHECK_INT(cell(&e, 2), ==, 'n');
	rig_close(e.r);
}

static uint32_t
rng(void)
{
	static uint32_t state = 20260101;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state >> 3;
}

TEST(chains_of_fenced_copies_hold_whenever_they_are_rung_fetched_and_run)
{
	enum {
		LINKS = CELLS - 1,
		ROUNDS = 20000
	};
	struct eager e = eager_open();
	unsigned int link, done, round;
	uint16_t last;
	bool error;

	for (round = 0; round < ROUNDS; round++) {
		paint(&e);
		for (link = 0, done = 0; link < LINKS; link++) {
			copy(&e, link, link + 1,
			     RTE_DMA_OP_FLAG_FENCE | (rng() % 3 ? 0 : RTE_DMA_OP_FLAG_SUBMIT));
			if (rng() % 2)
				eager_fetch(&e);
			if (rng() % 4 == 0)
				eager_run(&e);
			if (rng() % 4 == 0)
				done += rig_completed(e.r, SLOTS, &last, &error);
		}
		rig_submit(e.r);
		eager_fetch(&e);
		eager_run(&e);
		done += rig_completed(e.r, SLOTS, &last, &error);
		CHECK_INT(done, ==, LINKS);
		for (link = 1; link <= LINKS; link++)
			CHECK_INT(cell(&e, link), ==, 'n');
	}
	rig_close(e.r);
}

TEST_MAIN("driver_fence")
