/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_PORT_H
#define DMAFWD_PORT_H

/**
 * @file
 * Ethernet ports: check, set up, start, stop. All functions log what fails. Main thread only.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "config.h"
#include "kernel_if.h"
#include "frame_limits.h"

struct port {
	uint16_t id;
	uint16_t nb_rxq, nb_txq;
	uint16_t nb_rxd, nb_txd;
	int socket_id;
	enum port_state {
		PORT_CLOSED,
		PORT_CONFIGURED,
		PORT_STARTED,
	} state;
	char name[RTE_ETH_NAME_MAX_LEN];
	const char *driver;
	struct rte_ether_addr addr;
	struct frame_limits limits;
	/* An interface of the kernel outlives the program: it gets back what it had. */
	struct kernel_if kernel;
	bool was_promiscuous;
	bool mtu_changed, promiscuous_changed;
};

/** @return a mask of the ports that exist (ids 0 to 63). */
uint64_t ports_present(void);

/**
 * Check what @p cfg asks of port @p id and configure it, with as many transmit as receive queues or
 * as many as it has.
 * @return 0; a negative errno.
 */
int port_configure(struct port *p, uint16_t id, const struct config *cfg);

/**
 * Set up all queues, receiving into @p pool, whose buffers have limits.buffer bytes of data room at
 * least, and start.
 * @return 0; a negative errno.
 */
int port_start(struct port *p, struct rte_mempool *pool);

/** Whatever was done so far is undone; safe on a port in any state. */
void port_stop(struct port *p);
void port_close(struct port *p);

/**
 * What the port's driver lost before or behind the application, in the form of the other
 * statistics.
 */
void port_print_stats(FILE *out, const struct port *p);

#endif /* DMAFWD_PORT_H */
