/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include <rte_memory.h>

#include "test.h"

#include "dcp.h"
#include "dcp_sync.h"
#include "rig.h"
#include "steps.h"

#define RECORDS 4

static struct fake_dev *dev;
static struct dcp_port *port;
static struct dcp_worker *workers[3];
static uint16_t chan;
static uint32_t seen[RECORDS]; /* by context */
static uint32_t accepted;
static int holders;

static void
begin(uint16_t limit, uint32_t flags)
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

	port = dcp_create(&conf);
	assert_non_null(port);
	if (dev == NULL)
		dev = rig_device(RECORDS);
	dev->stopped = false;
	memset(&dev->vchan[0], 0, sizeof(dev->vchan[0]));
	dev->vchan[0].capacity = RECORDS;
	dev->vchan[0].refuse_from = FAKE_ALL;
	atomic_store(&dev->vchan[0].allow, FAKE_ALL);
	chan = rig_chan(port, dev, flags);
	for (int i = 0; i < 3; i++)
		workers[i] = rig_worker(port, 0);
	memset(seen, 0, sizeof(seen));
	accepted = 0;
	holders = 0;
}

static void
begin_plain(void)
{
	begin(0, 0);
}

static void
begin_one_runs(void)
{
	begin(1, 0);
}

static void
begin_serial(void)
{
	begin(0, DCP_CHAN_F_SERIAL);
}

/* Each accepted operation and post has come once. */
static void
end(void)
{
	for (uint32_t i = 0; i < RECORDS; i++)
		CHECK_INT(seen[i], ==, i < accepted ? 1 : 0);
	for (int i = 0; i < 3; i++)
		dcp_worker_del(workers[i]);
	rig_end(port);
}

/* --- what tasks do */

static void
note(const struct dcp_cpl *cpl, int n)
{
	for (int i = 0; i < n; i++) {
		CHECK_INT(cpl[i].ctx, <, RECORDS);
		seen[cpl[i].ctx]++;
	}
}

static void
take_one(int k)
{
	struct dcp_cpl cpl;

	CHECK_INT(dcp_get(workers[k], &cpl, 1, DCP_FOREVER), ==, 1);
	note(&cpl, 1);
}

static void
take_until_shutdown(int k)
{
	struct dcp_cpl cpl;
	int rc;

	while ((rc = dcp_get(workers[k], &cpl, 1, DCP_FOREVER)) == 1)
		note(&cpl, 1);
	CHECK_INT(rc, ==, -ESHUTDOWN);
}

static void
issue_one(void)
{
	int rc = rig_issue(port, chan, accepted, 1);

	CHECK(rc == 1 || rc == -ESHUTDOWN);
	accepted += rc == 1;
}

static void
post_one(void)
{
	const struct dcp_cpl cpl = {.ctx = accepted};
	int rc = dcp_post(port, &cpl, 1);

	CHECK(rc == 1 || rc == -ESHUTDOWN);
	accepted += rc == 1;
}

static void
explore_all(const struct steps_scenario *s, uint32_t at_least)
{
	uint32_t runs = steps_explore(s);

	print_message("# %u interleavings\n", runs);
	/* So that a test which explores nothing does not pass. */
	CHECK_INT(runs, >, at_least);
}

static void
worker0_takes_one(void)
{
	take_one(0);
}

static void
worker1_takes_one(void)
{
	take_one(1);
}

static void
worker0_takes_all(void)
{
	take_until_shutdown(0);
}

static void
worker1_takes_all(void)
{
	take_until_shutdown(1);
}

static void
closes(void)
{
	dcp_close(port);
}

static void
issues_and_closes(void)
{
	issue_one();
	dcp_close(port);
}

static void
issues_two(void)
{
	issue_one();
	issue_one();
}

static void
posts_two(void)
{
	post_one();
	post_one();
}

/* --- scenarios */

/* S6. The mutants: lead_sleep() does not look again after dcp_bed_announce(); dcp_issue() looks at
 * the bed before the operation is counted.
 */
TEST(issue_wakes_a_worker_that_goes_to_sleep)
{
	const struct steps_scenario s = {begin_plain, {worker0_takes_one, issue_one}, end};

	explore_all(&s, 200);
}

TEST(post_wakes_a_worker_that_goes_to_sleep)
{
	const struct steps_scenario s = {begin_plain, {worker0_takes_one, post_one}, end};

	explore_all(&s, 200);
}

static void
issue_late(void)
{
	atomic_store(&dev->vchan[0].allow, 0);
	issue_one();
	atomic_store(&dev->vchan[0].allow, FAKE_ALL);
}

TEST(device_that_finishes_at_any_moment_is_noticed)
{
	const struct steps_scenario s = {begin_plain, {worker0_takes_one, issue_late}, end};

	explore_all(&s, 200);
}

/* S6, S8. The mutant: slots_lead_end() does not promote. */
TEST(two_workers_get_two_operations)
{
	const struct steps_scenario s = {
		begin_plain, {worker0_takes_one, worker1_takes_one, issues_two}, end};

	explore_all(&s, 2000);
}

static void
worker0_takes_one_and_leaves(void)
{
	take_one(0);
	dcp_worker_del(workers[0]);
	workers[0] = NULL;
}

static void
worker1_takes_one_and_leaves(void)
{
	take_one(1);
	dcp_worker_del(workers[1]);
	workers[1] = NULL;
}

/* S5. The mutant: dcp_worker_del() does not promote. */
TEST(with_one_slot_a_worker_that_leaves_lets_the_other_run)
{
	const struct steps_scenario s = {
		begin_one_runs,
		{worker0_takes_one_and_leaves, worker1_takes_one_and_leaves, posts_two},
		end};

	explore_all(&s, 2000);
}

static void
worker0_takes_one_and_blocks(void)
{
	take_one(0);
	dcp_block(workers[0], true);
	dcp_block(workers[0], false);
	dcp_worker_del(workers[0]);
	workers[0] = NULL;
}

static void
worker0_takes_one_and_stays_blocked(void)
{
	take_one(0);
	dcp_block(workers[0], true);
}

static void
worker1_takes_one_and_stays_blocked(void)
{
	take_one(1);
	dcp_block(workers[1], true);
}

/* S5. The mutant: dcp_block(true) does not promote. */
TEST(with_one_slot_a_worker_that_blocks_lets_the_other_run)
{
	const struct steps_scenario s = {begin_one_runs,
	                                 {worker0_takes_one_and_stays_blocked,
	                                  worker1_takes_one_and_stays_blocked, posts_two},
	                                 end};

	explore_all(&s, 2000);
}

TEST(worker_that_comes_back_over_the_limit_loses_nothing)
{
	const struct steps_scenario s = {
		begin_one_runs,
		{worker0_takes_one_and_blocks, worker1_takes_one_and_leaves, posts_two},
		end};

	explore_all(&s, 2000);
}

static void
worker1_times_out_and_leaves(void)
{
	struct dcp_cpl cpl;
	int rc = dcp_get(workers[1], &cpl, 1, 3000);

	CHECK(rc == 1 || rc == -ETIMEDOUT || rc == -ESHUTDOWN);
	note(&cpl, rc == 1);
	dcp_worker_del(workers[1]);
	workers[1] = NULL;
}

static void
posts_two_and_closes(void)
{
	posts_two();
	dcp_close(port);
}

/* T9. The mutant: slots_expire() does not look whether the worker has just been called. */
TEST(time_out_at_the_moment_of_a_wake_loses_nothing)
{
	const struct steps_scenario plain = {
		begin_plain,
		{worker0_takes_all, worker1_times_out_and_leaves, posts_two_and_closes},
		end};
	struct steps_scenario one = plain;

	explore_all(&plain, 2000);
	one.begin = begin_one_runs;
	explore_all(&one, 2000);
}

/* S12, T13. The mutant: dcp_close() does not pass the locks. */
TEST(close_at_any_moment_ends_all_and_loses_nothing)
{
	const struct steps_scenario s = {
		begin_plain, {worker0_takes_all, worker1_takes_all, issues_and_closes}, end};
	const struct steps_scenario beside = {
		begin_plain, {worker0_takes_all, issue_one, closes}, end};
	const struct steps_scenario post = {
		begin_plain, {worker0_takes_all, post_one, closes}, end};

	explore_all(&s, 2000);
	explore_all(&beside, 2000);
	explore_all(&post, 2000);
}

TEST(close_at_any_moment_with_one_slot)
{
	const struct steps_scenario s = {
		begin_one_runs, {worker0_takes_all, worker1_takes_all, issues_and_closes}, end};

	explore_all(&s, 2000);
}

static void
posts_one_and_closes(void)
{
	post_one();
	dcp_close(port);
}

static void
worker0_takes_one_or_none(void)
{
	struct dcp_cpl cpl;
	int rc = dcp_get(workers[0], &cpl, 1, DCP_FOREVER);

	CHECK(rc == 1 || rc == -ESHUTDOWN);
	note(&cpl, rc == 1);
}

/* S12. Who has the only slot does not call again. The mutant: slots_enter() does not look at shut.
 */
TEST(close_at_any_moment_with_a_slot_that_stays_taken)
{
	const struct steps_scenario s = {
		begin_one_runs,
		{worker0_takes_one_or_none, worker1_takes_all, posts_one_and_closes},
		end};

	explore_all(&s, 2000);
}

static void
take_serial_until_shutdown(int k)
{
	struct dcp_cpl cpl;

	while (dcp_get(workers[k], &cpl, 1, DCP_FOREVER) == 1) {
		note(&cpl, 1);
		CHECK_INT(holders++, ==, 0);
		for (int i = 0; i < 3; i++)
			steps_step();
		CHECK_INT(--holders, ==, 0);
	}
}

static void
worker0_takes_serial(void)
{
	take_serial_until_shutdown(0);
}

static void
worker1_takes_serial(void)
{
	take_serial_until_shutdown(1);
}

static void
issues_three_and_closes(void)
{
	issue_one();
	CHECK_INT(rig_issue(port, chan, 1, 2), ==, 2);
	accepted = 3;
	dcp_close(port);
}

/* S4. The mutant: chan_take() looks at the holder before it has the lock only. */
TEST(serial_channel_has_one_holder_at_any_moment)
{
	const struct steps_scenario s = {
		begin_serial,
		{worker0_takes_serial, worker1_takes_serial, issues_three_and_closes},
		end};

	explore_all(&s, 2000);
}

static void
deletes(void)
{
	int rc;

	while ((rc = dcp_chan_del(port, chan, false, 0)) == -ETIMEDOUT)
		dcp_os_relax(0);
	CHECK_INT(rc, ==, 0);
	dcp_close(port);
}

static void
issues_unless_deleted(void)
{
	int rc = rig_issue(port, chan, 0, 2);

	CHECK(rc == 2 || rc == -ESHUTDOWN || rc == -EINVAL || rc == -EIO);
	accepted = rc == 2 ? 2 : 0;
}

static void
aborts(void)
{
	int rc;

	while ((rc = dcp_chan_del(port, chan, true, 0)) == -ETIMEDOUT)
		dcp_os_relax(0);
	CHECK_INT(rc, ==, 0);
	dcp_close(port);
}

/* T14. The mutant: chan_try_free() does not take the device's lock. */
TEST(delete_at_any_moment_loses_nothing)
{
	const struct steps_scenario drain = {
		begin_plain, {worker0_takes_all, issues_unless_deleted, deletes}, end};
	const struct steps_scenario abort = {
		begin_plain, {worker0_takes_all, issues_unless_deleted, aborts}, end};

	explore_all(&drain, 2000);
	explore_all(&abort, 2000);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_steps") == 0 ? 0 : 1;
}
