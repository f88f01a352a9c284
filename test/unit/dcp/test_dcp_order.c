/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "test.h"

#include "dcp.h"
#include "rig.h"

static struct fake_dev *dev;
static struct dcp_port *port;

static void
begin(void)
{
	dev = rig_device(256);
	port = rig_port();
}

static void
end(void)
{
	rig_end(port);
	rig_device_free(dev);
}

/* --- one after the other: T3, S4, P1 */

/* What surprises users of completion ports: shown, not promised otherwise. */
TEST(two_workers_hold_neighbours_of_a_plain_channel)
{
	struct dcp_worker *a, *b;
	struct dcp_cpl cpl;
	uint16_t chan;

	begin();
	a = rig_worker(port, 0);
	b = rig_worker(port, 0);
	chan = rig_chan(port, dev, 0);
	CHECK_INT(rig_issue(port, chan, 0, 2), ==, 2);
	CHECK_INT(dcp_get(a, &cpl, 1, 0), ==, 1);
	CHECK_INT(dcp_get(b, &cpl, 1, 0), ==, 1);
	CHECK_INT(cpl.seq, ==, 1); /* b may be done with it before a is with 0 */
	dcp_worker_del(a);
	dcp_worker_del(b);
	end();
}

/* The mutants: chan_take() does not look at the holder; dcp_get() does not drop what it holds. */
TEST(serial_channel_has_one_holder_until_its_next_call)
{
	struct dcp_worker *a, *b;
	struct dcp_cpl cpl;
	uint16_t chan;

	begin();
	a = rig_worker(port, 0);
	b = rig_worker(port, 0);
	chan = rig_chan(port, dev, DCP_CHAN_F_SERIAL);
	CHECK_INT(rig_issue(port, chan, 0, 10), ==, 10);
	CHECK_INT(dcp_get(a, &cpl, 1, 0), ==, 1);
	CHECK_INT(dcp_get(b, &cpl, 1, 0), ==, -EAGAIN);
	CHECK_INT(dcp_get(a, &cpl, 1, 0), ==, 1); /* ends the hold, and begins a new one */
	CHECK_INT(cpl.seq, ==, 1);
	CHECK_INT(dcp_get(b, &cpl, 1, 0), ==, -EAGAIN);
	dcp_block(a, true);
	CHECK_INT(dcp_get(b, &cpl, 1, 0), ==, 1);
	CHECK_INT(cpl.seq, ==, 2);
	dcp_block(a, false);
	CHECK_INT(dcp_get(a, &cpl, 1, 0), ==, -EAGAIN);
	dcp_worker_del(b);
	CHECK_INT(dcp_get(a, &cpl, 1, 0), ==, 1);
	CHECK_INT(cpl.seq, ==, 3);
	dcp_worker_del(a);
	end();
}

/* --- by two threads, of which the one that has the first record is slow */

struct slow {
	_Atomic uint32_t done; /* records */
	uint32_t order[2];     /* in which they were done */
	unsigned int patience; /* with the first record, in ms */
};

static void *
slow_main(void *arg)
{
	struct slow *s = arg;
	struct dcp_worker *w = rig_worker(port, 0);
	struct dcp_cpl cpl;

	while (dcp_get(w, &cpl, 1, DCP_FOREVER) == 1) {
		for (unsigned int i = 0; cpl.seq == 0 && i < s->patience; i++) {
			if (atomic_load(&s->done) != 0)
				break;
			rig_sleep_ms(1);
		}
		s->order[atomic_fetch_add(&s->done, 1)] = cpl.seq;
	}
	dcp_worker_del(w);
	return NULL;
}

static struct slow
process_slowly(uint32_t flags, unsigned int patience)
{
	struct slow s = {.patience = patience};
	pthread_t threads[2];
	uint16_t chan;

	begin();
	chan = rig_chan(port, dev, flags);
	for (int i = 0; i < 2; i++)
		CHECK_INT(pthread_create(&threads[i], NULL, slow_main, &s), ==, 0);
	rig_wait_parked(port, 1, true);
	CHECK_INT(rig_issue(port, chan, 0, 2), ==, 2);
	rig_wait_for(&s.done, 2);
	dcp_close(port);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	end();
	return s;
}

/* T3, P1: the surprise. */
TEST(slow_worker_is_overtaken_on_a_plain_channel)
{
	struct slow s = process_slowly(0, 5000);

	CHECK_INT(s.order[0], ==, 1);
	CHECK_INT(s.order[1], ==, 0);
}

/* T3, S4: what helps. The mutant: chan_take() does not look at the holder. */
TEST(slow_worker_is_not_overtaken_on_a_serial_channel)
{
	struct slow s = process_slowly(DCP_CHAN_F_SERIAL, 100);

	CHECK_INT(s.order[0], ==, 0);
	CHECK_INT(s.order[1], ==, 1);
}

/* --- by threads */

#define TAKERS 4
#define TOTAL  60000

struct crew {
	uint16_t chans[2];
	bool serial;
	uint32_t expected[2]; /* plain: a serial channel protects what its records protect */
	_Atomic uint32_t taken[2];
	_Atomic uint32_t ready;
};

static void
check_batch(struct crew *c, const struct dcp_cpl *cpl, int n, int64_t *last)
{
	for (int i = 0; i < n; i++) {
		int k = cpl[i].chan == c->chans[0] ? 0 : 1;

		CHECK_INT(cpl[i].chan, ==, c->chans[k]);
		CHECK_INT(cpl[i].seq, ==, (uint32_t)cpl[i].ctx);
		/* Handed out in order: what comes to one worker rises, */
		CHECK_INT(cpl[i].seq, >, last[k]);
		/* and has no gap inside one array. */
		if (i > 0 && cpl[i - 1].chan == cpl[i].chan)
			CHECK_INT(cpl[i].seq, ==, cpl[i - 1].seq + 1);
		last[k] = cpl[i].seq;
		if (c->serial) {
			CHECK_INT(cpl[i].seq, ==, c->expected[k]);
			c->expected[k] = cpl[i].seq + 1;
		}
		atomic_fetch_add(&c->taken[k], 1);
	}
}

static void *
taker_main(void *arg)
{
	struct crew *c = arg;
	struct dcp_worker *w = rig_worker(port, 0);
	struct dcp_cpl cpl[8];
	int64_t last[2] = {-1, -1};
	int n;

	atomic_fetch_add(&c->ready, 1);
	while ((n = dcp_get(w, cpl, RTE_DIM(cpl), DCP_FOREVER)) > 0)
		check_batch(c, cpl, n, last);
	CHECK_INT(n, ==, -ESHUTDOWN);
	dcp_worker_del(w);
	return NULL;
}

struct issuer {
	uint16_t chan;
};

static void *
issuer_main(void *arg)
{
	const struct issuer *is = arg;
	uint32_t at = 0;

	while (at < TOTAL) {
		uint16_t n = (uint16_t)RTE_MIN(1 + at % 32, TOTAL - at);
		int rc = rig_issue(port, is->chan, at, n);

		CHECK_INT(rc, >=, 0);
		at += (uint32_t)rc;
		if (rc == 0)
			sched_yield();
	}
	return NULL;
}

static void
run_crew(uint32_t flags, uint32_t harvests)
{
	struct crew c = {.serial = flags == DCP_CHAN_F_SERIAL};
	pthread_t takers[TAKERS], issuers[2];
	struct issuer is[2];

	begin();
	dev->dwell = 16; /* so that calls in parallel would meet */
	for (uint16_t k = 0; k < 2; k++) {
		int id = dcp_chan_add(port, dev->id, k, 0, flags);

		CHECK_INT(id, >=, 0);
		c.chans[k] = is[k].chan = (uint16_t)id;
	}
	for (int i = 0; i < TAKERS; i++)
		CHECK_INT(pthread_create(&takers[i], NULL, taker_main, &c), ==, 0);
	rig_wait_for(&c.ready, TAKERS);
	for (int k = 0; k < 2; k++)
		CHECK_INT(pthread_create(&issuers[k], NULL, issuer_main, &is[k]), ==, 0);
	for (uint32_t i = 0; i < harvests; i++) {
		dcp_harvest(port, 16);
		sched_yield();
	}
	for (int k = 0; k < 2; k++)
		pthread_join(issuers[k], NULL);
	dcp_close(port);
	for (int i = 0; i < TAKERS; i++)
		pthread_join(takers[i], NULL);
	CHECK_INT(c.taken[0], ==, TOTAL);
	CHECK_INT(c.taken[1], ==, TOTAL);
	end();
}

/* T2, S3, and T17: the device checks that nobody calls it in parallel, though there are two
 * channels of it. The mutant: chan_deliver() works without the lock; one lock for each channel.
 */
TEST(channels_of_a_device_are_served_in_order_and_one_call_at_a_time)
{
	run_crew(0, 0);
}

TEST(harvest_beside_workers_keeps_the_order)
{
	run_crew(0, 20000);
}

/* T3, S4. Without the holder's exclusive use this is a data race on crew.expected, too. */
TEST(serial_channels_are_processed_in_order_by_many_workers)
{
	run_crew(DCP_CHAN_F_SERIAL, 0);
}

/* --- posts: T18 */

#define PRODUCERS     32
#define POSTS_OF_EACH 500

static void *
producer_main(void *arg)
{
	uintptr_t me = (uintptr_t)arg;

	for (uint64_t i = 0; i < POSTS_OF_EACH; i++) {
		const struct dcp_cpl cpl = {.ctx = (uint64_t)me << 32 | i};

		while (dcp_post(port, &cpl, 1) == 0)
			sched_yield();
	}
	return NULL;
}

/* S11: both have more than a get can take, all the time; neither is passed over twice. The mutant:
 * port_poll() begins with the same source each time.
 */
TEST(posts_and_a_busy_channel_take_turns)
{
	struct dcp_worker *w;
	struct dcp_cpl cpl[4];
	uint32_t posts = 0, copies = 0;
	uint16_t chan;

	begin();
	w = rig_worker(port, 0);
	chan = rig_chan(port, dev, 0);
	for (uint64_t i = 0; i < 20; i++)
		rig_post(port, i);
	CHECK_INT(rig_issue(port, chan, 0, 20), ==, 20);
	for (uint32_t turn = 1; turn <= 1000; turn++) {
		CHECK_INT(dcp_get(w, cpl, 4, 0), ==, 4);
		for (uint64_t i = 0; i < 4; i++) {
			if (cpl[i].chan == DCP_CHAN_POST) {
				rig_post(port, i);
				posts++;
			} else {
				CHECK_INT(rig_issue(port, chan, i, 1), ==, 1);
				copies++;
			}
		}
		CHECK_INT(posts, >=, turn / 2 * 4);
		CHECK_INT(copies, >=, turn / 2 * 4);
	}
	dcp_worker_del(w);
	end();
}

/* The mutant: posts_deliver() is a source only when no channel has anything, or the reverse. */
TEST(many_producers_and_a_busy_channel_share_the_port)
{
	pthread_t producers[PRODUCERS];
	uint32_t posts = 0, copies = 0, next[PRODUCERS] = {0};
	uint32_t copies_at_last_post = 0;
	struct dcp_worker *w;
	struct dcp_cpl cpl[4];
	uint16_t chan;

	begin();
	w = rig_worker(port, DCP_WORKER_F_NOSLEEP);
	chan = rig_chan(port, dev, 0);
	for (uintptr_t i = 0; i < PRODUCERS; i++)
		CHECK_INT(pthread_create(&producers[i], NULL, producer_main, (void *)i), ==, 0);
	while (posts < PRODUCERS * POSTS_OF_EACH) {
		int n;

		CHECK_INT(rig_issue(port, chan, 0, 4), >=, 0); /* never empty */
		n = dcp_get(w, cpl, RTE_DIM(cpl), 0);
		CHECK_INT(n, >, 0);
		for (int i = 0; i < n; i++) {
			if (cpl[i].chan != DCP_CHAN_POST) {
				copies++;
				continue;
			}
			CHECK_INT((uint32_t)cpl[i].ctx, ==, next[cpl[i].ctx >> 32]++);
			posts++;
			copies_at_last_post = copies;
		}
	}
	CHECK_INT(copies_at_last_post, >, 0);
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(producers[i], NULL);
	dcp_worker_del(w);
	end();
}

/* --- posts, taken by several at once */

#define SHARED_POSTS 200000u /* of each of two who post; two take */

struct shared {
	_Atomic uint8_t seen[2 * SHARED_POSTS]; /* by context */
	_Atomic uint32_t taken, started;
};

static void *
shared_post_main(void *arg)
{
	struct shared *s = arg;
	uint64_t first = (uint64_t)atomic_fetch_add(&s->started, 1) * SHARED_POSTS;

	for (uint64_t i = 0; i < SHARED_POSTS; i++) {
		const struct dcp_cpl cpl = {.ctx = first + i};

		while (dcp_post(port, &cpl, 1) == 0)
			sched_yield();
	}
	return NULL;
}

static void *
shared_take_main(void *arg)
{
	struct dcp_worker *w = rig_worker(port, DCP_WORKER_F_NOSLEEP);
	struct shared *s = arg;
	struct dcp_cpl cpl;
	int rc;

	while ((rc = dcp_get(w, &cpl, 1, 10000 * MS)) == 1) {
		CHECK_INT(cpl.chan, ==, DCP_CHAN_POST);
		CHECK_INT(cpl.ctx, <, 2 * SHARED_POSTS);
		CHECK_INT(atomic_fetch_add(&s->seen[cpl.ctx], 1), ==, 0);
		atomic_fetch_add(&s->taken, 1);
	}
	CHECK_INT(rc, ==, -ESHUTDOWN);
	dcp_worker_del(w);
	return NULL;
}

/* S1. The mutant: posts_take() works without the lock. */
TEST(posts_that_two_take_at_once_come_once_each)
{
	struct shared *s = calloc(1, sizeof(*s));
	pthread_t posters[2], takers[2];

	assert_non_null(s);
	begin();
	for (int i = 0; i < 2; i++)
		CHECK_INT(pthread_create(&takers[i], NULL, shared_take_main, s), ==, 0);
	for (int i = 0; i < 2; i++)
		CHECK_INT(pthread_create(&posters[i], NULL, shared_post_main, s), ==, 0);
	for (int i = 0; i < 2; i++)
		pthread_join(posters[i], NULL);
	dcp_close(port);
	for (int i = 0; i < 2; i++)
		pthread_join(takers[i], NULL);
	CHECK_INT(atomic_load(&s->taken), ==, 2 * SHARED_POSTS);
	free(s);
	end();
}

/* --- statistics */

static _Atomic bool stats_end;
static _Atomic uint32_t stats_looks;

static void *
stats_main(void *arg)
{
	struct dcp_stats st;

	(void)arg;
	while (!atomic_load(&stats_end)) {
		CHECK_INT(dcp_stats(port, DCP_CHAN_ALL, &st), ==, 0);
		CHECK_INT(st.ok, ==, 0);
		CHECK_INT(st.failed, <=, st.issued);
		atomic_fetch_add(&stats_looks, 1);
	}
	return NULL;
}

#define LOOKS_MIN 20 /* that many must have been beside the work, or it goes on */

/* The mutant: chan_add_stats() takes no lock; then ok = delivered - failed goes below 0. */
TEST(failures_that_are_being_delivered_are_counted_as_such)
{
	struct dcp_cpl cpl[64];
	struct dcp_worker *w;
	pthread_t thread;
	uint16_t chan;

	begin();
	dev->vchan[0].fail_every = 1;
	w = rig_worker(port, DCP_WORKER_F_NOSLEEP);
	chan = rig_chan(port, dev, 0);
	atomic_store(&stats_end, false);
	atomic_store(&stats_looks, 0);
	CHECK_INT(pthread_create(&thread, NULL, stats_main, NULL), ==, 0);
	rig_wait_for(&stats_looks, 1);
	for (uint32_t i = 0; i < 20000 || atomic_load(&stats_looks) < LOOKS_MIN; i++) {
		CHECK_INT(rig_issue(port, chan, 0, 64), ==, 64);
		CHECK_INT(dcp_get(w, cpl, 64, DCP_FOREVER), ==, 64);
	}
	atomic_store(&stats_end, true);
	pthread_join(thread, NULL);
	dcp_worker_del(w);
	end();
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_order") == 0 ? 0 : 1;
}
