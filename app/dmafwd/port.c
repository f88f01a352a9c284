/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "port.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_ether.h>

#include "log.h"

#define NB_RXD 1024
#define NB_TXD 1024

uint64_t
ports_present(void)
{
	uint64_t mask = 0;
	uint16_t id;

	RTE_ETH_FOREACH_DEV (id) {
		if (id < CONFIG_MAX_PORTS)
			mask |= UINT64_C(1) << id;
	}
	return mask;
}

/* Bytes of a frame that are not its payload, as the driver counts them. */
static uint32_t
port_overhead(const struct rte_eth_dev_info *info)
{
	if (info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu)
		return info->max_rx_pktlen - info->max_mtu;
	return RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
}

static int
port_check(const struct port *p, const struct rte_eth_dev_info *info, const struct config *cfg)
{
	uint32_t overhead = port_overhead(info);
	uint32_t min = RTE_MAX(info->min_mtu + overhead, (uint32_t)CONFIG_MIN_FRAME);
	uint32_t max = RTE_MIN(info->max_rx_pktlen, (uint32_t)CONFIG_MAX_FRAME);

	if (cfg->nb_queues > info->max_rx_queues || info->max_tx_queues == 0) {
		FWD_LOG(ERR,
		        "option -q/--nb-queue: bad value '%u', legal for port %u (%s, %s): "
		        "1 to %u",
		        cfg->nb_queues, p->id, p->name, p->driver,
		        info->max_tx_queues == 0 ? 0 : info->max_rx_queues);
		return -EINVAL;
	}
	if (cfg->max_frame != 0 && (cfg->max_frame < min || cfg->max_frame > max)) {
		FWD_LOG(ERR,
		        "option -f/--max-frame-size: bad value '%" PRIu32 "', legal for port "
		        "%u (%s, %s): %" PRIu32 " to %" PRIu32,
		        cfg->max_frame, p->id, p->name, p->driver, min, max);
		return -EINVAL;
	}
	return 0;
}

/* Not through the driver: it may refuse an MTU beyond its own buffers. */
static void
port_restore_mtu(const struct port *p)
{
	int rc;

	if (!p->mtu_changed || p->kernel.mtu == 0)
		return;
	rc = kernel_if_set_mtu(&p->kernel);
	if (rc != 0)
		FWD_LOG(WARNING, "port %u (%s): %s does not get its MTU of %u back: %s", p->id,
		        p->name, p->kernel.name, p->kernel.mtu, rte_strerror(-rc));
}

/* Some drivers take the MTU of the configuration, some only this call. */
static int
port_set_mtu(struct port *p, const struct config *cfg, uint16_t mtu)
{
	int rc = rte_eth_dev_set_mtu(p->id, mtu);

	if (rc == -ENOTSUP)
		return 0;
	if (rc == 0) {
		p->mtu_changed = true;
		return 0;
	}
	FWD_LOG(ERR,
	        "option -f/--max-frame-size: bad value '%" PRIu32 "', port %u (%s, %s) refuses an "
	        "MTU of %u: %s; an interface of the kernel takes %u bytes at least",
	        cfg->max_frame, p->id, p->name, p->driver, mtu, rte_strerror(-rc),
	        RTE_ETHER_MIN_MTU + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN);
	return rc;
}

static void
port_warn_scatter(const struct port *p, const struct rte_eth_dev_info *info,
                  const struct config *cfg)
{
	if (cfg->max_frame <= RTE_MBUF_DEFAULT_DATAROOM ||
	    (info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) != 0)
		return;
	FWD_LOG(WARNING,
	        "option -f/--max-frame-size: port %u (%s, %s) does not announce that it receives "
	        "into several buffers: it may lose frames longer than %u bytes",
	        p->id, p->name, p->driver, RTE_MBUF_DEFAULT_DATAROOM);
}

/* Frames that the interface takes and this port does not pass whole. */
static void
port_warn_mtu(const struct port *p, const struct rte_eth_dev_info *info)
{
	uint32_t longest = (uint32_t)p->kernel.mtu + RTE_ETHER_HDR_LEN;
	uint32_t whole = RTE_MIN(p->limits.rx, p->limits.tx);
	uint32_t value = frame_limits_argument_for(longest + RTE_VLAN_HLEN);
	char remedy[64] = "";

	if (p->kernel.mtu == 0 || longest <= whole)
		return;
	if (p->limits.argument != NULL && value <= FRAME_LIMITS_FRAMESZ_MAX)
		snprintf(remedy, sizeof(remedy),
		         ", or give the device %s=%" PRIu32 ",blocksz=%" PRIu32, p->limits.argument,
		         value, value);
	FWD_LOG(WARNING,
	        "port %u (%s, %s): %s has an MTU of %u, but the driver passes frames of up to "
	        "%" PRIu32 " bytes whole; longer ones are dropped as too long: ip link set %s mtu "
	        "%" PRIu32 "%s",
	        p->id, p->name, info->driver_name, p->kernel.name, p->kernel.mtu, whole,
	        p->kernel.name, whole - RTE_ETHER_HDR_LEN - RTE_VLAN_HLEN, remedy);
}

static void
port_warn_offloads(const struct port *p, const struct rte_eth_dev_info *info)
{
	if (!p->limits.kernel_frames || p->kernel.offloads[0] == '\0')
		return;
	FWD_LOG(WARNING,
	        "port %u (%s, %s): offloads of %s are on: frames may come longer than its MTU or "
	        "without checksum, and TCP may not pass: ethtool -K %s %s, on both ends of a veth",
	        p->id, p->name, info->driver_name, p->kernel.name, p->kernel.name,
	        p->kernel.offloads);
}

static int
port_find_limits(struct port *p, const struct rte_eth_dev_info *info)
{
	const struct rte_devargs *da = info->device == NULL ? NULL : rte_dev_devargs(info->device);
	uint32_t value = 0;
	int rc = frame_limits_find(&p->limits, info, da == NULL ? NULL : da->args, &value);

	if (rc != 0)
		FWD_LOG(ERR,
		        "port %u (%s, %s): bad value '%" PRIu32
		        "' of its argument %s, legal: %u to "
		        "%u, for which there are packet buffers",
		        p->id, p->name, info->driver_name, value, p->limits.argument,
		        FRAME_LIMITS_FRAMESZ_MIN, FRAME_LIMITS_FRAMESZ_MAX);
	return rc;
}

static void
port_conf_fill(struct rte_eth_conf *conf, const struct rte_eth_dev_info *info,
               const struct config *cfg)
{
	*conf = (struct rte_eth_conf){0};
	if (cfg->nb_queues > 1 && info->flow_type_rss_offloads != 0) {
		conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf->rx_adv_conf.rss_conf.rss_hf =
			RTE_ETH_RSS_PROTO_MASK & info->flow_type_rss_offloads;
	}
	if (cfg->max_frame != 0)
		conf->rxmode.mtu = cfg->max_frame - port_overhead(info);
	/* Frames beyond one buffer come and go as chains, where the port can. */
	conf->rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	conf->txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
}

int
port_configure(struct port *p, uint16_t id, const struct config *cfg)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	int rc;

	*p = (struct port){.id = id, .nb_rxd = NB_RXD, .nb_txd = NB_TXD};
	rte_eth_dev_get_name_by_port(id, p->name);
	rc = rte_eth_dev_info_get(id, &info);
	if (rc != 0)
		goto fail;
	p->driver = info.driver_name;
	p->socket_id = rte_eth_dev_socket_id(id);
	rc = port_check(p, &info, cfg);
	if (rc != 0)
		return rc;
	rc = port_find_limits(p, &info);
	if (rc != 0)
		return rc;
	p->nb_rxq = cfg->nb_queues;
	p->nb_txq = RTE_MIN(cfg->nb_queues, info.max_tx_queues);
	kernel_if_read(&p->kernel, info.if_index);
	p->was_promiscuous = p->kernel.promiscuous || rte_eth_promiscuous_get(id) == 1;
	port_warn_mtu(p, &info);
	port_warn_offloads(p, &info);
	port_conf_fill(&conf, &info, cfg);
	rc = rte_eth_dev_configure(id, p->nb_rxq, p->nb_txq, &conf);
	if (rc != 0)
		goto fail;
	p->state = PORT_CONFIGURED;
	rc = rte_eth_dev_adjust_nb_rx_tx_desc(id, &p->nb_rxd, &p->nb_txd);
	if (rc != 0)
		goto fail;
	if (cfg->max_frame == 0)
		return 0;
	port_warn_scatter(p, &info, cfg);
	return port_set_mtu(p, cfg, (uint16_t)conf.rxmode.mtu);
fail:
	FWD_LOG(ERR,
	        "port %u (%s) cannot be configured with -q %u and -f %" PRIu32
	        " (0: the port's own): %s",
	        id, p->name, cfg->nb_queues, cfg->max_frame, rte_strerror(-rc));
	return rc;
}

int
port_start(struct port *p, struct rte_mempool *pool)
{
	unsigned int socket = p->socket_id < 0 ? 0 : (unsigned int)p->socket_id;
	int rc = 0;

	for (uint16_t q = 0; q < p->nb_rxq && rc == 0; q++)
		rc = rte_eth_rx_queue_setup(p->id, q, p->nb_rxd, socket, NULL, pool);
	for (uint16_t q = 0; q < p->nb_txq && rc == 0; q++)
		rc = rte_eth_tx_queue_setup(p->id, q, p->nb_txd, socket, NULL);
	if (rc == 0)
		rc = rte_eth_dev_start(p->id);
	if (rc == 0) {
		p->state = PORT_STARTED;
		rc = rte_eth_macaddr_get(p->id, &p->addr);
	}
	if (rc != 0) {
		FWD_LOG(ERR, "port %u (%s) does not start: %s", p->id, p->name, rte_strerror(-rc));
		return rc;
	}
	rc = rte_eth_promiscuous_enable(p->id);
	p->promiscuous_changed = rc == 0 && !p->was_promiscuous;
	if (rc != 0 && rc != -ENOTSUP)
		FWD_LOG(WARNING, "port %u (%s) receives its own packets only: promiscuous mode: %s",
		        p->id, p->name, rte_strerror(-rc));
	return 0;
}

void
port_stop(struct port *p)
{
	int rc;

	if (p->state != PORT_STARTED)
		return;
	if (p->promiscuous_changed && rte_eth_promiscuous_disable(p->id) != 0)
		FWD_LOG(WARNING, "port %u (%s) stays in promiscuous mode", p->id, p->name);
	rc = rte_eth_dev_stop(p->id);
	if (rc != 0)
		FWD_LOG(WARNING, "port %u (%s) did not stop: %s", p->id, p->name,
		        rte_strerror(-rc));
	p->state = PORT_CONFIGURED;
}

void
port_close(struct port *p)
{
	int rc;

	if (p->state == PORT_CLOSED)
		return;
	port_restore_mtu(p);
	rc = rte_eth_dev_close(p->id);
	if (rc != 0)
		FWD_LOG(WARNING, "port %u (%s) did not close: %s", p->id, p->name,
		        rte_strerror(-rc));
	p->state = PORT_CLOSED;
}

void
port_print_stats(FILE *out, const struct port *p)
{
	struct rte_eth_stats st;

	if (rte_eth_stats_get(p->id, &st) != 0)
		return;
	fprintf(out, "port %u driver missed: %" PRIu64 "\n", p->id, st.imissed);
	fprintf(out, "port %u driver receive errors: %" PRIu64 "\n", p->id, st.ierrors);
	fprintf(out, "port %u driver receive no mbuf: %" PRIu64 "\n", p->id, st.rx_nombuf);
	fprintf(out, "port %u driver send errors: %" PRIu64 "\n", p->id, st.oerrors);
}
