/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef BENCH_COST_H
#define BENCH_COST_H

/**
 * @file
 * Users of ideal devices, in one thread: by the raw dmadev calls in three ways, and through a
 * completion port in three ways. All do the same work: keep a burst in flight on each channel,
 * take the one that has finished, add up the contexts, issue the next burst in its place.
 */

#include <stdint.h>

#include "bench_ideal.h"
#include "dcp.h"

#define COST_CHANS_MAX 16u
#define COST_BURST_MAX 64u

enum cost_kind {
	COST_RAW,         /**< rte_dma_completed(); contexts are lost */
	COST_RAW_STATUS,  /**< rte_dma_completed_status(); contexts are lost */
	COST_RAW_CTX,     /**< the same, with a ring of contexts, as applications have */
	COST_PORT,        /**< thread-safe; its worker polls */
	COST_PORT_SINGLE, /**< DCP_F_SINGLE */
	COST_PORT_SLEEP,  /**< as COST_PORT; its worker has slept, and may again */
	COST_KINDS
};

extern const char *const cost_names[COST_KINDS];

struct cost_chan {
	struct bench_ideal *dev;
	int16_t dev_id;
	uint64_t first; /* context of the burst in flight */
	uint64_t *ctx;  /* by ring_idx & mask; the port has its own */
};

/** One user; one thread. */
struct cost_user {
	enum cost_kind kind;
	unsigned int nb_chans, turn; /* turn: the channel whose burst is next */
	uint16_t mask;
	uint64_t issued;  /* contexts are 0, 1, 2... in the order of issue */
	uint64_t sum;     /* of contexts that came back */
	uint32_t results; /* statuses, or-ed; results of calls that were not as expected */
	struct dcp_port *port;
	struct dcp_worker *worker;
	struct cost_chan chans[COST_CHANS_MAX];
};

/**
 * Open @p nb_chans devices with rings of @p ring, and what uses them.
 * @return 0; a negative errno.
 */
int cost_open(struct cost_user *u, enum cost_kind kind, unsigned int nb_chans, uint16_t ring);

/** Close what is open, also of a user that cost_open() refused. @return 0; a negative errno. */
int cost_close(struct cost_user *u);

/**
 * Check the devices, then some laps of bursts of all sizes: each context comes back once, in order,
 * with its status good. @return 0; -EBADMSG.
 */
int cost_check(struct cost_user *u);

/** Issue bursts of @p n to all channels. */
void cost_fill(struct cost_user *u, uint16_t n);

/** Take all that cost_fill() has left. @return 0; -EBADMSG: contexts or statuses were not right. */
int cost_drain(struct cost_user *u, uint16_t n);

/** Take a burst of @p n and issue the next, @p rounds times. What is measured. */
void cost_rounds(struct cost_user *u, uint16_t n, unsigned int rounds);

/** Look for completions on idle channels, @p rounds times. What is measured. */
void cost_look(struct cost_user *u, unsigned int rounds);

/**
 * Whether nothing is in flight and all calls so far had the results that they should have.
 * @return 0; -EBADMSG, and stderr says what was not right.
 */
int cost_verify(const struct cost_user *u);

#endif /* BENCH_COST_H */
