/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef BENCH_PEER_H
#define BENCH_PEER_H

/**
 * @file
 * Ways to have a burst of operations done and to take what came of them, each with its context: the
 * port, and what else an application could use in its place.
 */

#include <stdbool.h>
#include <stdint.h>

#define BENCH_PEER_BURST  128u     /**< operations in a burst, at most */
#define BENCH_PEER_DEPTH  256u     /**< descriptors or entries of a ring */
#define BENCH_PEER_LENGTH 64u      /**< bytes that an operation pretends to copy... */
#define BENCH_PEER_SRC    0x10000u /**< ...from here on, which nobody looks at... */
#define BENCH_PEER_DST    0x20000u /**< ...to here */
#define BENCH_PEER_TRIES  4096u    /**< looks for completions without any, at most */

/** One thread calls. */
struct bench_peer {
	const char *who; /**< as in the records */
	bool on_device;  /**< uses an ideal device */
	/**
	 * @param dma_id  an ideal device that finishes at submit, for those that use one
	 * @return 0, with the peer's own in @p state; -ENOTSUP: not here; any other errno.
	 */
	int (*open)(void **state, int16_t dma_id);
	/**
	 * Issue @p n operations, 1 to BENCH_PEER_BURST, with contexts @p first, @p first + 1...,
	 * and take as many completions, whose contexts are stored in @p ctx as they come.
	 * @return 0; -ENOSPC: some were not accepted; -ETIMEDOUT: some did not come back;
	 *	-EIO: some failed; any other errno.
	 */
	int (*burst)(void *state, uint16_t n, uint64_t first, uint64_t *ctx);
	/** @return 0; -EBADMSG: its own counters tell of other operations than were issued. */
	int (*close)(void *state);
};

/** The port: any number of threads may call, none ever sleeps. */
extern const struct bench_peer bench_peer_port;
/** io_uring, operations that do nothing, for one thread only. */
extern const struct bench_peer bench_peer_nop;
/** The same as io_uring_queue_init() makes it without flags. */
extern const struct bench_peer bench_peer_nop_default;
/** A port whose one source is such a ring. */
extern const struct bench_peer bench_peer_port_ring;
/** The event DMA adapter and event_sw, set up as DPDK's test of the adapter does. */
extern const struct bench_peer bench_peer_event;
/** The same in the way that costs least: one worker alone can take what is done. */
extern const struct bench_peer bench_peer_event_best;

#endif /* BENCH_PEER_H */
