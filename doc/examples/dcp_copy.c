/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */
/* Two threads take what DMA device 0 has copied, and compare it: dcp_copy EAL-ARGUMENTS */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include "dcp.h"

#define JOBS       1000
#define SIZE       2048
#define MUST(what) ((what) ? (void)0 : (fputs("failed: " #what "\n", stderr), _Exit(1)))

static char (*jobs)[2][SIZE]; /* source and destination; none lies in two pages */
static atomic_int done;

static void *
work(void *worker)
{
	struct dcp_cpl cpl[32];

	for (int n; (n = dcp_get(worker, cpl, 32, 10000000000)) != -ESHUTDOWN; done += n) {
		MUST(n > 0); /* no error, and no 10 s without a record */
		for (int i = 0; i < n; i++)
			MUST(cpl[i].status == DCP_ST_OK &&
			     memcmp(jobs[cpl[i].ctx][0], jobs[cpl[i].ctx][1], SIZE) == 0);
	}
	dcp_worker_del(worker);
	return NULL;
}

int
main(int argc, char **argv)
{
	const struct dcp_conf conf = {"copy", SOCKET_ID_ANY, .max_chans = 1, .max_workers = 2};
	const struct rte_dma_conf dma = {.nb_vchans = 1};
	const struct rte_dma_vchan_conf vchan = {RTE_DMA_DIR_MEM_TO_MEM, .nb_desc = 128};
	struct dcp_port *port;
	pthread_t thread[2];
	int chan, n;

	MUST(rte_eal_init(argc, argv) >= 0 && rte_dma_configure(0, &dma) == 0);
	MUST(rte_dma_vchan_setup(0, 0, &vchan) == 0 && rte_dma_start(0) == 0);
	MUST((port = dcp_create(&conf)) && (chan = dcp_chan_add(port, 0, 0, 0, 0)) >= 0);
	for (int i = 0; i < 2; i++)
		MUST(pthread_create(&thread[i], NULL, work, dcp_worker_add(port, 0)) == 0);
	MUST((jobs = rte_zmalloc(NULL, JOBS * sizeof(*jobs), sizeof(*jobs))) != NULL);
	for (int i = 0; i < JOBS; i += n) {
		struct dcp_op op = {.ctx = i, .src = rte_mem_virt2iova(jobs[i][0]), .len = SIZE};

		memset(jobs[i][0], 1 + i % 100, SIZE);
		op.dst = rte_mem_virt2iova(jobs[i][1]);
		MUST((n = dcp_issue(port, (uint16_t)chan, &op, 1)) >= 0); /* 0: no room, again */
	}
	dcp_close(port);
	MUST(pthread_join(thread[0], NULL) == 0 && pthread_join(thread[1], NULL) == 0);
	MUST(done == JOBS && dcp_chan_del(port, (uint16_t)chan, false, 0) == 0);
	return dcp_destroy(port) == 0 && rte_dma_stop(0) == 0 && rte_eal_cleanup() == 0 ? 0 : 1;
}
