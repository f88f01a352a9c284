/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "frame_limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_kvargs.h>

/* net_af_packet has a ring of frames of this size, shared with the kernel. */
#define FRAMESZ         "framesz"
#define FRAMESZ_DEFAULT 2048u
/* The kernel takes this much of a slot for itself: tpacket2_hdr and sockaddr_ll, 52 bytes, and 16
 * for the link header, aligned to 16, less the 14 bytes of an Ethernet header (tpacket_rcv()).
 */
#define FRAMESZ_RX_OVERHEAD 66u
/* Of a frame that leaves the driver takes TPACKET2_HDRLEN less sockaddr_ll. */
#define FRAMESZ_TX_OVERHEAD 32u
/* net_pcap up to 25.11 announces no limit and writes this much of a chain. */
#define PCAP_CHAIN RTE_ETHER_MAX_JUMBO_FRAME_LEN

static int
args_keep(const char *key __rte_unused, const char *value, void *opaque)
{
	*(uint32_t *)opaque = (uint32_t)strtoul(value, NULL, 0);
	return 0;
}

/* A driver has taken these arguments already: what cannot be read here is not in them. */
static bool
args_find(const char *args, const char *key, uint32_t *value)
{
	struct rte_kvargs *kv = args == NULL ? NULL : rte_kvargs_parse(args, NULL);
	bool found;

	if (kv == NULL)
		return false;
	found = rte_kvargs_count(kv, key) != 0;
	if (found && value != NULL)
		rte_kvargs_process(kv, key, args_keep, value);
	rte_kvargs_free(kv);
	return found;
}

static int
frame_limits_af_packet(struct frame_limits *lim, const struct rte_eth_dev_info *info,
                       const char *args, uint32_t *bad_value)
{
	uint32_t framesz = FRAMESZ_DEFAULT;

	args_find(args, FRAMESZ, &framesz);
	*bad_value = framesz;
	lim->argument = FRAMESZ;
	if (framesz < FRAME_LIMITS_FRAMESZ_MIN)
		return -EINVAL;
	/* Nobody can tell a frame that fills the slot from one that was cut to it. */
	lim->rx = framesz - FRAMESZ_RX_OVERHEAD - 1;
	lim->tx = framesz - FRAMESZ_TX_OVERHEAD;
	lim->kernel_frames = true;
	/* A driver that does not chain buffers wants one that holds whatever it could send. */
	if ((info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) != 0)
		return 0;
	if (framesz > FRAME_LIMITS_FRAMESZ_MAX)
		return -EINVAL;
	lim->buffer = (uint16_t)RTE_MAX(lim->tx, lim->buffer);
	return 0;
}

static int
frame_limits_pcap(struct frame_limits *lim, const struct rte_eth_dev_info *info, const char *args,
                  uint32_t *bad_value __rte_unused)
{
	lim->tx = info->max_rx_pktlen != UINT32_MAX ? info->max_rx_pktlen : PCAP_CHAIN;
	lim->kernel_frames = args_find(args, "iface", NULL) || args_find(args, "rx_iface", NULL) ||
	                     args_find(args, "rx_iface_in", NULL);
	if (lim->kernel_frames) /* a capture file has what it has, an interface is cut */
		lim->rx = lim->tx - 1;
	return 0;
}

static int
frame_limits_af_xdp(struct frame_limits *lim, const struct rte_eth_dev_info *info __rte_unused,
                    const char *args __rte_unused, uint32_t *bad_value __rte_unused)
{
	lim->tx = RTE_MBUF_DEFAULT_DATAROOM;
	lim->kernel_frames = true;
	return 0;
}

/* Takes chains of any length and drops them all. */
static int
frame_limits_null(struct frame_limits *lim, const struct rte_eth_dev_info *info __rte_unused,
                  const char *args __rte_unused, uint32_t *bad_value __rte_unused)
{
	lim->tx = UINT32_MAX;
	return 0;
}

static const struct {
	const char *driver;
	int (*find)(struct frame_limits *lim, const struct rte_eth_dev_info *info, const char *args,
	            uint32_t *bad_value);
} drivers[] = {
	{"net_af_packet", frame_limits_af_packet},
	{"net_af_xdp", frame_limits_af_xdp},
	{"net_null", frame_limits_null},
	{"net_pcap", frame_limits_pcap},
};

int
frame_limits_find(struct frame_limits *lim, const struct rte_eth_dev_info *info, const char *args,
                  uint32_t *bad_value)
{
	bool chains = (info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;

	*lim = (struct frame_limits){
		.rx = UINT32_MAX,
		/* A copy longer than one buffer is a chain, which other ports may send in part. */
		.tx = chains ? UINT32_MAX : RTE_MBUF_DEFAULT_DATAROOM,
		.buffer = RTE_MBUF_DEFAULT_DATAROOM,
	};
	for (size_t i = 0; i < RTE_DIM(drivers); i++) {
		if (info->driver_name != NULL && strcmp(info->driver_name, drivers[i].driver) == 0)
			return drivers[i].find(lim, info, args, bad_value);
	}
	return 0;
}

uint32_t
frame_limits_argument_for(uint32_t frame)
{
	return rte_align32pow2(frame + FRAMESZ_RX_OVERHEAD + 1);
}
