/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Huge pages that EAL takes and gives back while a device with a thread copies. */

#include "eal.h"
#include "huge.h"
#include "test.h"

#include <rte_bus_vdev.h>
#include <rte_malloc.h>

#include "ioat_dpdk.h"

#define NAME "dma_ioat_emu_h"
#define BIG  ((size_t)16 << 20)

static enum rte_dma_status_code
copy(int16_t id, const void *src, void *dst)
{
	enum rte_dma_status_code status;
	unsigned int us;

	CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)src, (uintptr_t)dst, 4096, RTE_DMA_OP_FLAG_SUBMIT),
	          >=, 0);
	for (us = 0; us < 60000000; us += 10) {
		if (rte_dma_completed_status(id, 0, 1, NULL, &status) == 1)
			return status;
		rte_delay_us_sleep(10);
	}
	CHECK(!"no completion in 60 s");
	return RTE_DMA_STATUS_ERROR_UNKNOWN;
}

TEST(pages_that_eal_took_are_reached_and_pages_given_back_are_an_address_error)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = 64};
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	uint8_t *small = rte_malloc(NULL, 8192, 0), *big;
	uintptr_t gone;
	int16_t id;
	int i;

	CHECK_INT(rte_vdev_init(NAME, ""), ==, 0);
	id = (int16_t)rte_dma_get_dev_id_by_name(NAME);
	CHECK_INT(rte_dma_configure(id, &conf), ==, 0);
	CHECK_INT(rte_dma_vchan_setup(id, 0, &vchan), ==, 0);
	CHECK_INT(rte_dma_start(id), ==, 0);
	for (i = 0; i < 20; i++) {
		big = rte_malloc(NULL, BIG, 0);
		CHECK(big != NULL);
		memset(big, i, 4096);
		CHECK_INT(copy(id, big, small), ==, RTE_DMA_STATUS_SUCCESSFUL);
		CHECK_MEM(big, small, 4096);
		CHECK_INT(copy(id, small, big + BIG - 4096), ==, RTE_DMA_STATUS_SUCCESSFUL);
		gone = (uintptr_t)big + BIG / 2; /* an address from here on, not a pointer */
		rte_free(big);
		CHECK(rte_mem_virt2memseg((void *)gone, NULL) == NULL ||
		      rte_mem_virt2memseg((void *)gone, NULL)->addr == NULL);
		CHECK_INT(copy(id, (void *)gone, small), ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	}
	CHECK_INT(rte_vdev_uninit(NAME), ==, 0);
	rte_free(small);
}

TEST_LIST

int
main(void)
{
	if (huge_pages_free() < 16) {
		printf("1..0 # SKIP fewer than 16 free huge pages\n");
		return 0;
	}
	return eal_test_main("--in-memory --iova-mode=va -m 2 --no-pci -l 0 --no-telemetry",
	                     "driver_hugemem");
}
