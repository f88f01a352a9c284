/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef BENCH_IDEAL_H
#define BENCH_IDEAL_H

/**
 * @file
 * A dmadev that costs its user what any device costs and nothing else: an operation is a descriptor
 * written to a ring, a submission is a doorbell stored, completions are a status word loaded that
 * the device has stored. No data moves. There is one vchan, and copies only.
 */

#include <stdbool.h>
#include <stdint.h>

#define BENCH_IDEAL_RING_MIN 2u
#define BENCH_IDEAL_RING_MAX 32768u /* ring_idx has 16 bits */

/** As with any dmadev: one thread enqueues and submits, one takes completions. */
struct bench_ideal;

/** Who plays the device. */
enum bench_ideal_finish {
	BENCH_IDEAL_AT_SUBMIT, /**< the doorbell: what was submitted has finished at once */
	BENCH_IDEAL_BY_CALL,   /**< who calls bench_ideal_finish() */
};

/**
 * Make a dmadev with a ring of @p nb_desc, a power of two from BENCH_IDEAL_RING_MIN to
 * BENCH_IDEAL_RING_MAX, and start it. EAL runs.
 * @param name  of the dmadev, unique
 * @return 0; -EINVAL: @p nb_desc; -ENOMEM; what dmadev said.
 */
int bench_ideal_open(struct bench_ideal **d, const char *name, uint32_t nb_desc,
                     enum bench_ideal_finish finish);

/** Stop and free it; NULL is allowed. @return 0; what dmadev said. */
int bench_ideal_close(struct bench_ideal *d);

int16_t bench_ideal_id(const struct bench_ideal *d);

/**
 * Be the device: up to @p max of the operations that were submitted finish. One thread at a time,
 * which may be another one than those that use the device.
 * @return how many did.
 */
uint32_t bench_ideal_finish(struct bench_ideal *d, uint32_t max);

/**
 * Some laps of the ring by the raw dmadev calls: descriptors hold what was enqueued, ring_idx
 * counts, a full ring is -ENOSPC, nothing finishes that was not submitted, and what finishes is
 * reported once and in order. The device is idle, before and after.
 * @return 0; -EBADMSG, and stderr says what was wrong.
 */
int bench_ideal_check(struct bench_ideal *d);

#endif /* BENCH_IDEAL_H */
