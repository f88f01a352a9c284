/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "stress.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <rte_common.h>
#include <rte_malloc.h>

#include "test.h"

#include "fair.h"
#include "rig.h"

#define BATCH_MAX 40
#define BUFFER    4096u
#define STALL_NS  RIG_PATIENCE /* without any record: something was lost */

/* What the threads share. */
struct run {
	struct stress *s;
	struct dcp_port *port;
	uint16_t chan[STRESS_CHANS];
	_Atomic uint64_t *seen; /* a bit for each context */
	_Atomic uint64_t delivered, failed;
	_Atomic uint32_t wrong; /* records; the first is printed */
	_Atomic uint32_t ready;
	_Atomic uint32_t left; /* issuers that are not done */
	uint8_t *src, *dst;    /* a destination for each channel, since devices work in parallel */
	_Atomic uint64_t handed[STRESS_CHANS]; /* seq + 1 of the last that a get has returned */
	uint32_t holders[STRESS_CHANS];        /* plain: serial channels protect it */
};

struct member {
	struct run *run;
	pthread_t thread;
	uint32_t number;
	uint64_t seed;
	uint64_t floor[STRESS_CHANS]; /* what had been handed out before this get began */
};

/* xorshift: threads must not share a state. */
static uint32_t
dice(struct member *m, uint32_t sides)
{
	m->seed ^= m->seed << 13;
	m->seed ^= m->seed >> 7;
	m->seed ^= m->seed << 17;
	return (uint32_t)(m->seed >> 11) % sides;
}

static void
complain(struct run *r, const struct dcp_cpl *cpl, const char *what)
{
	if (atomic_fetch_add(&r->wrong, 1) == 0)
		print_error("%s: ctx %llu, seq %u, chan %u, status %u\n", what,
		            (unsigned long long)cpl->ctx, cpl->seq, cpl->chan, cpl->status);
}

/* --- issuers */

static bool
is_bad(const struct stress *s, uint64_t ctx)
{
	return s->bad_each != 0 && ctx % s->bad_each == 0;
}

static uint16_t
make_batch(struct member *m, uint32_t done, uint16_t k, struct dcp_op *ops)
{
	struct run *r = m->run;
	uint16_t n = (uint16_t)RTE_MIN(1 + dice(m, BATCH_MAX), r->s->total - done);

	for (uint16_t i = 0; i < n; i++) {
		uint64_t ctx = (uint64_t)m->number * r->s->total + done + i;
		uint32_t len = r->s->length;

		ops[i] = (struct dcp_op){
			.ctx = ctx,
			.src = is_bad(r->s, ctx) ? 0 : (rte_iova_t)(uintptr_t)r->src,
			.dst = (rte_iova_t)(uintptr_t)(r->dst + k * BUFFER),
			.len = len == 0 ? 64 : 1 + dice(m, len),
		};
	}
	return n;
}

static void *
issuer_main(void *arg)
{
	struct member *m = arg;
	struct run *r = m->run;
	struct dcp_op ops[BATCH_MAX];
	uint32_t done = 0;

	while (done < r->s->total && atomic_load(&r->wrong) == 0) {
		uint16_t k = (uint16_t)dice(m, r->s->nb_chans);
		uint16_t n = make_batch(m, done, k, ops), at = 0;

		while (at < n && atomic_load(&r->wrong) == 0) {
			int rc = dcp_issue(r->port, r->chan[k], ops + at, (uint16_t)(n - at));

			if (rc < 0) {
				const struct dcp_cpl none = {.status = (uint16_t)-rc};

				complain(r, &none, "dcp_issue() failed");
			} else if (rc == 0) {
				sched_yield();
			} else {
				at = (uint16_t)(at + rc);
			}
		}
		done += n;
	}
	atomic_fetch_sub(&r->left, 1);
	return NULL;
}

/* --- workers */

static bool
status_is_right(const struct stress *s, uint16_t k, const struct dcp_cpl *cpl)
{
	if (s->status != NULL)
		return s->status(s->ctx, k, cpl->seq) == cpl->status;
	if (!is_bad(s, cpl->ctx))
		return cpl->status == DCP_ST_OK;
	return cpl->status == RTE_DMA_STATUS_INVALID_SRC_ADDR ||
	       cpl->status == RTE_DMA_STATUS_INVALID_ADDR ||
	       cpl->status == RTE_DMA_STATUS_BUS_READ_ERROR ||
	       cpl->status == RTE_DMA_STATUS_PAGE_FAULT;
}

static void
check_record(struct member *m, const struct dcp_cpl *cpl, const struct dcp_cpl *before)
{
	struct run *r = m->run;
	uint64_t bit = UINT64_C(1) << cpl->ctx % 64;
	uint16_t k;

	for (k = 0; k < r->s->nb_chans && r->chan[k] != cpl->chan; k++)
		;
	if (k == r->s->nb_chans || cpl->ctx >= (uint64_t)r->s->total * r->s->issuers) {
		complain(r, cpl, "unknown channel or context");
		return;
	}
	if ((atomic_fetch_or(&r->seen[cpl->ctx / 64], bit) & bit) != 0)
		complain(r, cpl, "came twice");
	if (cpl->seq < m->floor[k])
		complain(r, cpl, "handed out after a later one");
	if (before != NULL && before->chan == cpl->chan && before->seq + 1 != cpl->seq)
		complain(r, cpl, "a gap in an array");
	if (!status_is_right(r->s, k, cpl))
		complain(r, cpl, "not the status of this operation");
	atomic_fetch_add(&r->delivered, 1);
	atomic_fetch_add(&r->failed, cpl->status != DCP_ST_OK);
	if ((r->s->flags & DCP_CHAN_F_SERIAL) != 0 && r->holders[k]++ != cpl->seq)
		complain(r, cpl, "a serial channel out of order");
}

/* Of a channel, no get returns less than one that had returned before it began. That is the order
 * of hand-out as workers can see it, whoever they are.
 */
static int
get_and_check(struct member *m, struct dcp_worker *w, uint64_t timeout_ns)
{
	struct run *r = m->run;
	struct dcp_cpl cpl[64];
	int n;

	for (uint16_t k = 0; k < r->s->nb_chans; k++)
		m->floor[k] = atomic_load(&r->handed[k]);
	n = dcp_get(w, cpl, (uint16_t)(1 + dice(m, RTE_DIM(cpl))), timeout_ns);
	for (int i = 0; i < n; i++)
		check_record(m, &cpl[i], i == 0 ? NULL : &cpl[i - 1]);
	for (int i = n - 1; i >= 0; i--) {
		if (i != n - 1 && cpl[i].chan == cpl[i + 1].chan)
			continue;
		for (uint16_t k = 0; k < r->s->nb_chans; k++) {
			if (r->chan[k] == cpl[i].chan)
				rig_raise(&r->handed[k], (uint64_t)cpl[i].seq + 1);
		}
	}
	return n;
}

static uint64_t
some_timeout(struct member *m)
{
	switch (m->run->s->timeouts ? dice(m, 4) : 3) {
	case 0:
		return 0;
	case 1:
		return dice(m, 50000);
	default:
		return m->run->s->timeouts ? 5 * MS : DCP_FOREVER;
	}
}

static void
dawdle(struct member *m, struct dcp_worker **w)
{
	struct run *r = m->run;
	struct timespec ts = {0, 0};

	if (r->s->lazy != 0 && dice(m, 64) == 0) {
		ts.tv_nsec = 1000L * dice(m, r->s->lazy);
		dcp_block(*w, true);
		nanosleep(&ts, NULL);
		dcp_block(*w, false);
	}
	if (r->s->come_and_go && dice(m, 256) == 0) {
		struct dcp_worker *again;

		dcp_worker_del(*w);
		again = dcp_worker_add(r->port, 0);
		*w = again;
	}
}

static void *
worker_main(void *arg)
{
	struct member *m = arg;
	struct run *r = m->run;
	struct dcp_worker *w =
		rig_worker(r->port, m->number == 0 && r->s->timeouts ? DCP_WORKER_F_NOSLEEP : 0);
	int n = 0;

	atomic_fetch_add(&r->ready, 1);
	while (w != NULL && n != -ESHUTDOWN) {
		n = get_and_check(m, w, some_timeout(m));
		dawdle(m, &w);
	}
	dcp_worker_del(w); /* NULL: it was away when the port was closed */
	return NULL;
}

/* --- the run */

static void
start(struct run *r, struct member *m, uint16_t n, void *(*body)(void *), uint64_t seed)
{
	for (uint16_t i = 0; i < n; i++) {
		m[i] = (struct member){.run = r, .number = i};
		m[i].seed = (seed + i + 1) * 0x9E3779B97F4A7C15u;
		CHECK_INT(pthread_create(&m[i].thread, NULL, body, &m[i]), ==, 0);
	}
}

static void
join(struct member *m, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		pthread_join(m[i].thread, NULL);
}

/* Everything was issued and has come, or something is wrong. */
static void
wait_for_all(struct run *r, uint64_t total)
{
	uint64_t last = 0, since = 0, time;
	struct fair_clock clock;

	fair_start(&clock);
	while (atomic_load(&r->delivered) < total && atomic_load(&r->wrong) == 0) {
		uint64_t now = atomic_load(&r->delivered);

		time = fair_now(&clock);
		if (now != last) {
			last = now;
			since = time;
		}
		if (time - since > STALL_NS) {
			print_error("stands still at %llu of %llu records\n",
			            (unsigned long long)now, (unsigned long long)total);
			exit(1); /* its threads cannot be joined */
		}
		rig_sleep_ms(1);
	}
}

static void
open_port(struct run *r)
{
	struct dcp_conf conf = rig_conf();

	conf.max_running = r->s->max_running;
	r->port = dcp_create(&conf);
	assert_non_null(r->port);
	for (uint16_t k = 0; k < r->s->nb_chans; k++) {
		int id = dcp_chan_add(r->port, r->s->dev[k], r->s->vchan[k], k, r->s->flags);

		CHECK_INT(id, >=, 0);
		r->chan[k] = (uint16_t)id;
	}
}

void
stress_run(struct stress *s)
{
	uint64_t total = (uint64_t)s->total * s->issuers, start_ns = rig_now_ns();
	struct member issuers[STRESS_ISSUERS], workers[STRESS_WORKERS];
	struct run r = {.s = s};
	struct dcp_stats st;

	r.seen = calloc(total / 64 + 1, sizeof(*r.seen));
	r.src = rte_zmalloc("stress", BUFFER * (1 + STRESS_CHANS), 0);
	assert_non_null(r.seen);
	assert_non_null(r.src);
	r.dst = r.src + BUFFER;
	open_port(&r);
	atomic_store(&r.left, s->issuers);
	start(&r, workers, s->workers, worker_main, 1);
	rig_wait_for(&r.ready, s->workers);
	start(&r, issuers, s->issuers, issuer_main, 100);
	wait_for_all(&r, total);
	join(issuers, s->issuers);
	CHECK_INT(dcp_stats(r.port, DCP_CHAN_ALL, &st), ==, 0);
	dcp_close(r.port);
	join(workers, s->workers);
	CHECK_INT(atomic_load(&r.wrong), ==, 0);
	CHECK_INT(atomic_load(&r.delivered), ==, total);
	CHECK_INT(st.issued, ==, total);
	CHECK_INT(st.failed, ==, atomic_load(&r.failed));
	print_message("# %llu operations, %llu failed, in %llu ms; wakes %llu, naps %llu\n",
	              (unsigned long long)total, (unsigned long long)st.failed,
	              (unsigned long long)((rig_now_ns() - start_ns) / MS),
	              (unsigned long long)st.wakes, (unsigned long long)st.naps);
	rig_end(r.port);
	rte_free(r.src);
	free(r.seen);
}
