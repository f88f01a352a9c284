/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef CONTRACT_H
#define CONTRACT_H

/**
 * @file
 * What the contract tests share: the device under test, memory it may reach, and bounded waits.
 *
 * Tests speak the public dmadev API only. Where devices may differ, a capability bit or a field
 * of struct rte_dma_info decides, never a name. Every test brings the device up itself, so that
 * a failed one leaves nothing behind for the next. One thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_dmadev.h>

#include "test.h"

/** How long a device may take before a test fails; a sanitizer on a busy machine is slow. */
#define WAIT_MS 120000
/** The same once it took too long: a broken device must not take all day to be found broken. */
#define IMPATIENT_MS 500
/** How long to watch that something does not happen. */
#define QUIET_MS 20
/** Ring size of tests that do not care. */
#define RING_DEFAULT 512
/** Size of each of the two areas below. */
#define AREA_SIZE (4u << 20)

/** Memory the device may reach; IOVA-contiguous. */
struct contract_area {
	uint8_t *va;
	rte_iova_t iova;
};

/** The device under test: id and what rte_dma_info_get() said at the start. */
extern int16_t dev;
extern struct rte_dma_info dev_info;
/** Where tests read from and write to. */
extern struct contract_area src, dst;

/** Find device @p name (NULL: the first) and reserve the areas. @return 0; -ENODEV; -ENOMEM. */
int contract_open(const char *name);

/** Stop and close the device, release the areas. */
void contract_close(void);

/** Configure, set up with the ring size nearest to @p nb_desc and start; fails the test if not. */
void dev_up(uint16_t nb_desc);

/** The ring size dev_up() uses for @p nb_desc: within the device's limits. */
uint16_t dev_ring(uint16_t nb_desc);

/** End the test as skipped unless the device has all capabilities @p capa. */
void need_capa(uint64_t capa, const char *why);

/** Fill @p len bytes with pseudo-random data that differs from call to call. */
void scramble(void *buf, size_t len);

/** Enqueue a copy between the areas; fails the test if refused. @return its ring_idx. */
uint16_t copy(size_t src_off, size_t dst_off, uint32_t len, uint64_t flags);

/** Submit; fails the test on error. */
void submit(void);

/**
 * Take exactly @p n successful completions, at most @p max per call, and check that they are
 * contiguous and end with @p last. Fails the test if they do not come in WAIT_MS.
 */
void reap(uint32_t n, uint16_t max, uint16_t last);

/** Check that for QUIET_MS no operation completes. */
void nothing_completes(void);

/** A deadline for deadline_check(): WAIT_MS from now. */
uint64_t deadline_set(void);

/** Fail the test, saying @p what did not happen, if the deadline has passed. */
void deadline_check(uint64_t deadline, const char *what);

#endif /* CONTRACT_H */
