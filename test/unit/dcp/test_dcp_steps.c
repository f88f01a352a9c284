/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include "test.h"

#include "dcp_priv.h"
#include "rig.h"
#include "steps_bench.h"

static int holders;

static void
issues_two(void)
{
	bench_issue_one();
	bench_issue_one();
}

static void
posts_two(void)
{
	bench_post_one();
	bench_post_one();
}

/* --- scenarios */

/* S6. The mutants: lead_sleep() does not look again after dcp_bed_announce(); dcp_issue() looks at
 * the bed before the operation is counted.
 */
TEST(issue_wakes_a_worker_that_goes_to_sleep)
{
	const struct steps_scenario s = {
		bench_begin_plain, {bench_worker0_takes_one, bench_issue_one}, bench_end};

	bench_explore_all(&s, 200);
}

TEST(post_wakes_a_worker_that_goes_to_sleep)
{
	const struct steps_scenario s = {
		bench_begin_plain, {bench_worker0_takes_one, bench_post_one}, bench_end};

	bench_explore_all(&s, 200);
}

/* The worker that is added here is the first that sleeps, or comes while the first is added.
 * Whoever is inside dcp_issue() or dcp_post() may have seen that there is none, and rouses nobody.
 */
static bool unseen;           /* there was somebody inside */
static uint32_t unseen_issue; /* what would be accepted next then */

static void
add_sleeper_beside(int k, const struct dcp_lock *lock)
{
	if (atomic_load(&lock->taken) != 0 && !atomic_load(&bench.port->have_sleepers)) {
		unseen = true;
		unseen_issue = bench.accepted;
	}
	bench.workers[k] = rig_worker(bench.port, 0);
	/* On one thread the worker would see the work anyway. A processor sees what another one has
	 * stored when that one's lock is free again, though it may be in its next call by now.
	 */
	CHECK(!unseen || atomic_load(&lock->taken) == 0 || bench.accepted != unseen_issue);
	bench_take_one(k);
}

static void
adds_sleeper_beside_an_issue(void)
{
	add_sleeper_beside(0, &bench.port->devs[0].lock);
}

static void
adds_another_beside_an_issue(void)
{
	add_sleeper_beside(1, &bench.port->devs[0].lock);
}

static void
adds_sleeper_beside_a_post(void)
{
	add_sleeper_beside(0, &bench.port->posts.lock);
}

static void
begin_without_workers(void)
{
	bench_begin_empty(0, 0);
	unseen = false;
}

/* S6. The mutant: dcp_worker_add() does not pass the locks. */
TEST(first_sleeping_worker_waits_for_who_may_not_have_seen_it)
{
	const struct steps_scenario issue = {
		begin_without_workers, {bench_issue_one, adds_sleeper_beside_an_issue}, bench_end};
	const struct steps_scenario post = {
		begin_without_workers, {bench_post_one, adds_sleeper_beside_a_post}, bench_end};

	bench_explore_all(&issue, 100);
	bench_explore_all(&post, 100);
}

/* S6. The mutant: dcp_worker_add() says that the locks are passed before they are. */
TEST(second_sleeping_worker_waits_too_while_the_first_does)
{
	const struct steps_scenario s = {
		begin_without_workers,
		{issues_two, adds_sleeper_beside_an_issue, adds_another_beside_an_issue},
		bench_end};

	bench_explore_all(&s, 1000);
}

static void
issue_late(void)
{
	atomic_store(&bench.dev->vchan[0].allow, 0);
	bench_issue_one();
	atomic_store(&bench.dev->vchan[0].allow, FAKE_ALL);
}

TEST(device_that_finishes_at_any_moment_is_noticed)
{
	const struct steps_scenario s = {
		bench_begin_plain, {bench_worker0_takes_one, issue_late}, bench_end};

	bench_explore_all(&s, 200);
}

/* S6, S8. The mutant: slots_lead_end() does not promote. */
TEST(two_workers_get_two_operations)
{
	const struct steps_scenario s = {
		bench_begin_plain,
		{bench_worker0_takes_one, bench_worker1_takes_one, issues_two},
		bench_end};

	bench_explore_all(&s, 2000);
}

static void
worker0_takes_one_and_leaves(void)
{
	bench_take_one(0);
	dcp_worker_del(bench.workers[0]);
	bench.workers[0] = NULL;
}

static void
worker1_takes_one_and_leaves(void)
{
	bench_take_one(1);
	dcp_worker_del(bench.workers[1]);
	bench.workers[1] = NULL;
}

/* S5. The mutant: dcp_worker_del() does not promote. */
TEST(with_one_slot_a_worker_that_leaves_lets_the_other_run)
{
	const struct steps_scenario s = {
		bench_begin_one_runs,
		{worker0_takes_one_and_leaves, worker1_takes_one_and_leaves, posts_two},
		bench_end};

	bench_explore_all(&s, 2000);
}

static void
worker0_takes_one_and_blocks(void)
{
	bench_take_one(0);
	dcp_block(bench.workers[0], true);
	dcp_block(bench.workers[0], false);
	dcp_worker_del(bench.workers[0]);
	bench.workers[0] = NULL;
}

static void
worker0_takes_one_and_stays_blocked(void)
{
	bench_take_one(0);
	dcp_block(bench.workers[0], true);
}

static void
worker1_takes_one_and_stays_blocked(void)
{
	bench_take_one(1);
	dcp_block(bench.workers[1], true);
}

/* S5. The mutant: dcp_block(true) does not promote. */
TEST(with_one_slot_a_worker_that_blocks_lets_the_other_run)
{
	const struct steps_scenario s = {bench_begin_one_runs,
	                                 {worker0_takes_one_and_stays_blocked,
	                                  worker1_takes_one_and_stays_blocked, posts_two},
	                                 bench_end};

	bench_explore_all(&s, 2000);
}

TEST(worker_that_comes_back_over_the_limit_loses_nothing)
{
	const struct steps_scenario s = {
		bench_begin_one_runs,
		{worker0_takes_one_and_blocks, worker1_takes_one_and_leaves, posts_two},
		bench_end};

	bench_explore_all(&s, 2000);
}

static void
worker1_times_out_and_leaves(void)
{
	struct dcp_cpl cpl;
	int rc = dcp_get(bench.workers[1], &cpl, 1, 3000);

	CHECK(rc == 1 || rc == -ETIMEDOUT || rc == -ESHUTDOWN);
	bench_note(&cpl, rc == 1);
	dcp_worker_del(bench.workers[1]);
	bench.workers[1] = NULL;
}

static void
posts_two_and_closes(void)
{
	posts_two();
	dcp_close(bench.port);
}

/* T9. The mutant: slots_expire() does not look whether the worker has just been called. */
TEST(time_out_at_the_moment_of_a_wake_loses_nothing)
{
	const struct steps_scenario plain = {
		bench_begin_plain,
		{bench_worker0_takes_all, worker1_times_out_and_leaves, posts_two_and_closes},
		bench_end};
	struct steps_scenario one = plain;

	bench_explore_all(&plain, 2000);
	one.begin = bench_begin_one_runs;
	bench_explore_all(&one, 2000);
}

static void
begin_serial(void)
{
	bench_begin(0, DCP_CHAN_F_SERIAL);
	holders = 0;
}

static void
take_serial_until_shutdown(int k)
{
	struct dcp_cpl cpl;

	while (dcp_get(bench.workers[k], &cpl, 1, DCP_FOREVER) == 1) {
		bench_note(&cpl, 1);
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
	bench_issue_one();
	CHECK_INT(rig_issue(bench.port, bench.chan, 1, 2), ==, 2);
	bench.accepted = 3;
	dcp_close(bench.port);
}

/* S4. The mutant: chan_take() looks at the holder before it has the lock only. */
TEST(serial_channel_has_one_holder_at_any_moment)
{
	const struct steps_scenario s = {
		begin_serial,
		{worker0_takes_serial, worker1_takes_serial, issues_three_and_closes},
		bench_end};

	bench_explore_all(&s, 2000);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_steps") == 0 ? 0 : 1;
}
