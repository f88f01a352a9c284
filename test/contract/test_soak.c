/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * A million operations of random kind and size, in random batches, taken back in random ways;
 * each is compared with what it must have left in memory. Devices that handle errors also get
 * operations that must fail, in the same stream.
 */

#include <rte_eal.h>
#include <rte_random.h>

#include "contract.h"

#define OPS      1000000u
#define SLOT     2048u
#define SRC_SPAN (1u << 20)

enum soak_kind {
	SOAK_COPY,
	SOAK_FILL,
	SOAK_BAD
};

struct soak_op {
	uint64_t pattern;
	uint32_t src, off, len;
	enum soak_kind kind;
};

/* Operation number n lives in slot n % slots of the destination and of its shadow. */
struct soak {
	struct soak_op op[RING_DEFAULT * 2];
	uint32_t slots;
	uint32_t head, tail, submitted; /* run free */
	uint32_t bad;
};

static uint8_t shadow[RING_DEFAULT * 2 * SLOT];
static struct soak soak;

static void
soak_enqueue(struct soak *s)
{
	const bool can_fill = dev_info.dev_capa & RTE_DMA_CAPA_OPS_FILL;
	/* With physical addresses and no IOMMU address 0 is memory like any other. */
	const bool can_fail = (dev_info.dev_capa & RTE_DMA_CAPA_HANDLES_ERRORS) != 0 &&
	                      rte_eal_iova_mode() == RTE_IOVA_VA;
	const uint64_t r = rte_rand();
	struct soak_op *op = &s->op[s->tail % s->slots];
	uint64_t flags = (r >> 60) == 0 ? RTE_DMA_OP_FLAG_SUBMIT : 0;
	rte_iova_t to;
	int id;

	op->kind = can_fill && (r & 7) == 0 ? SOAK_FILL : SOAK_COPY;
	if (can_fail && (r >> 3 & 0xfff) == 0)
		op->kind = SOAK_BAD;
	op->pattern = r;
	op->len = 1 + (uint32_t)(r >> 16 & 0xffff) % 1518;
	op->off = (uint32_t)(r >> 32 & 0xffff) % (SLOT - op->len);
	op->src = (uint32_t)rte_rand_max(SRC_SPAN - op->len);
	to = dst.iova + (rte_iova_t)(s->tail % s->slots) * SLOT + op->off;
	if (op->kind == SOAK_FILL)
		id = rte_dma_fill(dev, 0, op->pattern, to, op->len, flags);
	else
		id = rte_dma_copy(dev, 0, op->kind == SOAK_BAD ? 0 : src.iova + op->src, to,
		                  op->len, flags);
	CHECK_INT(id, ==, (uint16_t)s->tail);
	s->tail++;
	if (flags != 0)
		s->submitted = s->tail;
}

/* The oldest operation is done: do the same to the shadow, then compare the whole slot. */
static void
soak_check(struct soak *s, enum rte_dma_status_code status)
{
	const size_t slot = (size_t)(s->head % s->slots) * SLOT;
	const struct soak_op *op = &s->op[s->head % s->slots];
	uint8_t *to = shadow + slot + op->off;

	switch (op->kind) {
	case SOAK_COPY:
		memcpy(to, src.va + op->src, op->len);
		break;
	case SOAK_FILL:
		for (uint32_t i = 0; i < op->len; i++)
			to[i] = ((const uint8_t *)&op->pattern)[i % 8];
		break;
	case SOAK_BAD:
		s->bad++;
		break;
	}
	if ((status == RTE_DMA_STATUS_SUCCESSFUL) != (op->kind != SOAK_BAD)) {
		print_error("operation %u, kind %d: status %d\n", s->head, op->kind, status);
		fail();
	}
	if (memcmp(dst.va + slot, shadow + slot, SLOT) != 0) {
		print_error("operation %u, kind %d, offset %u, length %u:\n", s->head, op->kind,
		            op->off, op->len);
		CHECK_MEM(dst.va + slot, shadow + slot, SLOT);
	}
	s->head++;
}

static void
soak_take(struct soak *s)
{
	enum rte_dma_status_code status[64] = {0};
	const uint16_t max = (uint16_t)(1 + rte_rand_max(64));
	bool error = false;
	uint16_t idx = 0, n;

	if (rte_rand_max(4) == 0) {
		n = rte_dma_completed_status(dev, 0, max, &idx, status);
	} else {
		n = rte_dma_completed(dev, 0, max, &idx, &error);
		memset(status, 0, sizeof(status));
	}
	CHECK_INT(n, <=, max);
	CHECK_INT(idx, ==, (uint16_t)(s->head + n - 1));
	for (uint16_t i = 0; i < n; i++)
		soak_check(s, status[i]);
	CHECK_INT((int32_t)(s->submitted - s->head), >=, 0);
	if (error) {
		CHECK_INT(s->op[s->head % s->slots].kind, ==, SOAK_BAD);
		n = rte_dma_completed_status(dev, 0, 1, &idx, status);
		CHECK_INT(n, ==, 1);
		CHECK_INT(idx, ==, (uint16_t)s->head);
		soak_check(s, status[0]);
	}
}

TEST(a_million_random_ops_match_a_shadow_copy)
{
	struct rte_dma_stats stats;
	struct soak *s = &soak;
	uint64_t deadline = deadline_set();

	dev_up(RING_DEFAULT);
	*s = (struct soak){.slots = RTE_DIM(s->op)};
	scramble(src.va, SRC_SPAN);
	scramble(shadow, sizeof(shadow));
	memcpy(dst.va, shadow, sizeof(shadow));
	while (s->head < OPS) {
		uint32_t batch = (uint32_t)rte_rand_max(48), head = s->head;

		for (; batch > 0 && s->tail < OPS && rte_dma_burst_capacity(dev, 0) > 0; batch--)
			soak_enqueue(s);
		if (s->tail == OPS || rte_rand_max(4) != 0) {
			submit();
			s->submitted = s->tail;
		}
		soak_take(s);
		if (s->head != head || s->submitted == s->head)
			deadline = deadline_set();
		deadline_check(deadline, "progress");
	}
	nothing_completes();
	CHECK_INT(rte_dma_stats_get(dev, 0, &stats), ==, 0);
	CHECK_INT(stats.submitted, ==, OPS);
	CHECK_INT(stats.completed, ==, OPS);
	CHECK_INT(stats.errors, ==, s->bad);
}
