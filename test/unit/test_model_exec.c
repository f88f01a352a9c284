/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Descriptors that succeed: what copy, fill and NULL do to memory. */

#include "rig.h"

static struct rig *
open_started(void)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_pattern(r);
	rig_start(r);
	return r;
}

/* How the host grants memory must not show in results: each of these runs with all of them. */
static const struct host_way {
	bool no_map;
	size_t map_max;
} ways[] = {{false, 0}, {true, 0}, {false, 1}, {false, 100}, {false, 4096}};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static struct rig *
open_started_way(size_t way)
{
	struct rig *r = open_started();

	r->fh.no_map = ways[way].no_map;
	r->fh.map_max = ways[way].map_max;
	return r;
}

TEST(a_copy_moves_exactly_its_bytes_at_any_offset_and_length)
{
	static const uint32_t lengths[] = {1, 2, 7, 8, 63, 64, 65, 1500, 4095, 4096, 4097, 20000};
	size_t way, i;

	for (way = 0; way < WAYS; way++) {
		struct rig *r = open_started_way(way);

		for (i = 0; i < 12; i++) {
			uint64_t src = SRC + i * 37, dst = DST + 3 + i * 5;

			memset(fake_at(&r->fh, DST), 0xff, DST_LEN);
			rig_put(r, (unsigned int)i, CTRL_COPY, src, dst, lengths[i]);
			rig_go(r, 1);
			CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
			rig_check_copied(r, src, dst, lengths[i]);
		}
		rig_close(r);
	}
}

TEST(a_copy_of_exactly_xfercap_bytes_is_done)
{
	struct rig *r = rig_open_conf((struct ioat_model_conf){.xfercap = 16});

	rig_pattern(r);
	rig_start(r);
	rig_put(r, 0, CTRL_COPY, SRC, DST, 65536);
	rig_go(r, 1);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	rig_check_copied(r, SRC, DST, 65536);
	rig_close(r);
}

TEST(a_fill_repeats_its_pattern_from_the_first_byte_for_any_length)
{
	static const uint32_t lengths[] = {1, 7, 8, 9, 50, 64, 89, 100, 1024, 4096, 5000, 12289};
	static const unsigned char pattern[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	uint64_t word;
	size_t way, i, j;

	memcpy(&word, pattern, sizeof(word));
	for (way = 0; way < WAYS; way++) {
		struct rig *r = open_started_way(way);

		for (i = 0; i < 12; i++) {
			uint64_t dst = DST + 8 + i;
			unsigned char *to = fake_at(&r->fh, dst);

			memset(fake_at(&r->fh, DST), 0xff, DST_LEN);
			rig_put(r, (unsigned int)i, CTRL_FILL, word, dst, lengths[i]);
			rig_go(r, 1);
			CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
			for (j = 0; j < lengths[i]; j++)
				if (to[j] != pattern[j % 8])
					fail_msg("length %u byte %zu way %zu", lengths[i], j, way);
			CHECK_INT(to[-1], ==, 0xff);
			CHECK_INT(to[lengths[i]], ==, 0xff);
		}
		rig_close(r);
	}
}

TEST(a_fill_in_small_steps_keeps_its_phase)
{
	struct rig *r = open_started();
	unsigned char *to = fake_at(&r->fh, DST);
	unsigned int j;

	r->fh.map_max = 13;
	rig_put(r, 0, CTRL_FILL, 0x0807060504030201, DST, 9000);
	rig_ring(r, 1);
	while (ioat_model_busy(r->m, 0))
		ioat_model_step(r->m, 0, 1);
	for (j = 0; j < 9000; j++)
		CHECK_INT(to[j], ==, 1 + j % 8);
	CHECK_INT(to[9000], ==, 0xff);
	rig_close(r);
}

TEST(a_null_descriptor_completes_without_touching_memory)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_NULL, 0, 0, 8);
	rig_put(r, 1, CTRL_NULL, NOWHERE, UINT64_MAX, 1);
	rig_go(r, 2);
	CHECK_INT(rig_status(r), ==, rig_slot(1) | IOAT_STATE_DONE);
	CHECK_INT(rig_counters(r).bytes, ==, 0);
	CHECK_INT(rig_counters(r).descriptors, ==, 2);
	rig_close(r);
}

TEST(a_page_broken_source_goes_on_at_the_second_address)
{
	size_t way;

	for (way = 0; way < WAYS; way++) {
		struct rig *r = open_started_way(way);
		unsigned char *to = fake_at(&r->fh, DST);

		rig_put(r, 0, CTRL_COPY | DESC_CTRL_SRC_BREAK, SRC + 1000, DST, 6000)->src2 =
			SRC + 0x5000;
		rig_go(r, 1);
		CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
		CHECK_MEM(to, fake_at(&r->fh, SRC + 1000), 3096);
		CHECK_MEM(to + 3096, fake_at(&r->fh, SRC + 0x5000), 6000 - 3096);
		CHECK_INT(to[6000], ==, 0xff);
		rig_close(r);
	}
}

TEST(a_page_broken_destination_goes_on_at_the_second_address)
{
	struct rig *r = open_started();
	unsigned char *to = fake_at(&r->fh, DST);

	rig_put(r, 0, CTRL_COPY | DESC_CTRL_DST_BREAK, SRC, DST + 4000, 4096)->dst2 = DST + 0x8010;
	rig_go(r, 1);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	CHECK_MEM(to + 4000, fake_at(&r->fh, SRC), 96);
	CHECK_INT(to[4096], ==, 0xff);
	rig_check_copied(r, SRC + 96, DST + 0x8010, 4000);
	rig_close(r);
}

TEST(a_fill_with_a_page_break_keeps_its_phase)
{
	struct rig *r = open_started();
	unsigned char *to = fake_at(&r->fh, DST);
	unsigned int j;

	rig_put(r, 0, CTRL_FILL | DESC_CTRL_DST_BREAK, 0x0807060504030201, DST + 4093, 30)->dst2 =
		DST + 0x3000;
	rig_go(r, 1);
	for (j = 0; j < 30; j++)
		CHECK_INT(j < 3 ? to[4093 + j] : to[0x3000 + j - 3], ==, 1 + j % 8);
	CHECK_INT(to[4096], ==, 0xff);
	rig_close(r);
}

TEST(both_pages_broken_at_different_bytes_copy_the_same_bytes)
{
	struct rig *r = open_started();
	unsigned char *to = fake_at(&r->fh, DST);
	struct ioat_desc *d = rig_put(r, 0, CTRL_COPY | DESC_CTRL_SRC_BREAK | DESC_CTRL_DST_BREAK,
	                              SRC + 4090, DST + 3096, 3000);

	d->src2 = SRC + 0x9000;
	d->dst2 = DST + 0x6000;
	rig_go(r, 1);
	CHECK_MEM(to + 3096, fake_at(&r->fh, SRC + 4090), 6);
	CHECK_MEM(to + 3102, fake_at(&r->fh, SRC + 0x9000), 994);
	CHECK_MEM(to + 0x6000, fake_at(&r->fh, SRC + 0x9000 + 994), 2000);
	rig_close(r);
}

TEST(a_page_break_bit_on_one_page_changes_nothing)
{
	struct rig *r = open_started();

	rig_put(r, 0, CTRL_COPY | DESC_CTRL_SRC_BREAK | DESC_CTRL_DST_BREAK, SRC, DST + 64, 100);
	rig_go(r, 1);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	rig_check_copied(r, SRC, DST + 64, 100);
	rig_close(r);
}

TEST(hints_change_no_result)
{
	struct rig *r = open_started();

	rig_put(r, 0,
	        CTRL_COPY | DESC_CTRL_SRC_NOSNOOP | DESC_CTRL_DST_NOSNOOP | DESC_CTRL_BUNDLE |
	                DESC_CTRL_DST_DCA | DESC_CTRL_DCA_HINT,
	        SRC, DST, 100);
	rig_go(r, 1);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	rig_check_copied(r, SRC, DST, 100);
	rig_close(r);
}

TEST(descriptors_run_in_order_so_that_a_fence_holds)
{
	struct rig *r = open_started();

	/* Each reads what the one before wrote. */
	rig_put(r, 0, CTRL_COPY | DESC_CTRL_FENCE, SRC, DST, 64);
	rig_put(r, 1, CTRL_COPY | DESC_CTRL_FENCE, DST, DST + 0x1000, 64);
	rig_put(r, 2, CTRL_COPY, DST + 0x1000, DST + 0x2000, 64);
	rig_go(r, 3);
	rig_check_copied(r, SRC, DST + 0x2000, 64);
	rig_close(r);
}

TEST(overlapping_copies_stay_inside_their_destination)
{
	struct rig *r = open_started();
	unsigned char *to = fake_at(&r->fh, DST);

	rig_put(r, 0, CTRL_COPY, DST, DST + 10, 1000);
	rig_put(r, 1, CTRL_COPY, DST + 2010, DST + 2000, 1000);
	rig_go(r, 2);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	CHECK_INT(to[9], ==, 0xff);
	CHECK_INT(to[3001], ==, 0xff);
	rig_close(r);
}

/* A host that accepts all data, and whose descriptors are 16 MiB fills, each linked to itself. */
static int
endless_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct ioat_desc fill = {.size = 16u << 20, .ctrl = CTRL_FILL, .dst = DST, .next = RING};

	(void)ctx, (void)addr;
	CHECK_INT(len, ==, sizeof(fill));
	memcpy(buf, &fill, sizeof(fill));
	return 0;
}

static int
endless_write(void *ctx, uint64_t addr, const void *buf, size_t len)
{
	(void)ctx, (void)addr, (void)buf, (void)len;
	return 0;
}

static int
endless_write64(void *ctx, uint64_t addr, uint64_t value)
{
	(void)ctx, (void)addr, (void)value;
	return 0;
}

static struct ioat_model *
open_endless(void)
{
	struct ioat_model_conf conf = {.xfercap = 24,
	                               .host = {.dma_read = endless_read,
	                                        .dma_write = endless_write,
	                                        .dma_write64 = endless_write64}};
	struct ioat_model *m;

	CHECK_INT(ioat_model_create(&m, &conf), ==, 0);
	ioat_model_write(m, IOAT_CHAN_BASE(0) + IOAT_CHAINADDR, 8, RING);
	ioat_model_write(m, IOAT_CHAN_BASE(0) + IOAT_DMACOUNT, 2, 3);
	CHECK_INT(ioat_model_step(m, 0, 1), >, 0);
	ioat_model_write(m, IOAT_CHAN_BASE(0) + IOAT_CHANCMD, 1, CHANCMD_SUSPEND);
	return m;
}

static unsigned int
state_of(struct ioat_model *m)
{
	return ioat_model_read(m, IOAT_CHAN_BASE(0) + IOAT_CHANSTS, 8) & CHANSTS_STATE;
}

TEST(suspend_in_a_descriptor_larger_than_any_part_takes_waits_for_steps)
{
	struct ioat_model *m = open_endless();
	struct ioat_model_counters count;

	CHECK_INT(state_of(m), ==, IOAT_STATE_ACTIVE);
	ioat_model_counters(m, 0, &count);
	CHECK_INT(count.bytes, <=, (4u << 20) + 8192);
	while (ioat_model_step(m, 0, 65536) > 0)
		;
	CHECK_INT(state_of(m), ==, IOAT_STATE_SUSPENDED);
	ioat_model_counters(m, 0, &count);
	CHECK_INT(count.bytes, ==, 16u << 20);
	CHECK_INT(count.descriptors, ==, 1);
	ioat_model_destroy(m);
}

TEST(resume_takes_a_suspend_back_that_waits)
{
	struct ioat_model *m = open_endless();
	struct ioat_model_counters count;

	ioat_model_write(m, IOAT_CHAN_BASE(0) + IOAT_CHANCMD, 1, CHANCMD_RESUME);
	while (ioat_model_step(m, 0, 65536) > 0)
		;
	CHECK_INT(state_of(m), ==, IOAT_STATE_DONE);
	ioat_model_counters(m, 0, &count);
	CHECK_INT(count.descriptors, ==, 3);
	ioat_model_destroy(m);
}

TEST(reset_forgets_a_suspend_that_waits)
{
	struct ioat_model *m = open_endless();
	struct ioat_model_counters count;

	ioat_model_write(m, IOAT_CHAN_BASE(0) + IOAT_CHANCMD, 1, CHANCMD_RESET);
	CHECK_INT(state_of(m), ==, IOAT_STATE_HALTED);
	ioat_model_write(m, IOAT_CHAN_BASE(0) + IOAT_CHAINADDR, 8, RING);
	ioat_model_write(m, IOAT_CHAN_BASE(0) + IOAT_DMACOUNT, 2, 2);
	while (ioat_model_step(m, 0, 65536) > 0)
		;
	CHECK_INT(state_of(m), ==, IOAT_STATE_DONE);
	ioat_model_counters(m, 0, &count);
	CHECK_INT(count.descriptors, ==, 2);
	ioat_model_destroy(m);
}

TEST_MAIN("model operations")
