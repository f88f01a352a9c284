/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <pthread.h>

#include "test.h"

#include "dcp.h"
#include "getter.h"
#include "rig.h"

/*
 * DCP_F_SINGLE: the same promises without locks, as long as one thread at a time makes the calls.
 * ThreadSanitizer sees whether what is allowed beside that is no race.
 */

#ifdef SANITIZED
#define TOTAL 200000u
#else
#define TOTAL 4000000u
#endif

#define FAIL_EVERY 97

static struct dcp_port *
single_port(void)
{
	struct dcp_conf conf = rig_conf();
	struct dcp_port *port;

	conf.flags = DCP_F_SINGLE;
	port = dcp_create(&conf);
	assert_non_null(port);
	return port;
}

/* --- one thread does everything */

struct solo {
	struct dcp_port *port;
	struct dcp_worker *w[2];
	uint16_t chan[2];
	uint64_t issued[2], came[2], posted, posts_came;
	uint64_t seed;
};

static uint32_t
dice(struct solo *s, uint32_t sides)
{
	s->seed = s->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(s->seed >> 33) % sides;
}

static void
solo_check(struct solo *s, const struct dcp_cpl *cpl, int n)
{
	for (int i = 0; i < n; i++) {
		int k = cpl[i].chan == s->chan[0] ? 0 : 1;

		if (cpl[i].chan == DCP_CHAN_POST) {
			CHECK_INT(cpl[i].ctx, ==, s->posts_came++);
			continue;
		}
		CHECK_INT(cpl[i].chan, ==, s->chan[k]);
		CHECK_INT(cpl[i].ctx, ==, s->came[k]);
		CHECK_INT(cpl[i].seq, ==, s->came[k]);
		CHECK_INT(cpl[i].status, ==,
		          s->came[k] % FAIL_EVERY == FAIL_EVERY - 1 ? RTE_DMA_STATUS_BUS_READ_ERROR
		                                                    : DCP_ST_OK);
		s->came[k]++;
	}
}

static void
solo_step(struct solo *s)
{
	const struct dcp_cpl post = {.ctx = s->posted};
	struct dcp_cpl cpl[64];
	uint32_t k = dice(s, 2);
	int rc;

	switch (dice(s, 8)) {
	case 0:
		rc = dcp_post(s->port, &post, 1);
		CHECK_INT(rc, >=, 0);
		s->posted += (uint32_t)rc;
		break;
	case 1:
		CHECK_INT(dcp_harvest(s->port, (uint16_t)dice(s, 40)), >=, 0);
		break;
	case 2:
	case 3:
	case 4:
		rc = dcp_get(s->w[k], cpl, (uint16_t)(1 + dice(s, 64)),
		             dice(s, 1000) == 0 ? dice(s, 50000) : 0);
		CHECK(rc > 0 || rc == -EAGAIN || rc == -ETIMEDOUT);
		solo_check(s, cpl, rc);
		break;
	default:
		rc = rig_issue(s->port, s->chan[k], s->issued[k], (uint16_t)(1 + dice(s, 40)));
		CHECK_INT(rc, >=, 0);
		s->issued[k] += (uint32_t)rc;
		break;
	}
}

/* S1, S3, S4 by DCP_F_SINGLE. */
TEST(single_thread_gets_each_operation_once_in_order_with_its_status)
{
	struct fake_dev *dev[2] = {rig_device(32), rig_device(256)};
	struct solo s = {.port = single_port(), .seed = 1};
	struct dcp_cpl cpl[64];
	struct dcp_stats st;
	int n;

	for (int k = 0; k < 2; k++) {
		dev[k]->vchan[0].fail_every = FAIL_EVERY;
		s.chan[k] = rig_chan(s.port, dev[k], k == 0 ? 0 : DCP_CHAN_F_SERIAL);
		s.w[k] = rig_worker(s.port, 0);
	}
	while (s.issued[0] + s.issued[1] < TOTAL)
		solo_step(&s);
	dcp_close(s.port);
	CHECK_INT(rig_issue(s.port, s.chan[0], 0, 1), ==, -ESHUTDOWN);
	do {
		for (int k = 0; k < 2; k++) {
			n = dcp_get(s.w[k], cpl, 64, 0);
			solo_check(&s, cpl, n);
		}
	} while (n != -ESHUTDOWN);
	for (int k = 0; k < 2; k++)
		CHECK_INT(s.came[k], ==, s.issued[k]);
	CHECK_INT(s.posts_came, ==, s.posted);
	CHECK_INT(dcp_stats(s.port, DCP_CHAN_ALL, &st), ==, 0);
	CHECK_INT(st.issued, ==, s.issued[0] + s.issued[1]);
	CHECK_INT(st.failed, ==, s.issued[0] / FAIL_EVERY + s.issued[1] / FAIL_EVERY);
	CHECK_INT(st.lock_misses, ==, 0);
	for (int k = 0; k < 2; k++)
		dcp_worker_del(s.w[k]);
	rig_end(s.port);
	for (int k = 0; k < 2; k++)
		rig_device_free(dev[k]);
}

/* --- what else is allowed */

static void *
finish_late(void *dev)
{
	rig_sleep_ms(50);
	atomic_store(&((struct fake_dev *)dev)->vchan[0].allow, FAKE_ALL);
	return NULL;
}

/* A device wakes nobody, so that waiting for it needs no other thread's call. */
TEST(single_thread_waits_for_its_device)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = single_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint16_t chan = rig_chan(port, dev, 0);
	struct dcp_cpl cpl[4];
	pthread_t thread;

	atomic_store(&dev->vchan[0].allow, 0);
	CHECK_INT(rig_issue(port, chan, 5, 3), ==, 3);
	CHECK_INT(dcp_get(w, cpl, 4, 5 * MS), ==, -ETIMEDOUT);
	CHECK_INT(pthread_create(&thread, NULL, finish_late, dev), ==, 0);
	CHECK_INT(dcp_get(w, cpl, 1, DCP_FOREVER), ==, 1);
	CHECK_INT(cpl[0].ctx, ==, 5);
	CHECK_INT(dcp_get(w, cpl, 4, DCP_FOREVER), ==, 2);
	pthread_join(thread, NULL);
	dcp_worker_del(w);
	rig_end(port);
	rig_device_free(dev);
}

struct baton {
	struct dcp_port *port;
	struct dcp_worker *w;
	uint16_t chan;
	uint32_t came;
};

static void *
issue_and_post(void *arg)
{
	struct baton *b = arg;

	CHECK_INT(rig_issue(b->port, b->chan, 0, 10), ==, 10);
	rig_post(b->port, 1);
	return NULL;
}

static void *
get_all(void *arg)
{
	struct baton *b = arg;
	struct dcp_cpl cpl[16];
	int n;

	while ((n = dcp_get(b->w, cpl, 16, 0)) > 0)
		b->came += (uint32_t)n;
	return NULL;
}

static void *
close_it(void *arg)
{
	dcp_close(((struct baton *)arg)->port);
	return NULL;
}

/* One at a time, each after the other has handed the port over: dcp_close() is such a call, too. */
TEST(single_port_may_go_from_thread_to_thread)
{
	void *(*const turns[])(void *) = {issue_and_post, get_all, issue_and_post, close_it,
	                                  get_all};
	struct fake_dev *dev = rig_device(32);
	struct baton b = {.port = single_port()};
	pthread_t thread;

	b.w = rig_worker(b.port, 0);
	b.chan = rig_chan(b.port, dev, DCP_CHAN_F_SERIAL);
	for (size_t i = 0; i < RTE_DIM(turns); i++) {
		CHECK_INT(pthread_create(&thread, NULL, turns[i], &b), ==, 0);
		pthread_join(thread, NULL);
	}
	CHECK_INT(b.came, ==, 22);
	dcp_worker_del(b.w);
	rig_end(b.port);
	rig_device_free(dev);
}

struct watcher {
	struct dcp_port *port;
	uint16_t chan;
	_Atomic bool over;
	_Atomic uint32_t looks;
};

static void *
watch_counters(void *arg)
{
	struct watcher *w = arg;
	struct dcp_stats st, last = {0};

	while (!atomic_load(&w->over)) {
		CHECK_INT(dcp_stats(w->port, DCP_CHAN_ALL, &st), ==, 0);
		CHECK_INT(st.issued, >=, last.issued);
		CHECK_INT(st.posts, >=, last.posts);
		CHECK_INT(st.gets, >=, last.gets);
		last = st;
		(void)dcp_stats(w->port, w->chan, &st);
		atomic_fetch_add(&w->looks, 1);
	}
	return NULL;
}

/* dcp_stats() is the exception: by another thread, also while channels and workers come and go. */
TEST(statistics_of_a_single_port_may_be_read_meanwhile)
{
	struct fake_dev *dev = rig_device(32);
	struct watcher watcher = {.port = single_port()};
	struct dcp_port *port = watcher.port;
	struct dcp_cpl cpl[32];
	uint64_t rounds = 0;
	pthread_t thread;

	watcher.chan = rig_chan(port, dev, 0);
	CHECK_INT(dcp_chan_del(port, watcher.chan, false, 0), ==, 0);
	CHECK_INT(pthread_create(&thread, NULL, watch_counters, &watcher), ==, 0);
	for (; rounds < 3000 || atomic_load(&watcher.looks) < 100; rounds++) {
		struct dcp_worker *w = rig_worker(port, 0);
		uint16_t chan = rig_chan(port, dev, 0);

		CHECK_INT(rig_issue(port, chan, 0, 20), ==, 20);
		rig_post(port, 1);
		CHECK_INT(dcp_get(w, cpl, 32, 0), ==, 21);
		CHECK_INT(dcp_chan_del(port, chan, false, 0), ==, 0);
		dcp_worker_del(w);
	}
	atomic_store(&watcher.over, true);
	pthread_join(thread, NULL);
	CHECK_INT(STAT(port, ok), ==, 20 * rounds);
	rig_end(port);
	rig_device_free(dev);
}

/* S2, S12: deletion and abort need nobody else when the thread does not wait. */
TEST(single_thread_deletes_and_aborts)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = single_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint16_t chan = rig_chan(port, dev, 0);
	struct dcp_cpl cpl[16];

	atomic_store(&dev->vchan[0].allow, 4);
	CHECK_INT(rig_issue(port, chan, 0, 10), ==, 10);
	CHECK_INT(dcp_get(w, cpl, 1, 0), ==, 1);
	CHECK_INT(dcp_chan_del(port, chan, true, DCP_FOREVER), ==, -EDEADLK);
	CHECK_INT(dcp_chan_del(port, chan, true, 0), ==, -ETIMEDOUT);
	CHECK_INT(dcp_get(w, cpl, 16, 0), ==, 9);
	for (int i = 0; i < 9; i++) {
		CHECK_INT(cpl[i].seq, ==, 1 + i);
		CHECK_INT(cpl[i].status, ==, i < 3 ? DCP_ST_OK : DCP_ST_ABORTED);
	}
	CHECK_INT(dcp_chan_del(port, chan, true, 0), ==, 0);
	dcp_worker_del(w);
	rig_end(port);
	rig_device_free(dev);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_single") == 0 ? 0 : 1;
}
