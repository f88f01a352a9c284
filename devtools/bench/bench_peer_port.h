/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef BENCH_PEER_PORT_H
#define BENCH_PEER_PORT_H

/**
 * @file
 * A completion port with one channel, for the peers that have one.
 */

#include <stdint.h>

#include "bench_peer.h"
#include "dcp.h"

/** One thread calls. */
struct bench_port {
	struct dcp_port *port;
	struct dcp_worker *worker; /**< never sleeps */
	int chan;                  /**< what adding it returned; negative: there is none */
	struct dcp_cpl cpl[BENCH_PEER_BURST];
};

/** Without a channel as yet. @return 0; what dcp_create() or dcp_worker_add() said. */
int bench_port_open(struct bench_port *p, uint32_t flags);

/** Take @p n completions. @return as bench_peer.burst. */
int bench_port_take(struct bench_port *p, uint16_t n, uint64_t *ctx);

/** Also after bench_port_open() has failed. @return 0; what the port said. */
int bench_port_close(struct bench_port *p);

#endif /* BENCH_PEER_PORT_H */
