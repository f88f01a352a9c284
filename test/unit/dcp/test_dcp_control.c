/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <pthread.h>

#include <rte_errno.h>

#include "test.h"

#include "dcp_priv.h"
#include "fair.h"
#include "rig.h"

/*
 * Control calls while a thread is inside dcp_issue(), with the lock of its device, and does not
 * come out: as one does that has lost its processor. Here the device holds it until it is let go.
 */

static struct fake_dev *dev;
static struct dcp_port *port;
static uint16_t chan;
static pthread_t issuer;

static void *
issue_main(void *arg)
{
	(void)arg;
	CHECK_INT(rig_issue(port, chan, 0, 1), ==, 1);
	return NULL;
}

static void
begin(void)
{
	dev = rig_device(32);
	port = rig_port();
	chan = rig_chan(port, dev, 0);
}

static void
hold_issuer(void)
{
	atomic_store(&dev->hold, true);
	CHECK_INT(pthread_create(&issuer, NULL, issue_main, NULL), ==, 0);
	rig_wait_for(&dev->inside, 1);
}

static void
end(void)
{
	rig_end(port);
	rig_device_free(dev);
}

/* A control call in a thread of its own: if it waits for the issuer, the test goes on. */
struct call {
	pthread_t thread;
	void (*body)(struct call *c);
	struct dcp_worker *w;
	_Atomic uint32_t begun, over;
};

static void *
call_main(void *arg)
{
	struct call *c = arg;

	atomic_store(&c->begun, 1);
	c->body(c);
	atomic_store(&c->over, 1);
	return NULL;
}

static void
call_begin(struct call *c, void (*body)(struct call *c))
{
	memset(c, 0, sizeof(*c));
	c->body = body;
	CHECK_INT(pthread_create(&c->thread, NULL, call_main, c), ==, 0);
	rig_wait_for(&c->begun, 1);
}

/* Wait until a call has come to where it waits, or just before. */
static void
await(const _Atomic bool *word)
{
	struct fair_clock clock;

	fair_start(&clock);
	while (!atomic_load(word) && fair_now(&clock) <= RIG_PATIENCE)
		rig_sleep_ms(1);
}

/* Whether the call ends while the issuer is held. Lets both go. */
static bool
call_ends(struct call *c)
{
	struct fair_clock clock;
	bool over;

	fair_start(&clock);
	while (atomic_load(&c->over) == 0 && fair_now(&clock) <= RIG_PATIENCE)
		rig_sleep_ms(1);
	over = atomic_load(&c->over) != 0;
	atomic_store(&dev->hold, false);
	pthread_join(c->thread, NULL);
	pthread_join(issuer, NULL);
	return over;
}

static void
add_sleeper(struct call *c)
{
	c->w = rig_worker(port, 0);
}

static void
close_port(struct call *c)
{
	(void)c;
	dcp_close(port);
}

/* Control of another port, from its creation to its end. */
static void
use_another_port(struct call *c)
{
	struct dcp_port *other = rig_port();
	struct dcp_stats st;

	(void)c;
	dcp_worker_del(rig_worker(other, 0));
	CHECK_INT(dcp_stats(other, DCP_CHAN_ALL, &st), ==, 0);
	dcp_close(other);
	CHECK_INT(dcp_destroy(other), ==, 0);
}

/* The mutant: each worker that sleeps passes the locks, as the first one must. */
TEST(later_sleeping_worker_waits_for_no_device)
{
	struct dcp_worker *first;
	struct call add;

	begin();
	first = rig_worker(port, 0);
	hold_issuer();
	call_begin(&add, add_sleeper);
	CHECK(call_ends(&add));
	dcp_worker_del(first);
	dcp_worker_del(add.w);
	end();
}

TEST(polling_worker_waits_for_no_device)
{
	struct dcp_worker *w;

	begin();
	hold_issuer();
	w = rig_worker(port, DCP_WORKER_F_NOSLEEP);
	atomic_store(&dev->hold, false);
	pthread_join(issuer, NULL);
	dcp_worker_del(w);
	end();
}

/* The first one waits: see dcp_steps. The mutant: it does so under the control lock. */
TEST(first_sleeping_worker_that_waits_stops_no_other_port)
{
	struct call add, other;

	begin();
	hold_issuer();
	call_begin(&add, add_sleeper);
	await(&port->have_sleepers);
	call_begin(&other, use_another_port);
	CHECK(call_ends(&other));
	pthread_join(add.thread, NULL);
	dcp_worker_del(add.w);
	end();
}

/* The mutant: dcp_close() passes the locks under the control lock. */
TEST(close_that_waits_for_an_issuer_stops_no_other_port)
{
	struct call closing, other;

	begin();
	hold_issuer();
	call_begin(&closing, close_port);
	await(&port->closing);
	call_begin(&other, use_another_port);
	CHECK(call_ends(&other));
	pthread_join(closing.thread, NULL);
	end();
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_control") == 0 ? 0 : 1;
}
