/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "copier.h"

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_malloc.h>

#include "packet.h"

/* Copies at once and keeps the records until they are fetched. */
struct copier_cpu {
	struct copier base;
	uint32_t head, tail, mask; /* run free, masked on use */
	struct copy_record recs[];
};

static uint16_t
copier_cpu_issue(struct copier *c, struct rte_mbuf *const *srcs, struct rte_mbuf *const *dsts,
                 uint16_t n, void *owner)
{
	struct copier_cpu *cc = (struct copier_cpu *)c;
	uint32_t room = cc->mask + 1 - (cc->tail - cc->head);
	uint16_t take = (uint16_t)RTE_MIN((uint32_t)n, room);

	for (uint16_t i = 0; i < take; i++) {
		packet_copy_data(dsts[i], srcs[i]);
		cc->recs[cc->tail++ & cc->mask] = (struct copy_record){
			.dst = dsts[i],
			.owner = owner,
			.buffers = srcs[i]->nb_segs,
			.result = COPY_BY_CPU,
		};
		rte_pktmbuf_free(srcs[i]);
	}
	return take;
}

static void
copier_cpu_submit(struct copier *c)
{
	RTE_SET_USED(c);
}

static uint16_t
copier_cpu_reap(struct copier *c, struct copy_record *recs, uint16_t n)
{
	struct copier_cpu *cc = (struct copier_cpu *)c;
	uint16_t take = (uint16_t)RTE_MIN((uint32_t)n, cc->tail - cc->head);

	for (uint16_t i = 0; i < take; i++)
		recs[i] = cc->recs[cc->head++ & cc->mask];
	return take;
}

static void
copier_cpu_abort(struct copier *c)
{
	RTE_SET_USED(c);
}

static void
copier_cpu_close(struct copier *c)
{
	rte_free(c);
}

static const struct copier_ops copier_cpu_ops = {
	.name = "sw",
	.issue = copier_cpu_issue,
	.submit = copier_cpu_submit,
	.reap = copier_cpu_reap,
	.abort = copier_cpu_abort,
	.close = copier_cpu_close,
};

struct copier *
copier_cpu_open(uint16_t ring_size, int socket_id)
{
	uint32_t size = rte_align32pow2(ring_size);
	struct copier_cpu *cc;

	cc = rte_zmalloc_socket("copier_cpu", sizeof(*cc) + size * sizeof(cc->recs[0]),
	                        RTE_CACHE_LINE_SIZE, socket_id);
	if (cc == NULL)
		return NULL;
	cc->mask = size - 1;
	cc->base.ops = &copier_cpu_ops;
	cc->base.dev_id = -1;
	cc->base.name = "CPU";
	return &cc->base;
}
