/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_APP_H
#define DMAFWD_APP_H

/**
 * @file
 * The parts of the application put together: pools, ports, copiers, streams, loops. Main thread
 * only.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_config.h>
#include <rte_mempool.h>

#include "config.h"
#include "copier.h"
#include "lcore.h"
#include "map.h"
#include "port.h"
#include "stats.h"

struct app {
	struct config cfg;
	atomic_bool stop;

	struct port ports[CONFIG_MAX_PORTS];
	uint16_t nb_ports;

	/* By socket. What is received and what is copied do not starve each other. */
	struct rte_mempool *rx_pools[RTE_MAX_NUMA_NODES];
	struct rte_mempool *copy_pools[RTE_MAX_NUMA_NODES];

	struct map_lcore lcores[RTE_MAX_LCORE]; /* workers, then the main lcore */
	struct lcore loops[RTE_MAX_LCORE];      /* same index */
	uint16_t nb_lcores;
	uint16_t nb_polling; /* the first ones, which may have streams */

	struct map_stream *map;
	struct stream *streams; /* same index as map */
	uint16_t nb_streams;

	struct copier_group *groups[RTE_MAX_LCORE]; /* same index as lcores; NULL: none */
	struct copier **copiers;                    /* those of one lcore lie together */
	struct stream **lcore_streams;
	uint16_t nb_copiers;
	bool faults_told[MAP_MAX_STREAMS]; /* by copier */
	uint64_t received;                 /* until the last app_is_at_rest() */
};

/**
 * Build everything that @p app->cfg asks for and start ports and devices. Logs what fails.
 * @return 0; a negative errno: call app_close() all the same.
 */
int app_open(struct app *app);

/** Undo app_open(), as far as it came. No loop may run. */
void app_close(struct app *app);

/** Print who forwards what to whom. */
void app_print_map(FILE *out, const struct app *app);

/**
 * Print all statistics; at any time between app_open() and app_close().
 * @return 0; -EIO: @p out lost some of this or of what was printed before. That is logged.
 */
int app_print_stats(FILE *out, const struct app *app, const char *title);

/** Whether no packet has come since the last call, and none is in flight. */
bool app_is_at_rest(struct app *app);

/** Whether all lcores have looked for packets since this was last true. */
bool app_has_looked(struct app *app);

/** Log each DMA device that failed since the last call. */
void app_report_faults(struct app *app);

#endif /* DMAFWD_APP_H */
