/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* A server of two lcores on one port: dcp_server -l 0-1 EAL-ARGUMENTS -- TCP-PORT FILE...
 * What the n-th connection sends is received, copied by DMA device 0, and written to the n-th FILE.
 * A connection has one operation in flight, with itself as the context: who has it needs no lock.
 */

#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>

#include <liburing.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_malloc.h>

#include "dcp.h"
#include "dcp_uring.h"

#define SIZE       (256 << 10)
#define DEPTH      64 /* and so the most connections: each has one operation in flight */
#define MUST(what) ((what) ? (void)0 : rte_exit(EXIT_FAILURE, "failed: %s\n", #what))

struct conn {
	char in[SIZE], out[SIZE];
	enum {
		RECEIVE,
		COPY,
		WRITE,
		STEPS
	} step; /* what is in flight */
	int sock, file, len;
};

static struct dcp_port *port;
static int ring, chan;
static atomic_int open_conns;

/* What was in flight has ended, with this result if no copy: start the next step. */
static void
advance(struct conn *c, int res)
{
	rte_iova_t iova = rte_malloc_virt2iova(c);
	struct dcp_op copy = {.ctx = (uintptr_t)c, .src = iova, .dst = iova + SIZE};
	struct io_uring_sqe sqe;

	MUST(c->step != WRITE || res == c->len);
	if (c->step == RECEIVE && res == 0) {
		MUST(close(c->sock) == 0 && close(c->file) == 0);
		rte_free(c);
		if (atomic_fetch_sub(&open_conns, 1) == 1)
			dcp_close(port);
		return;
	}
	c->step = (c->step + 1) % STEPS;
	if (c->step == COPY) {
		copy.len = (uint32_t)(c->len = res);
		MUST(dcp_issue(port, (uint16_t)chan, &copy, 1) == 1);
		return;
	}
	if (c->step == WRITE)
		io_uring_prep_write(&sqe, c->file, c->out, (uint32_t)c->len, (uint64_t)-1);
	else
		io_uring_prep_recv(&sqe, c->sock, c->in, SIZE, 0);
	io_uring_sqe_set_data(&sqe, c);
	MUST(dcp_uring_issue(port, (uint16_t)ring, &sqe, 1) == 1);
}

static int
serve(void *worker)
{
	struct dcp_cpl cpl[32];
	int n;

	while ((n = dcp_get(worker, cpl, RTE_DIM(cpl), DCP_FOREVER)) > 0) {
		for (int i = 0; i < n; i++) {
			MUST(cpl[i].status == DCP_ST_OK);
			advance((struct conn *)(uintptr_t)cpl[i].ctx, dcp_uring_res(&cpl[i]));
		}
	}
	dcp_worker_del(worker);
	return n;
}

int
main(int argc, char **argv)
{
	const struct dcp_conf conf = {"server", SOCKET_ID_ANY, 2, 2, .flags = DCP_F_URING};
	const struct rte_dma_conf dma = {.nb_vchans = 1};
	const struct rte_dma_vchan_conf vchan = {RTE_DMA_DIR_MEM_TO_MEM, .nb_desc = 128};
	struct sockaddr_in addr = {.sin_family = AF_INET};
	int used = rte_eal_init(argc, argv) + 1, sock = socket(AF_INET, SOCK_STREAM, 0);
	struct dcp_worker *mine, *other;

	MUST(used > 0 && argc - used > 1 && argc - used <= 1 + DEPTH && rte_lcore_count() == 2);
	addr.sin_port = htons((uint16_t)atoi(argv[used]));
	MUST(bind(sock, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(sock, 8) == 0);
	MUST(rte_dma_configure(0, &dma) == 0 && rte_dma_vchan_setup(0, 0, &vchan) == 0);
	MUST(rte_dma_start(0) == 0 && (port = dcp_create(&conf)) != NULL);
	MUST((chan = dcp_chan_add(port, 0, 0, 0, 0)) >= 0);
	MUST((ring = dcp_uring_add(port, DEPTH, 0)) >= 0);
	MUST((mine = dcp_worker_add(port, 0)) != NULL && (other = dcp_worker_add(port, 0)) != NULL);
	MUST(rte_eal_remote_launch(serve, other, rte_get_next_lcore(-1, 1, 0)) == 0);
	open_conns = argc - used - 1;
	while (++used < argc) {
		struct conn *c = rte_zmalloc(NULL, sizeof(*c), 0);

		MUST(c != NULL && (c->file = creat(argv[used], 0644)) >= 0);
		MUST((c->sock = accept(sock, NULL, NULL)) >= 0);
		c->step = WRITE; /* of nothing, which has just ended */
		advance(c, 0);
	}
	MUST(serve(mine) == -ESHUTDOWN);
	rte_eal_mp_wait_lcore();
	MUST(dcp_chan_del(port, (uint16_t)chan, false, 0) == 0);
	MUST(dcp_chan_del(port, (uint16_t)ring, false, 0) == 0 && dcp_destroy(port) == 0);
	return rte_dma_stop(0) == 0 && rte_eal_cleanup() == 0 ? 0 : 1;
}
