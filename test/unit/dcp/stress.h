/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_TEST_STRESS_H
#define DCP_TEST_STRESS_H

/**
 * @file
 * N issuers and M workers on one port: each context comes back exactly once, in order for each
 * channel, with the status that the device gave it. Runs on any device.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dcp.h"

#define STRESS_CHANS   4
#define STRESS_ISSUERS 4
#define STRESS_WORKERS 8

struct stress {
	/* Set by the caller. */
	uint32_t total; /* operations of each issuer */
	uint16_t issuers, workers, nb_chans;
	uint16_t max_running;
	uint32_t flags;    /* of the channels */
	uint32_t length;   /* of a copy, at most 4096; 0: addresses do not matter */
	uint32_t bad_each; /* each so manieth copy reads from address 0 and fails; 0: none */
	uint32_t lazy;     /* a worker may wait so many microseconds between gets */
	bool come_and_go;  /* workers delete themselves and come again */
	bool timeouts;     /* workers wait for short times */
	int16_t dev[STRESS_CHANS];
	uint16_t vchan[STRESS_CHANS];
	/** The status that operation @p seq of channel @p k must have; NULL: good, unless bad. */
	uint16_t (*status)(void *ctx, uint16_t k, uint32_t seq);
	void *ctx;
};

/** Run it; ends the test at the first record that is wrong. Prints the counters. */
void stress_run(struct stress *s);

#endif /* DCP_TEST_STRESS_H */
