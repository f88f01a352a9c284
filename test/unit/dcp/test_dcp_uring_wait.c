/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <liburing.h>

#include "test.h"

#include "dcp.h"
#include "dcp_sync.h"
#include "dcp_uring.h"
#include "getter.h"
#include "rig.h"
#include "rig_uring.h"

#define DEPTH 64

static struct dcp_port *port;
static uint16_t ring;
static int ends[2]; /* of a connection */
static char buf[DEPTH][16];

static void
begin(void)
{
	port = rig_uring_port();
	ring = rig_uring(port, DEPTH);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void
end(void)
{
	rig_end(port);
	close(ends[0]);
	close(ends[1]);
}

static void
wait_records(struct getter *g, uint32_t n)
{
	uint64_t limit = rig_now_ns() + 10000 * MS;

	while (atomic_load(&g->records) < n && rig_now_ns() < limit)
		rig_sleep_ms(1);
	CHECK_INT(atomic_load(&g->records), ==, n);
}

/* --- the sleeping leader */

/* The mutant: rings are not in the watch; then only naps of operations of a device notice them. */
TEST(receive_wakes_the_leader_from_deep_sleep)
{
	struct getter *g;

	begin();
	g = getter_start(port, DCP_FOREVER, UINT32_MAX);
	for (uint32_t i = 1; i <= 20; i++) {
		rig_recv(port, ring, i, ends[1], buf[0], sizeof(buf[0]));
		rig_wait_bed(port, DCP_BED_DEEP);
		CHECK_INT(send(ends[0], "x", 1, 0), ==, 1);
		wait_records(g, i);
		CHECK_INT(atomic_load(&g->last_ctx), ==, i);
	}
	dcp_close(port);
	getter_join(g);
	end();
}

/* The mutant: port_rouse() wakes the futex of a port whose leader sleeps in epoll. */
TEST(issue_and_post_wake_the_leader_from_its_watch)
{
	struct fake_dev *dev = rig_device(32);
	struct getter *g;
	uint16_t chan;

	begin();
	chan = rig_chan(port, dev, 0);
	g = getter_start(port, DCP_FOREVER, UINT32_MAX);
	for (uint32_t i = 1; i <= 20; i += 2) {
		rig_wait_bed(port, DCP_BED_DEEP);
		CHECK_INT(rig_issue(port, chan, i, 1), ==, 1);
		wait_records(g, i);
		rig_wait_bed(port, DCP_BED_DEEP);
		rig_post(port, i + 1);
		wait_records(g, i + 1);
	}
	dcp_close(port);
	getter_join(g);
	end();
	rig_device_free(dev);
}

TEST(ring_added_while_the_leader_sleeps_wakes_it)
{
	struct getter *g;
	uint16_t later;

	begin();
	g = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_bed(port, DCP_BED_DEEP);
	later = rig_uring(port, DEPTH);
	CHECK_INT(rig_nops(port, later, 5, 1), ==, 1);
	wait_records(g, 1);
	dcp_close(port);
	getter_join(g);
	end();
}

TEST(waits_on_a_port_with_a_ring_are_never_short)
{
	struct dcp_worker *w;
	struct dcp_cpl cpl;

	begin();
	w = rig_worker(port, 0);
	for (int i = 0; i < 50; i++) {
		uint64_t ns = (uint64_t)(1 + i * 97 % 2000) * 1000, start = rig_now_ns();

		CHECK_INT(dcp_get(w, &cpl, 1, ns), ==, -ETIMEDOUT);
		CHECK_INT(rig_now_ns() - start, >=, ns);
	}
	dcp_worker_del(w);
	end();
}

/* S7 with a socket. The mutant: port_has_work() counts the operations of rings. */
TEST(receive_on_a_silent_socket_costs_no_wake_up)
{
	struct rusage before, after;
	struct getter *g;
	uint64_t naps;

	begin();
	rig_recv(port, ring, 1, ends[1], buf[0], sizeof(buf[0]));
	g = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_bed(port, DCP_BED_DEEP);
	naps = STAT(port, naps);
	getrusage(RUSAGE_SELF, &before);
	rig_sleep_ms(1000);
	getrusage(RUSAGE_SELF, &after);
	CHECK_INT(STAT(port, naps), ==, naps);
	/* Naps would be thousands; EAL and ThreadSanitizer have threads, too. */
	CHECK_INT(after.ru_nvcsw - before.ru_nvcsw, <=, 50);
	CHECK_INT(send(ends[0], "x", 1, 0), ==, 1);
	wait_records(g, 1);
	dcp_close(port);
	getter_join(g);
	end();
}

/* --- fairness: S11 */

#define GETS 4000

/* Both sources are kept full; a get has room for half of what each of them holds.
 * The mutant: port_poll() begins with the same source each time.
 */
TEST(neither_starves_when_device_and_ring_are_both_busy)
{
	struct fake_dev *dev = rig_device(DEPTH);
	uint32_t from_ring = 0, from_dev = 0, run = 0, longest = 0;
	struct dcp_worker *w;
	struct dcp_cpl cpl[DEPTH / 2];
	uint16_t chan, last = DCP_CHAN_POST;

	begin();
	chan = rig_chan(port, dev, 0);
	w = rig_worker(port, 0);
	for (int i = 0; i < GETS; i++) {
		CHECK_INT(rig_issue(port, chan, 0, DEPTH), >=, 0);
		CHECK_INT(rig_nops(port, ring, 0, DEPTH), >=, 0);
		CHECK_INT(dcp_get(w, cpl, DEPTH / 2, 0), ==, DEPTH / 2);
		for (int k = 0; k < DEPTH / 2; k++) {
			uint16_t is = cpl[k].chan == ring ? ring : chan;

			from_ring += is == ring;
			from_dev += is == chan;
			run = is == last ? run + 1 : 1;
			longest = RTE_MAX(longest, run);
			last = is;
		}
	}
	/* Three sources, posts among them: each of the two begins every third get at least. */
	CHECK_INT(from_ring, >=, (GETS - 2) / 3 * (DEPTH / 2));
	CHECK_INT(from_dev, >=, (GETS - 2) / 3 * (DEPTH / 2));
	CHECK_INT(longest, <=, DEPTH);
	dcp_worker_del(w);
	end();
	rig_device_free(dev);
}

/* --- the end, with work in flight */

static void
fill_with_receives(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		rig_recv(port, ring, i, ends[1], buf[i], sizeof(buf[i]));
}

TEST(delete_without_abort_waits_its_time_for_a_receive)
{
	struct dcp_worker *w;
	struct dcp_cpl cpl;
	uint64_t start = rig_now_ns();

	begin();
	w = rig_worker(port, 0);
	fill_with_receives(1);
	CHECK_INT(dcp_chan_del(port, ring, false, 20 * MS), ==, -ETIMEDOUT);
	CHECK_INT(rig_now_ns() - start, >=, 20 * MS);
	CHECK_INT(rig_nops(port, ring, 0, 1), ==, -ESHUTDOWN);
	CHECK_INT(send(ends[0], "x", 1, 0), ==, 1);
	CHECK_INT(dcp_get(w, &cpl, 1, 10000 * MS), ==, 1);
	CHECK_INT(dcp_uring_res(&cpl), ==, 1);
	CHECK_INT(dcp_chan_del(port, ring, false, 0), ==, 0);
	CHECK_INT(dcp_chan_del(port, ring, false, 0), ==, -EINVAL);
	dcp_worker_del(w);
	end();
}

/* The mutants: uring_cancel_all() does nothing; the ring goes before all is delivered. */
TEST(delete_with_abort_cancels_what_waits_and_keeps_what_is_done)
{
	struct dcp_cpl cpl[DEPTH];
	struct dcp_worker *w;
	uint32_t ok = 0, aborted = 0;

	begin();
	w = rig_worker(port, 0);
	CHECK_INT(rig_nops(port, ring, 100, 10), ==, 10);
	fill_with_receives(20);
	CHECK_INT(send(ends[0], "x", 1, 0), ==, 1); /* done for the first of them */
	CHECK_INT(dcp_chan_del(port, ring, true, 20 * MS), ==, -ETIMEDOUT); /* nobody gets */
	CHECK_INT(dcp_get(w, cpl, DEPTH, 10000 * MS), ==, 30);
	for (int i = 0; i < 30; i++) {
		ok += cpl[i].status == DCP_ST_OK;
		aborted += cpl[i].status == DCP_ST_ABORTED && dcp_uring_res(&cpl[i]) == -ECANCELED;
	}
	CHECK_INT(ok, ==, 11);
	CHECK_INT(aborted, ==, 19);
	CHECK_INT(dcp_chan_del(port, ring, true, 1000 * MS), ==, -EDEADLK); /* it runs */
	CHECK_INT(dcp_chan_del(port, ring, true, 0), ==, 0);
	dcp_worker_del(w);
	end();
}

TEST(abort_ends_blocking_work_of_the_kernels_own_threads)
{
	struct io_uring_sqe sqe;
	struct getter *g;
	int fifo[2];

	begin();
	CHECK_INT(pipe(fifo), ==, 0);
	io_uring_prep_read(dcp_uring_sqe_clear(&sqe), fifo[0], buf[0], 1, 0);
	io_uring_sqe_set_data64(&sqe, 1);
	sqe.flags = IOSQE_ASYNC;
	CHECK_INT(dcp_uring_issue(port, ring, &sqe, 1), ==, 1);
	g = getter_start(port, DCP_FOREVER, UINT32_MAX);
	CHECK_INT(dcp_chan_del(port, ring, true, 10000 * MS), ==, 0);
	CHECK_INT(atomic_load(&g->records), ==, 1);
	dcp_close(port);
	getter_join(g);
	close(fifo[0]);
	close(fifo[1]);
	end();
}

TEST(close_cancels_nothing_and_delivers_what_comes)
{
	struct getter *g[2];

	begin();
	fill_with_receives(3);
	for (int i = 0; i < 2; i++)
		g[i] = getter_start(port, DCP_FOREVER, UINT32_MAX);
	rig_wait_parked(port, 1, true);
	dcp_close(port);
	CHECK_INT(rig_nops(port, ring, 0, 1), ==, -ESHUTDOWN);
	CHECK_INT(dcp_destroy(port), ==, -EBUSY);
	CHECK_INT(send(ends[0], "x", 1, 0), ==, 1);
	for (int i = 0; i < 100 && atomic_load(&g[0]->records) + atomic_load(&g[1]->records) < 1;
	     i++)
		rig_sleep_ms(10);
	CHECK_INT(atomic_load(&g[0]->records) + atomic_load(&g[1]->records), ==, 1);
	CHECK_INT(dcp_chan_del(port, ring, true, 10000 * MS), ==, 0);
	for (int i = 0; i < 2; i++)
		getter_join(g[i]);
	end();
}

/* --- threads */

static void *
receive_and_end(void *ctx)
{
	rig_recv(port, ring, (uintptr_t)ctx, ends[1], buf[0], sizeof(buf[0]));
	return NULL;
}

static void
receive_in_a_thread_that_ends(uintptr_t ctx)
{
	pthread_t thread;

	CHECK_INT(pthread_create(&thread, NULL, receive_and_end, (void *)ctx), ==, 0);
	CHECK_INT(pthread_join(thread, NULL), ==, 0);
}

static void
check_aborted(struct dcp_worker *w, uint64_t ctx)
{
	struct dcp_cpl cpl;

	CHECK_INT(dcp_get(w, &cpl, 1, 10000 * MS), ==, 1);
	CHECK_INT(cpl.ctx, ==, ctx);
	CHECK_INT(cpl.status, ==, DCP_ST_ABORTED);
	CHECK_INT(dcp_uring_res(&cpl), ==, -ECANCELED);
}

/* What Linux does, so that dcp_uring.h says the truth. */
TEST(receives_of_a_thread_that_ended_come_back_aborted_and_take_no_data)
{
	struct dcp_worker *w;
	char byte = 0;

	begin();
	w = rig_worker(port, 0);
	receive_in_a_thread_that_ends(1);
	CHECK_INT(send(ends[0], "x", 1, 0), ==, 1);
	check_aborted(w, 1);
	CHECK_INT(recv(ends[1], &byte, 1, MSG_DONTWAIT), ==, 1);
	CHECK_INT(byte, ==, 'x');
	receive_in_a_thread_that_ends(2);
	CHECK_INT(dcp_chan_del(port, ring, true, 0), ==, -ETIMEDOUT);
	check_aborted(w, 2);
	CHECK_INT(dcp_chan_del(port, ring, true, 0), ==, 0);
	dcp_worker_del(w);
	end();
}

#define CROWD_OPS 20000 /* of each issuer */

static _Atomic uint8_t came[4][CROWD_OPS];
static _Atomic uint32_t came_total, twice;

static void *
issue_nops(void *number)
{
	uint64_t ctx = (uint64_t)(uintptr_t)number << 32;
	uint32_t done = 0;

	while (done < CROWD_OPS) {
		int n = rig_nops(port, ring, ctx | done, (uint16_t)RTE_MIN(CROWD_OPS - done, 32u));

		CHECK_INT(n, >=, 0);
		done += (uint32_t)n;
		if (n == 0)
			sched_yield();
	}
	return NULL;
}

static void *
issue_copies(void *number)
{
	uint64_t ctx = (uint64_t)(uintptr_t)number << 32;
	uint32_t done = 0;

	while (done < CROWD_OPS) {
		/* The other source's id is the next one. */
		int n = rig_issue(port, (uint16_t)(ring + 1), ctx | done,
		                  (uint16_t)RTE_MIN(CROWD_OPS - done, 32u));

		CHECK_INT(n, >=, 0);
		done += (uint32_t)n;
		if (n == 0)
			sched_yield();
	}
	return NULL;
}

static void *
take_all(void *flags)
{
	struct dcp_worker *w = rig_worker(port, (uint32_t)(uintptr_t)flags);
	struct dcp_cpl cpl[16];
	int n;

	while ((n = dcp_get(w, cpl, RTE_DIM(cpl), DCP_FOREVER)) > 0) {
		for (int i = 0; i < n; i++) {
			if (atomic_fetch_add(&came[cpl[i].ctx >> 32][(uint32_t)cpl[i].ctx], 1) != 0)
				atomic_fetch_add(&twice, 1);
		}
		atomic_fetch_add(&came_total, (uint32_t)n);
	}
	CHECK_INT(n, ==, -ESHUTDOWN);
	dcp_worker_del(w);
	return NULL;
}

/* T1 with a ring: two threads issue to it, two to a device, three take from both. */
TEST(crowd_on_both_sources_loses_and_doubles_nothing)
{
	struct fake_dev *dev = rig_device(DEPTH);
	pthread_t issuer[4], taker[3];

	begin();
	CHECK_INT(rig_chan(port, dev, 0), ==, ring + 1);
	for (uintptr_t i = 0; i < 3; i++)
		CHECK_INT(pthread_create(&taker[i], NULL, take_all,
		                         (void *)(i == 2 ? (uintptr_t)DCP_WORKER_F_NOSLEEP : 0)),
		          ==, 0);
	for (uintptr_t i = 0; i < 4; i++)
		CHECK_INT(pthread_create(&issuer[i], NULL, i < 2 ? issue_nops : issue_copies,
		                         (void *)i),
		          ==, 0);
	for (int i = 0; i < 4; i++)
		CHECK_INT(pthread_join(issuer[i], NULL), ==, 0);
	dcp_close(port);
	for (int i = 0; i < 3; i++)
		CHECK_INT(pthread_join(taker[i], NULL), ==, 0);
	CHECK_INT(atomic_load(&came_total), ==, 4 * CROWD_OPS);
	CHECK_INT(atomic_load(&twice), ==, 0);
	end();
	rig_device_free(dev);
}

static _Atomic uint64_t accepted;

static void *
issue_until_refused(void *arg)
{
	uint64_t total = 0;
	int rc;

	(void)arg;
	while ((rc = rig_nops(port, ring, 0, 4)) >= 0)
		total += (uint64_t)rc;
	CHECK(rc == -ESHUTDOWN || rc == -EINVAL);
	atomic_fetch_add(&accepted, total);
	return NULL;
}

/* What test_dcp_uring_kernel.c has step by step, at random; address sanitizer looks on. */
TEST(ring_is_deleted_while_threads_issue_to_it)
{
	pthread_t issuer[2];
	struct getter *g;
	uint32_t records;

	begin();
	for (int round = 0; round < 20; round++) {
		atomic_store(&accepted, 0);
		g = getter_start(port, DCP_FOREVER, UINT32_MAX);
		for (int i = 0; i < 2; i++)
			CHECK_INT(pthread_create(&issuer[i], NULL, issue_until_refused, NULL), ==,
			          0);
		rig_sleep_ms(5);
		CHECK_INT(dcp_chan_del(port, ring, round % 2 != 0, 10000 * MS), ==, 0);
		for (int i = 0; i < 2; i++)
			CHECK_INT(pthread_join(issuer[i], NULL), ==, 0);
		records = (uint32_t)atomic_load(&accepted);
		wait_records(g, records);
		dcp_close(port);
		getter_join(g);
		end();
		begin();
	}
	end();
}

TEST_LIST

int
main(void)
{
	rig_uring_init();
	return test_run_all("dcp_uring_wait") == 0 ? 0 : 1;
}
