/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef IOAT_DEFER_H
#define IOAT_DEFER_H

/**
 * @file
 * Deferred free of what a call of the data path may still use after its channel is closed: dmadev
 * has no handshake by which a driver could know that no thread is inside. One list per process.
 */

#include <stdbool.h>
#include <stddef.h>

/**
 * Free @p what by @p release, but not before 10 s have passed (1 s where memory is short), and
 * only when ioat_defer_sweep() or ioat_defer_reclaim() is called. At exit of the process it is
 * left alone: a thread may be inside, and the list keeps it within reach of leak checkers. Where
 * there is no memory to note it, it is never freed. NULL is allowed.
 */
void ioat_defer_free(void (*release)(void *what), void *what);

/** Free what has waited long enough. */
void ioat_defer_sweep(void);

/**
 * Memory is short: wait until all that is deferred is 1 s old, and free it.
 * @return whether that was anything.
 */
bool ioat_defer_reclaim(void);

#endif /* IOAT_DEFER_H */
