/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_dmadev.h>

#include "bench_common.h"

#define TIMER_TRIES 64u

int
bench_start(int16_t dev_id, uint16_t nb_desc)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = nb_desc};
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	int rc;

	rc = rte_dma_configure(dev_id, &conf);
	if (rc == 0)
		rc = rte_dma_vchan_setup(dev_id, 0, &vchan);
	if (rc == 0)
		rc = rte_dma_start(dev_id);
	return rc;
}

uint64_t
bench_timer_cost(void)
{
	static uint64_t least = UINT64_MAX;
	uint64_t from, to;
	unsigned int i;

	for (i = 0; i < TIMER_TRIES; i++) {
		from = rte_rdtsc_precise();
		to = rte_rdtsc_precise();
		least = RTE_MIN(least, to - from);
	}
	return least;
}
