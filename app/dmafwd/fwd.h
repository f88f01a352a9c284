/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_FWD_H
#define DMAFWD_FWD_H

#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

/** What an engine knows of the way a packet leaves; one per stream. */
struct fwd_context {
	struct rte_ether_addr src; /* the sending port's own address */
	struct rte_ether_addr dst; /* 02:00:00:00:00:<sending port> */
};

/**
 * What is done to a packet between its copy and its transmission. Engines have no state of their
 * own.
 */
struct fwd_engine {
	const char *name;
	/** Edit @p n whole copies in place; each packet comes here once. */
	void (*edit)(const struct fwd_context *ctx, struct rte_mbuf **pkts, uint16_t n);
};

extern const struct fwd_engine fwd_io;  /* packets leave as they came */
extern const struct fwd_engine fwd_mac; /* both addresses are replaced */

#endif /* DMAFWD_FWD_H */
