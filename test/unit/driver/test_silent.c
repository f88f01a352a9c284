/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Silent mode: offered on request only; operations are run, counted, and reported to nobody. */

#include <errno.h>

#include "eal.h"
#include "test.h"

#include <rte_bus_vdev.h>

#include "ioat_priv.h"

#define NAME  "dma_ioat_emu_q"
#define RING  64
#define CELL  256u
#define CELLS 1000u

static uint8_t *mem; /* CELLS to read, and as many to write */

static int
configure(int16_t id, bool silent)
{
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
	const struct rte_dma_conf conf = {.nb_vchans = 1,
	                                  .flags = silent ? RTE_DMA_CFG_FLAG_SILENT : 0};
#else
	const struct rte_dma_conf conf = {.nb_vchans = 1, .enable_silent = silent};
#endif

	return rte_dma_configure(id, &conf);
}

static void
start(int16_t id)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = RING};

	CHECK_INT(rte_dma_vchan_setup(id, 0, &vchan), ==, 0);
	CHECK_INT(rte_dma_start(id), ==, 0);
}

static int16_t
open_device(const char *args)
{
	unsigned int i;
	int id;

	CHECK_INT(rte_vdev_init(NAME, args), ==, 0);
	id = rte_dma_get_dev_id_by_name(NAME);
	CHECK_INT(id, >=, 0);
	mem = rte_malloc(NULL, 2 * CELLS * CELL, 0);
	assert_non_null(mem);
	for (i = 0; i < CELLS * CELL; i++)
		mem[i] = (uint8_t)(i * 7 + i / 251);
	memset(mem + CELLS * CELL, 0, CELLS * CELL);
	return (int16_t)id;
}

static void
finish(void)
{
	CHECK_INT(rte_vdev_uninit(NAME), ==, 0);
	rte_free(mem);
}

static uint64_t
cell(unsigned int i, bool written)
{
	return (uintptr_t)mem + ((written ? CELLS : 0) + i) * CELL;
}

static uint64_t
deadline(void)
{
	return rte_get_timer_cycles() + 120 * rte_get_timer_hz();
}

/* Enqueue a copy as soon as there is room, which nobody else makes. */
static void
copy(int16_t id, uint64_t src, uint64_t dst, uint32_t len, uint64_t flags)
{
	const uint64_t end = deadline();
	int rc;

	do {
		rc = rte_dma_copy(id, 0, src, dst, len, flags);
		CHECK(rte_get_timer_cycles() < end);
	} while (rc == -ENOSPC);
	CHECK_INT(rc, >=, 0);
}

/* Wait until all room is back: all has been run. */
static void
wait_idle(int16_t id)
{
	const uint64_t end = deadline();

	while (rte_dma_burst_capacity(id, 0) != RING - 1)
		CHECK(rte_get_timer_cycles() < end);
}

static void
check_stats(int16_t id, uint64_t submitted, uint64_t errors)
{
	struct rte_dma_stats stats;

	CHECK_INT(rte_dma_stats_get(id, 0, &stats), ==, 0);
	CHECK_INT(stats.submitted, ==, submitted);
	CHECK_INT(stats.completed, ==, submitted);
	CHECK_INT(stats.errors, ==, errors);
}

TEST(silent_mode_is_offered_only_where_the_argument_asks_for_it)
{
	static const char *const args[] = {"inline", "inline,silent=0", "inline,silent=1",
	                                   "inline,silent"};
	struct rte_dma_info info;
	int16_t id;
	size_t i;

	for (i = 0; i < RTE_DIM(args); i++) {
		id = open_device(args[i]);
		CHECK_INT(rte_dma_info_get(id, &info), ==, 0);
		CHECK_INT((info.dev_capa & RTE_DMA_CAPA_SILENT) != 0, ==, i >= 2);
		CHECK_INT(configure(id, true), ==, i >= 2 ? 0 : -EINVAL);
		CHECK_INT(configure(id, false), ==, 0);
		finish();
	}
}

static void
check_ring_is_reclaimed(const char *args)
{
	enum rte_dma_status_code status[8];
	int16_t id = open_device(args);
	uint16_t last;
	unsigned int i;
	bool error;

	CHECK_INT(configure(id, true), ==, 0);
	start(id);
	for (i = 0; i < CELLS; i++) {
		copy(id, cell(i, false), cell(i, true), CELL,
		     i % 5 == 0 ? RTE_DMA_OP_FLAG_SUBMIT : 0);
		if (i % 7 == 0) {
			CHECK_INT(rte_dma_submit(id, 0), ==, 0);
			CHECK_INT(rte_dma_completed(id, 0, 8, &last, &error), ==, 0);
			CHECK(!error);
			CHECK_INT(rte_dma_completed_status(id, 0, 8, &last, status), ==, 0);
		}
	}
	CHECK_INT(rte_dma_submit(id, 0), ==, 0);
	wait_idle(id);
	CHECK_MEM(mem, mem + CELLS * CELL, CELLS * CELL);
	check_stats(id, CELLS, 0);
	finish();
}

TEST(ring_is_used_again_and_again_without_a_completion_reported_with_a_thread)
{
	check_ring_is_reclaimed("silent");
}

TEST(submit_runs_all_of_a_burst_of_jumbo_frames_inline)
{
	enum {
		BURST = 32,
		LEN = 9000
	};
	int16_t id = open_device("silent,inline");
	uint8_t *jumbo = rte_zmalloc(NULL, 2 * BURST * LEN, 0);
	int i;

	assert_non_null(jumbo);
	memset(jumbo, 0x5a, BURST * LEN);
	CHECK_INT(configure(id, true), ==, 0);
	start(id);
	for (i = 0; i < BURST; i++)
		CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)jumbo + i * LEN,
		                       (uintptr_t)jumbo + (BURST + i) * LEN, LEN, 0),
		          >=, 0);
	CHECK_INT(rte_dma_submit(id, 0), ==, 0);
	CHECK_MEM(jumbo, jumbo + BURST * LEN, BURST * LEN);
	CHECK_INT(rte_dma_stop(id), ==, 0);
	check_stats(id, BURST, 0);
	finish();
	rte_free(jumbo);
}

TEST(ring_is_used_again_and_again_without_a_completion_reported_inline)
{
	check_ring_is_reclaimed("silent,inline");
}

TEST(ring_is_used_again_and_again_by_operations_of_several_descriptors)
{
	int16_t id = open_device("silent,inline,xfercap=12");
	const struct rte_dma_sge src[] = {{cell(0, false), 5000}, {cell(100, false), 5000}};
	const struct rte_dma_sge dst[] = {{cell(0, true), 10000}};
	const uint64_t end = deadline();
	unsigned int i;
	int rc;

	CHECK_INT(configure(id, true), ==, 0);
	start(id);
	for (i = 0; i < 500; i++) {
		copy(id, cell(0, false), cell(400, true), 40 * CELL, 0);
		do {
			rc = rte_dma_copy_sg(id, 0, (void *)(uintptr_t)src, (void *)(uintptr_t)dst,
			                     2, 1, RTE_DMA_OP_FLAG_SUBMIT);
			CHECK(rte_get_timer_cycles() < end);
		} while (rc == -ENOSPC);
		CHECK_INT(rc, >=, 0);
		do {
			rc = rte_dma_fill(id, 0, 0x0101010101010101, cell(600, true), 20 * CELL,
			                  RTE_DMA_OP_FLAG_SUBMIT);
			CHECK(rte_get_timer_cycles() < end);
		} while (rc == -ENOSPC);
		CHECK_INT(rc, >=, 0);
	}
	wait_idle(id);
	CHECK_MEM(mem + CELLS * CELL, mem, 5000);
	CHECK_MEM(mem + CELLS * CELL + 5000, mem + 100 * CELL, 5000);
	CHECK_MEM(mem + (CELLS + 400) * CELL, mem, 40 * CELL);
	CHECK_INT(mem[(CELLS + 600) * CELL], ==, 1);
	check_stats(id, 3 * 500, 0);
	finish();
}

/* Operations fail here and there: they are counted, and all others are run. */
static void
check_failures(const char *args)
{
	unsigned int i, bad = 0;
	int16_t id = open_device(args);

	CHECK_INT(configure(id, true), ==, 0);
	start(id);
	for (i = 0; i < CELLS; i++) {
		if (i % 50 == 7) {
			copy(id, 0, cell(i, true), CELL, RTE_DMA_OP_FLAG_SUBMIT);
			memset(mem + i * CELL, 0, CELL); /* as the destination is left */
			bad++;
		} else {
			copy(id, cell(i, false), cell(i, true), CELL, RTE_DMA_OP_FLAG_SUBMIT);
		}
	}
	wait_idle(id);
	CHECK_MEM(mem, mem + CELLS * CELL, CELLS * CELL);
	check_stats(id, CELLS, bad);
	finish();
}

TEST(failed_operations_are_counted_and_the_channel_goes_on)
{
	check_failures("silent,inline");
	check_failures("silent");
}

TEST(halts_that_are_not_written_are_found_in_silent_mode_too)
{
	check_failures("silent,inline,device=ivb");
	check_failures("silent,device=skx");
}

TEST(stop_counts_every_operation_in_silent_mode)
{
	int16_t id = open_device("silent,inline");
	unsigned int i;

	CHECK_INT(configure(id, true), ==, 0);
	start(id);
	for (i = 0; i < RING - 1; i++)
		copy(id, cell(i, false), cell(i, true), CELL, 0);
	CHECK_INT(rte_dma_submit(id, 0), ==, 0);
	CHECK_INT(rte_dma_stop(id), ==, 0);
	check_stats(id, RING - 1, 0);
	CHECK_MEM(mem, mem + CELLS * CELL, (RING - 1) * CELL);
	finish();
}

TEST(silent_device_with_work_in_flight_is_removed)
{
	int16_t id = open_device("silent");
	unsigned int i;

	CHECK_INT(configure(id, true), ==, 0);
	start(id);
	for (i = 0; i < CELLS; i++)
		copy(id, cell(i, false), cell(i, true), CELL, RTE_DMA_OP_FLAG_SUBMIT);
	finish();
	CHECK_INT(rte_dma_get_dev_id_by_name(NAME), <, 0);
}

TEST(device_that_is_configured_anew_reports_again)
{
	static const char *const args[] = {"silent,inline", "silent"};
	uint64_t end;
	int16_t id;
	size_t i;

	for (i = 0; i < RTE_DIM(args); i++) {
		id = open_device(args[i]);
		CHECK_INT(configure(id, true), ==, 0);
		start(id);
		copy(id, cell(0, false), cell(0, true), CELL, RTE_DMA_OP_FLAG_SUBMIT);
		wait_idle(id);
		CHECK_INT(rte_dma_stop(id), ==, 0);
		CHECK_INT(configure(id, false), ==, 0);
		start(id);
		copy(id, cell(1, false), cell(1, true), CELL, RTE_DMA_OP_FLAG_SUBMIT);
		end = deadline();
		while (rte_dma_completed(id, 0, 8, NULL, NULL) != 1)
			CHECK(rte_get_timer_cycles() < end);
		CHECK_MEM(mem, mem + CELLS * CELL, 2 * CELL);
		finish();
	}
}

#if IOAT_HAS_OBJECTS
TEST(silent_mode_with_operations_as_objects_is_refused)
{
	const struct rte_dma_conf conf = {
		.nb_vchans = 1,
		.flags = RTE_DMA_CFG_FLAG_SILENT | RTE_DMA_CFG_FLAG_ENQ_DEQ,
	};
	int16_t id = open_device("silent,inline");

	CHECK_INT(rte_dma_configure(id, &conf), ==, -EINVAL);
	finish();
}
#endif

TEST_LIST

int
main(void)
{
	return eal_test_main("--no-huge -m 64 --no-pci --no-shconf -l 0 --no-telemetry",
	                     "driver_silent");
}
