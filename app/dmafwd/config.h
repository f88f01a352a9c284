/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_CONFIG_H
#define DMAFWD_CONFIG_H

/**
 * @file
 * The command line as checked values. Nothing here needs EAL: a bad option ends the program before
 * EAL starts.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_MAX_QUEUES       64
#define CONFIG_MIN_RING         64
#define CONFIG_MAX_RING         32768
#define CONFIG_DEFAULT_RING     2048
#define CONFIG_MAX_BATCH        1024
#define CONFIG_DEFAULT_BATCH    32
#define CONFIG_MIN_FRAME        64
#define CONFIG_MAX_FRAME        16128 /* RTE_ETHER_MAX_JUMBO_FRAME_LEN */
#define CONFIG_MAX_SECONDS      86400
#define CONFIG_DEFAULT_INTERVAL 0
#define CONFIG_MAX_PORTS        64 /* bits of the port mask */
#define CONFIG_ERROR_SIZE       384

enum copy_type {
	COPY_TYPE_HW,
	COPY_TYPE_SW,
};

struct config {
	uint64_t portmask; /* 0: all ports present */
	enum copy_type copy_type;
	bool mac_updating;
	uint16_t nb_queues;      /* receive queues per port */
	uint16_t batch_size;     /* DMA operations per submit at most */
	uint16_t ring_size;      /* 0: CONFIG_DEFAULT_RING within the limits of the device */
	uint32_t max_frame;      /* bytes with CRC; 0: what the port takes */
	uint32_t stats_interval; /* seconds; 0: the final table only */
	uint32_t idle_exit;      /* seconds; 0: run until a signal comes */
};

/** What config_parse() found when it did not fail. */
enum config_result {
	CONFIG_RUN,
	CONFIG_HELP,
};

/**
 * Turn the options after "--" into @p cfg; @p argv[0] is not looked at.
 * @param err receives one line without newline when the result is negative
 * @return enum config_result; -EINVAL: @p err names the option, its value and the legal range.
 */
int config_parse(struct config *cfg, int argc, char **argv, char err[CONFIG_ERROR_SIZE]);

/** @return the index of the "--" before the options of config_parse(); @p argc: there is none. */
int config_separator(int argc, char **argv);

/**
 * Check that EAL took all words that were meant for it. It skips what is no option, and moves that
 * behind the "--".
 * @param argv as rte_eal_init() left it
 * @param separator what config_separator() returned before
 * @param taken what rte_eal_init() returned
 * @return 0; -EINVAL: @p err names the first word that EAL skipped.
 */
int config_check_eal(int argc, char **argv, int separator, int taken, char err[CONFIG_ERROR_SIZE]);

/**
 * Check the port mask against the ports that exist and fill in the default (all of them).
 * @return 0; -EINVAL: @p err says which ports are missing; -ENODEV: there is no port at all.
 */
int config_check_ports(struct config *cfg, uint64_t present, char err[CONFIG_ERROR_SIZE]);

void config_usage(FILE *out, const char *program);

#endif /* DMAFWD_CONFIG_H */
