/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "soak.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include <rte_common.h>

#define BATCH    32
#define BAD_EACH 101 /* each so manieth operation fails */

static const uint16_t bad_status[] = {
	RTE_DMA_STATUS_BUS_READ_ERROR,
	RTE_DMA_STATUS_BUS_WRITE_ERROR,
	RTE_DMA_STATUS_INVALID_LENGTH,
	RTE_DMA_STATUS_ERROR_UNKNOWN,
};

/* --- senders: a context is alive from before it is issued until a worker has checked it */

/* The next slot, which is free now, or NULL. */
static struct soak_slot *
next_slot(struct soak *s, struct soak_actor *a, uint32_t ahead, uint64_t *ctx)
{
	uint32_t i = a->number * SOAK_SLOTS + (a->cursor + ahead) % SOAK_SLOTS;

	*ctx = (uint64_t)(a->nonce + ahead) << 32 | i;
	if (atomic_load(&s->slot[i].live) == 0)
		return &s->slot[i];
	/* Nothing that is accepted may stay away. */
	atomic_store(&a->what, i);
	return NULL;
}

static void
sent(struct soak_actor *a, uint32_t n)
{
	a->cursor = (a->cursor + n) % SOAK_SLOTS;
	a->nonce += n;
	if (a->nonce > UINT32_MAX - 2 * SOAK_SLOTS)
		a->nonce = 1;
}

static void
make_operation(struct soak *s, struct soak_actor *a, struct soak_slot *slot, struct dcp_op *op)
{
	size_t at = (size_t)(slot - s->slot) * SOAK_LEN;

	slot->bad = soak_dice(a, BAD_EACH) == 0;
	slot->status = slot->bad ? bad_status[soak_dice(a, RTE_DIM(bad_status))] : DCP_ST_OK;
	op->len = SOAK_LEN;
	if (s->src == NULL) {
		op->src = FAKE_SRC(slot->status);
		return;
	}
	memset(s->src + at, (int)(a->nonce % 255 + 1), SOAK_LEN);
	memset(s->dst + at, 0, SOAK_LEN);
	op->dst = (rte_iova_t)(uintptr_t)(s->dst + at);
	op->src = slot->bad ? 0 : (rte_iova_t)(uintptr_t)(s->src + at);
}

static uint16_t
make_batch(struct soak *s, struct soak_actor *a, struct dcp_op *ops)
{
	uint16_t n = (uint16_t)(1 + soak_dice(a, BATCH)), i;

	for (i = 0; i < n; i++) {
		struct soak_slot *slot;
		uint64_t ctx;

		slot = next_slot(s, a, i, &ctx);
		if (slot == NULL)
			break;
		memset(&ops[i], 0, sizeof(ops[i]));
		ops[i].ctx = ctx;
		make_operation(s, a, slot, &ops[i]);
		atomic_store(&slot->live, (uint32_t)(ctx >> 32));
	}
	return i;
}

/* Contexts that were not accepted are the sender's again. */
static void
take_back(struct soak *s, const struct dcp_op *ops, uint16_t from, uint16_t n)
{
	for (uint16_t i = from; i < n; i++) {
		uint32_t live = (uint32_t)(ops[i].ctx >> 32);

		if (!atomic_compare_exchange_strong(&s->slot[(uint32_t)ops[i].ctx].live, &live, 0))
			soak_wrong(s, "was not accepted, and came", NULL);
	}
}

static bool
may_fail(const struct soak *s, struct soak_chan *c, int rc)
{
	if (rc == -ESHUTDOWN && atomic_load(&s->closing))
		return true;
	return (rc == -ESHUTDOWN || rc == -EIO || rc == -EINVAL) && atomic_load(&c->trouble);
}

static int
issue_to(struct soak *s, struct soak_place *p, const struct dcp_op *ops, uint16_t n)
{
	struct soak_chan *c = atomic_load(&p->now);
	int rc = 0;

	if (c == NULL)
		return 0;
	/* Channels live on in memory until the round is over. */
	atomic_fetch_add(&c->users, 1);
	if (atomic_load(&p->now) == c) {
		rc = dcp_issue(s->port, c->id, ops, n);
		if (rc < 0 && !may_fail(s, c, rc)) {
			const struct dcp_cpl of = {.chan = c->id, .status = (uint16_t)-rc};

			soak_wrong(s, "dcp_issue() failed without a reason", &of);
		}
		if (rc > 0)
			atomic_fetch_add(&c->accepted, (uint64_t)rc);
	}
	atomic_fetch_sub(&c->users, 1);
	return RTE_MAX(rc, 0);
}

void *
soak_issuer(void *role)
{
	struct soak *s = ((struct soak_role *)role)->s;
	struct soak_actor *a = ((struct soak_role *)role)->a;
	struct dcp_op ops[BATCH];

	while (!atomic_load(&s->enough)) {
		uint16_t n = make_batch(s, a, ops), k = (uint16_t)soak_dice(a, s->nb_places);
		int rc = n != 0 ? issue_to(s, &s->place[k], ops, n) : 0;

		take_back(s, ops, (uint16_t)rc, n);
		sent(a, (uint32_t)rc);
		if (rc > 0)
			soak_doing(a, "has no operation accepted, or waits for context", 0);
		if (rc < n || n == 0)
			sched_yield();
		if (soak_dice(a, 512) == 0)
			soak_pause(a, 1000);
	}
	atomic_store(&a->here, false);
	return NULL;
}

void *
soak_poster(void *role)
{
	struct soak *s = ((struct soak_role *)role)->s;
	struct soak_actor *a = ((struct soak_role *)role)->a;
	struct dcp_cpl cpl = {.chan = 3};
	struct soak_slot *slot;
	uint32_t live;
	int rc;

	while (!atomic_load(&s->enough)) {
		slot = next_slot(s, a, 0, &cpl.ctx);
		if (slot != NULL) {
			slot->seq = cpl.seq = soak_dice(a, UINT32_MAX);
			slot->status = cpl.status = (uint16_t)soak_dice(a, UINT16_MAX);
			live = (uint32_t)(cpl.ctx >> 32);
			atomic_store(&slot->live, live);
			rc = dcp_post(s->port, &cpl, 1);
			if (rc < 0 && (rc != -ESHUTDOWN || !atomic_load(&s->closing)))
				soak_wrong(s, "dcp_post() failed without a reason", &cpl);
			if (rc <= 0 && !atomic_compare_exchange_strong(&slot->live, &live, 0))
				soak_wrong(s, "was not accepted, and came", &cpl);
			if (rc > 0) {
				sent(a, 1);
				soak_doing(a, "posts, or waits for context", 0);
			}
		}
		soak_pause(a, 200);
	}
	atomic_store(&a->here, false);
	return NULL;
}

/* --- workers */

static uint64_t
some_timeout(struct soak_actor *a)
{
	switch (soak_dice(a, 4)) {
	case 0:
		return 0;
	case 1:
		return soak_dice(a, 100000);
	case 2:
		return soak_dice(a, 5000000);
	default:
		return DCP_FOREVER;
	}
}

static int
get_once(struct soak *s, struct soak_actor *a, struct dcp_worker *w, uint64_t timeout_ns)
{
	struct soak_floor floor;
	struct dcp_cpl cpl[64];
	uint16_t max = (uint16_t)(1 + soak_dice(a, RTE_DIM(cpl)));
	uint64_t start = rig_now_ns();
	int n;

	soak_doing(a, "dcp_get() with the time-out", timeout_ns);
	soak_look(s, &floor);
	n = dcp_get(w, cpl, max, timeout_ns);
	soak_doing(a, "processes", (uint64_t)n);
	if (n > 0)
		soak_check(s, &floor, cpl, n);
	else if (n == -ETIMEDOUT && rig_now_ns() - start < timeout_ns)
		soak_wrong(s, "a wait was over early", NULL);
	else if ((n == -ETIMEDOUT && (timeout_ns == DCP_FOREVER || timeout_ns == 0)) ||
	         (n == -EAGAIN && timeout_ns != 0) ||
	         (n == -ESHUTDOWN && !atomic_load(&s->closing)) || n == 0 || n == -EINVAL)
		soak_wrong(s, "dcp_get() returned what it must not", NULL);
	return n;
}

/* One who holds records of a serial channel may be slow, with and without saying so. */
static void
dawdle(struct soak_actor *a, struct dcp_worker *w)
{
	switch (soak_dice(a, 256)) {
	case 0:
		dcp_block(w, true);
		soak_pause(a, 2000);
		dcp_block(w, false);
		break;
	case 1:
		soak_pause(a, 300);
		break;
	default:
		break;
	}
}

/* A worker for a while. @return false: the port is closed. */
static bool
work(struct soak *s, struct soak_actor *a)
{
	uint32_t flags = soak_dice(a, 8) == 0 ? DCP_WORKER_F_NOSLEEP : 0;
	uint32_t gets = 1 + soak_dice(a, 4000);
	struct dcp_worker *w;
	int n = 0;

	soak_doing(a, "dcp_worker_add()", flags);
	w = dcp_worker_add(s->port, flags);
	if (w == NULL) {
		if (!atomic_load(&s->closing))
			soak_wrong(s, "dcp_worker_add() failed without a reason", NULL);
		return false;
	}
	atomic_fetch_add(&s->worker_adds, 1);
	for (uint32_t i = 0; i < gets && n != -ESHUTDOWN; i++) {
		/* Threads outnumber processors; whoever only polls leaves the others nothing. */
		n = get_once(s, a, w, flags != 0 ? soak_dice(a, 100000) : some_timeout(a));
		if (n > 0)
			dawdle(a, w);
	}
	dcp_worker_del(w);
	return n != -ESHUTDOWN;
}

static void *
session(void *role)
{
	struct soak_role *r = role;
	bool more = work(r->s, r->a);

	/* As the same thread, or as another one after this one has ended. */
	while (more && soak_dice(r->a, 2) == 0)
		more = work(r->s, r->a);
	return more ? role : NULL;
}

void *
soak_worker(void *role)
{
	struct soak *s = ((struct soak_role *)role)->s;
	struct soak_actor *a = ((struct soak_role *)role)->a;
	pthread_t thread;
	void *more;

	do {
		if (pthread_create(&thread, NULL, session, role) != 0)
			soak_wrong(s, "no thread could be made", NULL);
		pthread_join(thread, &more);
		soak_pause(a, 3000);
	} while (more != NULL);
	atomic_store(&a->here, false);
	return NULL;
}

/* The main lcore polls until the very end. */
void
soak_poll(struct soak *s, struct soak_actor *a, struct dcp_worker *w)
{
	int n = 0;

	while (n != -ESHUTDOWN)
		n = get_once(s, a, w, soak_dice(a, 2) * soak_dice(a, 1000000));
	dcp_worker_del(w);
	atomic_store(&a->here, false);
}

void *
soak_harvester(void *role)
{
	struct soak *s = ((struct soak_role *)role)->s;
	struct soak_actor *a = ((struct soak_role *)role)->a;

	while (!atomic_load(&s->enough)) {
		soak_doing(a, "dcp_harvest()", 0);
		atomic_fetch_add(&s->harvested,
		                 (uint64_t)dcp_harvest(s->port, (uint16_t)soak_dice(a, 100)));
		soak_pause(a, 500);
	}
	atomic_store(&a->here, false);
	return NULL;
}
