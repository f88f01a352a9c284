/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "test.h"

#include <errno.h>

#include "map.h"

static struct map_stream st[64];

static int
lcores_used(const struct map_lcore *lcores, int n)
{
	int used = 0;

	for (int i = 0; i < n; i++)
		used += lcores[i].nb_streams != 0;
	return used;
}

TEST(ports_are_paired_and_an_odd_last_one_is_its_own_peer)
{
	CHECK_INT(map_peer(0, 1), ==, 0);
	CHECK_INT(map_peer(0, 2), ==, 1);
	CHECK_INT(map_peer(1, 2), ==, 0);
	CHECK_INT(map_peer(2, 3), ==, 2);
	CHECK_INT(map_peer(2, 4), ==, 3);
	CHECK_INT(map_peer(3, 4), ==, 2);
}

TEST(each_queue_is_one_stream_to_the_peer)
{
	const struct map_port ports[] = {{4, 2, 0}, {7, 2, 0}};
	struct map_lcore lcores[] = {{.id = 0}};

	CHECK_INT(map_streams(st, ports, 2, 2, lcores, 1), ==, 4);
	CHECK_INT(st[1].rx_port, ==, 4);
	CHECK_INT(st[1].rx_queue, ==, 1);
	CHECK_INT(st[1].tx_port, ==, 7);
	CHECK_INT(st[1].tx_queue, ==, 1);
	CHECK_INT(st[2].rx_port, ==, 7);
	CHECK_INT(st[2].tx_port, ==, 4);
	CHECK_INT(lcores[0].nb_streams, ==, 4);
}

TEST(streams_spread_evenly_over_lcores)
{
	const struct map_port ports[] = {{0, 3, 0}, {1, 3, 0}};
	struct map_lcore lcores[] = {{.id = 1}, {.id = 2}, {.id = 0}};

	CHECK_INT(map_streams(st, ports, 2, 3, lcores, 3), ==, 6);
	for (int i = 0; i < 3; i++)
		CHECK_INT(lcores[i].nb_streams, ==, 2);
}

TEST(the_last_lcore_stays_free_when_it_is_not_needed)
{
	const struct map_port ports[] = {{0, 1, 0}, {1, 1, 0}};
	struct map_lcore lcores[] = {{.id = 1}, {.id = 2}, {.id = 0}};

	map_streams(st, ports, 2, 1, lcores, 3);
	CHECK_INT(lcores[2].nb_streams, ==, 0);
	CHECK_INT(lcores_used(lcores, 3), ==, 2);
}

TEST(an_lcore_on_the_port_s_socket_is_preferred)
{
	const struct map_port ports[] = {{0, 1, 1}};
	struct map_lcore lcores[] = {{.id = 1, .socket_id = 0}, {.id = 2, .socket_id = 1}};

	map_streams(st, ports, 1, 1, lcores, 2);
	CHECK_INT(st[0].lcore, ==, 1);
}

TEST(writers_of_one_transmit_queue_share_an_lcore)
{
	const struct map_port ports[] = {{0, 1, 0}, {1, 2, 0}};
	struct map_lcore lcores[] = {{.id = 0}, {.id = 1}, {.id = 2}, {.id = 3}};
	uint16_t n = map_streams(st, ports, 2, 4, lcores, 4);

	CHECK_INT(n, ==, 8);
	for (uint16_t i = 0; i < n; i++) {
		for (uint16_t j = 0; j < n; j++) {
			if (st[i].tx_port == st[j].tx_port && st[i].tx_queue == st[j].tx_queue)
				CHECK_INT(st[i].lcore, ==, st[j].lcore);
		}
	}
	CHECK_INT(lcores_used(lcores, 4), ==, 3); /* port 0: one queue, port 1: two */
}

TEST(transmit_queues_stay_within_those_the_peer_has)
{
	const struct map_port ports[] = {{0, 3, 0}, {1, 2, 0}};
	struct map_lcore lcores[] = {{.id = 0}};
	uint16_t n = map_streams(st, ports, 2, 4, lcores, 1);

	for (uint16_t i = 0; i < n; i++)
		CHECK_INT(st[i].tx_queue, <, st[i].tx_port == 0 ? 3 : 2);
}

TEST(each_lcore_gets_a_device_before_any_gets_two)
{
	struct map_lcore lcores[] = {{.nb_streams = 3}, {.nb_streams = 3}, {.nb_streams = 0}};
	struct map_dev devs[3] = {{.id = 0}, {.id = 1}, {.id = 2}};

	CHECK_INT(map_devs(devs, 3, lcores, 3), ==, 0);
	CHECK_INT(lcores[0].nb_devs, ==, 2);
	CHECK_INT(lcores[1].nb_devs, ==, 1);
	CHECK_INT(lcores[2].nb_devs, ==, 0);
}

TEST(a_device_on_the_lcore_s_socket_is_preferred)
{
	struct map_lcore lcores[] = {{.socket_id = 1, .nb_streams = 1},
	                             {.socket_id = 0, .nb_streams = 1}};
	struct map_dev devs[] = {{.id = 0, .socket_id = 0}, {.id = 1, .socket_id = 1}};

	CHECK_INT(map_devs(devs, 2, lcores, 2), ==, 0);
	CHECK_INT(devs[0].lcore, ==, 1);
	CHECK_INT(devs[1].lcore, ==, 0);
}

TEST(a_device_of_unknown_socket_serves_when_there_is_no_other)
{
	struct map_lcore lcores[] = {{.socket_id = 0, .nb_streams = 1}};
	struct map_dev devs[] = {{.id = 5, .socket_id = -1}};

	CHECK_INT(map_devs(devs, 1, lcores, 1), ==, 0);
	CHECK_INT(devs[0].lcore, ==, 0);
}

TEST(no_lcore_gets_more_devices_than_streams)
{
	struct map_lcore lcores[] = {{.nb_streams = 2}};
	struct map_dev devs[4] = {{.id = 0}, {.id = 1}, {.id = 2}, {.id = 3}};

	CHECK_INT(map_devs(devs, 4, lcores, 1), ==, 0);
	CHECK_INT(lcores[0].nb_devs, ==, 2);
	CHECK_INT(devs[2].lcore, ==, -1);
	CHECK_INT(devs[3].lcore, ==, -1);
}

TEST(fewer_devices_than_polling_lcores_is_an_error)
{
	struct map_lcore lcores[] = {{.nb_streams = 1}, {.nb_streams = 1}};
	struct map_dev devs[] = {{.id = 0}};

	CHECK_INT(map_devs(devs, 1, lcores, 2), ==, -ENODEV);
	CHECK_INT(map_devs(devs, 0, lcores, 2), ==, -ENODEV);
}

TEST_MAIN("dmafwd_map")
