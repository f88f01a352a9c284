/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "steps_bench.h"

#include <errno.h>

#include <rte_memory.h>

#include "test.h"

#include "rig.h"

struct bench bench;

void
bench_begin_empty(uint16_t limit, uint32_t flags)
{
	struct dcp_conf conf = {
		.name = "steps",
		.socket_id = SOCKET_ID_ANY,
		.max_chans = 1,
		.max_workers = 4,
		.max_running = limit,
		.chan_depth = 4,
		.post_depth = 4,
		.spin_us = 1,
		.nap_us = 1,
	};

	bench.port = dcp_create(&conf);
	assert_non_null(bench.port);
	if (bench.dev == NULL)
		bench.dev = rig_device(BENCH_RECORDS);
	bench.dev->stopped = false;
	memset(&bench.dev->vchan[0], 0, sizeof(bench.dev->vchan[0]));
	bench.dev->vchan[0].capacity = BENCH_RECORDS;
	bench.dev->vchan[0].refuse_from = FAKE_ALL;
	atomic_store(&bench.dev->vchan[0].allow, FAKE_ALL);
	bench.chan = rig_chan(bench.port, bench.dev, flags);
	for (int i = 0; i < BENCH_WORKERS; i++)
		bench.workers[i] = NULL;
	memset(bench.seen, 0, sizeof(bench.seen));
	bench.accepted = 0;
}

void
bench_begin(uint16_t limit, uint32_t flags)
{
	bench_begin_empty(limit, flags);
	for (int i = 0; i < BENCH_WORKERS; i++)
		bench.workers[i] = rig_worker(bench.port, 0);
}

void
bench_begin_plain(void)
{
	bench_begin(0, 0);
}

void
bench_begin_one_runs(void)
{
	bench_begin(1, 0);
}

void
bench_end(void)
{
	for (uint32_t i = 0; i < BENCH_RECORDS; i++)
		CHECK_INT(bench.seen[i], ==, i < bench.accepted ? 1 : 0);
	for (int i = 0; i < BENCH_WORKERS; i++)
		dcp_worker_del(bench.workers[i]);
	rig_end(bench.port);
}

void
bench_explore_all(const struct steps_scenario *s, uint32_t at_least)
{
	uint32_t runs = steps_explore(s);

	print_message("# %u interleavings\n", runs);
	/* So that a test which explores nothing does not pass. */
	CHECK_INT(runs, >, at_least);
}

/* --- what tasks do */

void
bench_note(const struct dcp_cpl *cpl, int n)
{
	for (int i = 0; i < n; i++) {
		CHECK_INT(cpl[i].ctx, <, BENCH_RECORDS);
		bench.seen[cpl[i].ctx]++;
	}
}

void
bench_take_one(int k)
{
	struct dcp_cpl cpl;

	CHECK_INT(dcp_get(bench.workers[k], &cpl, 1, DCP_FOREVER), ==, 1);
	bench_note(&cpl, 1);
}

void
bench_take_until_shutdown(int k)
{
	struct dcp_cpl cpl;
	int rc;

	while ((rc = dcp_get(bench.workers[k], &cpl, 1, DCP_FOREVER)) == 1)
		bench_note(&cpl, 1);
	CHECK_INT(rc, ==, -ESHUTDOWN);
}

void
bench_worker0_takes_one(void)
{
	bench_take_one(0);
}

void
bench_worker1_takes_one(void)
{
	bench_take_one(1);
}

void
bench_worker0_takes_all(void)
{
	bench_take_until_shutdown(0);
}

void
bench_worker1_takes_all(void)
{
	bench_take_until_shutdown(1);
}

void
bench_issue_one(void)
{
	int rc = rig_issue(bench.port, bench.chan, bench.accepted, 1);

	CHECK(rc == 1 || rc == -ESHUTDOWN);
	bench.accepted += rc == 1;
}

void
bench_post_one(void)
{
	const struct dcp_cpl cpl = {.ctx = bench.accepted};
	int rc = dcp_post(bench.port, &cpl, 1);

	CHECK(rc == 1 || rc == -ESHUTDOWN);
	bench.accepted += rc == 1;
}

void
bench_closes(void)
{
	dcp_close(bench.port);
}

void
bench_issues_and_closes(void)
{
	bench_issue_one();
	dcp_close(bench.port);
}
