/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "copier_dma.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>

#include "packet.h"

#define BURST 32 /* records taken at once */

static inline bool
dma_has_fault(const struct copier_dma *cd)
{
	return atomic_load_explicit(&cd->base.count.fault, memory_order_relaxed) != 0;
}

static void
group_note_failure(const struct copier_group *g, const struct dcp_cpl *cpl)
{
	struct dma_entry *e = (struct dma_entry *)(uintptr_t)cpl->ctx;
	struct copier_dma *cd = (struct copier_dma *)(uintptr_t)dcp_chan_key(g->port, cpl->chan);

	e->fate = DMA_REDO;
	if (cpl->status != DCP_ST_ABORTED)
		counter_add(&cd->base.count.errors, 1);
}

/* What the devices have finished goes to its entries. @return operations. */
static uint16_t
group_take(struct copier_group *g)
{
	struct dcp_cpl cpls[BURST];
	int n = dcp_get(g->worker, cpls, BURST, 0);

	for (int i = 0; i < n; i++) {
		((struct dma_entry *)(uintptr_t)cpls[i].ctx)->left--;
		if (unlikely(cpls[i].status != DCP_ST_OK))
			group_note_failure(g, &cpls[i]);
	}
	return n > 0 ? (uint16_t)n : 0;
}

void
copier_group_poll(struct copier_group *g, uint16_t rounds)
{
	while (group_take(g) == BURST && --rounds != 0)
		;
}

bool
copier_dma_stop(struct copier_dma *cd)
{
	int rc = dcp_chan_del(cd->group->port, cd->chan, true, 0);

	/* Ends: nobody issues meanwhile. */
	while (group_take(cd->group) != 0)
		;
	if (rc == -ETIMEDOUT)
		rc = dcp_chan_del(cd->group->port, cd->chan, true, 0);
	return rc == 0;
}

/*
 * The device is not used any more. Once it is stopped, the CPU finishes what it had begun. If it
 * cannot be stopped it may still read and write, so its packets are neither used nor freed.
 */
static void
dma_give_up(struct copier_dma *cd, int fault)
{
	struct dma_entry *e;

	if (dma_has_fault(cd))
		return;
	atomic_store_explicit(&cd->base.count.fault, fault, memory_order_relaxed);
	for (uint16_t i = 0; i < cd->nb_ops; i++) {
		e = (struct dma_entry *)(uintptr_t)cd->ops[i].ctx;
		e->fate = DMA_REDO;
		e->left--;
	}
	cd->nb_ops = 0;
	if (cd->partial) {
		e = &cd->entries[(cd->tail - 1) & cd->mask];
		e->fate = DMA_REDO;
		e->left--;
		cd->partial = false;
	}
	cd->running = !copier_dma_stop(cd);
	for (uint32_t i = cd->head; i != cd->tail; i++) {
		e = &cd->entries[i & cd->mask];
		if (e->left != 0) {
			e->fate = DMA_LOST;
			e->left = 0;
		}
	}
}

static void
copier_dma_submit(struct copier *c)
{
	struct copier_dma *cd = (struct copier_dma *)c;
	int n;

	if (cd->nb_ops == 0)
		return;
	n = dcp_issue(cd->group->port, cd->chan, cd->ops, cd->nb_ops);
	if (unlikely(n <= 0)) {
		if (n < 0)
			dma_give_up(cd, n);
		return;
	}
	counter_add(&c->count.submits, 1);
	counter_add(&c->count.operations, (uint64_t)n);
	cd->nb_ops -= (uint16_t)n;
	if (unlikely(cd->nb_ops != 0))
		memmove(cd->ops, cd->ops + n, cd->nb_ops * sizeof(cd->ops[0]));
}

/* One more operation into the batch, where there is room; a full batch is issued. */
static inline void
dma_add(struct copier_dma *cd, struct dma_entry *e, rte_iova_t dst, rte_iova_t src, uint32_t len)
{
	cd->ops[cd->nb_ops++] = (struct dcp_op){
		.ctx = (uintptr_t)e,
		.dst = dst,
		.src = src,
		.len = len,
		.type = DCP_OP_COPY,
	};
	if (cd->nb_ops == cd->batch)
		copier_dma_submit(&cd->base);
}

/* Put what is left of the newest entry, or as much of it as fits, into the batch. */
static void
dma_push(struct copier_dma *cd)
{
	struct dma_entry *e = &cd->entries[(cd->tail - 1) & cd->mask];
	struct packet_walk *w = &cd->walk;
	uint32_t len;

	while ((len = packet_walk_len(w)) != 0) {
		rte_iova_t dst = rte_pktmbuf_iova_offset(w->dst, w->dst_off);
		rte_iova_t src = rte_pktmbuf_iova_offset(w->src, w->src_off);

		if (cd->nb_ops == cd->batch)
			return;
		packet_walk_skip(w, len);
		e->left++;
		dma_add(cd, e, dst, src, len);
		if (!cd->partial) /* given up meanwhile */
			return;
	}
	e->left--;
	cd->partial = false;
}

static void
dma_take(struct copier_dma *cd, struct rte_mbuf *src, struct rte_mbuf *dst, void *owner)
{
	struct dma_entry *e = &cd->entries[cd->tail++ & cd->mask];

	*e = (struct dma_entry){.src = src, .dst = dst, .owner = owner, .left = 1};
	if (unlikely(dma_has_fault(cd))) {
		e->left = 0;
		e->fate = DMA_REDO;
	} else if (likely(src->next == NULL && dst->next == NULL && src->data_len != 0)) {
		dma_add(cd, e, rte_pktmbuf_iova(dst), rte_pktmbuf_iova(src), src->data_len);
	} else {
		cd->partial = true;
		packet_walk_start(&cd->walk, dst, src);
		dma_push(cd);
	}
}

static uint16_t
copier_dma_issue(struct copier *c, struct rte_mbuf *const *srcs, struct rte_mbuf *const *dsts,
                 uint16_t n, void *owner)
{
	struct copier_dma *cd = (struct copier_dma *)c;
	uint32_t room = cd->mask + 1 - (cd->tail - cd->head);
	uint16_t i;

	n = (uint16_t)RTE_MIN((uint32_t)n, room);
	for (i = 0; i < n && !cd->partial && cd->nb_ops != cd->batch; i++)
		dma_take(cd, srcs[i], dsts[i], owner);
	return i;
}

/* Turn a finished entry into a record, its data copied by whoever still has to. */
static void
dma_finish(struct copier_dma *cd, struct dma_entry *e, struct copy_record *rec)
{
	*rec = (struct copy_record){
		.dst = e->dst,
		.owner = e->owner,
		.buffers = e->src->nb_segs,
		.result = COPY_BY_DMA,
	};
	if (likely(e->fate == DMA_GOOD))
		return;
	if (e->fate == DMA_LOST) {
		rec->buffers += e->dst->nb_segs;
		rec->dst = NULL;
		rec->result = COPY_LOST;
		return;
	}
	packet_copy_data(e->dst, e->src);
	counter_add(&cd->base.count.redone, 1);
	rec->result = COPY_BY_CPU;
}

/* Entries that are done, from the oldest on. @return how many. */
static uint16_t
dma_collect(struct copier_dma *cd, struct copy_record *recs, uint16_t n)
{
	struct rte_mbuf *srcs[BURST];
	uint16_t i, nb_srcs = 0;

	for (i = 0; i < n && cd->head != cd->tail; i++) {
		struct dma_entry *e = &cd->entries[cd->head & cd->mask];

		if (e->left != 0)
			break;
		dma_finish(cd, e, &recs[i]);
		if (likely(e->fate != DMA_LOST))
			srcs[nb_srcs++] = e->src;
		cd->head++;
	}
	rte_pktmbuf_free_bulk(srcs, nb_srcs);
	return i;
}

/* No entry is done. Is the device at work? */
static void
dma_watch(struct copier_dma *cd)
{
	uint32_t left = cd->entries[cd->head & cd->mask].left;

	if (left != cd->stall_left) {
		cd->stall_left = left;
		wait_reset(&cd->stall);
	} else if (unlikely(wait_expired(&cd->stall, rte_rdtsc()))) {
		dma_give_up(cd, -ETIMEDOUT);
	} else if (unlikely(dcp_issue(cd->group->port, cd->chan, NULL, 0) < 0)) {
		/* A submit failed, or the device has lost count. */
		dma_give_up(cd, -EIO);
	}
}

/* Somebody removes the device, and waits for its lcore. */
static void
dma_leave(struct copier_dma *cd)
{
	if (atomic_load_explicit(&cd->base.left, memory_order_relaxed))
		return;
	dma_give_up(cd, -ENODEV);
	atomic_store_explicit(&cd->base.left, true, memory_order_release);
}

static uint16_t
copier_dma_reap(struct copier *c, struct copy_record *recs, uint16_t n)
{
	struct copier_dma *cd = (struct copier_dma *)c;
	uint16_t got;

	if (unlikely(atomic_load_explicit(&c->leave, memory_order_relaxed)))
		dma_leave(cd);
	if (cd->head == cd->tail)
		return 0;
	got = dma_collect(cd, recs, RTE_MIN(n, (uint16_t)BURST));
	if (got != 0)
		wait_reset(&cd->stall);
	else
		dma_watch(cd);
	if (unlikely(cd->partial))
		dma_push(cd);
	return got;
}

static void
copier_dma_abort(struct copier *c)
{
	dma_give_up((struct copier_dma *)c, -ECANCELED);
}

const struct copier_ops copier_dma_ops = {
	.name = "hw",
	.issue = copier_dma_issue,
	.submit = copier_dma_submit,
	.reap = copier_dma_reap,
	.abort = copier_dma_abort,
	.close = copier_dma_close,
};
