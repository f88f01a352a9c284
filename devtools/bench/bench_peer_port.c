/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_memory.h>

#include "bench_peer_port.h"

int
bench_port_open(struct bench_port *p, uint32_t flags)
{
	static unsigned int number;
	char name[32];
	const struct dcp_conf conf = {
		.name = name,
		.socket_id = SOCKET_ID_ANY,
		.max_chans = 1,
		.max_workers = 1,
		.flags = flags,
	};

	snprintf(name, sizeof(name), "bench-peer%u", number++);
	p->chan = -1;
	p->worker = NULL;
	p->port = dcp_create(&conf);
	if (p->port == NULL)
		return -rte_errno;
	p->worker = dcp_worker_add(p->port, DCP_WORKER_F_NOSLEEP);
	return p->worker == NULL ? -rte_errno : 0;
}

int
bench_port_take(struct bench_port *p, uint16_t n, uint64_t *ctx)
{
	unsigned int got = 0, tries = 0, bad = 0;
	int rc;

	while (got < n) {
		rc = dcp_get(p->worker, p->cpl, (uint16_t)(n - got), 0);
		if (rc == -EAGAIN && tries++ < BENCH_PEER_TRIES)
			continue;
		if (rc < 0)
			return rc == -EAGAIN ? -ETIMEDOUT : rc;
		for (int i = 0; i < rc; i++) {
			*ctx++ = p->cpl[i].ctx;
			bad |= p->cpl[i].status;
		}
		got += (unsigned int)rc;
	}
	return bad == 0 ? 0 : -EIO;
}

int
bench_port_close(struct bench_port *p)
{
	int rc = 0;

	dcp_worker_del(p->worker);
	if (p->port == NULL)
		return 0;
	dcp_close(p->port);
	if (p->chan >= 0)
		rc = dcp_chan_del(p->port, (uint16_t)p->chan, false, 0);
	return rc == 0 ? dcp_destroy(p->port) : rc;
}

/* --- with a channel */

struct port_peer {
	struct bench_port port;
	struct dcp_op ops[BENCH_PEER_BURST];
};

static int
port_close(void *state)
{
	struct port_peer *p = state;
	int rc = bench_port_close(&p->port);

	free(p);
	return rc;
}

static int
port_open(void **state, int16_t dma_id)
{
	struct port_peer *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return -ENOMEM;
	rc = bench_port_open(&p->port, 0);
	if (rc == 0) {
		rc = dcp_chan_add(p->port.port, dma_id, 0, 0, 0);
		p->port.chan = rc;
	}
	if (rc >= 0) {
		*state = p;
		return 0;
	}
	port_close(p);
	return rc;
}

static int
port_burst(void *state, uint16_t n, uint64_t first, uint64_t *ctx)
{
	struct port_peer *p = state;
	int rc;

	for (uint16_t i = 0; i < n; i++)
		p->ops[i] = (struct dcp_op){
			.ctx = first + i,
			.src = BENCH_PEER_SRC + i * BENCH_PEER_LENGTH,
			.dst = BENCH_PEER_DST + i * BENCH_PEER_LENGTH,
			.len = BENCH_PEER_LENGTH,
		};
	rc = dcp_issue(p->port.port, (uint16_t)p->port.chan, p->ops, n);
	if (rc != n)
		return rc < 0 ? rc : -ENOSPC;
	return bench_port_take(&p->port, n, ctx);
}

const struct bench_peer bench_peer_port = {
	.who = "port",
	.on_device = true,
	.open = port_open,
	.burst = port_burst,
	.close = port_close,
};
