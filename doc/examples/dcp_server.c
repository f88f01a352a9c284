/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* A server of two lcores on one port: dcp_server -l 0-1 EAL-ARGUMENTS -- TCP-PORT FILE...
 * What the n-th connection sends is received, copied by DMA device 0, and written to the n-th FILE,
 * which is new, empty or a pipe.
 * A connection has one operation in flight, with itself as the context: who has it needs no lock.
 */

#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <liburing.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "dcp.h"
#include "dcp_uring.h"

#define SIZE  (256 << 10)
#define DEPTH 64 /* and so the most connections */
/* Not rte_exit(): on a worker lcore it would wait for that lcore. */
#define MUST(what) ((what) ? (void)0 : (fputs("failed: " #what "\n", stderr), _Exit(1)))

struct conn {
	char in[SIZE], out[SIZE]; /* aligned to the sum: within one huge page */
	char step;                /* what is in flight: 'r'eceive, 'c'opy or 'w'rite */
	int sock, file, len, written;
	const char *name; /* of the file */
};

static struct dcp_port *port;
static int ring, chan;
static atomic_int open_conns, lost_conns;

/* What was in flight has ended: start the next step. */
static void
advance(struct conn *c, uint16_t status, int res)
{
	rte_iova_t iova = rte_malloc_virt2iova(c);
	struct dcp_op copy = {.ctx = (uintptr_t)c, .src = iova, .dst = iova + SIZE};
	struct io_uring_sqe sqe;

	if (c->step == 'r' && res <= 0) {
		if (res < 0)
			fprintf(stderr, "%s is cut short: %s\n", c->name, strerror(-res));
		lost_conns += res < 0;
		MUST(close(c->sock) == 0 && close(c->file) == 0);
		rte_free(c);
		if (atomic_fetch_sub(&open_conns, 1) == 1)
			dcp_close(port);
	} else if (c->step == 'r') {
		c->step = 'c';
		c->written = 0;
		copy.len = (uint32_t)(c->len = res);
		MUST(dcp_issue(port, (uint16_t)chan, &copy, 1) == 1);
	} else {
		MUST(status == DCP_ST_OK);
		c->written += c->step == 'w' ? res : 0; /* a pipe takes what it has room for */
		c->step = c->written < c->len ? 'w' : 'r';
		if (c->step == 'w')
			io_uring_prep_write(dcp_uring_sqe_clear(&sqe), c->file, c->out + c->written,
			                    (uint32_t)(c->len - c->written), (uint64_t)-1);
		else
			io_uring_prep_recv(dcp_uring_sqe_clear(&sqe), c->sock, c->in, SIZE, 0);
		io_uring_sqe_set_data(&sqe, c);
		MUST(dcp_uring_issue(port, (uint16_t)ring, &sqe, 1) == 1);
	}
}

static int
serve(void *worker)
{
	struct dcp_cpl c[32];
	int n;

	while ((n = dcp_get(worker, c, RTE_DIM(c), DCP_FOREVER)) > 0)
		for (int i = 0; i < n; i++)
			advance((void *)(uintptr_t)c[i].ctx, c[i].status, dcp_uring_res(&c[i]));
	dcp_worker_del(worker);
	return n;
}

int
main(int argc, char **argv)
{
	const struct dcp_conf conf = {"server", SOCKET_ID_ANY, 2, 2, .flags = DCP_F_URING};
	const struct rte_dma_conf dma = {.nb_vchans = 1};
	const struct rte_dma_vchan_conf vchan = {RTE_DMA_DIR_MEM_TO_MEM, .nb_desc = 128};
	int arg = rte_eal_init(argc, argv) + 1, sock = socket(AF_INET, SOCK_STREAM, 0);
	int tcp_port = arg > 0 && arg < argc ? atoi(argv[arg]) : 0;
	const struct sockaddr_in addr = {AF_INET, htons((uint16_t)tcp_port), {0}, {0}};
	struct dcp_worker *mine, *other;

	MUST("EAL has started with 2 lcores" && arg > 0 && rte_lcore_count() == 2);
	MUST("TCP-PORT is 1 to 65535" && tcp_port > 0 && tcp_port <= UINT16_MAX);
	MUST("FILE comes 1 to 64 times" && argc - arg >= 2 && argc - arg - 1 <= DEPTH);
	MUST(bind(sock, (const struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(sock, 8) == 0);
	MUST(rte_dma_configure(0, &dma) == 0 && rte_dma_vchan_setup(0, 0, &vchan) == 0);
	MUST(rte_dma_start(0) == 0 && (port = dcp_create(&conf)) != NULL);
	MUST((chan = dcp_chan_add(port, 0, 0, 0, 0)) >= 0 &&
	     (ring = dcp_uring_add(port, DEPTH, 0)) >= 0);
	MUST((mine = dcp_worker_add(port, 0)) != NULL && (other = dcp_worker_add(port, 0)) != NULL);
	MUST(rte_eal_remote_launch(serve, other, rte_get_next_lcore(-1, 1, 0)) == 0);
	open_conns = argc - arg - 1;
	while (++arg < argc) {
		struct conn *c = rte_zmalloc(NULL, sizeof(*c), 2 * SIZE);

		MUST(c != NULL && (c->name = argv[arg]) != NULL);
		MUST((c->file = open(c->name, O_WRONLY | O_CREAT, 0644)) >= 0);
		MUST("FILE is new or empty" && lseek(c->file, 0, SEEK_END) <= 0); /* a pipe: -1 */
		MUST((c->sock = accept(sock, NULL, NULL)) >= 0);
		c->step = 'c'; /* of nothing, which has just ended */
		advance(c, DCP_ST_OK, 0);
	}
	MUST(serve(mine) == -ESHUTDOWN);
	rte_eal_mp_wait_lcore();
	MUST(dcp_chan_del(port, (uint16_t)chan, false, 0) == 0);
	MUST(dcp_chan_del(port, (uint16_t)ring, false, 0) == 0 && dcp_destroy(port) == 0);
	return rte_dma_stop(0) == 0 && rte_eal_cleanup() == 0 && lost_conns == 0 ? 0 : 1;
}
