/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "fwd.h"

static void
fwd_mac_edit(const struct fwd_context *ctx, struct rte_mbuf **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		struct rte_ether_hdr *eth = rte_pktmbuf_mtod(pkts[i], struct rte_ether_hdr *);

		/* A capture may hold a frame too short to have addresses; it leaves as it came. */
		if (unlikely(pkts[i]->data_len < sizeof(*eth)))
			continue;
		rte_ether_addr_copy(&ctx->dst, &eth->dst_addr);
		rte_ether_addr_copy(&ctx->src, &eth->src_addr);
	}
}

const struct fwd_engine fwd_mac = {
	.name = "mac",
	.edit = fwd_mac_edit,
};
