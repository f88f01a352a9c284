/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "copier_dma.h"

#include <errno.h>
#include <stdio.h>

#include <rte_cycles.h>
#include <rte_dmadev.h>
#include <rte_malloc.h>

#include "config.h"
#include "log.h"

#define VCHAN 0

void
copier_group_close(struct copier_group *g)
{
	if (g == NULL)
		return;
	if (g->port != NULL) {
		dcp_worker_del(g->worker);
		dcp_close(g->port);
		/* Refused while a device that does not stop has its channel; that was logged. */
		dcp_destroy(g->port);
	}
	rte_free(g);
}

int
copier_group_open(struct copier_group **out, const struct copier_group_conf *conf)
{
	struct dcp_conf pc = {
		.socket_id = conf->socket_id,
		.max_chans = conf->max_devs,
		.max_workers = 1,
		.chan_depth = rte_align32pow2(conf->ring_size),
		.flags = DCP_F_SINGLE,
	};
	struct copier_group *g;
	char name[32];
	int rc = -ENOMEM;

	snprintf(name, sizeof(name), "lcore%u", conf->lcore_id);
	pc.name = name;
	g = rte_zmalloc_socket("copier_group", sizeof(*g), 0, conf->socket_id);
	if (g != NULL) {
		g->port = dcp_create(&pc);
		if (g->port != NULL)
			g->worker = dcp_worker_add(g->port, DCP_WORKER_F_NOSLEEP);
		rc = g->worker != NULL ? 0 : -rte_errno;
	}
	if (rc == 0) {
		*out = g;
		return 0;
	}
	FWD_LOG(ERR, "no completion port for lcore %u: %s", conf->lcore_id, rte_strerror(-rc));
	copier_group_close(g);
	return rc;
}

/* The descriptor ring: as asked for, or the default within what the device takes. */
static int
dma_ring_size(const struct rte_dma_info *info, uint16_t asked)
{
	if (asked == 0 && CONFIG_DEFAULT_RING > info->max_desc)
		return info->max_desc;
	if (asked == 0)
		return RTE_MAX(CONFIG_DEFAULT_RING, (int)info->min_desc);
	if (asked >= info->min_desc && asked <= info->max_desc)
		return asked;
	FWD_LOG(ERR, "option -s/--ring-size: bad value '%u', legal for DMA device %s: %u to %u",
	        asked, info->dev_name, info->min_desc, info->max_desc);
	return -EINVAL;
}

static int
dma_start(int16_t dev_id, const char *name, uint16_t nb_desc)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	const struct rte_dma_vchan_conf vconf = {
		.direction = RTE_DMA_DIR_MEM_TO_MEM,
		.nb_desc = nb_desc,
	};
	int rc = rte_dma_configure(dev_id, &conf);

	if (rc == 0)
		rc = rte_dma_vchan_setup(dev_id, VCHAN, &vconf);
	if (rc == 0)
		rc = rte_dma_start(dev_id);
	if (rc != 0)
		FWD_LOG(ERR, "DMA device %d (%s) does not start with a ring of %u: %s", dev_id,
		        name, nb_desc, rte_strerror(-rc));
	return rc;
}

static void
dma_free(struct copier_dma *cd)
{
	if (cd != NULL)
		rte_free(cd->ops);
	rte_free(cd);
}

/* @return NULL: out of memory. */
static struct copier_dma *
dma_alloc(uint32_t size, const struct copier_dma_conf *conf)
{
	struct copier_dma *cd;

	cd = rte_zmalloc_socket("copier_dma", sizeof(*cd) + size * sizeof(cd->entries[0]),
	                        RTE_CACHE_LINE_SIZE, conf->socket_id);
	if (cd == NULL)
		return NULL;
	cd->ops = rte_zmalloc_socket("copier_dma", conf->batch_size * sizeof(cd->ops[0]),
	                             RTE_CACHE_LINE_SIZE, conf->socket_id);
	if (cd->ops == NULL) {
		dma_free(cd);
		return NULL;
	}
	cd->mask = size - 1;
	cd->batch = conf->batch_size;
	cd->group = conf->group;
	return cd;
}

/* Make the started device a channel of the port, or stop it. */
static int
dma_join(struct copier_dma *cd, int16_t dev_id)
{
	int chan = dcp_chan_add(cd->group->port, dev_id, VCHAN, (uintptr_t)cd, 0);

	if (chan < 0) {
		FWD_LOG(ERR, "DMA device %d does not join the completion port: %s", dev_id,
		        rte_strerror(-chan));
		rte_dma_stop(dev_id);
		return chan;
	}
	cd->chan = (uint16_t)chan;
	cd->running = true;
	return 0;
}

int
copier_dma_open(struct copier **out, const struct copier_dma_conf *conf)
{
	struct rte_dma_info info;
	struct copier_dma *cd;
	int nb_desc, rc;

	rc = rte_dma_info_get(conf->dev_id, &info);
	if (rc != 0) {
		FWD_LOG(ERR, "DMA device %d gives no information: %s", conf->dev_id,
		        rte_strerror(-rc));
		return rc;
	}
	nb_desc = dma_ring_size(&info, conf->ring_size);
	if (nb_desc < 0)
		return nb_desc;
	cd = dma_alloc(rte_align32pow2((uint32_t)nb_desc), conf);
	if (cd == NULL) {
		FWD_LOG(ERR, "DMA device %d (%s): no memory for a ring of %d", conf->dev_id,
		        info.dev_name, nb_desc);
		return -ENOMEM;
	}
	rc = dma_start(conf->dev_id, info.dev_name, (uint16_t)nb_desc);
	if (rc == 0)
		rc = dma_join(cd, conf->dev_id);
	if (rc != 0) {
		dma_free(cd);
		return rc;
	}
	cd->base.ops = &copier_dma_ops;
	cd->base.dev_id = conf->dev_id;
	snprintf(cd->dev_name, sizeof(cd->dev_name), "%s", info.dev_name);
	cd->base.name = cd->dev_name;
	wait_init(&cd->stall, rte_get_tsc_hz(), COPIER_STALL_MS);
	*out = &cd->base;
	return 0;
}

void
copier_dma_close(struct copier *c)
{
	struct copier_dma *cd = (struct copier_dma *)c;
	int rc = -EBUSY;

	/* A device that does not stop may still use its memory: it stays open until the process
	 * ends. One that was removed is closed, and another may have its number.
	 */
	if (rte_dma_get_dev_id_by_name(c->name) != c->dev_id)
		rc = 0;
	else if (!cd->running || copier_dma_stop(cd))
		rc = rte_dma_close(c->dev_id);
	if (rc < 0)
		FWD_LOG(WARNING, "DMA device %d (%s) did not close: %s", c->dev_id, c->name,
		        rte_strerror(-rc));
	dma_free(cd);
}
