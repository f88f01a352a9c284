/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_OPTIONS_H
#define VFU_OPTIONS_H

/**
 * @file
 * The command line as checked values.
 */

#include <stdbool.h>
#include <stdio.h>

#include "vfu_engine.h"

#define VFU_FUNCTIONS_MAX  8u
#define VFU_LATENCY_MAX_NS 1000000000u
#define VFU_BANDWIDTH_MAX  1000u /* GB/s */
#define VFU_ERROR_SIZE     256

struct vfu_options {
	const char *socket;
	unsigned int functions;
	struct vfu_func_conf func; /**< for each of them, but its number */
	bool stats;
	bool verbose;
};

/** What vfu_options_parse() found when it did not fail. */
enum vfu_options_result {
	VFU_OPTIONS_RUN,
	VFU_OPTIONS_HELP,
};

/**
 * Check the arguments; @p argv[0] is not looked at.
 * @param err receives one line without its end when the result is negative
 * @return enum vfu_options_result; -EINVAL: @p err names the option and the legal range.
 */
int vfu_options_parse(struct vfu_options *opts, int argc, char **argv, char err[VFU_ERROR_SIZE]);

void vfu_options_usage(FILE *out, const char *program);

#endif /* VFU_OPTIONS_H */
