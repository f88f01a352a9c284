/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Operations that a device may have to take apart: scattered copies, long ones, empty ones. */

#include <rte_eal.h>
#include <rte_random.h>

#include "contract.h"

#define GUARD    64u
#define SGES_MAX 64u /* of what the device offers, so many are tried */
#define LEN_MAX  (3u << 20)
/* One descriptor may move 4096 bytes only, and an operation must fit into the ring. */
#define RING_LONG 1024

/* What the destination must look like afterwards. */
static uint8_t expect[AREA_SIZE];

struct side {
	struct rte_dma_sge sge[SGES_MAX];
	uint16_t nb;
};

static uint16_t
sges_max(void)
{
	return RTE_MIN(dev_info.max_sges, SGES_MAX);
}

static void
sg_up(void)
{
	need_capa(RTE_DMA_CAPA_OPS_COPY_SG, "the device has no scattered copy");
	dev_up(RING_DEFAULT);
	scramble(src.va, 65536);
	memset(dst.va, 0x5a, 65536);
	memset(expect, 0x5a, 65536);
}

/* Cut @p len bytes into @p nb segments of random lengths with gaps between, from @p iova on. */
static void
cut(struct side *side, uint16_t nb, rte_iova_t iova, uint32_t len)
{
	side->nb = nb;
	for (uint16_t i = 0; i < nb; i++) {
		uint32_t rest = nb - 1u - i, n = len;

		if (rest > 0) /* a byte at least is left for each one behind */
			n = 1 + (uint32_t)rte_rand_max(RTE_MIN(len - rest, 2 * len / (rest + 1)));
		side->sge[i] = (struct rte_dma_sge){iova, n};
		iova += n + rte_rand_max(60);
		len -= n;
	}
}

/* Do to the expected destination what the device shall do to the real one, byte by byte. */
static void
copy_expected(const struct side *from, const struct side *to)
{
	const struct rte_dma_sge *s = from->sge, *d = to->sge;
	uint32_t in = 0, out = 0;

	while (s < from->sge + from->nb && d < to->sge + to->nb) {
		if (in == s->length) {
			s++;
			in = 0;
		} else if (out == d->length) {
			d++;
			out = 0;
		} else {
			expect[d->addr - dst.iova + out++] = src.va[s->addr - src.iova + in++];
		}
	}
}

/* Some numbers of segments from 1 to the most; 0 is behind the last. */
static uint16_t
next_nb(uint16_t nb)
{
	return nb == sges_max() ? 0 : RTE_MIN(nb + 1 + nb / 3, sges_max());
}

static int
enqueue(struct side *from, struct side *to, uint64_t flags)
{
	return rte_dma_copy_sg(dev, 0, from->sge, to->sge, from->nb, to->nb, flags);
}

TEST(scattered_copies_of_many_shapes_move_exactly_their_bytes)
{
	struct side from, to;
	uint16_t next = 0;

	sg_up();
	for (uint16_t s = 1; s != 0; s = next_nb(s)) {
		for (uint16_t d = 1; d != 0; d = next_nb(d)) {
			cut(&from, s, src.iova + rte_rand_max(64), 6000);
			cut(&to, d, dst.iova + GUARD + rte_rand_max(64), 6000);
			copy_expected(&from, &to);
			CHECK_INT(enqueue(&from, &to, RTE_DMA_OP_FLAG_SUBMIT), ==, next);
			reap(1, 1, next++);
			CHECK_MEM(dst.va, expect, 32768);
		}
	}
}

TEST(scattered_copy_is_one_operation_among_others)
{
	const uint16_t cap = (sg_up(), rte_dma_burst_capacity(dev, 0));
	struct side from, to;
	uint16_t id = 0;

	for (unsigned int round = 0; round < 300; round++) {
		for (unsigned int i = 0; i < 6; i++, id++) {
			size_t off = i * 4096;

			if (i % 2 == 0) {
				CHECK_INT(copy(off, off + GUARD, 500, 0), ==, id);
				memcpy(expect + off + GUARD, src.va + off, 500);
				continue;
			}
			cut(&from, 1 + round % sges_max(), src.iova + off, 1000);
			cut(&to, 1 + round / 3 % sges_max(), dst.iova + off, 1000);
			copy_expected(&from, &to);
			CHECK_INT(enqueue(&from, &to, 0), ==, id);
		}
		submit();
		reap(6, 1 + round % 8, id - 1);
		CHECK_MEM(dst.va, expect, 6 * 4096 + 4096);
		CHECK_INT(rte_dma_burst_capacity(dev, 0), ==, cap);
	}
}

TEST(scattered_copy_waits_for_what_it_is_fenced_behind)
{
	struct side from, to;
	uint16_t last = 0;

	sg_up();
	for (unsigned int round = 0; round < 200; round++) {
		scramble(src.va, 4096);
		copy(0, 0, 4096, round % 2 == 0 ? RTE_DMA_OP_FLAG_SUBMIT : 0);
		/* Out of where the first one writes. */
		cut(&from, sges_max(), dst.iova, 2000);
		cut(&to, 1, dst.iova + 32768, 2000);
		last = (uint16_t)enqueue(&from, &to,
		                         RTE_DMA_OP_FLAG_FENCE | RTE_DMA_OP_FLAG_SUBMIT);
		reap(2, 2, last);
		for (uint32_t i = 0, at = 0; i < from.nb; at += from.sge[i++].length)
			CHECK_MEM(dst.va + 32768 + at, src.va + (from.sge[i].addr - dst.iova),
			          from.sge[i].length);
	}
}

TEST(empty_segments_move_nothing_and_do_not_stop_the_channel)
{
	struct side from, to;
	uint16_t id;
	int rc;

	sg_up();
	if (sges_max() < 3)
		SKIP("the device takes fewer than 3 segments");
	for (unsigned int empty = 0; empty < 3; empty++) {
		cut(&from, 3, src.iova, 900);
		cut(&to, 3, dst.iova + GUARD, 900);
		/* What it had comes from its neighbour, which begins elsewhere. */
		from.sge[(empty + 1) % 3].length += from.sge[empty].length;
		from.sge[(empty + 1) % 3].addr = src.iova + 8192;
		from.sge[empty].length = 0;
		rc = enqueue(&from, &to, RTE_DMA_OP_FLAG_SUBMIT);
		if (rc >= 0) { /* a device may refuse it */
			copy_expected(&from, &to);
			reap(1, 1, (uint16_t)rc);
		}
		CHECK_MEM(dst.va, expect, 4096);
		id = copy(0, 8192, 64, RTE_DMA_OP_FLAG_SUBMIT);
		reap(1, 1, id);
	}
}

TEST(scattered_copy_with_a_bad_segment_fails_once_and_the_next_ones_are_run)
{
	enum rte_dma_status_code status[3];
	struct side from, to;

	need_capa(RTE_DMA_CAPA_HANDLES_ERRORS, "the device does not report errors");
	if (rte_eal_iova_mode() != RTE_IOVA_VA)
		SKIP("address 0 is only invalid with IOVA as VA");
	sg_up();
	for (uint16_t bad = 0; bad < sges_max(); bad++) {
		uint64_t deadline = deadline_set();
		uint16_t done = 0;

		scramble(src.va, 4096);
		cut(&from, sges_max(), src.iova, 3000);
		cut(&to, 1, dst.iova + 4096, 3000);
		from.sge[bad].addr = 0;
		copy(0, 0, 100, 0);
		CHECK_INT(enqueue(&from, &to, 0), >=, 0);
		copy(1000, 1000, 100, RTE_DMA_OP_FLAG_SUBMIT);
		while (done < 3) {
			done += rte_dma_completed_status(dev, 0, 3 - done, NULL, &status[done]);
			deadline_check(deadline, "completion");
		}
		CHECK_INT(status[0], ==, RTE_DMA_STATUS_SUCCESSFUL);
		CHECK_INT(status[1], !=, RTE_DMA_STATUS_SUCCESSFUL);
		CHECK_INT(status[2], ==, RTE_DMA_STATUS_SUCCESSFUL);
		CHECK_MEM(dst.va, src.va, 100);
		CHECK_MEM(dst.va + 1000, src.va + 1000, 100);
	}
	nothing_completes();
}

/* Lengths around what one descriptor of I/OAT moves: 1 MiB or 2 MiB. */
static const uint32_t long_lens[] = {
	(1u << 20) - 1, 1u << 20,       (1u << 20) + 1, (2u << 20) - 1,
	2u << 20,       (2u << 20) + 1, LEN_MAX - 13,   LEN_MAX,
};

TEST(long_copies_move_exactly_their_bytes)
{
	dev_up(RING_LONG);
	scramble(src.va, LEN_MAX + 8);
	for (size_t i = 0; i < RTE_DIM(long_lens); i++) {
		const uint32_t len = long_lens[i];
		uint16_t id;

		memset(dst.va, 0x5a, LEN_MAX + 2 * GUARD);
		memset(expect, 0x5a, LEN_MAX + 2 * GUARD);
		memcpy(expect + GUARD + 3, src.va + 5, len);
		id = copy(5, GUARD + 3, len, RTE_DMA_OP_FLAG_SUBMIT);
		reap(1, 1, id);
		CHECK_MEM(dst.va, expect, LEN_MAX + 2 * GUARD);
	}
}

TEST(long_fills_keep_their_pattern_to_the_last_byte)
{
	const uint64_t pattern = 0x1b2c3d4e5f607182;

	need_capa(RTE_DMA_CAPA_OPS_FILL, "the device has no fill");
	dev_up(RING_LONG);
	for (size_t i = 0; i < RTE_DIM(long_lens); i++) {
		const uint32_t len = long_lens[i];
		int id;

		memset(dst.va, 0x5a, LEN_MAX + 2 * GUARD);
		memset(expect, 0x5a, LEN_MAX + 2 * GUARD);
		for (uint32_t b = 0; b < len; b++)
			expect[GUARD + 3 + b] = (uint8_t)(pattern >> (8 * (b % 8)));
		id = rte_dma_fill(dev, 0, pattern, dst.iova + GUARD + 3, len,
		                  RTE_DMA_OP_FLAG_SUBMIT);
		CHECK_INT(id, >=, 0);
		reap(1, 1, (uint16_t)id);
		CHECK_MEM(dst.va, expect, LEN_MAX + 2 * GUARD);
	}
}

TEST(empty_copies_and_fills_complete_in_order_and_write_nothing)
{
	uint16_t last = 0, n = 0;
	int id;

	dev_up(RING_DEFAULT);
	memset(dst.va, 0x5a, 4096);
	memset(expect, 0x5a, 4096);
	scramble(src.va, 4096);
	for (unsigned int i = 0; i < 20; i++) {
		id = rte_dma_copy(dev, 0, src.iova, dst.iova + 64 * i, 0, 0);
		if (id < 0) /* refused: a device may do that */
			SKIP("the device takes no empty operation");
		last = (uint16_t)id;
		n++;
		if ((dev_info.dev_capa & RTE_DMA_CAPA_OPS_FILL) != 0) {
			id = rte_dma_fill(dev, 0, UINT64_MAX, dst.iova + 64 * i, 0, 0);
			CHECK_INT(id, ==, (uint16_t)(last + 1));
			last = (uint16_t)id;
			n++;
		}
	}
	last = copy(0, 2048, 64, RTE_DMA_OP_FLAG_SUBMIT);
	memcpy(expect + 2048, src.va, 64);
	reap(n + 1u, 7, last);
	CHECK_MEM(dst.va, expect, 4096);
}
