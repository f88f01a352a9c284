/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "bench_rig.h"

#define DRAIN_GETS 100000u

static int
open_port(struct bench_rig *rig, const char *name, unsigned int nb_workers, uint32_t flags)
{
	const struct dcp_conf conf = {
		.name = name,
		.socket_id = SOCKET_ID_ANY,
		.max_chans = BENCH_RIG_DEVS,
		.max_workers = BENCH_RIG_WORKERS,
		.post_depth = 64,
	};
	unsigned int i;
	int id;

	rig->port = dcp_create(&conf);
	if (rig->port == NULL)
		return -rte_errno;
	for (i = 0; i < rig->nb_devs; i++) {
		id = dcp_chan_add(rig->port, rig->dev_id[i], 0, i, 0);
		if (id < 0)
			return id;
		rig->chan[i] = (uint16_t)id;
	}
	for (; rig->nb_workers < nb_workers; rig->nb_workers++) {
		rig->worker[rig->nb_workers] = dcp_worker_add(rig->port, flags);
		if (rig->worker[rig->nb_workers] == NULL)
			return -rte_errno;
	}
	return 0;
}

int
bench_rig_open(struct bench_rig *rig, unsigned int nb_devs, enum bench_ideal_finish finish,
               unsigned int nb_workers, uint32_t flags)
{
	static unsigned int number;
	unsigned int i;
	char name[32];
	int rc = 0;

	memset(rig, 0, sizeof(*rig));
	for (i = 0; rc == 0 && i < nb_devs; i++) {
		snprintf(name, sizeof(name), "bench_ideal%u", number++);
		rc = bench_ideal_open(&rig->dev[i], name, BENCH_RIG_RING, finish);
		if (rc < 0)
			break;
		rig->nb_devs = i + 1;
		rig->dev_id[i] = bench_ideal_id(rig->dev[i]);
		rc = bench_ideal_check(rig->dev[i]);
	}
	snprintf(name, sizeof(name), "bench%u", number++);
	if (rc == 0 && nb_workers != 0)
		rc = open_port(rig, name, nb_workers, flags);
	if (rc < 0)
		bench_rig_close(rig);
	return rc;
}

static int
drain(struct bench_rig *rig)
{
	struct dcp_cpl cpl[64];
	unsigned int i;
	int rc = 0;

	dcp_close(rig->port);
	for (i = 0; i < DRAIN_GETS && rc != -ESHUTDOWN && rig->nb_workers != 0; i++)
		rc = dcp_get(rig->worker[0], cpl, RTE_DIM(cpl), 0);
	for (i = 0; i < rig->nb_workers; i++)
		dcp_worker_del(rig->worker[i]);
	for (i = 0, rc = 0; rc == 0 && i < rig->nb_devs; i++)
		rc = dcp_chan_del(rig->port, rig->chan[i], false, 0);
	return rc < 0 ? rc : dcp_destroy(rig->port);
}

int
bench_rig_close(struct bench_rig *rig)
{
	unsigned int i;
	int rc = 0, closed;

	for (i = 0; i < rig->nb_devs; i++)
		bench_ideal_finish(rig->dev[i], UINT32_MAX);
	if (rig->port != NULL)
		rc = drain(rig);
	for (i = 0; i < RTE_DIM(rig->dev); i++) {
		closed = bench_ideal_close(rig->dev[i]);
		rc = rc < 0 ? rc : closed;
	}
	memset(rig, 0, sizeof(*rig));
	return rc;
}
