/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The virtual device where its engine is a thread that gets no processor. */

#include <stdatomic.h>
#include <time.h>

#include "eal.h"
#include "test.h"

#include <rte_bus_vdev.h>
#include <rte_malloc.h>

#define NAME "dma_ioat_emu_t"
#define SIZE 4096u

/* The engine's thread, while it does not get a processor: it naps when it has nothing to do. */
static atomic_bool starve, starving;

int __real_nanosleep(const struct timespec *ts, struct timespec *left);
int __wrap_nanosleep(const struct timespec *ts, struct timespec *left);

int
__wrap_nanosleep(const struct timespec *ts, struct timespec *left)
{
	while (atomic_load(&starve)) {
		atomic_store(&starving, true);
		__real_nanosleep(ts, left);
	}
	return __real_nanosleep(ts, left);
}

/* As DPDK's own test waits, for a second; the driver's waits at stop and start are shorter. */
TEST(device_whose_engine_gets_no_processor_works_while_registers_are_read)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = 64};
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	const uint64_t end = rte_get_tsc_cycles() + 120 * rte_get_tsc_hz();
	uint8_t *mem = rte_malloc(NULL, 2 * SIZE, 0);
	enum rte_dma_vchan_status st;
	enum rte_dma_status_code status;
	int i, stopped, started;
	int16_t id;

	CHECK_INT(rte_vdev_init(NAME, ""), ==, 0);
	id = (int16_t)rte_dma_get_dev_id_by_name(NAME);
	CHECK_INT(rte_dma_configure(id, &conf), ==, 0);
	CHECK_INT(rte_dma_vchan_setup(id, 0, &vchan), ==, 0);
	CHECK_INT(rte_dma_start(id), ==, 0);
	atomic_store(&starve, true);
	while (!atomic_load(&starving))
		CHECK(rte_get_tsc_cycles() < end);
	memset(mem, 0x6b, SIZE);
	CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)mem, (uintptr_t)mem + SIZE, SIZE,
	                       RTE_DMA_OP_FLAG_SUBMIT),
	          ==, 0);
	for (i = 0, st = RTE_DMA_VCHAN_ACTIVE; i < 1000 && st == RTE_DMA_VCHAN_ACTIVE; i++)
		CHECK_INT(rte_dma_vchan_status(id, 0, &st), ==, 0);
	i = rte_dma_completed_status(id, 0, 1, NULL, &status);
	stopped = rte_dma_stop(id);
	started = rte_dma_start(id);
	atomic_store(&starve, false);
	CHECK_INT(st, ==, RTE_DMA_VCHAN_IDLE);
	CHECK_INT(i, ==, 1);
	CHECK_INT(status, ==, RTE_DMA_STATUS_SUCCESSFUL);
	CHECK_MEM(mem, mem + SIZE, SIZE);
	CHECK_INT(stopped, ==, 0);
	CHECK_INT(started, ==, 0);
	CHECK_INT(rte_vdev_uninit(NAME), ==, 0);
	rte_free(mem);
}

TEST_LIST

int
main(void)
{
	return eal_test_main("--no-huge -m 64 --no-pci --no-shconf -l 0 --no-telemetry",
	                     "driver_starved");
}
