/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Operations of several descriptors: scattered copies, lengths beyond XFERCAP. */

#include <errno.h>

#include "test.h"

#include "rig.h"

#define SLOTS 64
#define CAP   4096u /* bytes per descriptor of a part with XFERCAP 12 */
#define SRC   0u
#define DST   (RIG_ARENA / 2)
#define OK    RTE_DMA_STATUS_SUCCESSFUL

static struct rig *
small_cap_rig(void)
{
	return rig_open_cap(IOAT_MODEL_ICX, SLOTS, XFERCAP_MIN);
}

/* Bytes at the source that tell their place, and a destination of 0x5a. */
static void
paint(struct rig *r)
{
	size_t i;

	for (i = 0; i < DST; i++)
		r->arena[SRC + i] = (uint8_t)(i * 7 + i / 251);
	memset(r->arena + DST, 0x5a, RIG_ARENA - DST);
}

/* Descriptors between the current head and tail. */
static uint16_t
descs(const struct rig *r)
{
	return r->ch.tail - r->ch.head;
}

/* Run all, and take one status for each of the n operations that are outstanding. */
static void
finish(struct rig *r, uint16_t n, enum rte_dma_status_code want)
{
	enum rte_dma_status_code st[SLOTS];
	uint16_t last, got, i;

	rig_submit(r);
	rig_run(r);
	got = rig_status(r, SLOTS, &last, st);
	CHECK_INT(got, ==, n);
	for (i = 0; i < got; i++)
		CHECK_INT(st[i], ==, want);
}

static int
sg(struct rig *r, const struct rte_dma_sge *src, uint16_t nb_src, const struct rte_dma_sge *dst,
   uint16_t nb_dst, uint64_t flags)
{
	return r->fp.copy_sg(&r->ch, 0, src, dst, nb_src, nb_dst, flags);
}

/* Cut len bytes from addr on into n segments that lie gap bytes apart; the last takes the rest. */
static void
cut(struct rte_dma_sge *sge, uint16_t n, uint64_t addr, uint32_t len, uint32_t gap)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		sge[i].addr = addr;
		sge[i].length = i + 1 == n ? len : len / (n - i);
		len -= sge[i].length;
		addr += sge[i].length + gap;
	}
}

TEST(scattered_copy_of_every_shape_moves_the_right_bytes_as_one_operation)
{
	enum {
		LEN = 2111,
		GAP = 5
	};
	struct rte_dma_sge src[IOAT_MAX_SGES], dst[IOAT_MAX_SGES];
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	uint16_t s, d, i, k, id = 0;
	uint8_t *from, *to;

	for (s = 1; s <= IOAT_MAX_SGES; s++) {
		for (d = 1; d <= IOAT_MAX_SGES; d++) {
			paint(r);
			cut(src, s, rig_addr(r, SRC), LEN, GAP);
			cut(dst, d, rig_addr(r, DST), LEN, GAP);
			CHECK_INT(sg(r, src, s, dst, d, 0), ==, id++);
			CHECK_INT(descs(r), <=, s + d - 1);
			finish(r, 1, OK);
			/* Byte by byte along both lists; the gaps of the destination stay. */
			for (i = 0, from = (uint8_t *)(uintptr_t)src[0].addr, k = 0; k < d; k++) {
				to = (uint8_t *)(uintptr_t)dst[k].addr;
				for (uint32_t n = 0; n < dst[k].length; n++) {
					if (from ==
					    (uint8_t *)(uintptr_t)(src[i].addr + src[i].length))
						from = (uint8_t *)(uintptr_t)src[++i].addr;
					CHECK_INT(to[n], ==, *from++);
				}
				for (uint32_t n = 0; n < GAP; n++)
					CHECK_INT(to[dst[k].length + n], ==, 0x5a);
			}
		}
	}
	rig_close(r);
}

TEST(scattered_copy_of_most_descriptors_fits_the_smallest_ring)
{
	struct rte_dma_sge src[IOAT_MAX_SGES], dst[IOAT_MAX_SGES];
	struct rig *r = rig_open(IOAT_MODEL_ICX, IOAT_RING_MIN);

	/* No two ends meet: 32 + 32 - 1 pieces. */
	cut(src, IOAT_MAX_SGES, rig_addr(r, SRC), 3200, 0);
	cut(dst, IOAT_MAX_SGES, rig_addr(r, DST), 3200, 0);
	dst[0].length -= 1;
	dst[IOAT_MAX_SGES - 1].length += 1;
	CHECK_INT(sg(r, src, IOAT_MAX_SGES, dst, IOAT_MAX_SGES, 0), ==, 0);
	CHECK_INT(descs(r), ==, 63);
	CHECK_INT(sg(r, src, IOAT_MAX_SGES, dst, IOAT_MAX_SGES, 0), ==, -ENOSPC);
	finish(r, 1, OK);
	CHECK_INT(rig_capacity(r), ==, IOAT_RING_MIN - 1);
	rig_close(r);
}

TEST(empty_segments_are_passed_over_wherever_they_are)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	const struct rte_dma_sge src[] = {
		{RIG_BAD_ADDR, 0}, {rig_addr(r, SRC), 100},       {RIG_BAD_ADDR, 0},
		{RIG_BAD_ADDR, 0}, {rig_addr(r, SRC + 100), 100}, {RIG_BAD_ADDR, 0}};
	const struct rte_dma_sge dst[] = {{RIG_BAD_ADDR, 0}, {rig_addr(r, DST), 200}};

	paint(r);
	CHECK_INT(sg(r, src, RTE_DIM(src), dst, RTE_DIM(dst), 0), ==, 0);
	CHECK_INT(descs(r), ==, 2);
	finish(r, 1, OK);
	CHECK_MEM(r->arena + DST, r->arena + SRC, 200);
	CHECK_INT(r->arena[DST + 200], ==, 0x5a);
	rig_close(r);
}

TEST(scattered_copy_of_nothing_completes_without_touching_memory)
{
	const struct rte_dma_sge none[] = {{RIG_BAD_ADDR, 0}, {RIG_BAD_ADDR, 0}};
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);

	CHECK_INT(sg(r, none, 2, none, 1, 0), ==, 0);
	CHECK_INT(descs(r), ==, 1);
	finish(r, 1, OK);
	rig_close(r);
}

TEST(scattered_copy_with_too_few_or_too_many_segments_is_refused_whole)
{
	struct rte_dma_sge sge[IOAT_MAX_SGES + 1];
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);

	cut(sge, RTE_DIM(sge), rig_addr(r, 0), 3300, 0);
	CHECK_INT(sg(r, sge, 0, sge, 1, 0), ==, -EINVAL);
	CHECK_INT(sg(r, sge, 1, sge, 0, 0), ==, -EINVAL);
	CHECK_INT(sg(r, sge, RTE_DIM(sge), sge, 1, 0), ==, -EINVAL);
	CHECK_INT(sg(r, sge, 1, sge, RTE_DIM(sge), 0), ==, -EINVAL);
	CHECK_INT(descs(r), ==, 0);
	rig_close(r);
}

TEST(scattered_copy_whose_sides_differ_in_length_is_refused_whole)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	const struct rte_dma_sge a[] = {{rig_addr(r, SRC), 100}, {rig_addr(r, SRC + 200), 51}};
	const struct rte_dma_sge b[] = {{rig_addr(r, DST), 75}, {rig_addr(r, DST + 200), 75}};

	CHECK_INT(sg(r, a, 2, b, 2, 0), ==, -EINVAL);
	CHECK_INT(sg(r, b, 2, a, 2, 0), ==, -EINVAL);
	CHECK_INT(sg(r, a, 1, b, 1, RTE_DMA_OP_FLAG_FENCE), ==, -EINVAL);
	CHECK_INT(descs(r), ==, 0);
	CHECK_INT(r->ch.nb_more, ==, 0);
	rig_close(r);
}

TEST(segments_beyond_xfercap_are_split)
{
	struct rig *r = small_cap_rig();
	const struct rte_dma_sge src[] = {{rig_addr(r, SRC), 3 * CAP + 1},
	                                  {rig_addr(r, SRC + 3 * CAP + 1), CAP}};
	const struct rte_dma_sge dst[] = {{rig_addr(r, DST), 4 * CAP + 1}};

	paint(r);
	CHECK_INT(sg(r, src, 2, dst, 1, 0), ==, 0);
	CHECK_INT(descs(r), ==, 5);
	finish(r, 1, OK);
	CHECK_MEM(r->arena + DST, r->arena + SRC, 4 * CAP + 1);
	CHECK_INT(r->arena[DST + 4 * CAP + 1], ==, 0x5a);
	rig_close(r);
}

TEST(copies_around_multiples_of_xfercap_are_split_and_complete)
{
	struct rig *r = small_cap_rig();
	uint32_t pieces, len;
	int off;

	for (pieces = 1; pieces <= 5; pieces++) {
		for (off = -1; off <= 1; off++) {
			len = pieces * CAP + (uint32_t)off;
			paint(r);
			CHECK_INT(rig_copy(r, SRC, DST, len, 0), >=, 0);
			CHECK_INT(descs(r), ==, pieces + (off > 0));
			finish(r, 1, OK);
			CHECK_MEM(r->arena + DST, r->arena + SRC, len);
			CHECK_INT(r->arena[DST + len], ==, 0x5a);
		}
	}
	rig_close(r);
}

TEST(long_fill_keeps_the_phase_of_its_pattern)
{
	const uint64_t pattern = 0x0807060504030201;
	struct rig *r = small_cap_rig();
	uint32_t len = 5 * CAP + 3, i;
	size_t to = DST + 5; /* the phase starts at the first byte, wherever that is */

	paint(r);
	CHECK_INT(r->fp.fill(&r->ch, 0, pattern, rig_addr(r, to), len, 0), ==, 0);
	CHECK_INT(descs(r), ==, 6);
	finish(r, 1, OK);
	for (i = 0; i < len; i++)
		CHECK_INT(r->arena[to + i], ==, i % 8 + 1);
	CHECK_INT(r->arena[to - 1], ==, 0x5a);
	CHECK_INT(r->arena[to + len], ==, 0x5a);
	rig_close(r);
}

TEST(operation_that_could_never_fit_is_einval_and_one_that_does_not_now_is_enospc)
{
	struct rig *r = small_cap_rig();
	const struct rte_dma_sge whole[] = {{rig_addr(r, SRC), SLOTS * CAP}};

	CHECK_INT(rig_copy(r, SRC, DST, SLOTS * CAP, 0), ==, -EINVAL);
	CHECK_INT(rig_copy(r, SRC, DST, UINT32_MAX, 0), ==, -EINVAL);
	CHECK_INT(r->fp.fill(&r->ch, 0, 0, rig_addr(r, DST), UINT32_MAX, 0), ==, -EINVAL);
	CHECK_INT(sg(r, whole, 1, whole, 1, 0), ==, -EINVAL);
	CHECK_INT(descs(r), ==, 0);
	CHECK_INT(rig_copy(r, SRC, DST, CAP, 0), ==, 0);
	CHECK_INT(rig_copy(r, SRC, DST, (SLOTS - 1) * CAP, 0), ==, -ENOSPC);
	CHECK_INT(descs(r), ==, 1);
	finish(r, 1, OK);
	CHECK_INT(rig_copy(r, SRC, DST, (SLOTS - 1) * CAP, 0), ==, 1);
	CHECK_INT(rig_capacity(r), ==, 0);
	finish(r, 1, OK);
	rig_close(r);
}

TEST(burst_capacity_counts_descriptors_and_is_exact_for_operations_of_one)
{
	struct rig *r = small_cap_rig();
	uint16_t room = rig_capacity(r), i;

	CHECK_INT(rig_copy(r, SRC, DST, 3 * CAP, 0), ==, 0);
	room -= 3;
	CHECK_INT(rig_capacity(r), ==, room);
	for (i = 0; i < room; i++) {
		CHECK_INT(rig_capacity(r), ==, room - i);
		CHECK_INT(rig_copy(r, SRC, DST, CAP, 0), ==, i + 1);
	}
	CHECK_INT(rig_copy(r, SRC, DST, 1, 0), ==, -ENOSPC);
	finish(r, room + 1, OK);
	rig_close(r);
}

TEST(submit_flag_rings_once_for_all_pieces)
{
	struct rig *r = small_cap_rig();
	uint64_t rings = rig_counters(r).doorbells, writes = rig_counters(r).completions;
	enum rte_dma_status_code st;
	uint16_t last;

	rig_copy(r, SRC, DST, 9 * CAP, RTE_DMA_OP_FLAG_SUBMIT);
	rig_run(r);
	CHECK_INT(rig_counters(r).doorbells, ==, rings + 1);
	CHECK_INT(rig_counters(r).completions, ==, writes + 1);
	CHECK_INT(rig_status(r, 1, &last, &st), ==, 1);
	CHECK_INT(r->ch.submitted, ==, 1);
	CHECK_INT(r->ch.completed, ==, 1);
	rig_close(r);
}

TEST(operation_is_not_complete_before_its_last_piece)
{
	struct rig *r = small_cap_rig();
	enum rte_dma_status_code st[4];
	uint16_t last;

	/* Pieces 1 to 48; completion words come behind 16, 32 and 48. */
	rig_copy(r, SRC, DST, 24 * CAP, 0);
	rig_copy(r, SRC, DST, 24 * CAP, RTE_DMA_OP_FLAG_SUBMIT);
	rig_step(r, 16 * (CAP + 64));
	CHECK_INT(rig_status(r, 4, &last, st), ==, 0);
	rig_step(r, 16 * (CAP + 64));
	CHECK_INT(rig_status(r, 4, &last, st), ==, 1);
	CHECK_INT(last, ==, 0);
	rig_run(r);
	CHECK_INT(rig_status(r, 4, &last, st), ==, 1);
	CHECK_INT(last, ==, 1);
	rig_close(r);
}

TEST(failed_piece_fails_its_operation_once_and_the_others_of_it_are_not_run)
{
	struct rig *r = small_cap_rig();
	struct rte_dma_sge src[3], dst = {rig_addr(r, DST), 3 * 64};
	enum rte_dma_status_code st[4];
	uint16_t bad, last, i;

	for (bad = 0; bad < RTE_DIM(src); bad++) {
		paint(r);
		cut(src, RTE_DIM(src), rig_addr(r, SRC), 3 * 64, 0);
		src[bad].addr = RIG_BAD_ADDR;
		rig_copy(r, SRC, DST + 1024, 64, 0);
		sg(r, src, RTE_DIM(src), &dst, 1, 0);
		rig_copy(r, SRC, DST + 2048, 64, 0);
		rig_submit(r);
		rig_run(r);
		CHECK_INT(rig_status(r, 2, &last, st), ==, 2);
		CHECK_INT(st[0], ==, OK);
		CHECK_INT(st[1], ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
		rig_run(r);
		CHECK_INT(rig_status(r, 4, &last, st), ==, 1);
		CHECK_INT(st[0], ==, OK);
		for (i = 0; i < RTE_DIM(src); i++)
			CHECK_INT(r->arena[DST + 64 * i + 1], ==,
			          i < bad ? r->arena[SRC + 64 * i + 1] : 0x5a);
		CHECK_MEM(r->arena + DST + 2048, r->arena + SRC, 64);
	}
	CHECK_INT(r->ch.errors, ==, RTE_DIM(src));
	CHECK_INT(rig_capacity(r), ==, SLOTS - 1);
	rig_close(r);
}

TEST(fence_before_a_long_copy_is_on_what_is_before_all_its_pieces)
{
	struct rig *r = small_cap_rig();

	rig_copy(r, SRC, DST, 64, 0);
	rig_copy(r, SRC, DST, 3 * CAP, RTE_DMA_OP_FLAG_FENCE);
	CHECK_INT(r->ch.desc[0].ctrl & DESC_CTRL_FENCE, !=, 0);
	CHECK_INT(r->ch.desc[1].ctrl & DESC_CTRL_FENCE, ==, 0);
	rig_submit(r);
	rig_copy(r, SRC, DST, 3 * CAP, RTE_DMA_OP_FLAG_FENCE);
	CHECK_INT(r->ch.desc[3].ctrl & DESC_CTRL_FENCE, ==, 0);
	CHECK_INT(r->ch.desc[4].ctrl & (DESC_CTRL_FENCE | DESC_CTRL_NULL), ==,
	          DESC_CTRL_FENCE | DESC_CTRL_NULL);
	CHECK_INT(descs(r), ==, 1 + 3 + 1 + 3);
	finish(r, 3, OK);
	rig_close(r);
}

TEST_MAIN("driver_sg")
