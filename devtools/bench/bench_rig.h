/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef BENCH_RIG_H
#define BENCH_RIG_H

/**
 * @file
 * Ideal devices, and a port on them with its workers. What the threads of a figure share.
 */

#include <stdint.h>

#include "bench_ideal.h"
#include "dcp.h"

#define BENCH_RIG_DEVS    4u
#define BENCH_RIG_WORKERS 8u
#define BENCH_RIG_RING    1024u /* descriptors of each device */

struct bench_rig {
	unsigned int nb_devs, nb_workers;
	struct bench_ideal *dev[BENCH_RIG_DEVS];
	int16_t dev_id[BENCH_RIG_DEVS];
	struct dcp_port *port; /**< NULL: without workers there is none */
	uint16_t chan[BENCH_RIG_DEVS];
	struct dcp_worker *worker[BENCH_RIG_WORKERS];
};

/**
 * Make it; each device is checked. One thread at a time.
 * @param flags  of the workers
 * @return 0; what dmadev or dcp said, with @p rig closed.
 */
int bench_rig_open(struct bench_rig *rig, unsigned int nb_devs, enum bench_ideal_finish finish,
                   unsigned int nb_workers, uint32_t flags);

/** Let the devices finish, empty the port, free it all. @return 0; what dmadev or dcp said. */
int bench_rig_close(struct bench_rig *rig);

#endif /* BENCH_RIG_H */
