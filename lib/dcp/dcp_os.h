/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_OS_H
#define DCP_OS_H

/**
 * @file
 * What the port asks of the operating system. Tests have an implementation of their own, in which
 * time and threads do what the test wants. dcp_os_relax() is in dcp_sync.h.
 */

#include <stdatomic.h>
#include <stdint.h>

/** Nanoseconds of the monotonic clock. */
uint64_t dcp_os_now_ns(void);

/**
 * Sleep while @p word is @p value, until @p deadline_ns (UINT64_MAX: no limit). May return early:
 * callers look again.
 */
void dcp_os_sleep(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns);

/** Wake one thread that sleeps on @p word. */
void dcp_os_wake(_Atomic uint32_t *word);

#endif /* DCP_OS_H */
