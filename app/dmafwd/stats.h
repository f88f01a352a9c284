/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_STATS_H
#define DMAFWD_STATS_H

/**
 * @file
 * Counters and their table. One lcore writes a counter, the main thread reads it at any time.
 */

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_common.h>

typedef _Atomic uint64_t counter;

/** Only for the one lcore that owns @p c: a plain addition, no locked instruction. */
static inline void
counter_add(counter *c, uint64_t n)
{
	uint64_t v = atomic_load_explicit(c, memory_order_relaxed);

	atomic_store_explicit(c, v + n, memory_order_relaxed);
}

static inline uint64_t
counter_get(const counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

enum drop_cause {
	DROP_TX,      /* the sending port took nothing for too long */
	DROP_NO_MBUF, /* no buffer for the copy for too long */
	DROP_DMA, /* a failed device could not be stopped: its buffers stay untouched for ever */
	DROP_TOO_LONG, /* longer than the option -f allows, or than a port passes whole */
	DROP_CAUSES,
};

/** Of one stream (port and receive queue). */
struct stream_counters {
	counter received;
	counter sent;
	counter dma_packets, dma_bytes;
	counter cpu_packets, cpu_bytes;
	counter dropped[DROP_CAUSES];
} __rte_cache_aligned;

/** Of one DMA channel. */
struct channel_counters {
	counter operations; /* taken by the device */
	counter submits;
	counter errors;    /* operations that the device reported as failed */
	counter redone;    /* packets copied by the CPU because of an error */
	_Atomic int fault; /* 0, or the negative errno that ended the use of the device */
} __rte_cache_aligned;

/** Sums to print; plain numbers. */
struct stats_sum {
	uint64_t received, sent;
	uint64_t dma_packets, dma_bytes, cpu_packets, cpu_bytes;
	uint64_t dropped[DROP_CAUSES];
};

void stats_add_stream(struct stats_sum *sum, const struct stream_counters *sc);

/** @return packets received and neither sent nor dropped yet; 0 after a complete drain. */
uint64_t stats_in_flight(const struct stats_sum *sum);

/** Print @p sum, one "<prefix> <what>: <number>" per line. */
void stats_print_sum(FILE *out, const char *prefix, const struct stats_sum *sum);

/** Print a channel the same way. */
void stats_print_channel(FILE *out, const char *prefix, const struct channel_counters *cc);

#endif /* DMAFWD_STATS_H */
