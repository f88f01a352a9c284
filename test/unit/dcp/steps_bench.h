/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_TEST_STEPS_BENCH_H
#define DCP_TEST_STEPS_BENCH_H

/**
 * @file
 * What the scenarios of steps.h have in common: a port with a channel and workers, what tasks do
 * with them, and the look afterwards whether each operation has come once.
 */

#include <stdint.h>

#include "dcp.h"
#include "steps.h"

#define BENCH_RECORDS 4
#define BENCH_WORKERS 3

extern struct bench {
	struct fake_dev *dev;
	struct dcp_port *port;
	struct dcp_worker *workers[BENCH_WORKERS]; /* NULL: not there */
	uint32_t seen[BENCH_RECORDS];              /* by context */
	uint32_t accepted;                         /* operations and posts; the next context */
	uint16_t chan;
} bench;

/* Where a scenario begins. @p limit is max_running, @p flags are the channel's. */
void bench_begin(uint16_t limit, uint32_t flags);
/** No worker is there. */
void bench_begin_empty(uint16_t limit, uint32_t flags);
void bench_begin_plain(void);
void bench_begin_one_runs(void);

/** Where it ends: each accepted operation and post has come once. */
void bench_end(void);

/** Run a scenario, in more than @p at_least interleavings: one that explores nothing fails. */
void bench_explore_all(const struct steps_scenario *s, uint32_t at_least);

/* Parts of tasks, and tasks. */
void bench_note(const struct dcp_cpl *cpl, int n);
void bench_take_one(int k);
void bench_take_until_shutdown(int k);
void bench_worker0_takes_one(void);
void bench_worker1_takes_one(void);
void bench_worker0_takes_all(void);
void bench_worker1_takes_all(void);
/** Accepted, or refused because the port is closed. */
void bench_issue_one(void);
void bench_post_one(void);
void bench_closes(void);
void bench_issues_and_closes(void);

#endif /* DCP_TEST_STEPS_BENCH_H */
