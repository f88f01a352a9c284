/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef BENCH_DEVICE_H
#define BENCH_DEVICE_H

/**
 * @file
 * An I/OAT function that costs a driver nothing: its BAR is plain memory, so a register access is
 * a load or a store. While a driver starts, a thread plays the channel behind the registers. When
 * that thread was stopped, nothing happens until the owner calls bench_device_run().
 */

#include <pthread.h>
#include <stdint.h>

#include "ioat_hw.h"

/** What the owner wants to be told of each descriptor. @return 0, or a negative errno to stop. */
typedef int (*bench_device_op)(void *ctx, const struct ioat_desc *desc);

/** One function with one channel. One thread at a time, beside the one of its own. */
struct bench_device {
	uint8_t *bar;   /**< IOAT_BAR_SIZE bytes; IOVAs are addresses of this process */
	uint64_t next;  /**< where the next descriptor is */
	uint16_t count; /**< DMACOUNT as far as it was run */
	int serving;    /**< cleared to end the thread; atomic */
	int served;     /**< what the thread's work came to: 0 or negative errno */
	pthread_t server;
};

/** Allocate the BAR of a part of version 3.4. @return 0; -ENOMEM. */
int bench_device_open(struct bench_device *dev);

void bench_device_close(struct bench_device *dev);

/** Let a thread of its own play the channel. @return 0; negative errno of pthread_create(). */
int bench_device_serve(struct bench_device *dev);

/** End that thread. @return 0; the negative errno at which it stopped to work. */
int bench_device_rest(struct bench_device *dev);

/** Put the channel, which has no work, into the state SUSPENDED. */
void bench_device_suspend(struct bench_device *dev);

/**
 * Run all descriptors that were rung, tell @p op each of them that is not a NULL descriptor, and
 * write the completion word if one of them asked for it.
 * @return their number; -EPROTO: the chain ends before the count that was rung; what @p op said.
 */
int bench_device_run(struct bench_device *dev, bench_device_op op, void *ctx);

#endif /* BENCH_DEVICE_H */
