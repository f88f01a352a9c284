/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "map.h"

#include <errno.h>
#include <stdbool.h>

uint16_t
map_peer(uint16_t i, uint16_t nb_ports)
{
	uint16_t peer = i ^ 1;

	return peer < nb_ports ? peer : i;
}

/* The lcore for one more stream of a port on @p socket_id. */
static uint16_t
map_pick_lcore(const struct map_lcore *lcores, uint16_t nb_lcores, int socket_id)
{
	uint16_t best = 0;

	for (uint16_t i = 1; i < nb_lcores; i++) {
		if (lcores[i].nb_streams < lcores[best].nb_streams ||
		    (lcores[i].nb_streams == lcores[best].nb_streams &&
		     lcores[i].socket_id == socket_id && lcores[best].socket_id != socket_id))
			best = i;
	}
	return best;
}

/* A stream before @p s that sends to the same queue, or NULL. */
static const struct map_stream *
map_find_writer(const struct map_stream *streams, const struct map_stream *s)
{
	for (; streams < s; streams++) {
		if (streams->tx_port == s->tx_port && streams->tx_queue == s->tx_queue)
			return streams;
	}
	return NULL;
}

uint16_t
map_streams(struct map_stream *streams, const struct map_port *ports, uint16_t nb_ports,
            uint16_t nb_queues, struct map_lcore *lcores, uint16_t nb_lcores)
{
	struct map_stream *s = streams;

	for (uint16_t p = 0; p < nb_ports; p++) {
		const struct map_port *peer = &ports[map_peer(p, nb_ports)];

		for (uint16_t q = 0; q < nb_queues; q++, s++) {
			const struct map_stream *writer;

			s->rx_port = ports[p].id;
			s->rx_queue = q;
			s->tx_port = peer->id;
			s->tx_queue = q % peer->nb_txq;
			writer = map_find_writer(streams, s);
			if (writer != NULL)
				s->lcore = writer->lcore;
			else
				s->lcore = map_pick_lcore(lcores, nb_lcores, ports[p].socket_id);
			lcores[s->lcore].nb_streams++;
		}
	}
	return (uint16_t)(s - streams);
}

/* A free device on @p socket_id. */
static struct map_dev *
map_take_dev(struct map_dev *devs, uint16_t nb_devs, int socket_id)
{
	for (uint16_t i = 0; i < nb_devs; i++) {
		if (devs[i].lcore < 0 &&
		    (socket_id == MAP_ANY_SOCKET || devs[i].socket_id == socket_id))
			return &devs[i];
	}
	return NULL;
}

/* Bring each lcore that has more than @p have streams from @p have to one more device. */
static void
map_devs_round(struct map_dev *devs, uint16_t nb_devs, struct map_lcore *lcores, uint16_t nb_lcores,
               uint16_t have, bool local)
{
	for (uint16_t i = 0; i < nb_lcores; i++) {
		struct map_dev *dev;

		if (lcores[i].nb_devs != have || lcores[i].nb_streams <= have)
			continue;
		dev = map_take_dev(devs, nb_devs, local ? lcores[i].socket_id : MAP_ANY_SOCKET);
		if (dev == NULL)
			continue;
		dev->lcore = i;
		lcores[i].nb_devs++;
	}
}

int
map_devs(struct map_dev *devs, uint16_t nb_devs, struct map_lcore *lcores, uint16_t nb_lcores)
{
	for (uint16_t i = 0; i < nb_devs; i++)
		devs[i].lcore = -1;
	for (uint16_t i = 0; i < nb_lcores; i++)
		lcores[i].nb_devs = 0;
	for (uint16_t have = 0; have < nb_devs; have++) {
		map_devs_round(devs, nb_devs, lcores, nb_lcores, have, true);
		map_devs_round(devs, nb_devs, lcores, nb_lcores, have, false);
	}
	for (uint16_t i = 0; i < nb_lcores; i++) {
		if (lcores[i].nb_streams != 0 && lcores[i].nb_devs == 0)
			return -ENODEV;
	}
	return 0;
}
