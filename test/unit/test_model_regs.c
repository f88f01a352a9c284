/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Registers: widths, access rules, reset values, reads with side effects, reserved space. */

#include "rig.h"

#define CH(reg) (IOAT_CHAN_BASE(0) + (reg))

/** A register as the data sheet has it, for checks that go through all of them. */
struct paper_reg {
	uint16_t offset;
	uint8_t width;
	uint64_t reset;  /* of an IVB */
	uint64_t stored; /* what reads back after all ones were written */
};

/* clang-format off */
static const struct paper_reg paper[] = {
	{ IOAT_CHANCNT,         1, 1,      1 },
	{ IOAT_XFERCAP,         1, 20,     20 },
	{ IOAT_GENCTRL,         1, 0,      0x01 },
	{ IOAT_INTRCTRL,        1, 0,      0x09 },
	{ IOAT_ATTNSTATUS,      4, 0,      0 },
	{ IOAT_CBVER,           1, 0x32,   0x32 },
	{ IOAT_PERPORTOFFSET,   2, 0,      0 },
	{ IOAT_INTRDELAY,       2, 0x8000, 0xbfff },
	{ IOAT_CS_STATUS,       2, 0,      0 },
	{ IOAT_DMACAPABILITY,   4, 0x40,   0x40 },
	{ IOAT_DCAOFFSET,       2, 0,      0 },
	{ IOAT_CBPRIO,          1, 0,      0 },
	{ IOAT_PREFETCH_LIMIT,  1, 0,      0xff },
	{ CH(IOAT_CHANCTRL),    2, 0,      0xf23c },
	{ CH(IOAT_DMA_COMP),    2, 0x0006, 0x0006 },
	{ CH(IOAT_DMACOUNT),    2, 0,      0xffff },
	{ CH(IOAT_CHANSTS),     8, 0x3,    0x3 },
	{ CH(IOAT_CHAINADDR),   8, 0,      UINT64_MAX },
	{ CH(IOAT_CHANCMP),     8, 0,      UINT64_MAX },
	{ CH(IOAT_CDAR),        8, 0,      0 },
	{ CH(IOAT_CHANERR),     4, 0,      0 },
	{ CH(IOAT_CHANERRMASK), 4, 0,      0x0fffffff },
	{ CH(IOAT_DCACTRL),     4, 0,      0x0001ffff },
	/* A write of all ones is more than one command: that is a test of its own. */
	{ CH(IOAT_CHANCMD),     1, 0,      0 },
};
/* clang-format on */

#define PAPER (sizeof(paper) / sizeof(paper[0]))

TEST(every_register_has_its_reset_value)
{
	struct rig *r = rig_open(IOAT_MODEL_IVB);
	size_t i;

	for (i = 0; i < PAPER; i++)
		CHECK_INT(ioat_model_read(r->m, paper[i].offset, paper[i].width), ==,
		          paper[i].reset);
	rig_close(r);
}

TEST(every_register_stores_only_its_writable_bits)
{
	size_t i;

	for (i = 0; i < PAPER; i++) {
		struct rig *r = rig_open(IOAT_MODEL_IVB);

		if (paper[i].offset != CH(IOAT_CHANCMD)) {
			ioat_model_write(r->m, paper[i].offset, paper[i].width, UINT64_MAX);
			if (paper[i].offset == CH(IOAT_CHAINADDR))
				CHECK_INT(rig_status(r), ==, IOAT_STATE_ARMED);
		}
		CHECK_INT(ioat_model_read(r->m, paper[i].offset, paper[i].width), ==,
		          paper[i].stored);
		rig_close(r);
	}
}

TEST(every_register_returns_to_its_reset_value_at_function_level_reset)
{
	struct rig *r = rig_open(IOAT_MODEL_IVB);
	size_t i;

	for (i = 0; i < PAPER; i++)
		ioat_model_write(r->m, paper[i].offset, paper[i].width, UINT64_MAX);
	ioat_model_reset(r->m);
	for (i = 0; i < PAPER; i++)
		CHECK_INT(ioat_model_read(r->m, paper[i].offset, paper[i].width), ==,
		          paper[i].reset);
	rig_close(r);
}

TEST(every_other_byte_of_the_bar_is_reserved)
{
	struct rig *r = rig_open(IOAT_MODEL_IVB);
	static bool used[IOAT_BAR_SIZE];
	size_t i, j;

	for (i = 0; i < PAPER; i++)
		for (j = 0; j < paper[i].width; j++)
			used[paper[i].offset + j] = true;
	for (i = 0; i < IOAT_BAR_SIZE; i++) {
		if (used[i])
			continue;
		ioat_model_write(r->m, i, 1, 0xff);
		if (ioat_model_read(r->m, i, 1) != 0)
			fail_msg("byte 0x%zx", i);
	}
	for (i = 0; i < PAPER; i++)
		CHECK_INT(ioat_model_read(r->m, paper[i].offset, paper[i].width), ==,
		          paper[i].reset);
	rig_close(r);
}

TEST(identity_registers_follow_the_part)
{
	/* clang-format off */
	static const struct {
		enum ioat_model_device device;
		unsigned int cbver, xfercap;
	} want[] = {
		{ IOAT_MODEL_ICX, 0x34, 21 }, { IOAT_MODEL_SKX, 0x33, 21 },
		{ IOAT_MODEL_BDX, 0x32, 20 }, { IOAT_MODEL_IVB, 0x32, 20 },
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < 4; i++) {
		struct rig *r = rig_open(want[i].device);

		CHECK_INT(ioat_model_read(r->m, IOAT_CBVER, 1), ==, want[i].cbver);
		CHECK_INT(ioat_model_read(r->m, IOAT_XFERCAP, 1), ==, want[i].xfercap);
		CHECK_INT(ioat_model_read(r->m, IOAT_DMACAPABILITY, 4), ==, DMACAP_BFILL);
		CHECK_INT(ioat_model_read(r->m, IOAT_CHANCNT, 1), ==, 1);
		rig_close(r);
	}
}

TEST(a_64_bit_register_is_written_alike_by_bytes_halves_words_and_whole)
{
	const uint64_t value = 0x1122334455667788;
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	unsigned int width, at;

	for (width = 1; width <= 8; width *= 2) {
		rig_command(r, CHANCMD_RESET);
		for (at = 0; at < 8; at += width)
			rig_set(r, IOAT_CHANCMP + at, width, value >> (8 * at));
		CHECK_INT(rig_get(r, IOAT_CHANCMP, 8), ==, value);
	}
	rig_close(r);
}

TEST(a_64_bit_register_is_read_alike_by_bytes_halves_words_and_whole)
{
	const uint64_t value = 0x1122334455667788;
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	unsigned int width, at;

	rig_set(r, IOAT_CHANCMP, 8, value);
	for (width = 1; width <= 8; width *= 2) {
		uint64_t got = 0;

		for (at = 0; at < 8; at += width)
			got |= rig_get(r, IOAT_CHANCMP + at, width) << (8 * at);
		CHECK_INT(got, ==, value);
	}
	rig_close(r);
}

TEST(a_partial_write_leaves_the_other_bytes)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_set(r, IOAT_CHANCMP, 8, 0x1122334455667788);
	rig_set(r, IOAT_CHANCMP + 2, 2, 0xabcd);
	CHECK_INT(rig_get(r, IOAT_CHANCMP, 8), ==, 0x11223344abcd7788);
	ioat_model_write(r->m, IOAT_INTRDELAY + 1, 1, 0xff);
	CHECK_INT(ioat_model_read(r->m, IOAT_INTRDELAY, 2), ==, 0xbf00);
	rig_close(r);
}

TEST(a_wide_read_gives_the_neighbours_too)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	CHECK_INT(ioat_model_read(r->m, IOAT_CHANCNT, 4), ==, 0x00001501);
	CHECK_INT(rig_get(r, IOAT_CHANCTRL, 4), ==, 0x00060000);
	CHECK_INT(ioat_model_read(r->m, IOAT_CBVER, 8), ==, 0x0000800000000034);
	rig_close(r);
}

TEST(a_wide_write_reaches_each_register_under_its_own_rule)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_enter(r, IOAT_STATE_DONE);
	rig_command(r, CHANCMD_SUSPEND | CHANCMD_RESUME);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_CMD);
	rig_set(r, IOAT_CHANERR, 8, (uint64_t)0x12345 << 32 | CHANERR_CMD);
	CHECK_INT(rig_get(r, IOAT_CHANERR, 8), ==, (uint64_t)0x12345 << 32);
	rig_close(r);
}

TEST(an_unaligned_access_is_served_byte_by_byte)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_set(r, IOAT_CHANCMP, 8, 0x1122334455667788);
	CHECK_INT(rig_get(r, IOAT_CHANCMP + 1, 4), ==, 0x44556677);
	rig_set(r, IOAT_CHANCMP + 3, 4, 0xaabbccdd);
	CHECK_INT(rig_get(r, IOAT_CHANCMP, 8), ==, 0x11aabbccdd667788);
	/* From the last byte of CHANCMP into the first of CDAR, which is read-only. */
	CHECK_INT(rig_get(r, IOAT_CHANCMP + 7, 2), ==, 0x0011);
	rig_close(r);
}

TEST(beyond_the_bar_reads_zero_and_ignores_writes)
{
	static const uint64_t far[] = {IOAT_BAR_SIZE,  IOAT_BAR_SIZE + IOAT_CHANCMP,
	                               1ull << 32,     UINT64_MAX,
	                               UINT64_MAX - 3, 1ull << 63};
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	size_t i;

	for (i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		ioat_model_write(r->m, far[i], 8, UINT64_MAX);
		CHECK_INT(ioat_model_read(r->m, far[i], 8), ==, 0);
	}
	ioat_model_write(r->m, IOAT_BAR_SIZE - 1, 8, UINT64_MAX);
	CHECK_INT(ioat_model_read(r->m, IOAT_BAR_SIZE - 1, 8), ==, 0);
	CHECK_INT(rig_status(r), ==, IOAT_STATE_HALTED);
	rig_close(r);
}

TEST(a_bad_width_reads_zero_and_ignores_writes)
{
	static const unsigned int bad[] = {0, 3, 5, 6, 7, 9, 16, 0x80000000u};
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rig_set(r, IOAT_CHANCMP, bad[i], UINT64_MAX);
		CHECK_INT(rig_get(r, IOAT_CHANCMP, 8), ==, 0);
		CHECK_INT(ioat_model_read(r->m, IOAT_CBVER, bad[i]), ==, 0);
	}
	rig_close(r);
}

TEST(the_first_read_of_chanctrl_takes_the_channel)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	CHECK_INT(rig_get(r, IOAT_CHANCTRL, 2), ==, 0);
	CHECK_INT(rig_get(r, IOAT_CHANCTRL, 2), ==, CHANCTRL_IN_USE);
	CHECK_INT(rig_get(r, IOAT_CHANCTRL, 2), ==, CHANCTRL_IN_USE);
	rig_close(r);
}

TEST(writing_zero_to_in_use_releases_the_channel)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_get(r, IOAT_CHANCTRL, 2);
	rig_set(r, IOAT_CHANCTRL, 2, CHANCTRL_IN_USE);
	CHECK_INT(rig_get(r, IOAT_CHANCTRL, 2), ==, CHANCTRL_IN_USE);
	rig_set(r, IOAT_CHANCTRL, 2, 0);
	CHECK_INT(rig_get(r, IOAT_CHANCTRL, 2), ==, 0);
	rig_close(r);
}

TEST(writing_one_to_in_use_does_not_take_the_channel)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_set(r, IOAT_CHANCTRL, 2, CHANCTRL_IN_USE);
	CHECK_INT(rig_get(r, IOAT_CHANCTRL, 2), ==, 0);
	rig_close(r);
}

TEST(the_low_byte_of_chanctrl_neither_takes_nor_releases_the_channel)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_get(r, IOAT_CHANCTRL, 1);
	CHECK_INT(rig_get(r, IOAT_CHANCTRL, 2), ==, 0);
	rig_set(r, IOAT_CHANCTRL, 1, CHANCTRL_ERR_COMPL_EN);
	CHECK_INT(rig_get(r, IOAT_CHANCTRL, 2), ==, CHANCTRL_IN_USE | CHANCTRL_ERR_COMPL_EN);
	rig_close(r);
}

TEST(chanctrl_as_linux_writes_it_reads_back_without_the_rearm_bit)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_set(r, IOAT_CHANCTRL, 2, 0x1d);
	CHECK_INT(rig_get(r, IOAT_CHANCTRL, 2), ==, 0x1c);
	rig_close(r);
}

TEST(reading_intrctrl_clears_the_master_enable)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	ioat_model_write(r->m, IOAT_INTRCTRL, 1, 0xff);
	CHECK_INT(ioat_model_read(r->m, IOAT_INTRCTRL, 1), ==,
	          INTRCTRL_MASTER_INT_EN | INTRCTRL_MSIX_VECTOR);
	CHECK_INT(ioat_model_read(r->m, IOAT_INTRCTRL, 1), ==, INTRCTRL_MSIX_VECTOR);
	rig_close(r);
}

TEST(reading_the_registers_beside_intrctrl_leaves_the_master_enable)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	ioat_model_write(r->m, IOAT_INTRCTRL, 1, INTRCTRL_MASTER_INT_EN);
	ioat_model_read(r->m, IOAT_CHANCNT, 2);
	ioat_model_read(r->m, IOAT_ATTNSTATUS, 4);
	CHECK_INT(ioat_model_read(r->m, IOAT_INTRCTRL, 1), ==, INTRCTRL_MASTER_INT_EN);
	rig_close(r);
}

TEST(writing_ones_to_chanerr_clears_those_bits_only)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	const struct ioat_model_fault fault = {.kind = IOAT_MODEL_FAULT_CHANERR,
	                                       .chanerr = CHANERR_ALL};

	rig_start(r);
	rig_put(r, 0, CTRL_NULL, 0, 0, 8);
	CHECK_INT(ioat_model_inject(r->m, 0, &fault), ==, 0);
	rig_go(r, 1);
	rig_set(r, IOAT_CHANERR, 4, 0);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_ALL);
	rig_set(r, IOAT_CHANERR, 4, CHANERR_READ_DATA);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_ALL & ~CHANERR_READ_DATA);
	rig_set(r, IOAT_CHANERR + 1, 1, 0xff);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_ALL & 0xffff00ff);
	rig_close(r);
}

TEST(chanerr_and_its_mask_survive_the_reset_command)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_enter(r, IOAT_STATE_DONE);
	rig_set(r, IOAT_CHANERRMASK, 4, 0x30000);
	rig_command(r, CHANCMD_SUSPEND | CHANCMD_RESUME);
	rig_command(r, CHANCMD_RESET);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_CMD);
	CHECK_INT(rig_get(r, IOAT_CHANERRMASK, 4), ==, 0x30000);
	rig_close(r);
}

TEST(dmacount_reads_back_what_was_last_written)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_set(r, IOAT_DMACOUNT, 2, 0x1234);
	CHECK_INT(rig_get(r, IOAT_DMACOUNT, 2), ==, 0x1234);
	rig_close(r);
}

TEST(chanctrl_of_a_function_with_one_channel_ends_where_the_next_would_begin)
{
	struct rig *r = rig_open(IOAT_MODEL_IVB);

	r->chan = 1;
	rig_set(r, IOAT_CHANCMP, 8, UINT64_MAX);
	CHECK_INT(rig_get(r, IOAT_CHANCMP, 8), ==, 0);
	CHECK_INT(rig_get(r, IOAT_CHANSTS, 8), ==, 0);
	rig_close(r);
}

TEST(four_channels_have_four_windows_of_their_own)
{
	struct rig *r = rig_open_conf((struct ioat_model_conf){.channels = 4});

	CHECK_INT(ioat_model_read(r->m, IOAT_CHANCNT, 1), ==, 4);
	for (r->chan = 0; r->chan < 4; r->chan++)
		rig_set(r, IOAT_CHANCMP, 8, CMP + 8 * r->chan);
	for (r->chan = 0; r->chan < 4; r->chan++) {
		CHECK_INT(rig_get(r, IOAT_CHANCMP, 8), ==, CMP + 8 * r->chan);
		CHECK_INT(rig_status(r), ==, IOAT_STATE_HALTED);
	}
	CHECK_INT(rig_status(r), ==, 0); /* a fifth */
	rig_close(r);
}

TEST(version_3_4_stores_the_ltr_registers_behind_the_channel_and_inside_it)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	unsigned int below;

	for (below = 0; below <= IOAT_CHAN_STRIDE; below += IOAT_CHAN_STRIDE) {
		rig_set(r, IOAT_LTR_ACTIVE - below, 4, 0x8800);
		rig_set(r, IOAT_LTR_IDLE - below, 4, 0x8a58);
		rig_set(r, IOAT_LTR_SWSEL - below, 1, 1);
		rig_set(r, IOAT_DRSCTL - below, 2, 0x309);
		CHECK_INT(rig_get(r, IOAT_LTR_ACTIVE - below, 4), ==, 0x8800);
		CHECK_INT(rig_get(r, IOAT_LTR_IDLE - below, 4), ==, 0x8a58);
		CHECK_INT(rig_get(r, IOAT_LTR_SWSEL - below, 1), ==, 1);
		CHECK_INT(rig_get(r, IOAT_DRSCTL - below, 2), ==, 0x309);
	}
	CHECK_INT(rig_status(r), ==, IOAT_STATE_HALTED);
	CHECK_INT(rig_chanerr(r), ==, 0);
	rig_close(r);
}

TEST(before_version_3_4_the_ltr_registers_are_reserved)
{
	struct rig *r = rig_open(IOAT_MODEL_SKX);

	rig_set(r, IOAT_LTR_ACTIVE, 4, 0x8800);
	CHECK_INT(rig_get(r, IOAT_LTR_ACTIVE, 4), ==, 0);
	rig_close(r);
}

TEST_MAIN("model registers")
