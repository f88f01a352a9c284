/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "copier.h"

#include <errno.h>
#include <stdbool.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_dmadev.h>
#include <rte_malloc.h>

#include "config.h"
#include "log.h"
#include "packet.h"
#include "wait.h"

#define VCHAN     0
#define CPL_BURST 64 /* completions asked for at once */

/* A packet being copied; entries leave in the order they came. */
struct dma_entry {
	struct rte_mbuf *src, *dst;
	void *owner;
	uint32_t end_op; /* done when this many operations are, counted from the first of all */
	enum dma_fate {
		DMA_GOOD, /* so far */
		DMA_REDO, /* by the CPU: an operation failed, or the device is gone */
		DMA_LOST, /* with a device that could not be stopped */
	} fate;
};

/*
 * The device numbers its operations with 16 bits from any start. Here they are counted with 32 bits
 * from 0; the two are tied together by the first index that the device returns.
 */
struct copier_dma {
	struct copier base;
	uint32_t ops_in;   /* taken by the device */
	uint32_t ops_rung; /* submitted */
	uint32_t ops_done;
	uint16_t first_idx; /* what the device called operation 0 */
	uint16_t batch;
	bool partial;              /* the newest entry has operations that did not fit yet */
	bool running;              /* the device, until it is known to be stopped */
	struct packet_walk walk;   /* of the partial entry */
	uint32_t head, tail, mask; /* of entries; run free, masked on use */
	struct wait stall;
	struct dma_entry entries[];
};

static inline bool
dma_has_fault(const struct copier_dma *cd)
{
	return atomic_load_explicit(&cd->base.count.fault, memory_order_relaxed) != 0;
}

/*
 * The device is not used any more. Once it is stopped, the CPU finishes what it had begun. If it
 * cannot be stopped it may still read and write, so its packets are neither used nor freed.
 */
static void
dma_give_up(struct copier_dma *cd, int fault)
{
	if (dma_has_fault(cd))
		return;
	cd->running = rte_dma_stop(cd->base.dev_id) != 0;
	for (uint32_t i = cd->head; i != cd->tail; i++) {
		struct dma_entry *e = &cd->entries[i & cd->mask];

		if ((int32_t)(cd->ops_done - e->end_op) < 0)
			e->fate = cd->running ? DMA_LOST : DMA_REDO;
	}
	cd->partial = false;
	atomic_store_explicit(&cd->base.count.fault, fault, memory_order_relaxed);
}

static void
copier_dma_submit(struct copier *c)
{
	struct copier_dma *cd = (struct copier_dma *)c;
	int rc;

	if (cd->ops_in == cd->ops_rung || dma_has_fault(cd))
		return;
	rc = rte_dma_submit(c->dev_id, VCHAN);
	if (unlikely(rc < 0)) {
		dma_give_up(cd, rc);
		return;
	}
	counter_add(&c->count.submits, 1);
	counter_add(&c->count.operations, cd->ops_in - cd->ops_rung);
	cd->ops_rung = cd->ops_in;
}

/* Enqueue what is left of the newest entry, or as much of it as fits. */
static void
dma_push(struct copier_dma *cd)
{
	struct dma_entry *e = &cd->entries[(cd->tail - 1) & cd->mask];
	struct packet_walk *w = &cd->walk;
	uint32_t len;
	int idx;

	while ((len = packet_walk_len(w)) != 0) {
		idx = rte_dma_copy(cd->base.dev_id, VCHAN,
		                   rte_pktmbuf_iova_offset(w->src, w->src_off),
		                   rte_pktmbuf_iova_offset(w->dst, w->dst_off), len, 0);
		if (unlikely(idx < 0)) {
			e->end_op = cd->ops_in + 1; /* not reached before the rest is in */
			cd->partial = true;
			if (idx != -ENOSPC)
				dma_give_up(cd, idx);
			return;
		}
		if (unlikely(cd->ops_in == 0))
			cd->first_idx = (uint16_t)idx;
		cd->ops_in++;
		packet_walk_skip(w, len);
		if (cd->ops_in - cd->ops_rung >= cd->batch)
			copier_dma_submit(&cd->base);
		if (unlikely(dma_has_fault(cd)))
			return;
	}
	e->end_op = cd->ops_in;
	cd->partial = false;
}

static uint16_t
copier_dma_issue(struct copier *c, const struct copy_job *jobs, uint16_t n)
{
	struct copier_dma *cd = (struct copier_dma *)c;
	uint16_t i;

	for (i = 0; i < n; i++) {
		struct dma_entry *e = &cd->entries[cd->tail & cd->mask];

		if (cd->partial || cd->tail - cd->head > cd->mask)
			break;
		*e = (struct dma_entry){
			.src = jobs[i].src,
			.dst = jobs[i].dst,
			.owner = jobs[i].owner,
			.end_op = cd->ops_in + 1,
		};
		cd->tail++;
		if (unlikely(dma_has_fault(cd))) {
			e->fate = DMA_REDO;
			continue;
		}
		packet_walk_start(&cd->walk, e->dst, e->src);
		dma_push(cd);
	}
	return i;
}

/* The next operation in order has failed: find its packet. */
static void
dma_mark_failed(struct copier_dma *cd)
{
	counter_add(&cd->base.count.errors, 1);
	for (uint32_t i = cd->head; i != cd->tail; i++) {
		struct dma_entry *e = &cd->entries[i & cd->mask];

		if ((int32_t)(e->end_op - cd->ops_done) > 0) {
			e->fate = DMA_REDO;
			return;
		}
	}
}

/* A device that reports operations it was not given has lost count and is not believed again. */
static bool
dma_count_is_right(const struct copier_dma *cd, uint16_t n, uint16_t last_idx)
{
	return n <= cd->ops_in - cd->ops_done &&
	       last_idx == (uint16_t)(cd->first_idx + cd->ops_done + n - 1);
}

/* After completed() has met an error: the same operations one by one, each with its status. */
static uint16_t
dma_poll_status(struct copier_dma *cd)
{
	enum rte_dma_status_code status[CPL_BURST];
	uint16_t n, last_idx = 0;

	n = rte_dma_completed_status(cd->base.dev_id, VCHAN, CPL_BURST, &last_idx, status);
	if (n != 0 && !dma_count_is_right(cd, n, last_idx)) {
		dma_give_up(cd, -EPROTO);
		return 0;
	}
	for (uint16_t i = 0; i < n; i++) {
		if (status[i] != RTE_DMA_STATUS_SUCCESSFUL)
			dma_mark_failed(cd);
		cd->ops_done++;
	}
	return n;
}

/* Count what the device has completed since the last poll. @return operations. */
static uint32_t
dma_poll(struct copier_dma *cd)
{
	bool has_error = false;
	uint16_t n, last_idx = 0;

	n = rte_dma_completed(cd->base.dev_id, VCHAN, CPL_BURST, &last_idx, &has_error);
	if (unlikely(n != 0 && !dma_count_is_right(cd, n, last_idx))) {
		dma_give_up(cd, -EPROTO);
		return 0;
	}
	cd->ops_done += n;
	if (unlikely(has_error))
		return n + dma_poll_status(cd);
	return n;
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
	struct rte_mbuf *srcs[CPL_BURST];
	uint16_t i, nb_srcs = 0;

	for (i = 0; i < n && cd->head != cd->tail; i++) {
		struct dma_entry *e = &cd->entries[cd->head & cd->mask];

		if ((int32_t)(cd->ops_done - e->end_op) < 0 && !dma_has_fault(cd))
			break;
		dma_finish(cd, e, &recs[i]);
		if (likely(e->fate != DMA_LOST))
			srcs[nb_srcs++] = e->src;
		cd->head++;
	}
	rte_pktmbuf_free_bulk(srcs, nb_srcs);
	return i;
}

static uint16_t
copier_dma_reap(struct copier *c, struct copy_record *recs, uint16_t n)
{
	struct copier_dma *cd = (struct copier_dma *)c;
	uint32_t progress = 0;
	uint16_t got;

	if (cd->head == cd->tail)
		return 0;
	if (likely(!dma_has_fault(cd)))
		progress = dma_poll(cd);
	got = dma_collect(cd, recs, RTE_MIN(n, (uint16_t)CPL_BURST));
	if (progress + got != 0)
		wait_reset(&cd->stall);
	else if (unlikely(wait_expired(&cd->stall, rte_rdtsc())))
		dma_give_up(cd, -ETIMEDOUT);
	if (unlikely(cd->partial))
		dma_push(cd);
	return got;
}

static void
copier_dma_abort(struct copier *c)
{
	dma_give_up((struct copier_dma *)c, -ECANCELED);
}

static void
copier_dma_close(struct copier *c)
{
	struct copier_dma *cd = (struct copier_dma *)c;
	int rc = 0;

	if (cd->running)
		rc = rte_dma_stop(c->dev_id);
	/* A device that does not stop may still use its memory: it stays open until the process
	 * ends.
	 */
	if (rc == 0)
		rc = rte_dma_close(c->dev_id);
	if (rc < 0)
		FWD_LOG(WARNING, "DMA device %d (%s) did not close: %s", c->dev_id, c->name,
		        rte_strerror(-rc));
	rte_free(cd);
}

static const struct copier_ops copier_dma_ops = {
	.name = "hw",
	.issue = copier_dma_issue,
	.submit = copier_dma_submit,
	.reap = copier_dma_reap,
	.abort = copier_dma_abort,
	.close = copier_dma_close,
};

/* The descriptor ring: as asked for, or the default within what the device takes. */
static int
dma_ring_size(const struct rte_dma_info *info, uint16_t asked)
{
	if (asked == 0 && CONFIG_DEFAULT_RING > info->max_desc)
		return info->max_desc;
	if (asked == 0)
		return RTE_MAX(CONFIG_DEFAULT_RING, (int)info->min_desc);
	if (asked >= info->min_desc && asked <= info->max_desc)
		return asked;
	FWD_LOG(ERR, "option -s/--ring-size: bad value '%u', legal for DMA device %s: %u to %u",
	        asked, info->dev_name, info->min_desc, info->max_desc);
	return -EINVAL;
}

static int
dma_start(int16_t dev_id, const char *name, uint16_t nb_desc)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	const struct rte_dma_vchan_conf vconf = {
		.direction = RTE_DMA_DIR_MEM_TO_MEM,
		.nb_desc = nb_desc,
	};
	int rc = rte_dma_configure(dev_id, &conf);

	if (rc == 0)
		rc = rte_dma_vchan_setup(dev_id, VCHAN, &vconf);
	if (rc == 0)
		rc = rte_dma_start(dev_id);
	if (rc != 0)
		FWD_LOG(ERR, "DMA device %d (%s) does not start with a ring of %u: %s", dev_id,
		        name, nb_desc, rte_strerror(-rc));
	return rc;
}

int
copier_dma_open(struct copier **out, const struct copier_dma_conf *conf)
{
	struct rte_dma_info info;
	struct copier_dma *cd;
	uint32_t size;
	int nb_desc, rc;

	rc = rte_dma_info_get(conf->dev_id, &info);
	if (rc != 0) {
		FWD_LOG(ERR, "DMA device %d gives no information: %s", conf->dev_id,
		        rte_strerror(-rc));
		return rc;
	}
	nb_desc = dma_ring_size(&info, conf->ring_size);
	if (nb_desc < 0)
		return nb_desc;
	size = rte_align32pow2((uint32_t)nb_desc);
	cd = rte_zmalloc_socket("copier_dma", sizeof(*cd) + size * sizeof(cd->entries[0]),
	                        RTE_CACHE_LINE_SIZE, conf->socket_id);
	if (cd == NULL) {
		FWD_LOG(ERR, "DMA device %d (%s): no memory for a ring of %d", conf->dev_id,
		        info.dev_name, nb_desc);
		return -ENOMEM;
	}
	rc = dma_start(conf->dev_id, info.dev_name, (uint16_t)nb_desc);
	if (rc != 0) {
		rte_free(cd);
		return rc;
	}
	cd->mask = size - 1;
	cd->running = true;
	cd->batch = conf->batch_size;
	cd->base.ops = &copier_dma_ops;
	cd->base.dev_id = conf->dev_id;
	cd->base.name = info.dev_name;
	wait_init(&cd->stall, rte_get_tsc_hz(), COPIER_STALL_MS);
	*out = &cd->base;
	return 0;
}
