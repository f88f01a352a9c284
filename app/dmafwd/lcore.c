/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "lcore.h"

#include <errno.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "packet.h"

#define REAP_BURST 32
#define TICK_POLLS 1024

static void
stream_free(struct stream *s, struct rte_mbuf **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		s->buffers -= pkts[i]->nb_segs;
	rte_pktmbuf_free_bulk(pkts, n);
}

static void
stream_drop(struct stream *s, struct rte_mbuf **pkts, uint16_t n, enum drop_cause cause)
{
	stream_free(s, pkts, n);
	counter_add(&s->count.dropped[cause], n);
}

/* 1. Completions: each copy goes to the end of its stream's output. */
static void
stream_take_records(struct stream *s, const struct copy_record *recs, uint16_t n)
{
	uint32_t packets[COPY_RESULTS] = {0}, buffers = 0, tail = s->out_tail;
	uint64_t bytes[COPY_RESULTS] = {0};

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = recs[i].dst;

		buffers += recs[i].buffers;
		packets[recs[i].result]++;
		if (unlikely(m == NULL))
			continue;
		bytes[recs[i].result] += m->pkt_len;
		s->out[tail & s->out_mask] = m;
		s->out_segs[tail++ & s->out_mask] = m->nb_segs;
	}
	s->out_tail = tail;
	s->copying -= n;
	s->buffers -= buffers;
	counter_add(&s->count.dma_packets, packets[COPY_BY_DMA]);
	counter_add(&s->count.dma_bytes, bytes[COPY_BY_DMA]);
	counter_add(&s->count.cpu_packets, packets[COPY_BY_CPU]);
	counter_add(&s->count.cpu_bytes, bytes[COPY_BY_CPU]);
	counter_add(&s->count.dropped[DROP_DMA], packets[COPY_LOST]);
}

/* As many rounds as streams may share the copier, so that it empties as fast as they fill it. */
static void
lcore_reap(struct copier *c, uint16_t nb_streams)
{
	struct copy_record recs[REAP_BURST];
	uint16_t n, end;

	do {
		n = c->ops->reap(c, recs, REAP_BURST);
		for (uint16_t i = 0; i < n; i = end) {
			for (end = i + 1; end < n && recs[end].owner == recs[i].owner; end++)
				;
			stream_take_records(recs[i].owner, &recs[i], end - i);
		}
	} while (n == REAP_BURST && --nb_streams != 0);
}

/* The longest run of output entries from @p pos on that lie together. */
static inline uint16_t
stream_out_run(const struct stream *s, uint32_t pos, uint32_t n)
{
	uint32_t to_edge = s->out_mask + 1 - (pos & s->out_mask);

	return (uint16_t)RTE_MIN(n, to_edge); /* a ring has at most 32768 */
}

/* 2. Send what was copied, in order. What the port does not take waits, for a bounded time. */
static void
stream_send(struct stream *s)
{
	while (s->out_edited != s->out_tail) {
		uint16_t n = stream_out_run(s, s->out_edited, s->out_tail - s->out_edited);

		s->engine->edit(&s->fwd, &s->out[s->out_edited & s->out_mask], n);
		s->out_edited += n;
	}
	while (s->out_head != s->out_tail) {
		uint32_t pos = s->out_head & s->out_mask;
		uint16_t n = stream_out_run(s, s->out_head, s->out_tail - s->out_head);
		uint16_t sent = rte_eth_tx_burst(s->tx_port, s->tx_queue, &s->out[pos], n);

		for (uint16_t i = 0; i < sent; i++)
			s->buffers -= s->out_segs[pos + i];
		s->out_head += sent;
		counter_add(&s->count.sent, sent);
		if (likely(sent != 0))
			wait_reset(&s->tx_wait);
		else if (unlikely(wait_expired(&s->tx_wait, rte_rdtsc()))) {
			/* It may be this packet alone that the port refuses: try the next at once.
			 * The wait stays expired until one is taken, so that a dead port costs its
			 * time once, not once for each packet.
			 */
			stream_drop(s, &s->out[pos], 1, DROP_TX);
			s->out_head++;
			continue;
		}
		if (sent != n)
			break;
	}
}

/* Take note of a burst. Too long packets leave it; the rest closes up. @return how many stay. */
static uint16_t
stream_admit(struct stream *s, uint16_t n)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		s->buffers += s->srcs[i]->nb_segs;
		if (likely(s->srcs[i]->pkt_len <= s->max_len))
			s->srcs[kept++] = s->srcs[i];
		else
			stream_drop(s, &s->srcs[i], 1, DROP_TOO_LONG);
	}
	return kept;
}

/* 3. Receive, but only what there is room for: the port's own queue holds back the rest. */
static void
stream_receive(struct stream *s)
{
	uint32_t kept = s->copying + (s->out_tail - s->out_head);
	uint16_t n;

	if (s->issued != s->received || kept + RX_BURST > s->out_mask + 1 ||
	    s->buffers > s->max_buffers)
		return;
	n = rte_eth_rx_burst(s->rx_port, s->rx_queue, s->srcs, RX_BURST);
	if (n == 0)
		return;
	counter_add(&s->count.received, n);
	s->issued = 0;
	s->ready = 0;
	s->received = stream_admit(s, n);
}

/* 4. Buffers for the copies. Without any for too long, the packets that wait for them go. */
static void
stream_allocate(struct stream *s)
{
	uint16_t want = s->received - s->ready;
	uint16_t got;

	got = packet_alloc_copies(s->pool, &s->srcs[s->ready], &s->dsts[s->ready], want,
	                          &s->buffers);
	s->ready += got;
	if (likely(got != 0))
		wait_reset(&s->mbuf_wait);
	else if (unlikely(wait_expired(&s->mbuf_wait, rte_rdtsc()))) {
		stream_drop(s, &s->srcs[s->ready], want, DROP_NO_MBUF);
		s->received = s->ready;
	}
}

/* 5. Hand the copies over. What the copier does not take stays for the next round. */
static void
stream_issue(struct stream *s)
{
	uint16_t taken;

	if (s->ready != s->received)
		stream_allocate(s);
	taken = s->copier->ops->issue(s->copier, &s->srcs[s->issued], &s->dsts[s->issued],
	                              s->ready - s->issued, s);
	s->issued += taken;
	s->copying += taken;
}

void
lcore_poll(struct lcore *lc, bool receive)
{
	if (lc->group != NULL)
		copier_group_poll(lc->group, lc->nb_streams);
	for (uint16_t i = 0; i < lc->nb_copiers; i++)
		lcore_reap(lc->copiers[i], lc->nb_streams);
	for (uint16_t i = 0; i < lc->nb_streams; i++) {
		struct stream *s = lc->streams[i];

		stream_send(s);
		if (receive)
			stream_receive(s);
		if (s->issued != s->received)
			stream_issue(s);
	}
	/* Once a round, however little came: a packet never waits for others. */
	for (uint16_t i = 0; i < lc->nb_copiers; i++)
		lc->copiers[i]->ops->submit(lc->copiers[i]);
}

static bool
stream_is_empty(const struct stream *s)
{
	return s->issued == s->received && s->copying == 0 && s->out_head == s->out_tail;
}

static bool
lcore_is_empty(const struct lcore *lc)
{
	for (uint16_t i = 0; i < lc->nb_streams; i++) {
		if (!stream_is_empty(lc->streams[i]))
			return false;
	}
	return true;
}

/* The time is over: whatever is left becomes a drop with its cause. */
static void
stream_give_up(struct stream *s)
{
	uint16_t n;

	stream_free(s, &s->dsts[s->issued], s->ready - s->issued);
	stream_drop(s, &s->srcs[s->issued], s->received - s->issued, DROP_NO_MBUF);
	s->issued = s->ready = s->received;
	while (s->out_head != s->out_tail) {
		n = stream_out_run(s, s->out_head, s->out_tail - s->out_head);
		stream_drop(s, &s->out[s->out_head & s->out_mask], n, DROP_TX);
		s->out_head += n;
	}
}

/* For an aborted copier, whose reap() never waits. */
static void
stream_finish_copies(struct stream *s)
{
	while (s->copying != 0)
		lcore_reap(s->copier, 1);
}

void
lcore_drain(struct lcore *lc)
{
	uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 1000 * DRAIN_MS;

	while (!lcore_is_empty(lc) && rte_rdtsc() < end)
		lcore_poll(lc, false);
	if (lcore_is_empty(lc))
		return;
	/* Without their device the copiers end every job at once. The ports get one more try. */
	for (uint16_t i = 0; i < lc->nb_copiers; i++)
		lc->copiers[i]->ops->abort(lc->copiers[i]);
	for (uint16_t i = 0; i < lc->nb_streams; i++) {
		struct stream *s = lc->streams[i];

		stream_finish_copies(s);
		stream_issue(s);
		stream_finish_copies(s);
		stream_send(s);
		stream_give_up(s);
	}
}

int
lcore_main(void *arg)
{
	struct lcore *lc = arg;
	uint32_t polls = 0;

	while (!atomic_load_explicit(lc->stop, memory_order_relaxed)) {
		lcore_poll(lc, true);
		counter_add(&lc->rounds, 1);
		if (lc->tick != NULL && ++polls % TICK_POLLS == 0)
			lc->tick(lc->tick_ctx);
	}
	lcore_drain(lc);
	atomic_store_explicit(&lc->done, true, memory_order_relaxed);
	return 0;
}

int
stream_init(struct stream *s, uint16_t ring_size, int socket_id)
{
	uint32_t size = rte_align32pow2(ring_size);
	uint64_t hz = rte_get_tsc_hz();

	s->out = rte_zmalloc_socket("stream", size * sizeof(s->out[0]), RTE_CACHE_LINE_SIZE,
	                            socket_id);
	s->out_segs = rte_zmalloc_socket("stream", size * sizeof(s->out_segs[0]),
	                                 RTE_CACHE_LINE_SIZE, socket_id);
	if (s->out == NULL || s->out_segs == NULL) {
		stream_fini(s);
		return -ENOMEM;
	}
	s->out_mask = size - 1;
	wait_init(&s->tx_wait, hz, TX_HOLD_MS);
	wait_init(&s->mbuf_wait, hz, MBUF_HOLD_MS);
	return 0;
}

void
stream_fini(struct stream *s)
{
	rte_free(s->out);
	rte_free(s->out_segs);
	s->out = NULL;
	s->out_segs = NULL;
}
