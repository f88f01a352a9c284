/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_LOG_H
#define DMAFWD_LOG_H

/**
 * @file
 * The log of the application, type "app.dmafwd"; for the control path only.
 */

#include <rte_errno.h>
#include <rte_log.h>

extern int dmafwd_logtype;

#define FWD_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_##level, dmafwd_logtype, "dmafwd: " fmt "\n", ##__VA_ARGS__)

#endif /* DMAFWD_LOG_H */
