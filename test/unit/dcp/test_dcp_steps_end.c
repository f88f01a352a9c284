/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include "test.h"

#include "dcp_sync.h"
#include "rig.h"
#include "steps_bench.h"

/* S12, T13. The mutant: dcp_close() does not pass the locks. */
TEST(close_at_any_moment_ends_all_and_loses_nothing)
{
	const struct steps_scenario s = {
		bench_begin_plain,
		{bench_worker0_takes_all, bench_worker1_takes_all, bench_issues_and_closes},
		bench_end};
	const struct steps_scenario beside = {
		bench_begin_plain,
		{bench_worker0_takes_all, bench_issue_one, bench_closes},
		bench_end};
	const struct steps_scenario post = {bench_begin_plain,
	                                    {bench_worker0_takes_all, bench_post_one, bench_closes},
	                                    bench_end};

	bench_explore_all(&s, 2000);
	bench_explore_all(&beside, 2000);
	bench_explore_all(&post, 2000);
}

TEST(close_at_any_moment_with_one_slot)
{
	const struct steps_scenario s = {
		bench_begin_one_runs,
		{bench_worker0_takes_all, bench_worker1_takes_all, bench_issues_and_closes},
		bench_end};

	bench_explore_all(&s, 2000);
}

static void
begin_one_posted(void)
{
	bench_begin_plain();
	bench_post_one();
}

/* S12. Who delivers the record that waits sees a port that is closing and owes nothing, while an
 * operation is on its way in. The mutant: port_settle() does not look at sealed.
 */
TEST(close_beside_an_issue_loses_nothing_though_a_record_is_delivered_meanwhile)
{
	const struct steps_scenario issue = {
		begin_one_posted,
		{bench_worker0_takes_all, bench_issue_one, bench_closes},
		bench_end};
	const struct steps_scenario post = {begin_one_posted,
	                                    {bench_worker0_takes_all, bench_post_one, bench_closes},
	                                    bench_end};

	bench_explore_all(&issue, 500);
	bench_explore_all(&post, 500);
}

static void
posts_one_and_closes(void)
{
	bench_post_one();
	dcp_close(bench.port);
}

static void
worker0_takes_one_or_none(void)
{
	struct dcp_cpl cpl;
	int rc = dcp_get(bench.workers[0], &cpl, 1, DCP_FOREVER);

	CHECK(rc == 1 || rc == -ESHUTDOWN);
	bench_note(&cpl, rc == 1);
}

/* S12. Who has the only slot does not call again. The mutant: slots_enter() does not look at shut.
 */
TEST(close_at_any_moment_with_a_slot_that_stays_taken)
{
	const struct steps_scenario s = {
		bench_begin_one_runs,
		{worker0_takes_one_or_none, bench_worker1_takes_all, posts_one_and_closes},
		bench_end};

	bench_explore_all(&s, 2000);
}

static void
deletes(void)
{
	int rc;

	while ((rc = dcp_chan_del(bench.port, bench.chan, false, 0)) == -ETIMEDOUT)
		dcp_os_relax(0);
	CHECK_INT(rc, ==, 0);
	dcp_close(bench.port);
}

static void
issues_unless_deleted(void)
{
	int rc = rig_issue(bench.port, bench.chan, 0, 2);

	CHECK(rc == 2 || rc == -ESHUTDOWN || rc == -EINVAL || rc == -EIO);
	bench.accepted = rc == 2 ? 2 : 0;
}

static void
aborts(void)
{
	int rc;

	while ((rc = dcp_chan_del(bench.port, bench.chan, true, 0)) == -ETIMEDOUT)
		dcp_os_relax(0);
	CHECK_INT(rc, ==, 0);
	dcp_close(bench.port);
}

/* T14. The mutant: chan_try_free() does not take the device's lock. */
TEST(delete_at_any_moment_loses_nothing)
{
	const struct steps_scenario drain = {
		bench_begin_plain,
		{bench_worker0_takes_all, issues_unless_deleted, deletes},
		bench_end};
	const struct steps_scenario abort = {
		bench_begin_plain,
		{bench_worker0_takes_all, issues_unless_deleted, aborts},
		bench_end};

	bench_explore_all(&drain, 2000);
	bench_explore_all(&abort, 2000);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_steps_end") == 0 ? 0 : 1;
}
