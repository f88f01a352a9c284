/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Operations as objects: each comes back once, in its turn, with its own status. */

#include <errno.h>

#include "eal.h"
#include "test.h"

#include <rte_bus_vdev.h>

#include "ioat_priv.h"

#if IOAT_HAS_OBJECTS

#define NAME "dma_ioat_emu_e"
#define RING 64u
#define ROOM (RING - 1)
#define CELL 256u
#define OPS  128u

struct object {
	struct rte_dma_op op;
	struct rte_dma_sge room[64]; /* the segments follow the object */
};

static uint8_t *mem; /* OPS cells to read, and as many to write */
static struct object objects[OPS];
static int16_t dev;

static void
open_device(const char *args, uint64_t flags)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1, .flags = flags};
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = RING};
	unsigned int i;

	CHECK_INT(rte_vdev_init(NAME, args), ==, 0);
	dev = (int16_t)rte_dma_get_dev_id_by_name(NAME);
	CHECK_INT(dev, >=, 0);
	CHECK_INT(rte_dma_configure(dev, &conf), ==, 0);
	CHECK_INT(rte_dma_vchan_setup(dev, 0, &vchan), ==, 0);
	CHECK_INT(rte_dma_start(dev), ==, 0);
	mem = rte_malloc(NULL, 2 * OPS * CELL, 0);
	assert_non_null(mem);
	for (i = 0; i < OPS * CELL; i++)
		mem[i] = (uint8_t)(i * 7 + i / 251);
	memset(mem + OPS * CELL, 0, OPS * CELL);
}

static void
finish(void)
{
	CHECK_INT(rte_vdev_uninit(NAME), ==, 0);
	rte_free(mem);
}

static uint8_t *
cell(unsigned int i, bool written)
{
	return mem + ((written ? OPS : 0) + i) * CELL;
}

/* Object @p i copies cell @p i in so many segments as are given, of equal length on each side. */
static struct rte_dma_op *
object(unsigned int i, uint16_t nb_src, uint16_t nb_dst)
{
	struct rte_dma_op *op = &objects[i].op;
	unsigned int k;

	memset(op, 0xa5, sizeof(*op));
	op->flags = 0;
	op->status = (enum rte_dma_status_code)99;
	op->user_meta = i;
	op->nb_src = nb_src;
	op->nb_dst = nb_dst;
	for (k = 0; k < nb_src; k++)
		op->src_dst_seg[k] = (struct rte_dma_sge){
			(uintptr_t)cell(i, false) + k * (CELL / nb_src), CELL / nb_src};
	for (k = 0; k < nb_dst; k++)
		op->src_dst_seg[nb_src + k] = (struct rte_dma_sge){
			(uintptr_t)cell(i, true) + k * (CELL / nb_dst), CELL / nb_dst};
	return op;
}

static struct rte_dma_op *
bad_object(unsigned int i)
{
	struct rte_dma_op *op = object(i, 1, 1);

	op->src_dst_seg[0].addr = 0;
	return op;
}

static uint16_t
enqueue(unsigned int first, uint16_t n)
{
	struct rte_dma_op *ops[OPS];
	unsigned int i;

	for (i = 0; i < n; i++)
		ops[i] = &objects[first + i].op;
	return rte_dma_enqueue_ops(dev, 0, ops, n);
}

/* Take @p n objects, at most @p chunk at a time, which must be those from @p first on. */
static void
dequeue(unsigned int first, unsigned int n, uint16_t chunk)
{
	const uint64_t end = rte_get_timer_cycles() + 20 * rte_get_timer_hz();
	struct rte_dma_op *ops[OPS];
	unsigned int taken = 0;
	uint16_t got, i;

	while (taken < n) {
		got = rte_dma_dequeue_ops(dev, 0, ops, chunk);
		CHECK_INT(got, <=, chunk);
		for (i = 0; i < got; i++) {
			CHECK(ops[i] == &objects[first + taken].op);
			CHECK_INT(ops[i]->user_meta, ==, first + taken);
			taken++;
		}
		CHECK(rte_get_timer_cycles() < end);
	}
	CHECK_INT(taken, ==, n);
}

static void
check_moved(unsigned int i, bool moved)
{
	static const uint8_t zero[CELL];

	CHECK_MEM(cell(i, true), moved ? cell(i, false) : zero, CELL);
}

TEST(device_that_is_not_configured_for_objects_takes_and_gives_none)
{
	struct rte_dma_op *ops[4];

	open_device("inline", 0);
	object(0, 1, 1);
	CHECK_INT(enqueue(0, 1), ==, 0);
	CHECK_INT(rte_dma_dequeue_ops(dev, 0, ops, 4), ==, 0);
	check_moved(0, false);
	finish();
}

TEST(objects_come_back_in_order_with_their_data_whatever_is_asked_for)
{
	static const uint16_t chunks[] = {1, 2, 31, 32, 33, 63, 128};
	unsigned int c, i;

	for (c = 0; c < RTE_DIM(chunks); c++) {
		open_device(c % 2 == 0 ? "inline" : "", RTE_DMA_CFG_FLAG_ENQ_DEQ);
		for (i = 0; i < ROOM; i++)
			object(i, 1, 1);
		CHECK_INT(enqueue(0, ROOM), ==, ROOM);
		dequeue(0, ROOM, chunks[c]);
		for (i = 0; i < ROOM; i++) {
			CHECK_INT(objects[i].op.status, ==, RTE_DMA_STATUS_SUCCESSFUL);
			check_moved(i, true);
		}
		finish();
	}
}

TEST(full_ring_takes_what_fits_and_the_rest_later)
{
	unsigned int i;

	open_device("inline", RTE_DMA_CFG_FLAG_ENQ_DEQ);
	for (i = 0; i < OPS; i++)
		object(i, 1, 1);
	CHECK_INT(enqueue(0, OPS), ==, ROOM);
	CHECK_INT(enqueue(ROOM, OPS - ROOM), ==, 0);
	dequeue(0, 10, 10);
	CHECK_INT(enqueue(ROOM, OPS - ROOM), ==, 10);
	dequeue(10, ROOM, 32);
	for (i = 0; i < ROOM + 10; i++)
		check_moved(i, true);
	check_moved(ROOM + 10, false);
	finish();
}

TEST(objects_keep_their_order_over_many_laps_of_ring_and_ids)
{
	unsigned int lap, i, n;

	open_device("inline", RTE_DMA_CFG_FLAG_ENQ_DEQ);
	for (lap = 0; lap < 3000; lap++) { /* about 96000 objects */
		n = 1 + lap % ROOM;
		for (i = 0; i < n; i++)
			object(i, 1, 1);
		CHECK_INT(enqueue(0, (uint16_t)n), ==, n);
		dequeue(0, n, 17);
	}
	finish();
}

TEST(each_object_has_its_own_status)
{
	const uint64_t bad =
		1ULL << 0 | 1ULL << 1 | 1ULL << 7 | 1ULL << 31 | 1ULL << 32 | 1ULL << (ROOM - 1);
	unsigned int i, chunk;

	for (chunk = 1; chunk <= ROOM; chunk += 31) {
		open_device("inline", RTE_DMA_CFG_FLAG_ENQ_DEQ);
		for (i = 0; i < ROOM; i++)
			(bad >> i & 1) != 0 ? bad_object(i) : object(i, 1, 1);
		CHECK_INT(enqueue(0, ROOM), ==, ROOM);
		dequeue(0, ROOM, (uint16_t)chunk);
		for (i = 0; i < ROOM; i++) {
			CHECK_INT(objects[i].op.status, ==,
			          (bad >> i & 1) != 0 ? RTE_DMA_STATUS_INVALID_SRC_ADDR
			                              : RTE_DMA_STATUS_SUCCESSFUL);
			check_moved(i, (bad >> i & 1) == 0);
		}
		finish();
	}
}

TEST(scattered_objects_of_every_shape_move_the_right_bytes)
{
	uint16_t src, dst;
	unsigned int i;

	open_device("inline", RTE_DMA_CFG_FLAG_ENQ_DEQ);
	for (src = 1, i = 0; src <= 32; src *= 2)
		for (dst = 1; dst <= 32; dst *= 2, i++) {
			object(i, src, dst);
			CHECK_INT(enqueue(i, 1), ==, 1);
			dequeue(i, 1, 4);
			CHECK_INT(objects[i].op.status, ==, RTE_DMA_STATUS_SUCCESSFUL);
			check_moved(i, true);
		}
	CHECK_INT(i, ==, 36);
	finish();
}

TEST(malformed_objects_take_their_turn_with_invalid_length_and_move_nothing)
{
	unsigned int i;

	open_device("inline", RTE_DMA_CFG_FLAG_ENQ_DEQ);
	for (i = 0; i < 8; i++)
		object(i, 1, 1);
	objects[1].op.src_dst_seg[0].length--;
	objects[2].op.nb_src = 0;
	objects[3].op.nb_dst = 0;
	objects[4].op.nb_src = objects[4].op.nb_dst = 0;
	objects[5].op.nb_src = 33;
	objects[6].op.src_dst_seg[0].length = objects[6].op.src_dst_seg[1].length = UINT32_MAX;
	CHECK_INT(enqueue(0, 8), ==, 8);
	dequeue(0, 8, 8);
	for (i = 0; i < 8; i++) {
		CHECK_INT(objects[i].op.status, ==,
		          i == 0 || i == 7 ? RTE_DMA_STATUS_SUCCESSFUL
		                           : RTE_DMA_STATUS_INVALID_LENGTH);
		check_moved(i, i == 0 || i == 7);
	}
	finish();
}

TEST(objects_in_flight_at_a_stop_come_back_and_none_twice)
{
	struct rte_dma_op *ops[4];
	unsigned int i;

	open_device("inline", RTE_DMA_CFG_FLAG_ENQ_DEQ);
	for (i = 0; i < ROOM; i++)
		object(i, 1, 1);
	CHECK_INT(enqueue(0, ROOM), ==, ROOM);
	dequeue(0, 5, 5);
	CHECK_INT(rte_dma_stop(dev), ==, 0);
	dequeue(5, ROOM - 5, 32);
	CHECK_INT(rte_dma_dequeue_ops(dev, 0, ops, 4), ==, 0);
	CHECK_INT(rte_dma_start(dev), ==, 0);
	CHECK_INT(rte_dma_dequeue_ops(dev, 0, ops, 4), ==, 0);
	object(0, 1, 1);
	CHECK_INT(enqueue(0, 1), ==, 1);
	dequeue(0, 1, 1);
	CHECK_INT(objects[0].op.status, ==, RTE_DMA_STATUS_SUCCESSFUL);
	finish();
}

TEST(fenced_objects_see_what_those_before_them_wrote)
{
	unsigned int i;

	open_device("", RTE_DMA_CFG_FLAG_ENQ_DEQ);
	for (i = 0; i < 20; i++) {
		object(i, 1, 1);
		if (i > 0) {
			objects[i].op.src_dst_seg[0].addr = (uintptr_t)cell(i - 1, true);
			objects[i].op.flags = RTE_DMA_OP_FLAG_FENCE;
		}
	}
	CHECK_INT(enqueue(0, 20), ==, 20);
	dequeue(0, 20, 20);
	CHECK_MEM(cell(19, true), cell(0, false), CELL);
	finish();
}

TEST_LIST

int
main(void)
{
	return eal_test_main("--no-huge -m 64 --no-pci --no-shconf -l 0 --no-telemetry",
	                     "driver_enq");
}

#else

int
main(void)
{
	printf("1..0 # SKIP DPDK before 25.11 has no operations as objects\n");
	return 0;
}

#endif
