/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_LCORE_H
#define DMAFWD_LCORE_H

/**
 * @file
 * The polling loop of one lcore and the streams it serves.
 *
 * A stream is one receive queue. Its packets go through one copier, which is first in first out, to
 * one transmit queue, so the order within the queue, and with it within each flow, is kept. A
 * stream, its copier and its transmit queue belong to one lcore; there is no lock and nothing to
 * race for.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "copier.h"
#include "fwd.h"
#include "stats.h"
#include "wait.h"

#define RX_BURST 32
/* When a port has taken nothing for so long, the first packet that waits for it is dropped and the
 * next one tried; until the port takes one, what it refuses is dropped without a further wait.
 */
#define TX_HOLD_MS 1000
/* When no buffer has come for so long, the packets of the burst that wait for one are dropped, and
 * those of later bursts at once, until a buffer comes.
 */
#define MBUF_HOLD_MS 1000
#define DRAIN_MS     2000 /* after the end of reception */

struct stream {
	/* Fixed while the loop runs. */
	uint16_t rx_port, rx_queue;
	uint16_t tx_port, tx_queue;
	struct copier *copier;
	struct rte_mempool *pool; /* of the copies */
	const struct fwd_engine *engine;
	struct fwd_context fwd;
	uint32_t max_len;     /* of a packet, without CRC */
	uint32_t max_buffers; /* the stream receives while it keeps no more than these */

	/* Received, not in the copier yet: [issued, ready) have a copy, [ready, received) not. */
	uint16_t issued, ready, received;
	struct rte_mbuf *srcs[RX_BURST];
	struct rte_mbuf *dsts[RX_BURST];

	uint32_t copying; /* packets in the copier */
	uint32_t buffers; /* kept by the stream in all its stages */

	/* Copied, not sent yet; [out_head, out_edited) went through the engine. Indices run free,
	 * masked on use.
	 */
	uint32_t out_head, out_edited, out_tail, out_mask;
	struct rte_mbuf **out;
	uint16_t *out_segs; /* of each; the packet itself may not be looked at once it was sent */

	struct wait tx_wait, mbuf_wait;
	struct stream_counters count;
} __rte_cache_aligned;

struct lcore {
	unsigned int id;
	uint16_t nb_streams, nb_copiers;
	struct stream **streams;
	struct copier **copiers;
	struct copier_group *group; /* of the copiers; NULL: they use no device */
	const atomic_bool *stop;
	/* Called now and then by the loop of the main lcore, which has other duties; or NULL. */
	void (*tick)(void *ctx);
	void *tick_ctx;
	counter rounds;   /* of lcore_main() so far */
	uint64_t seen;    /* of them, by app_has_looked() */
	atomic_bool done; /* lcore_main() returns */
};

/**
 * Make the rings of a stream for @p ring_size packets. The fixed members are the caller's to fill
 * in.
 * @return 0 or -ENOMEM
 */
int stream_init(struct stream *s, uint16_t ring_size, int socket_id);
void stream_fini(struct stream *s);

/**
 * Poll until *stop, then drain within DRAIN_MS and account for every packet. @p arg: struct lcore.
 */
int lcore_main(void *arg);

/** One round over all copiers and streams; for the loop and for tests. */
void lcore_poll(struct lcore *lc, bool receive);

/** End what is in flight; the second half of lcore_main(). */
void lcore_drain(struct lcore *lc);

#endif /* DMAFWD_LCORE_H */
