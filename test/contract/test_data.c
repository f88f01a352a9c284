/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* What arrives in memory: copy and fill, to the byte, between guards. */

#include "contract.h"

#define GUARD 64

/* What the memory must look like afterwards. */
static uint8_t expect[AREA_SIZE];

/* Put known bytes around and into the destination of the next operation. */
static void
guards_set(size_t off, size_t len)
{
	memset(dst.va + off - GUARD, 0x5a, len + 2 * GUARD);
	memset(expect, 0x5a, len + 2 * GUARD);
}

static void
guards_check(size_t off, size_t len)
{
	CHECK_MEM(dst.va + off - GUARD, expect, len + 2 * GUARD);
}

static void
copy_exact(size_t src_off, size_t dst_off, uint32_t len)
{
	uint16_t id;

	guards_set(dst_off, len);
	memcpy(expect + GUARD, src.va + src_off, len);
	id = copy(src_off, dst_off, len, RTE_DMA_OP_FLAG_SUBMIT);
	reap(1, 1, id);
	guards_check(dst_off, len);
}

TEST(copy_moves_exactly_1_to_300_bytes)
{
	dev_up(RING_DEFAULT);
	scramble(src.va, 4096);
	for (uint32_t len = 1; len <= 300; len++)
		copy_exact(len, GUARD + 3 * len, len);
}

TEST(copy_moves_exactly_up_to_64k_bytes)
{
	dev_up(RING_DEFAULT);
	scramble(src.va, 2u << 16);
	for (uint32_t len = 512; len <= 65536; len *= 2) {
		copy_exact(0, GUARD, len - 1);
		copy_exact(0, GUARD, len);
		if (len < 65536)
			copy_exact(0, GUARD, len + 1);
	}
}

TEST(copy_respects_every_alignment_of_both_sides)
{
	static const uint32_t lens[] = {1, 15, 16, 17, 64, 1514};

	dev_up(RING_DEFAULT);
	scramble(src.va, 4096);
	for (size_t l = 0; l < RTE_DIM(lens); l++)
		for (size_t s = 0; s < 16; s++)
			for (size_t d = 0; d < 16; d++)
				copy_exact(s, GUARD + d, lens[l]);
}

TEST(copy_crosses_page_boundaries)
{
	dev_up(RING_DEFAULT);
	scramble(src.va, 65536);
	for (size_t edge = 4096; edge <= 32768; edge += 4096) {
		copy_exact(edge - 1, edge - 1, 2);
		copy_exact(edge - 100, edge + 50, 8192 + 300);
	}
}

TEST(copy_leaves_its_source_alone)
{
	uint16_t id;

	dev_up(RING_DEFAULT);
	scramble(src.va, 8192);
	memcpy(expect, src.va, 8192);
	id = copy(1000, 0, 4096, RTE_DMA_OP_FLAG_SUBMIT);
	reap(1, 1, id);
	CHECK_MEM(src.va, expect, 8192);
}

TEST(each_op_of_a_burst_moves_its_own_bytes)
{
	uint16_t id = 0;

	dev_up(RING_DEFAULT);
	for (unsigned int round = 0; round < 100; round++) {
		scramble(src.va, 64 * 2048);
		guards_set(GUARD, 64 * 2048);
		for (unsigned int i = 0; i < 64; i++) {
			/* Backwards, with gaps, each of another length. */
			size_t off = (63 - i) * 2048;
			uint32_t len = 1 + i * 31;

			memcpy(expect + GUARD + off, src.va + i * 2048, len);
			id = copy(i * 2048, GUARD + off, len, 0);
		}
		submit();
		reap(64, 64, id);
		guards_check(GUARD, 64 * 2048);
	}
}

static void
fill_exact(uint64_t pattern, size_t off, uint32_t len)
{
	int id;

	guards_set(off, len);
	for (uint32_t i = 0; i < len; i++)
		expect[GUARD + i] = ((const uint8_t *)&pattern)[i % sizeof(pattern)];
	id = rte_dma_fill(dev, 0, pattern, dst.iova + off, len, RTE_DMA_OP_FLAG_SUBMIT);
	CHECK_INT(id, >=, 0);
	reap(1, 1, (uint16_t)id);
	guards_check(off, len);
}

TEST(fill_repeats_its_pattern_for_lengths_1_to_100)
{
	need_capa(RTE_DMA_CAPA_OPS_FILL, "the device has no fill");
	dev_up(RING_DEFAULT);
	for (uint32_t len = 1; len <= 100; len++)
		fill_exact(0xfedcba9876543210ULL, GUARD, len);
}

TEST(fill_begins_with_the_first_byte_of_its_pattern_at_any_address)
{
	need_capa(RTE_DMA_CAPA_OPS_FILL, "the device has no fill");
	dev_up(RING_DEFAULT);
	for (size_t off = 0; off < 16; off++)
		for (uint32_t len = 1; len <= 40; len++)
			fill_exact(0x0123456789abcdefULL + len, GUARD + off, len);
}

TEST(fill_writes_exactly_up_to_64k_bytes)
{
	need_capa(RTE_DMA_CAPA_OPS_FILL, "the device has no fill");
	dev_up(RING_DEFAULT);
	for (uint32_t len = 128; len <= 65536; len *= 2) {
		fill_exact(0x1122334455667788ULL, GUARD, len - 1);
		fill_exact(0x1122334455667788ULL, GUARD + 1, len);
	}
}

TEST(fills_and_copies_mix_in_one_burst)
{
	const uint64_t pattern = 0xa1b2c3d4e5f60718ULL;
	uint16_t last = 0;

	need_capa(RTE_DMA_CAPA_OPS_FILL, "the device has no fill");
	dev_up(RING_DEFAULT);
	scramble(src.va, 4096);
	guards_set(GUARD, 4096);
	for (unsigned int i = 0; i < 32; i++) {
		size_t off = i * 128;
		uint8_t *e = expect + GUARD + off;
		int id;

		if (i % 2 == 0) {
			last = copy(off, GUARD + off, 100, 0);
			memcpy(e, src.va + off, 100);
			continue;
		}
		id = rte_dma_fill(dev, 0, pattern, dst.iova + GUARD + off, 96, 0);
		CHECK_INT(id, ==, (uint16_t)(last + 1));
		for (unsigned int b = 0; b < 96; b++)
			e[b] = ((const uint8_t *)&pattern)[b % 8];
		last = (uint16_t)id;
	}
	submit();
	reap(32, 32, last);
	guards_check(GUARD, 4096);
}
