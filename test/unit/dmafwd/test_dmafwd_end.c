/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "test.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#include <rte_cycles.h>

#include "end.h"
#include "rig.h"

#define LIMIT_MS 200

static atomic_bool stop;
static atomic_uint gave_up;

/* How a process ends that gets @p first and then @p second; -1: it outlives them. */
static int
ending_after(int first, int second)
{
	int status = 0;
	pid_t pid;

	atomic_store(&stop, false);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(60);
		end_catch_signals(&stop);
		raise(first);
		if (!atomic_load(&stop))
			_exit(1);
		if (second != 0)
			raise(second);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status);
	CHECK_INT(WEXITSTATUS(status), ==, 0);
	return -1;
}

TEST(the_first_signal_asks_for_the_end)
{
	CHECK_INT(ending_after(SIGINT, 0), ==, -1);
	CHECK_INT(ending_after(SIGTERM, 0), ==, -1);
}

TEST(the_second_signal_ends_the_process_whichever_came_first)
{
	CHECK_INT(ending_after(SIGTERM, SIGTERM), ==, SIGTERM);
	CHECK_INT(ending_after(SIGINT, SIGINT), ==, SIGINT);
	CHECK_INT(ending_after(SIGINT, SIGTERM), ==, SIGTERM);
	CHECK_INT(ending_after(SIGTERM, SIGINT), ==, SIGINT);
}

static void
count_give_up(void *ctx)
{
	CHECK(ctx == &gave_up);
	atomic_fetch_add((atomic_uint *)ctx, 1);
}

static struct end_watch watch = {&stop, LIMIT_MS, count_give_up, &gave_up, 0};

static void
start_watch(void)
{
	atomic_store(&stop, false);
	atomic_store(&gave_up, 0);
	CHECK_INT(end_watch_start(&watch), ==, 0);
}

TEST(an_end_that_does_not_come_is_given_up_after_the_limit)
{
	uint64_t hz = rte_get_tsc_hz(), start;

	start_watch();
	start = rte_rdtsc();
	atomic_store(&stop, true);
	while (atomic_load(&gave_up) == 0 && rte_rdtsc() - start < 60 * hz)
		rte_delay_us_sleep(1000);
	CHECK_INT(atomic_load(&gave_up), >, 0);
	CHECK((rte_rdtsc() - start) / (hz / 1000) >= LIMIT_MS);
	end_watch_stop(&watch);
}

TEST(nothing_is_given_up_before_the_end_was_asked_for)
{
	start_watch();
	rte_delay_us_sleep(3 * LIMIT_MS * 1000);
	CHECK_INT(atomic_load(&gave_up), ==, 0);
	end_watch_stop(&watch);
}

TEST(an_end_in_time_stops_the_watch)
{
	uint64_t limit = rte_get_tsc_hz() / 1000 * LIMIT_MS, start;
	int tries = 0;

	do { /* again where this thread had no processor for as long as the limit */
		CHECK_INT(tries++, <, 100);
		start_watch();
		start = rte_rdtsc();
		atomic_store(&stop, true);
		end_watch_stop(&watch);
	} while (rte_rdtsc() - start >= limit);
	rte_delay_us_sleep(3 * LIMIT_MS * 1000);
	CHECK_INT(atomic_load(&gave_up), ==, 0);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dmafwd_end") == 0 ? 0 : 1;
}
