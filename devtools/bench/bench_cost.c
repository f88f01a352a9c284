/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_dmadev.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "bench_cost.h"

#define LENGTH     64u
#define SRC        0x100000000ull /* nothing is there: nothing moves */
#define DST        0x200000000ull
#define CHECK_LAPS 3u
#define BAD        0x80000000u /* no dmadev status */

const char *const cost_names[COST_KINDS] = {
	[COST_RAW] = "raw",   [COST_RAW_STATUS] = "raw-status",   [COST_RAW_CTX] = "raw-ctx",
	[COST_PORT] = "port", [COST_PORT_SINGLE] = "port-single", [COST_PORT_SLEEP] = "port-sleep",
};

/* --- the work; the kind is a constant in each of its copies */

static __rte_always_inline void
issue_raw(struct cost_user *u, struct cost_chan *c, uint16_t n, enum cost_kind kind)
{
	rte_iova_t src = SRC, dst = DST;
	uint64_t ctx = u->issued;
	uint16_t i;
	int idx;

	for (i = 0; i < n; i++, src += LENGTH, dst += LENGTH) {
		idx = rte_dma_copy(c->dev_id, 0, src, dst, LENGTH, 0);
		if (unlikely(idx < 0)) {
			u->results |= BAD;
			break;
		}
		if (kind == COST_RAW_CTX)
			c->ctx[idx & u->mask] = ctx++;
	}
	if (unlikely(rte_dma_submit(c->dev_id, 0) < 0))
		u->results |= BAD;
}

static __rte_always_inline void
issue_port(struct cost_user *u, unsigned int chan, uint16_t n)
{
	rte_iova_t src = SRC, dst = DST;
	struct dcp_op ops[COST_BURST_MAX];
	uint64_t ctx = u->issued;
	uint16_t i;

	for (i = 0; i < n; i++, src += LENGTH, dst += LENGTH)
		ops[i] = (struct dcp_op){.ctx = ctx++, .dst = dst, .src = src, .len = LENGTH};
	if (unlikely(dcp_issue(u->port, (uint16_t)chan, ops, n) != n))
		u->results |= BAD;
}

static __rte_always_inline void
issue(struct cost_user *u, unsigned int chan, uint16_t n, enum cost_kind kind)
{
	struct cost_chan *c = &u->chans[chan];

	if (kind >= COST_PORT)
		issue_port(u, chan, n);
	else
		issue_raw(u, c, n, kind);
	c->first = u->issued;
	u->issued += n;
}

/* A context and status for each: what an application would act on. */
static __rte_always_inline void
accept(struct cost_user *u, struct cost_chan *c, uint16_t i, uint64_t ctx, uint32_t status,
       bool check)
{
	u->sum += ctx;
	u->results |= status;
	if (check && ctx != c->first + i)
		u->results |= BAD;
}

/* @return the channel whose burst came. */
static __rte_always_inline unsigned int
take_raw(struct cost_user *u, uint16_t n, enum cost_kind kind, bool check)
{
	enum rte_dma_status_code status[COST_BURST_MAX];
	unsigned int chan = u->turn;
	struct cost_chan *c = &u->chans[chan];
	uint16_t last = 0, first, done, i;
	bool error = false;

	u->turn = chan + 1 == u->nb_chans ? 0 : chan + 1;
	if (kind == COST_RAW)
		done = rte_dma_completed(c->dev_id, 0, n, &last, &error);
	else
		done = rte_dma_completed_status(c->dev_id, 0, n, &last, status);
	if (unlikely(done != n || error))
		u->results |= BAD;
	first = (uint16_t)(last - done + 1);
	for (i = 0; kind == COST_RAW_STATUS && i < done; i++)
		u->results |= status[i];
	for (i = 0; kind == COST_RAW_CTX && i < done; i++)
		accept(u, c, i, c->ctx[(first + i) & u->mask], status[i], check);
	return chan;
}

static __rte_always_inline unsigned int
take_port(struct cost_user *u, uint16_t n, bool check)
{
	struct dcp_cpl cpl[COST_BURST_MAX];
	unsigned int chan;
	uint16_t i;

	if (unlikely(dcp_get(u->worker, cpl, n, 0) != n)) {
		u->results |= BAD;
		return 0;
	}
	chan = cpl[0].chan;
	for (i = 0; i < n; i++)
		accept(u, &u->chans[chan], i, cpl[i].ctx, cpl[i].status, check);
	return chan;
}

static __rte_always_inline unsigned int
take(struct cost_user *u, uint16_t n, enum cost_kind kind, bool check)
{
	return kind >= COST_PORT ? take_port(u, n, check) : take_raw(u, n, kind, check);
}

static __rte_always_inline void
rounds_of(struct cost_user *u, uint16_t n, unsigned int rounds, enum cost_kind kind, bool check)
{
	unsigned int chan;

	for (; rounds != 0; rounds--) {
		chan = take(u, n, kind, check);
		issue(u, chan, n, kind);
	}
}

void
cost_rounds(struct cost_user *u, uint16_t n, unsigned int rounds)
{
	switch (u->kind) {
	case COST_RAW:
		rounds_of(u, n, rounds, COST_RAW, false);
		break;
	case COST_RAW_STATUS:
		rounds_of(u, n, rounds, COST_RAW_STATUS, false);
		break;
	case COST_RAW_CTX:
		rounds_of(u, n, rounds, COST_RAW_CTX, false);
		break;
	default:
		rounds_of(u, n, rounds, COST_PORT, false);
	}
}

static void
look_raw(struct cost_user *u, unsigned int rounds)
{
	bool error = false;
	unsigned int i;
	uint16_t last;

	for (; rounds != 0; rounds--)
		for (i = 0; i < u->nb_chans; i++)
			u->results |= rte_dma_completed(u->chans[i].dev_id, 0, 32, &last, &error);
}

void
cost_look(struct cost_user *u, unsigned int rounds)
{
	struct dcp_cpl cpl[COST_BURST_MAX];

	if (u->kind < COST_PORT) {
		look_raw(u, rounds);
		return;
	}
	for (; rounds != 0; rounds--)
		if (unlikely(dcp_get(u->worker, cpl, COST_BURST_MAX, 0) != -EAGAIN))
			u->results |= BAD;
}

void
cost_fill(struct cost_user *u, uint16_t n)
{
	unsigned int chan;

	for (chan = 0; chan < u->nb_chans; chan++)
		issue(u, chan, n, u->kind);
}

int
cost_drain(struct cost_user *u, uint16_t n)
{
	unsigned int i;

	for (i = 0; i < u->nb_chans; i++)
		take(u, n, u->kind, true);
	return cost_verify(u);
}

int
cost_verify(const struct cost_user *u)
{
	uint64_t sum = u->issued * (u->issued - 1) / 2; /* of 0 to issued - 1, modulo 2^64 */

	if (u->results == 0 && (u->kind < COST_RAW_CTX || u->sum == sum))
		return 0;
	fprintf(stderr,
	        "%s: results 0x%" PRIx32 ", sum of contexts %" PRIu64 " and not %" PRIu64 "\n",
	        cost_names[u->kind], u->results, u->sum, sum);
	return -EBADMSG;
}

int
cost_check(struct cost_user *u)
{
	unsigned int i, laps = CHECK_LAPS * (u->mask + 1u), ops;
	uint16_t n = 1;
	int rc = 0;

	for (ops = 0; rc == 0 && ops < laps; ops += n * u->nb_chans) {
		n = (uint16_t)(n % RTE_MIN(COST_BURST_MAX, u->mask + 1u) + 1);
		cost_fill(u, n);
		rounds_of(u, n, u->nb_chans, u->kind, true);
		rc = cost_drain(u, n);
	}
	/* Nothing is left: what the devices themselves count ends where it began. */
	for (i = 0; rc == 0 && i < u->nb_chans; i++)
		if (rte_dma_burst_capacity(u->chans[i].dev_id, 0) != u->mask + 1u)
			rc = -EBADMSG;
	return rc;
}

/* --- open and close */

static int
open_port(struct cost_user *u)
{
	static unsigned int number;
	char name[32];
	const struct dcp_conf conf = {
		.name = name,
		.socket_id = SOCKET_ID_ANY,
		.max_chans = COST_CHANS_MAX,
		.max_workers = 1,
		.chan_depth = u->mask + 1u,
		.flags = u->kind == COST_PORT_SINGLE ? DCP_F_SINGLE : 0,
	};
	struct dcp_cpl cpl;

	snprintf(name, sizeof(name), "cost%u", number++);
	u->port = dcp_create(&conf);
	if (u->port == NULL)
		return -rte_errno;
	u->worker = dcp_worker_add(u->port, u->kind == COST_PORT_SLEEP ? 0 : DCP_WORKER_F_NOSLEEP);
	if (u->worker == NULL)
		return -rte_errno;
	if (u->kind == COST_PORT_SLEEP && dcp_get(u->worker, &cpl, 1, 1) != -ETIMEDOUT)
		return -EBADMSG;
	return 0;
}

static int
open_chan(struct cost_user *u, struct cost_chan *c)
{
	static unsigned int number;
	char name[32];
	int rc;

	snprintf(name, sizeof(name), "ideal%u", number++);
	rc = bench_ideal_open(&c->dev, name, u->mask + 1u, BENCH_IDEAL_AT_SUBMIT);
	if (rc == 0)
		rc = bench_ideal_check(c->dev);
	if (rc < 0)
		return rc;
	c->dev_id = bench_ideal_id(c->dev);
	if (u->kind == COST_RAW_CTX)
		c->ctx = rte_zmalloc(NULL, (u->mask + 1u) * sizeof(*c->ctx), RTE_CACHE_LINE_SIZE);
	if (u->kind == COST_RAW_CTX && c->ctx == NULL)
		return -ENOMEM;
	if (u->kind < COST_PORT)
		return 0;
	rc = dcp_chan_add(u->port, c->dev_id, 0, 0, 0);
	if (rc < 0)
		return rc;
	return rc == c - u->chans ? 0 : -EBADMSG; /* ids of a new port count from 0 */
}

int
cost_open(struct cost_user *u, enum cost_kind kind, unsigned int nb_chans, uint16_t ring)
{
	int rc = 0;

	memset(u, 0, sizeof(*u));
	u->kind = kind;
	u->mask = (uint16_t)(ring - 1);
	if (kind >= COST_PORT)
		rc = open_port(u);
	while (rc == 0 && u->nb_chans < nb_chans)
		rc = open_chan(u, &u->chans[u->nb_chans++]);
	return rc;
}

static int
close_port(struct cost_user *u)
{
	struct dcp_cpl cpl[COST_BURST_MAX];
	unsigned int i, rounds;
	int rc = 0;

	if (u->port == NULL)
		return 0;
	dcp_close(u->port);
	/* Of what failed in the middle, something may be left: at most a ring on each channel. */
	for (rounds = u->nb_chans * (u->mask + 1u); u->worker != NULL && rounds != 0; rounds--)
		if (dcp_get(u->worker, cpl, COST_BURST_MAX, 0) < 0)
			break;
	dcp_worker_del(u->worker);
	for (i = 0; rc == 0 && i < u->nb_chans; i++)
		rc = dcp_chan_del(u->port, (uint16_t)i, false, 0);
	return rc < 0 ? rc : dcp_destroy(u->port);
}

int
cost_close(struct cost_user *u)
{
	int rc = close_port(u), device;
	unsigned int i;

	for (i = 0; i < u->nb_chans; i++) {
		rte_free(u->chans[i].ctx);
		device = bench_ideal_close(u->chans[i].dev);
		rc = rc < 0 ? rc : device;
	}
	memset(u, 0, sizeof(*u));
	return rc;
}
