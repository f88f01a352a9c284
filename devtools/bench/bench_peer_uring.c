/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* No system call is saved by polling on another processor (SQPOLL): one thread does it all. */

#include <errno.h>
#include <stdlib.h>

#include <liburing.h>

#include "bench_peer.h"
#include "bench_peer_port.h"
#include "dcp_uring.h"

/* --- io_uring as it is */

static int
nop_open_with(void **state, unsigned int flags)
{
	struct io_uring *ring = calloc(1, sizeof(*ring));
	int rc;

	if (ring == NULL)
		return -ENOMEM;
	rc = io_uring_queue_init(BENCH_PEER_DEPTH, ring, flags);
	if (rc == 0) {
		*state = ring;
		return 0;
	}
	free(ring);
	return rc == -ENOSYS || rc == -EPERM || rc == -EINVAL ? -ENOTSUP : rc;
}

static int
nop_open_default(void **state, int16_t dma_id)
{
	RTE_SET_USED(dma_id);
	return nop_open_with(state, 0);
}

static int
nop_open(void **state, int16_t dma_id)
{
	int rc = nop_open_with(state, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);

	RTE_SET_USED(dma_id);
	if (rc == 0) {
		/* Saves the look-up of the descriptor. It returns the number registered. */
		rc = io_uring_register_ring_fd(*state);
		if (rc == 1)
			return 0;
		io_uring_queue_exit(*state);
		free(*state);
		rc = rc < 0 ? rc : -EIO;
	}
	return rc;
}

static int
nop_take(struct io_uring *ring, uint16_t n, uint64_t *ctx)
{
	unsigned int got = 0, tries = 0, found, head;
	struct io_uring_cqe *cqe;
	int res = 0, rc;

	for (;;) {
		found = 0;
		io_uring_for_each_cqe(ring, head, cqe)
		{
			if (got + found == n)
				break;
			ctx[got + found] = cqe->user_data;
			res |= cqe->res;
			found++;
		}
		io_uring_cq_advance(ring, found);
		got += found;
		if (got >= n)
			break;
		if (tries++ == BENCH_PEER_TRIES)
			return -ETIMEDOUT;
		rc = io_uring_get_events(ring);
		if (rc < 0)
			return rc;
	}
	return res == 0 ? 0 : -EIO;
}

static int
nop_burst(void *state, uint16_t n, uint64_t first, uint64_t *ctx)
{
	struct io_uring *ring = state;
	struct io_uring_sqe *sqe;
	int rc;

	for (uint16_t i = 0; i < n; i++) {
		sqe = io_uring_get_sqe(ring);
		if (sqe == NULL)
			return -ENOSPC;
		io_uring_prep_nop(sqe);
		sqe->user_data = first + i;
	}
	rc = io_uring_submit(ring);
	if (rc != n)
		return rc < 0 ? rc : -ENOSPC;
	return nop_take(ring, n, ctx);
}

static int
nop_close(void *state)
{
	io_uring_queue_exit(state);
	free(state);
	return 0;
}

const struct bench_peer bench_peer_nop = {
	.who = "nop",
	.open = nop_open,
	.burst = nop_burst,
	.close = nop_close,
};

const struct bench_peer bench_peer_nop_default = {
	.who = "nop-default",
	.open = nop_open_default,
	.burst = nop_burst,
	.close = nop_close,
};

/* --- a ring on the port */

struct port_ring {
	struct bench_port port;
	struct io_uring_sqe sqes[BENCH_PEER_BURST];
};

static int
port_ring_close(void *state)
{
	struct port_ring *p = state;
	int rc = bench_port_close(&p->port);

	free(p);
	return rc;
}

static int
port_ring_open(void **state, int16_t dma_id)
{
	struct port_ring *p = calloc(1, sizeof(*p));
	int rc;

	RTE_SET_USED(dma_id);
	if (p == NULL)
		return -ENOMEM;
	rc = bench_port_open(&p->port, DCP_F_URING);
	if (rc == 0) {
		rc = dcp_uring_add(p->port.port, BENCH_PEER_DEPTH, 0);
		p->port.chan = rc;
	}
	if (rc >= 0) {
		*state = p;
		return 0;
	}
	port_ring_close(p);
	return rc == -EPERM || rc == -EACCES || rc == -ENOSYS ? -ENOTSUP : rc;
}

static int
port_ring_burst(void *state, uint16_t n, uint64_t first, uint64_t *ctx)
{
	struct port_ring *p = state;
	int rc;

	for (uint16_t i = 0; i < n; i++) {
		io_uring_prep_nop(dcp_uring_sqe_clear(&p->sqes[i]));
		p->sqes[i].user_data = first + i;
	}
	rc = dcp_uring_issue(p->port.port, (uint16_t)p->port.chan, p->sqes, n);
	if (rc != n)
		return rc < 0 ? rc : -ENOSPC;
	return bench_port_take(&p->port, n, ctx);
}

const struct bench_peer bench_peer_port_ring = {
	.who = "port-ring",
	.open = port_ring_open,
	.burst = port_ring_burst,
	.close = port_ring_close,
};
