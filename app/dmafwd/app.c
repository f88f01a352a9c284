/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "app.h"

#include <errno.h>
#include <inttypes.h>

#include <rte_dmadev.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "log.h"
#include "removal.h"

#define POOL_CACHE 256
/* A burst is received while the stream may keep one more buffer; the largest frame takes 32. */
#define BURST_BUFFERS (RX_BURST * 32)

static uint16_t
app_ring_size(const struct app *app)
{
	return app->cfg.ring_size != 0 ? app->cfg.ring_size : CONFIG_DEFAULT_RING;
}

/* Each packet that a stream keeps is at most itself and its copy. */
static uint32_t
app_stream_buffers(const struct app *app)
{
	return 2 * (uint32_t)app_ring_size(app);
}

static int
app_socket(int socket_id)
{
	return socket_id >= 0 && socket_id < RTE_MAX_NUMA_NODES ? socket_id : 0;
}

static struct port *
app_find_port(struct app *app, uint16_t id)
{
	struct port *p = app->ports;

	while (p->id != id)
		p++;
	return p;
}

static int
app_configure_ports(struct app *app)
{
	char err[CONFIG_ERROR_SIZE];
	int rc = config_check_ports(&app->cfg, ports_present(), err);

	if (rc != 0) {
		FWD_LOG(ERR, "%s", err);
		return rc;
	}
	for (uint16_t id = 0; id < CONFIG_MAX_PORTS; id++) {
		if ((app->cfg.portmask & (UINT64_C(1) << id)) == 0)
			continue;
		rc = port_configure(&app->ports[app->nb_ports++], id, &app->cfg);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Workers come first: the main lcore polls only when there is work for it too. */
static void
app_list_lcores(struct app *app)
{
	unsigned int id;

	RTE_LCORE_FOREACH_WORKER (id)
		app->lcores[app->nb_lcores++].id = id;
	app->lcores[app->nb_lcores++].id = rte_get_main_lcore();
	for (uint16_t i = 0; i < app->nb_lcores; i++)
		app->lcores[i].socket_id = (int)rte_lcore_to_socket_id(app->lcores[i].id);
}

/* DMA devices that copy memory to memory. @return their number. */
static uint16_t
app_find_devs(struct map_dev *devs, uint16_t max)
{
	const uint64_t need = RTE_DMA_CAPA_MEM_TO_MEM | RTE_DMA_CAPA_OPS_COPY;
	struct rte_dma_info info;
	uint16_t n = 0;
	int16_t id;

	RTE_DMA_FOREACH_DEV (id) {
		if (n == max || rte_dma_info_get(id, &info) != 0 || (info.dev_capa & need) != need)
			continue;
		devs[n++] = (struct map_dev){.id = id, .socket_id = info.numa_node};
	}
	return n;
}

/* A device belongs to one lcore: beyond their number lcores stay out, the main one first. */
static int
app_limit_lcores(struct app *app)
{
	struct map_dev devs[RTE_DMADEV_DEFAULT_MAX];
	uint16_t n = app_find_devs(devs, RTE_DIM(devs));

	app->nb_polling = app->nb_lcores;
	if (app->cfg.copy_type == COPY_TYPE_SW)
		return 0;
	if (n == 0) {
		FWD_LOG(ERR, "option -c/--copy-type hw: needs a DMA device, found none: bind one, "
		             "add one before the \"--\" (--vdev=dma_skeleton) or use -c sw");
		return -ENODEV;
	}
	app->nb_polling = RTE_MIN(app->nb_polling, n);
	return 0;
}

static int
app_map_streams(struct app *app)
{
	struct map_port mp[CONFIG_MAX_PORTS];
	uint16_t n = app->nb_ports * app->cfg.nb_queues;

	for (uint16_t i = 0; i < app->nb_ports; i++)
		mp[i] = (struct map_port){app->ports[i].id, app->ports[i].nb_txq,
		                          app->ports[i].socket_id};
	app->map = rte_calloc("map", n, sizeof(app->map[0]), 0);
	app->streams = rte_calloc("streams", n, sizeof(app->streams[0]), RTE_CACHE_LINE_SIZE);
	app->copiers = rte_calloc("copiers", n, sizeof(app->copiers[0]), 0);
	app->lcore_streams = rte_calloc("streams", n, sizeof(app->lcore_streams[0]), 0);
	if (app->map == NULL || app->streams == NULL || app->copiers == NULL ||
	    app->lcore_streams == NULL) {
		FWD_LOG(ERR, "no memory for %u streams", n);
		return -ENOMEM;
	}
	app->nb_streams = map_streams(app->map, mp, app->nb_ports, app->cfg.nb_queues, app->lcores,
	                              app->nb_polling);
	return 0;
}

static int
app_create_pool(struct rte_mempool **pool, const char *what, int socket_id, uint32_t n,
                uint16_t data_room)
{
	uint16_t size = (uint16_t)(RTE_PKTMBUF_HEADROOM + data_room);
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "dmafwd_%s_%d", what, socket_id);
	*pool = rte_pktmbuf_pool_create(name, n, POOL_CACHE, 0, size, socket_id);
	if (*pool == NULL) /* a socket may have no memory of its own */
		*pool = rte_pktmbuf_pool_create(name, n, POOL_CACHE, 0, size, SOCKET_ID_ANY);
	if (*pool != NULL)
		return 0;
	FWD_LOG(ERR,
	        "no memory for %" PRIu32 " packet buffers of %u bytes: give EAL more (-m), or "
	        "lower -s or -q: %s",
	        n, size, rte_strerror(rte_errno));
	return -rte_errno;
}

static int
app_create_pools(struct app *app)
{
	uint32_t rx[RTE_MAX_NUMA_NODES] = {0}, copy[RTE_MAX_NUMA_NODES] = {0};
	uint16_t room[RTE_MAX_NUMA_NODES] = {0};
	uint32_t per_stream = app_stream_buffers(app) + BURST_BUFFERS;
	uint32_t caches = (app->nb_lcores + 1U) * POOL_CACHE * 2;
	int rc = 0;

	for (uint16_t i = 0; i < app->nb_ports; i++) {
		const struct port *p = &app->ports[i];
		int s = app_socket(p->socket_id);

		rx[s] += p->nb_rxq * (p->nb_rxd + per_stream);
		room[s] = RTE_MAX(room[s], p->limits.buffer);
		/* Copies of the peer's packets leave here; it has as many queues. */
		copy[s] += p->nb_txq * p->nb_txd + p->nb_rxq * per_stream;
	}
	for (int s = 0; s < RTE_MAX_NUMA_NODES && rc == 0; s++) {
		if (rx[s] == 0)
			continue;
		rc = app_create_pool(&app->rx_pools[s], "rx", s, rx[s] + caches, room[s]);
		if (rc == 0)
			rc = app_create_pool(&app->copy_pools[s], "copy", s, copy[s] + caches,
			                     RTE_MBUF_DEFAULT_DATAROOM);
	}
	return rc;
}

/* The copiers of lcore @p l, with those of @p devs that are its. */
static int
app_open_group(struct app *app, uint16_t l, const struct map_dev *devs, uint16_t nb_devs)
{
	const struct map_lcore *ml = &app->lcores[l];
	const struct copier_group_conf gc = {
		.lcore_id = ml->id,
		.max_devs = ml->nb_devs,
		.ring_size = app_ring_size(app),
		.socket_id = ml->socket_id,
	};
	int rc = copier_group_open(&app->groups[l], &gc);

	for (uint16_t i = 0; i < nb_devs && rc == 0; i++) {
		const struct copier_dma_conf conf = {
			.group = app->groups[l],
			.dev_id = devs[i].id,
			.ring_size = app->cfg.ring_size,
			.batch_size = app->cfg.batch_size,
			.socket_id = ml->socket_id,
		};

		if (devs[i].lcore != l)
			continue;
		rc = copier_dma_open(&app->copiers[app->nb_copiers], &conf);
		if (rc == 0)
			app->nb_copiers++;
	}
	return rc;
}

static int
app_open_dma(struct app *app)
{
	struct map_dev devs[RTE_DMADEV_DEFAULT_MAX];
	uint16_t n = app_find_devs(devs, RTE_DIM(devs));
	int rc = map_devs(devs, n, app->lcores, app->nb_polling);

	if (rc != 0) /* one that was there is gone */
		return rc;
	for (uint16_t l = 0; l < app->nb_polling && rc == 0; l++) {
		if (app->lcores[l].nb_devs != 0)
			rc = app_open_group(app, l, devs, n);
	}
	return rc;
}

static int
app_open_cpu(struct app *app)
{
	for (uint16_t l = 0; l < app->nb_lcores; l++) {
		if (app->lcores[l].nb_streams == 0)
			continue;
		app->copiers[app->nb_copiers] =
			copier_cpu_open(app_ring_size(app), app->lcores[l].socket_id);
		if (app->copiers[app->nb_copiers] == NULL) {
			FWD_LOG(ERR, "no memory for the copies of lcore %u", app->lcores[l].id);
			return -ENOMEM;
		}
		app->lcores[l].nb_devs = 1;
		app->nb_copiers++;
	}
	return 0;
}

static int
app_open_stream(struct app *app, uint16_t i, struct copier *copier)
{
	const struct map_stream *ms = &app->map[i];
	const struct port *out = app_find_port(app, ms->tx_port);
	struct stream *s = &app->streams[i];

	s->rx_port = ms->rx_port;
	s->rx_queue = ms->rx_queue;
	s->tx_port = ms->tx_port;
	s->tx_queue = ms->tx_queue;
	s->copier = copier;
	s->pool = app->copy_pools[app_socket(out->socket_id)];
	s->engine = app->cfg.mac_updating ? &fwd_mac : &fwd_io;
	s->fwd.src = out->addr;
	s->fwd.dst = (struct rte_ether_addr){{0x02, 0, 0, 0, 0, (uint8_t)ms->tx_port}};
	s->max_len = RTE_MIN(app_find_port(app, ms->rx_port)->limits.rx, out->limits.tx);
	if (app->cfg.max_frame != 0)
		s->max_len = RTE_MIN(s->max_len, app->cfg.max_frame - RTE_ETHER_CRC_LEN);
	s->max_buffers = app_stream_buffers(app);
	return stream_init(s, app_ring_size(app), app->lcores[ms->lcore].socket_id);
}

/* Give each lcore's loop its part of the arrays of streams and copiers. */
static int
app_open_loops(struct app *app)
{
	uint16_t next_stream = 0, next_copier = 0;
	int rc;

	for (uint16_t l = 0; l < app->nb_lcores; l++) {
		struct lcore *lc = &app->loops[l];

		*lc = (struct lcore){
			.id = app->lcores[l].id,
			.streams = &app->lcore_streams[next_stream],
			.copiers = &app->copiers[next_copier],
			.nb_copiers = app->lcores[l].nb_devs,
			.group = app->groups[l],
			.stop = &app->stop,
		};
		for (uint16_t i = 0; i < app->nb_streams; i++) {
			if (app->map[i].lcore != l)
				continue;
			rc = app_open_stream(app, i, lc->copiers[lc->nb_streams % lc->nb_copiers]);
			if (rc != 0) {
				FWD_LOG(ERR, "no memory for a queue of %u packets",
				        app_ring_size(app));
				return rc;
			}
			lc->streams[lc->nb_streams++] = &app->streams[i];
		}
		next_stream += lc->nb_streams;
		next_copier += lc->nb_copiers;
	}
	return 0;
}

int
app_open(struct app *app)
{
	int rc = app_configure_ports(app);

	if (rc != 0)
		return rc;
	app_list_lcores(app);
	rc = app_limit_lcores(app);
	if (rc == 0)
		rc = app_map_streams(app);
	if (rc == 0)
		rc = app->cfg.copy_type == COPY_TYPE_HW ? app_open_dma(app) : app_open_cpu(app);
	if (rc == 0)
		rc = app_create_pools(app);
	for (uint16_t i = 0; i < app->nb_ports && rc == 0; i++)
		rc = port_start(&app->ports[i], app->rx_pools[app_socket(app->ports[i].socket_id)]);
	if (rc == 0)
		rc = app_open_loops(app);
	if (rc == 0)
		rc = removal_watch(app->copiers, app->nb_copiers);
	return rc;
}

static void
app_free_pool(struct rte_mempool *pool)
{
	/* A port without an end of its own, such as net_ring, may keep what was sent to it. */
	if (pool != NULL && rte_mempool_in_use_count(pool) != 0)
		FWD_LOG(INFO, "pool %s: %u buffers did not come back", pool->name,
		        rte_mempool_in_use_count(pool));
	rte_mempool_free(pool);
}

void
app_close(struct app *app)
{
	removal_unwatch();
	for (uint16_t i = 0; i < app->nb_ports; i++)
		port_stop(&app->ports[i]);
	for (uint16_t i = 0; i < app->nb_copiers; i++)
		app->copiers[i]->ops->close(app->copiers[i]);
	for (uint16_t l = 0; l < app->nb_lcores; l++)
		copier_group_close(app->groups[l]);
	for (uint16_t i = 0; i < app->nb_ports; i++)
		port_close(&app->ports[i]);
	for (uint16_t i = 0; i < app->nb_streams; i++)
		stream_fini(&app->streams[i]);
	for (unsigned int s = 0; s < RTE_MAX_NUMA_NODES; s++) {
		app_free_pool(app->rx_pools[s]);
		app_free_pool(app->copy_pools[s]);
	}
	rte_free(app->map);
	rte_free(app->streams);
	rte_free(app->copiers);
	rte_free(app->lcore_streams);
}
