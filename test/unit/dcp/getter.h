/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_TEST_GETTER_H
#define DCP_TEST_GETTER_H

/**
 * @file
 * Threads that get, for tests of waiting.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dcp.h"

/** One thread that gets, in a loop, one record at a time. */
struct getter {
	pthread_t thread;
	struct dcp_port *port;
	uint32_t flags;
	uint64_t timeout_ns;
	_Atomic uint32_t gate;    /* how many records it may have processed; it waits for more */
	_Atomic uint32_t records; /* taken */
	_Atomic uint32_t timeouts;
	_Atomic bool block; /* the next record is processed between dcp_block() calls */
	_Atomic uint64_t last_ctx;
	_Atomic uint32_t ready;
	pid_t tid;
	int rc; /* how it ended */
};

/** The most that have processed records at the same time. */
extern _Atomic uint32_t getter_peak;

struct getter *getter_start(struct dcp_port *port, uint64_t timeout_ns, uint32_t gate);

/** Wait for its end, which closing brings, and free it. */
void getter_join(struct getter *g);

/** A port with a limit; @p nap_us 0: the default. */
struct dcp_port *limited_port(uint16_t max_running, uint32_t nap_us);

/** A counter of a port, by its offset in struct dcp_stats. */
uint64_t stat_of(struct dcp_port *port, size_t offset);
#define STAT(port, field) stat_of(port, offsetof(struct dcp_stats, field))

#endif /* DCP_TEST_GETTER_H */
