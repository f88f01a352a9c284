/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_MAP_H
#define DMAFWD_MAP_H

/**
 * @file
 * Who does what: ports are paired, streams dealt to lcores, DMA devices given to lcores. Pure
 * arithmetic on numbers that the caller has collected.
 */

#include <stdint.h>

#include <rte_config.h>

#include "config.h"

#define MAP_MAX_STREAMS (CONFIG_MAX_PORTS * CONFIG_MAX_QUEUES)
#define MAP_ANY_SOCKET  (-1)

struct map_port {
	uint16_t id;
	uint16_t nb_txq; /* transmit queues set up, 1 to the number of receive queues */
	int socket_id;
};

struct map_lcore {
	unsigned int id;
	int socket_id;
	uint16_t nb_streams; /* result of map_streams(); 0: the lcore is not needed */
	uint16_t nb_devs;    /* result of map_devs() */
};

struct map_stream {
	uint16_t rx_port, rx_queue;
	uint16_t tx_port, tx_queue;
	uint16_t lcore; /* index in the array of lcores */
};

struct map_dev {
	int16_t id;
	int socket_id;
	int lcore; /* result: index in the array of lcores, -1: not used */
};

/**
 * @return the index of the port that packets from port @p i leave by: 0 and 1, 2 and 3, ...; an odd
 * last one itself.
 */
uint16_t map_peer(uint16_t i, uint16_t nb_ports);

/**
 * Lay out @p nb_ports * @p nb_queues streams and deal them to lcores, the least loaded first, then
 * the one on the port's socket, then the first in the array. Streams that write to the same
 * transmit queue stay together.
 * @return the number of streams
 */
uint16_t map_streams(struct map_stream *streams, const struct map_port *ports, uint16_t nb_ports,
                     uint16_t nb_queues, struct map_lcore *lcores, uint16_t nb_lcores);

/**
 * Give each lcore that has streams a device, on its own socket if there is one, and then more while
 * there are devices, at most one per stream. A device belongs to one lcore.
 * @return 0; -ENODEV: fewer devices than lcores that need one.
 */
int map_devs(struct map_dev *devs, uint16_t nb_devs, struct map_lcore *lcores, uint16_t nb_lcores);

#endif /* DMAFWD_MAP_H */
