/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include <rte_errno.h>

#include "test.h"

#include "dcp.h"
#include "dcp_sync.h"
#include "rig.h"

/* A thread that takes records until the port ends. */
struct taker {
	pthread_t thread;
	struct dcp_port *port;
	_Atomic uint32_t records, aborted;
	_Atomic uint32_t gate; /* takes no more than this */
	_Atomic uint32_t ready;
	uint32_t flags;
	uint64_t timeout_ns;
	int rc;
};

static void *
taker_main(void *arg)
{
	struct taker *t = arg;
	struct dcp_worker *w = rig_worker(t->port, t->flags);
	struct dcp_cpl cpl;

	atomic_store(&t->ready, 1);
	while ((t->rc = dcp_get(w, &cpl, 1, t->timeout_ns)) == 1) {
		if (cpl.status == DCP_ST_ABORTED)
			atomic_fetch_add(&t->aborted, 1);
		rig_wait_for(&t->gate, atomic_fetch_add(&t->records, 1) + 1);
	}
	dcp_worker_del(w);
	return NULL;
}

static void
taker_start_as(struct taker *t, struct dcp_port *port, uint32_t gate, uint32_t flags,
               uint64_t timeout_ns)
{
	memset(t, 0, sizeof(*t));
	t->port = port;
	t->flags = flags;
	t->timeout_ns = timeout_ns;
	atomic_store(&t->gate, gate);
	assert_int_equal(pthread_create(&t->thread, NULL, taker_main, t), 0);
	rig_wait_for(&t->ready, 1);
}

static void
taker_start(struct taker *t, struct dcp_port *port, uint32_t gate)
{
	taker_start_as(t, port, gate, 0, DCP_FOREVER);
}

static void
taker_join(struct taker *t)
{
	atomic_store(&t->gate, UINT32_MAX);
	pthread_join(t->thread, NULL);
	CHECK_INT(t->rc, ==, -ESHUTDOWN);
}

/* --- close: T13, S12 */

/* Windows XP did not. */
/* S12: what waits can be taken, also when the last worker has gone before the port was closed. */
TEST(closed_port_takes_a_worker_for_what_waits)
{
	struct dcp_port *port = rig_port();
	struct dcp_worker *w;
	struct dcp_cpl cpl;

	rig_post(port, 5);
	dcp_close(port);
	w = dcp_worker_add(port, 0);
	CHECK(w != NULL);
	CHECK_INT(dcp_get(w, &cpl, 1, DCP_FOREVER), ==, 1);
	CHECK_INT(cpl.ctx, ==, 5);
	CHECK_INT(dcp_get(w, &cpl, 1, DCP_FOREVER), ==, -ESHUTDOWN);
	dcp_worker_del(w);
	CHECK(dcp_worker_add(port, 0) == NULL);
	CHECK_INT(rte_errno, ==, ESHUTDOWN);
	CHECK_INT(dcp_destroy(port), ==, 0);
}

TEST(close_lets_all_waiters_go)
{
	struct dcp_conf conf = rig_conf();
	struct taker t[4];

	for (uint16_t limit = 0; limit <= 2; limit++) {
		struct dcp_port *port;

		conf.max_running = limit;
		port = dcp_create(&conf);
		assert_non_null(port);
		for (int i = 0; i < 4; i++)
			taker_start(&t[i], port, UINT32_MAX);
		rig_wait_parked(port, 3, true);
		dcp_close(port);
		for (int i = 0; i < 4; i++)
			taker_join(&t[i]);
		CHECK_INT(dcp_destroy(port), ==, 0);
	}
}

/* However they wait: the leader and those that are parked, with and without a limit of time, and
 * one that polls.
 */
TEST(close_ends_each_kind_of_wait)
{
	struct dcp_port *port = rig_port();
	uint64_t start;
	struct taker t[5];

	for (unsigned int i = 0; i < 4; i++) {
		taker_start_as(&t[i], port, UINT32_MAX, 0, i % 2 == 0 ? 60000 * MS : DCP_FOREVER);
		rig_wait_parked(port, i, true);
	}
	taker_start_as(&t[4], port, UINT32_MAX, DCP_WORKER_F_NOSLEEP, DCP_FOREVER);
	start = rig_now_ns();
	dcp_close(port);
	for (int i = 0; i < 5; i++)
		taker_join(&t[i]);
	CHECK_INT(rig_now_ns() - start, <, 10000 * MS);
	CHECK_INT(dcp_destroy(port), ==, 0);
}

/* All slots are taken by workers that never call again: those that wait go none the less. The
 * mutant: port_settle() lets one go, and leaves the others to those that run.
 */
TEST(close_lets_waiters_go_though_the_limit_is_reached)
{
	struct dcp_conf conf = rig_conf();
	struct dcp_port *port;
	struct dcp_worker *w;
	struct dcp_cpl cpl;
	struct taker t[3];

	conf.max_running = 1;
	port = dcp_create(&conf);
	assert_non_null(port);
	w = rig_worker(port, 0);
	rig_post(port, 1);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, 1);
	for (int i = 0; i < 3; i++)
		taker_start(&t[i], port, UINT32_MAX);
	rig_wait_parked(port, 3, false);
	dcp_close(port);
	for (int i = 0; i < 3; i++)
		taker_join(&t[i]);
	dcp_worker_del(w);
	rig_end(port);
}

/* The mutant: dcp_get() returns -ESHUTDOWN as soon as the port is closed. */
TEST(close_delivers_what_was_accepted_first)
{
	struct fake_dev *dev = rig_device(64);
	struct dcp_port *port = rig_port();
	uint16_t chan = rig_chan(port, dev, 0);
	const struct dcp_cpl one = {0};
	struct taker t[2];

	atomic_store(&dev->vchan[0].allow, 0);
	CHECK_INT(rig_issue(port, chan, 0, 30), ==, 30);
	rig_post(port, 1);
	for (int i = 0; i < 2; i++)
		taker_start(&t[i], port, UINT32_MAX);
	rig_wait_parked(port, 1, true);
	dcp_close(port);
	dcp_close(port);
	CHECK_INT(rig_issue(port, chan, 0, 1), ==, -ESHUTDOWN);
	CHECK_INT(dcp_post(port, &one, 1), ==, -ESHUTDOWN);
	rig_sleep_ms(20);
	CHECK_INT(dcp_destroy(port), ==, -EBUSY);
	atomic_store(&dev->vchan[0].allow, FAKE_ALL);
	for (int i = 0; i < 2; i++)
		taker_join(&t[i]);
	CHECK_INT(atomic_load(&t[0].records) + atomic_load(&t[1].records), ==, 31);
	rig_end(port);
	rig_device_free(dev);
}

TEST(worker_may_close_and_shutdown_is_for_good)
{
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0),
			  *nosleep = rig_worker(port, DCP_WORKER_F_NOSLEEP);
	struct dcp_cpl cpl;

	rig_post(port, 1);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, 1);
	dcp_close(port);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, -ESHUTDOWN);
		CHECK_INT(dcp_get(w, &cpl, 1, DCP_FOREVER), ==, -ESHUTDOWN);
		CHECK_INT(dcp_get(nosleep, &cpl, 1, DCP_FOREVER), ==, -ESHUTDOWN);
	}
	dcp_worker_del(w);
	dcp_worker_del(nosleep);
	rig_end(port);
}

/* --- delete: T14 */

/* The mutant: dcp_chan_del() is content when all is noted. */
TEST(delete_waits_until_all_is_delivered)
{
	struct fake_dev *dev = rig_device(64);
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint16_t chan = rig_chan(port, dev, 0);
	struct dcp_cpl cpl[64];
	uint64_t start = rig_now_ns();

	CHECK_INT(rig_issue(port, chan, 0, 10), ==, 10);
	CHECK_INT(dcp_harvest(port, 5), ==, 5);
	CHECK_INT(dcp_chan_del(port, chan, false, 20 * MS), ==, -ETIMEDOUT);
	CHECK_INT(rig_now_ns() - start, >=, 20 * MS);
	CHECK_INT(rig_issue(port, chan, 0, 1), ==, -ESHUTDOWN);
	CHECK_INT(dcp_get(w, cpl, 64, 0), ==, 10);
	CHECK_INT(dcp_chan_del(port, chan, false, 0), ==, 0);
	CHECK(!dev->stopped);
	dcp_worker_del(w);
	rig_end(port);
	rig_device_free(dev);
}

TEST(delete_waits_for_the_holder_of_a_serial_channel)
{
	struct fake_dev *dev = rig_device(64);
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint16_t chan = rig_chan(port, dev, DCP_CHAN_F_SERIAL);
	struct dcp_cpl cpl;

	CHECK_INT(rig_issue(port, chan, 0, 1), ==, 1);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, 1);
	CHECK_INT(dcp_chan_del(port, chan, false, 0), ==, -ETIMEDOUT);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, -EAGAIN);
	CHECK_INT(dcp_chan_del(port, chan, false, 0), ==, 0);
	dcp_worker_del(w);
	rig_end(port);
	rig_device_free(dev);
}

TEST(delete_by_a_running_worker_does_not_wait_for_itself)
{
	struct fake_dev *dev = rig_device(64);
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint16_t chan = rig_chan(port, dev, 0);
	struct dcp_cpl cpl;

	CHECK_INT(rig_issue(port, chan, 0, 2), ==, 2);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, 1);
	CHECK_INT(dcp_chan_del(port, chan, false, DCP_FOREVER), ==, -EDEADLK);
	CHECK_INT(dcp_chan_del(port, chan, false, 0), ==, -ETIMEDOUT);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, 1);
	dcp_block(w, true);
	CHECK_INT(dcp_chan_del(port, chan, false, 5000 * MS), ==, 0);
	dcp_block(w, false);
	dcp_worker_del(w);
	rig_end(port);
	rig_device_free(dev);
}

/* S1. What the device has finished keeps its status, the rest is aborted, all once. The mutant:
 * dev_abort() does not look at the device before it stops it, or looks after it.
 */
TEST(abort_gives_each_operation_exactly_one_record)
{
	struct fake_dev *dev = rig_device(64);
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint16_t chan = rig_chan(port, dev, 0);
	struct dcp_cpl cpl[64];
	struct dcp_stats st;

	atomic_store(&dev->vchan[0].allow, 7);
	dev->vchan[0].status[4] = RTE_DMA_STATUS_BUS_ERROR;
	CHECK_INT(rig_issue(port, chan, 0, 10), ==, 10);
	CHECK_INT(dcp_get(w, cpl, 2, 0), ==, 2);
	CHECK_INT(dcp_chan_del(port, chan, true, 0), ==, -ETIMEDOUT);
	CHECK(dev->stopped);
	CHECK_INT(dcp_get(w, cpl, 64, 0), ==, 8);
	for (int i = 0; i < 8; i++) {
		CHECK_INT(cpl[i].ctx, ==, 2 + i);
		CHECK_INT(cpl[i].seq, ==, 2 + i);
		CHECK_INT(cpl[i].status, ==,
		          i == 2  ? RTE_DMA_STATUS_BUS_ERROR
		          : i < 5 ? DCP_ST_OK
		                  : DCP_ST_ABORTED);
	}
	CHECK_INT(dcp_stats(port, chan, &st), ==, 0);
	CHECK_INT(st.ok, ==, 6);
	CHECK_INT(st.failed, ==, 1);
	CHECK_INT(st.aborted, ==, 3);
	CHECK_INT(dcp_chan_del(port, chan, true, 0), ==, 0);
	dcp_worker_del(w);
	rig_end(port);
	rig_device_free(dev);
}

/* S2. The mutant: dev_abort() does not look at what rte_dma_stop() returns. */
TEST(device_that_does_not_stop_gives_eio_and_no_record)
{
	struct fake_dev *dev = rig_device(64);
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint16_t chan = rig_chan(port, dev, 0);
	struct dcp_cpl cpl[64];

	atomic_store(&dev->vchan[0].allow, 0);
	dev->stop_errno = -1;
	CHECK_INT(rig_issue(port, chan, 0, 4), ==, 4);
	CHECK_INT(dcp_chan_del(port, chan, true, 0), ==, -EIO);
	CHECK_INT(dcp_get(w, cpl, 64, 0), ==, -EAGAIN);
	dev->stop_errno = 0;
	CHECK_INT(dcp_chan_del(port, chan, true, 0), ==, -ETIMEDOUT);
	CHECK_INT(dcp_get(w, cpl, 64, 0), ==, 4);
	CHECK_INT(dcp_chan_del(port, chan, true, 0), ==, 0);
	dcp_worker_del(w);
	rig_end(port);
	rig_device_free(dev);
}

TEST(abort_ends_the_other_channels_of_the_device_too)
{
	struct fake_dev *dev = rig_device(64);
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint16_t chan = rig_chan(port, dev, 0);
	int other = dcp_chan_add(port, dev->id, 1, 0, 0);
	struct dcp_cpl cpl[64];

	atomic_store(&dev->vchan[1].allow, 0);
	CHECK_INT(rig_issue(port, (uint16_t)other, 0, 3), ==, 3);
	CHECK_INT(dcp_chan_del(port, chan, true, 0), ==, 0);
	CHECK_INT(rig_issue(port, (uint16_t)other, 0, 1), ==, -EIO);
	CHECK_INT(dcp_chan_add(port, dev->id, 0, 0, 0), ==, -EIO);
	CHECK_INT(dcp_get(w, cpl, 64, 0), ==, 3);
	CHECK_INT(cpl[2].status, ==, DCP_ST_ABORTED);
	CHECK_INT(dcp_chan_del(port, (uint16_t)other, false, 0), ==, 0);
	dev->stopped = false; /* the application has started it again */
	rig_chan(port, dev, 0);
	dcp_worker_del(w);
	rig_end(port);
	rig_device_free(dev);
}

/* --- an abort beside a device that is at work */

#define RACE_OPS 1024 /* that the channel holds */

struct race {
	struct fake_dev *dev;
	struct dcp_port *port;
	_Atomic uint32_t next; /* the context that comes next, by one worker */
	_Atomic uint32_t ok, failed, aborted;
	_Atomic bool over;
};

/* The device: finishes one more, all the time. */
static void *
race_device(void *arg)
{
	struct race *r = arg;

	while (!atomic_load(&r->over)) {
		atomic_fetch_add(&r->dev->vchan[0].allow, 1);
		sched_yield();
	}
	return NULL;
}

static void *
race_worker(void *arg)
{
	struct race *r = arg;
	struct dcp_worker *w = rig_worker(r->port, 0);
	struct dcp_cpl cpl[8];
	int n;

	while ((n = dcp_get(w, cpl, RTE_DIM(cpl), DCP_FOREVER)) > 0) {
		for (int i = 0; i < n; i++) {
			/* Once each, in order, and nothing is finished behind an aborted one. */
			CHECK_INT(cpl[i].ctx, ==, atomic_fetch_add(&r->next, 1));
			if (cpl[i].status == DCP_ST_ABORTED) {
				atomic_fetch_add(&r->aborted, 1);
				continue;
			}
			CHECK_INT(atomic_load(&r->aborted), ==, 0);
			CHECK_INT(cpl[i].status, ==,
			          cpl[i].ctx % 5 == 4 ? RTE_DMA_STATUS_BUS_READ_ERROR : DCP_ST_OK);
			atomic_fetch_add(cpl[i].ctx % 5 == 4 ? &r->failed : &r->ok, 1);
		}
	}
	CHECK_INT(n, ==, -ESHUTDOWN);
	dcp_worker_del(w);
	return NULL;
}

/* T14, S1, S2: done, failed, aborted: what the device has reported when it stops decides. */
TEST(abort_races_the_device_and_each_operation_has_one_of_three_outcomes)
{
	uint32_t ok = 0, failed = 0, aborted = 0;

	for (int round = 0; round < 50; round++) {
		struct race r = {.dev = rig_device(RACE_OPS), .port = rig_port()};
		uint16_t chan = rig_chan(r.port, r.dev, 0);
		pthread_t device, worker;

		r.dev->vchan[0].fail_every = 5;
		atomic_store(&r.dev->vchan[0].allow, 0);
		for (uint32_t i = 0; i < RACE_OPS; i += 128)
			CHECK_INT(rig_issue(r.port, chan, i, 128), ==, 128);
		CHECK_INT(pthread_create(&worker, NULL, race_worker, &r), ==, 0);
		CHECK_INT(pthread_create(&device, NULL, race_device, &r), ==, 0);
		while (atomic_load(&r.next) < 16u + 4u * (uint32_t)round)
			sched_yield();
		CHECK_INT(dcp_chan_del(r.port, chan, true, 10000 * MS), ==, 0);
		atomic_store(&r.over, true);
		dcp_close(r.port);
		pthread_join(device, NULL);
		pthread_join(worker, NULL);
		CHECK_INT(r.ok + r.failed + r.aborted, ==, RACE_OPS);
		CHECK_INT(r.ok + r.failed, ==, r.dev->vchan[0].out);
		ok += r.ok;
		failed += r.failed;
		aborted += r.aborted;
		rig_end(r.port);
		rig_device_free(r.dev);
	}
	CHECK_INT(ok, >, 0);
	CHECK_INT(failed, >, 0);
	CHECK_INT(aborted, >, 0);
}

/* Drained by others while a control thread waits; the device is stopped under them. */
TEST(abort_while_workers_take)
{
	for (int round = 0; round < 20; round++) {
		struct fake_dev *dev = rig_device(64);
		struct dcp_port *port = rig_port();
		uint16_t chan = rig_chan(port, dev, 0);
		struct taker t[3];
		uint32_t issued = 0;
		int n;

		dev->dwell = 16;
		atomic_store(&dev->vchan[0].allow, 1000);
		for (int i = 0; i < 3; i++)
			taker_start(&t[i], port, UINT32_MAX);
		while (issued < 1020) {
			n = rig_issue(port, chan, issued, 20);
			CHECK_INT(n, >=, 0);
			issued += (uint32_t)n;
		}
		CHECK_INT(dcp_chan_del(port, chan, true, 5000 * MS), ==, 0);
		dcp_close(port);
		for (int i = 0; i < 3; i++)
			taker_join(&t[i]);
		CHECK_INT(t[0].records + t[1].records + t[2].records, ==, issued);
		CHECK_INT(t[0].aborted + t[1].aborted + t[2].aborted, >=, issued - 1000);
		rig_end(port);
		rig_device_free(dev);
	}
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_end") == 0 ? 0 : 1;
}
