/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Packets through the asynchronous data path of DPDK's vhost library, copied by a dmadev. Server
 * and guest are one process: the guest is a virtio-user port, whose memory the server maps a second
 * time, as it maps that of a virtual machine.
 *
 * usage: vhost_async [EAL] -- SOCKET DMADEV PACKETS register|forget
 *
 * "register" makes the guest's memory known to EAL, "forget" leaves it to the vhost library alone.
 * Prints "configure: N", then "sent N, copied N, arrived N, different N". Exit code 0: it could.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_dmadev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>
#include <rte_vhost_async.h>

#define LEN     1000
#define BURST   16
#define WAIT_S  60
#define QUIET_S 2
#define GUEST   "net_virtio_user0"

static int16_t dma;
static bool known;
static int guest_vid = -1; /* written by a thread of the vhost library */

/* The remedy of doc/driver.md: what the device shall reach, EAL has to know. */
static void
register_memory(int vid)
{
	struct rte_vhost_memory *mem;
	uint32_t i;

	if (rte_vhost_get_mem_table(vid, &mem) != 0)
		return;
	for (i = 0; i < mem->nregions; i++) {
		void *va = (void *)(uintptr_t)mem->regions[i].host_user_addr;
		size_t page = (size_t)getpagesize();

		if (rte_extmem_register(va, mem->regions[i].size / page * page, NULL, 0, page) != 0)
			printf("region %u is not registered\n", i);
	}
	free(mem);
}

static int
guest_up(int vid)
{
	if (known)
		register_memory(vid);
	if (rte_vhost_async_channel_register(vid, 0) == 0)
		__atomic_store_n(&guest_vid, vid, __ATOMIC_RELEASE);
	return 0;
}

static void
guest_down(int vid)
{
	__atomic_store_n(&guest_vid, -1, __ATOMIC_RELEASE);
	rte_vhost_async_channel_unregister(vid, 0);
}

static const struct rte_vhost_device_ops guest_ops = {
	.new_device = guest_up,
	.destroy_device = guest_down,
};

static int
dma_start(void)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = 1024};

	if (rte_dma_configure(dma, &conf) != 0 || rte_dma_vchan_setup(dma, 0, &vchan) != 0)
		return -1;
	return rte_dma_start(dma);
}

/* The guest's port, whose probe connects to the socket. @return its id, or -1. */
static int
guest_plug(const char *path, struct rte_mempool *pool)
{
	const struct rte_eth_conf conf = {0};
	char args[256];
	uint16_t id;

	snprintf(args, sizeof(args), "path=%s,queues=1,server=0", path);
	if (rte_eal_hotplug_add("vdev", GUEST, args) != 0 ||
	    rte_eth_dev_get_port_by_name(GUEST, &id) != 0 ||
	    rte_eth_dev_configure(id, 1, 1, &conf) != 0 ||
	    rte_eth_rx_queue_setup(id, 0, 256, SOCKET_ID_ANY, NULL, pool) != 0 ||
	    rte_eth_tx_queue_setup(id, 0, 256, SOCKET_ID_ANY, NULL) != 0 ||
	    rte_eth_dev_start(id) != 0)
		return -1;
	return id;
}

static struct rte_mbuf *
packet(struct rte_mempool *pool, unsigned int seed)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *data;
	unsigned int i;

	if (m == NULL)
		return NULL;
	data = (uint8_t *)rte_pktmbuf_append(m, LEN);
	for (i = 0; i < LEN; i++)
		data[i] = (uint8_t)(seed + i);
	return m;
}

struct counts {
	unsigned int sent, copied, arrived, different;
};

/* Send what there is to send, at most BURST more than has arrived or was given up. */
static void
send_some(int vid, struct rte_mempool *pool, struct counts *c, unsigned int want)
{
	struct rte_mbuf *m;

	while (c->sent < want && c->sent - c->copied < BURST) {
		m = packet(pool, c->sent);
		if (m == NULL)
			return;
		if (rte_vhost_submit_enqueue_burst(vid, 0, &m, 1, dma, 0) != 1) {
			rte_pktmbuf_free(m);
			return;
		}
		c->sent++;
	}
}

static void
receive_some(uint16_t port, struct counts *c)
{
	struct rte_mbuf *m[BURST];
	const uint8_t *data;
	uint16_t n = rte_eth_rx_burst(port, 0, m, BURST), i, k;

	for (i = 0; i < n; i++, c->arrived++) {
		data = rte_pktmbuf_mtod(m[i], const uint8_t *);
		for (k = 0; k < LEN && data[k] == (uint8_t)(c->arrived + k); k++)
			;
		c->different += k != LEN || m[i]->pkt_len != LEN;
		rte_pktmbuf_free(m[i]);
	}
}

/* Until all has arrived; or nothing was copied for QUIET_S, if nothing is to be expected. */
static void
exchange(uint16_t port, struct rte_mempool *pool, unsigned int want, struct counts *c)
{
	uint64_t hz = rte_get_timer_hz(), end = rte_get_timer_cycles() + WAIT_S * hz;
	uint64_t quiet = QUIET_S * hz, since = 0;
	struct rte_mbuf *done[BURST];
	uint16_t n;
	int vid;

	while (c->arrived < want && rte_get_timer_cycles() < end) {
		vid = __atomic_load_n(&guest_vid, __ATOMIC_ACQUIRE);
		if (vid < 0)
			continue;
		send_some(vid, pool, c, want);
		n = rte_vhost_poll_enqueue_completed(vid, 0, done, BURST, dma, 0);
		rte_pktmbuf_free_bulk(done, n);
		c->copied += n;
		receive_some(port, c);
		if (n != 0 || c->sent == 0 || since == 0)
			since = rte_get_timer_cycles();
		else if (!known && rte_get_timer_cycles() - since > quiet)
			break;
	}
}

int
main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv), rc, port;
	struct rte_mempool *pool;
	struct counts c = {0};

	if (used < 0 || argc - used != 5)
		return 2;
	argv += used;
	known = strcmp(argv[4], "register") == 0;
	dma = (int16_t)rte_dma_get_dev_id_by_name(argv[2]);
	if (dma < 0 || dma_start() != 0)
		return 2;
	rc = rte_vhost_async_dma_configure(dma, 0);
	printf("configure: %d\n", rc);
	if (rc != 0)
		return 1;
	pool = rte_pktmbuf_pool_create("packets", 2047, 0, 0, 2176, SOCKET_ID_ANY);
	if (pool == NULL || rte_vhost_driver_register(argv[1], RTE_VHOST_USER_ASYNC_COPY) != 0 ||
	    rte_vhost_driver_callback_register(argv[1], &guest_ops) != 0 ||
	    rte_vhost_driver_start(argv[1]) != 0)
		return 2;
	port = guest_plug(argv[1], pool);
	if (port < 0)
		return 2;
	exchange((uint16_t)port, pool, (unsigned int)atoi(argv[3]), &c);
	printf("sent %u, copied %u, arrived %u, different %u\n", c.sent, c.copied, c.arrived,
	       c.different);
	fflush(stdout);
	_exit(0); /* packets may be in flight that the device gave up */
}
