/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * What Linux ioatdma does to the registers, replayed step by step, with what it expects to find.
 */

#include "rig.h"

#define LINUX_CHANCTRL                                                          \
	(CHANCTRL_ERR_INT_EN | CHANCTRL_ANY_ERR_ABORT | CHANCTRL_ERR_COMPL_EN | \
	 CHANCTRL_INT_DISABLE)
#define LINUX_NULL (CTRL_NULL | DESC_CTRL_COMPL | DESC_CTRL_INT_EN)

static bool
is_running(struct rig *r)
{
	unsigned int state = rig_state(r);

	return state == IOAT_STATE_ACTIVE || state == IOAT_STATE_DONE;
}

/** How Linux and SPDK reset a channel. */
static void
quiesce_and_reset(struct rig *r)
{
	if (is_running(r)) {
		rig_command(r, CHANCMD_SUSPEND);
		CHECK(!is_running(r));
	}
	rig_set(r, IOAT_CHANERR, 4, rig_chanerr(r));
	rig_command(r, CHANCMD_RESET);
	CHECK_INT(rig_get(r, IOAT_CHANCMD, 1) & CHANCMD_RESET, ==, 0);
	CHECK_INT(rig_chanerr(r), ==, 0);
}

static void
set_in_halves(struct rig *r, uint64_t reg, uint64_t value)
{
	rig_set(r, reg, 4, value & 0xffffffff);
	rig_set(r, reg + 4, 4, value >> 32);
}

static void
linux_probe(struct rig *r)
{
	uint64_t xfercap, dmacap;

	CHECK_INT(ioat_model_read(r->m, IOAT_CBVER, 1), >=, 0x30);
	dmacap = ioat_model_read(r->m, IOAT_DMACAPABILITY, 4);
	CHECK_INT(dmacap & (DMACAP_XOR | DMACAP_PQ | DMACAP_RAID16SS | DMACAP_DWBES | DMACAP_DPS),
	          ==, 0);
	CHECK_INT(ioat_model_read(r->m, IOAT_CHANCNT, 1) & CHANCNT_MASK, ==, 1);
	xfercap = ioat_model_read(r->m, IOAT_XFERCAP, 1) & XFERCAP_MASK;
	CHECK_INT(xfercap, >=, 12);
	CHECK_INT(xfercap, <=, 30);
	quiesce_and_reset(r);
	ioat_model_write(r->m, IOAT_INTRCTRL, 1, INTRCTRL_MASTER_INT_EN | INTRCTRL_MSIX_VECTOR);
}

static void
linux_start(struct rig *r)
{
	rig_set(r, IOAT_CHANCTRL, 2, LINUX_CHANCTRL);
	set_in_halves(r, IOAT_CHANCMP, CMP);
	if (ioat_model_read(r->m, IOAT_CBVER, 1) >= CBVER_3_4) {
		rig_set(r, IOAT_LTR_ACTIVE, 4, 0x8800);
		rig_set(r, IOAT_LTR_IDLE, 4, 0x8a58);
		rig_set(r, IOAT_LTR_SWSEL, 1, 0);
	}
	rig_put(r, 0, LINUX_NULL, 0, 0, 1);
	set_in_halves(r, IOAT_CHAINADDR, rig_slot(0));
	rig_set(r, IOAT_DMACOUNT, 2, 1);
	/* It polls for about 20 us: ARMED or HALTED would fail the probe. */
	CHECK(is_running(r));
	rig_run(r);
	CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	CHECK_INT(r->fh.interrupts[0], ==, 1);
	rig_set(r, IOAT_CHANCTRL, 2, LINUX_CHANCTRL);
}

static struct rig *
open_linux(enum ioat_model_device device)
{
	struct rig *r = rig_open(device);

	rig_pattern(r);
	linux_probe(r);
	linux_start(r);
	r->rung = 1;
	return r;
}

static const enum ioat_model_device all_devices[] = {IOAT_MODEL_ICX, IOAT_MODEL_SKX, IOAT_MODEL_BDX,
                                                     IOAT_MODEL_IVB};

TEST(linux_probes_and_passes_its_self_test_on_every_part)
{
	size_t i;

	for (i = 0; i < 4; i++) {
		struct rig *r = open_linux(all_devices[i]);

		rig_put(r, 1, CTRL_COPY | DESC_CTRL_COMPL | DESC_CTRL_INT_EN, SRC, DST, 2000);
		rig_go(r, 1);
		CHECK_INT(rig_word(r), ==, rig_slot(1) | IOAT_STATE_DONE);
		CHECK_INT(r->fh.interrupts[0], ==, 2);
		rig_check_copied(r, SRC, DST, 2000);
		rig_close(r);
	}
}

TEST(linux_frees_a_channel_by_suspend_and_reset)
{
	struct rig *r = open_linux(IOAT_MODEL_ICX);

	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	rig_command(r, CHANCMD_SUSPEND);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_SUSPENDED);
	quiesce_and_reset(r);
	rig_set(r, IOAT_LTR_SWSEL, 1, 1);
	rig_set(r, IOAT_DCACTRL, 4, UINT32_MAX);
	ioat_model_write(r->m, IOAT_INTRCTRL, 1, 0);
	CHECK_INT(rig_status(r), ==, 0x3);
	CHECK_INT(rig_chanerr(r), ==, 0);
	rig_close(r);
}

TEST(linux_takes_intx_interrupts_by_its_handler_sequence)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	uint64_t intrctrl;

	ioat_model_set_msix(r->m, false);
	linux_probe(r);
	ioat_model_write(r->m, IOAT_INTRCTRL, 1, INTRCTRL_MASTER_INT_EN);
	rig_set(r, IOAT_CHANCTRL, 2, LINUX_CHANCTRL);
	set_in_halves(r, IOAT_CHANCMP, CMP);
	rig_put(r, 0, LINUX_NULL, 0, 0, 1);
	set_in_halves(r, IOAT_CHAINADDR, rig_slot(0));
	rig_set(r, IOAT_DMACOUNT, 2, 1);
	rig_run(r);
	CHECK(ioat_model_intx_level(r->m));
	intrctrl = ioat_model_read(r->m, IOAT_INTRCTRL, 1);
	CHECK((intrctrl & INTRCTRL_MASTER_INT_EN) && (intrctrl & INTRCTRL_INT_STATUS));
	CHECK_INT(ioat_model_read(r->m, IOAT_ATTNSTATUS, 4), ==, 1);
	ioat_model_write(r->m, IOAT_INTRCTRL, 1, intrctrl);
	/* The tasklet rearms later: the line must be low until then. */
	CHECK(!ioat_model_intx_level(r->m));
	rig_set(r, IOAT_CHANCTRL, 2, LINUX_CHANCTRL);
	CHECK(!ioat_model_intx_level(r->m));
	rig_close(r);
}

TEST(linux_copies_like_dmatest_across_the_end_of_its_ring)
{
	struct rig *r = open_linux(IOAT_MODEL_IVB);
	uint32_t seed = 1;
	unsigned int i;

	for (i = 1; i <= 2000; i++) {
		uint32_t len, src, dst;

		seed = seed * 1664525 + 1013904223;
		len = 1 + (seed >> 8) % 16384;
		src = (seed >> 3) % 1000;
		dst = (seed >> 13) % 1000;
		rig_put(r, i, CTRL_COPY | DESC_CTRL_COMPL | DESC_CTRL_INT_EN, SRC + src, DST + dst,
		        len);
		rig_go(r, 1);
		CHECK_INT(rig_word(r), ==, rig_slot(i) | IOAT_STATE_DONE);
		CHECK_MEM(fake_at(&r->fh, DST + dst), fake_at(&r->fh, SRC + src), len);
		rig_set(r, IOAT_CHANCTRL, 2, LINUX_CHANCTRL);
	}
	CHECK_INT(r->fh.interrupts[0], ==, 2001);
	rig_close(r);
}

TEST(linux_restarts_after_a_read_error_and_completes_the_rest)
{
	struct rig *r = open_linux(IOAT_MODEL_IVB);

	r->fh.eio_at = SRC + 10;
	rig_put(r, 1, CTRL_COPY | DESC_CTRL_COMPL | DESC_CTRL_INT_EN, SRC, DST, 64);
	rig_put(r, 2, CTRL_COPY | DESC_CTRL_COMPL | DESC_CTRL_INT_EN, SRC + 64, DST + 64, 64);
	rig_go(r, 2);
	CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_HALTED);
	/* Any bit beside this one would be a kernel BUG. */
	CHECK_INT(rig_chanerr(r), ==, CHANERR_READ_DATA);
	CHECK_INT(r->fh.interrupts[0], ==, 2);
	quiesce_and_reset(r);
	rig_set(r, IOAT_CHANCTRL, 2, LINUX_CHANCTRL);
	set_in_halves(r, IOAT_CHANCMP, CMP);
	CHECK(!is_running(r));
	set_in_halves(r, IOAT_CHAINADDR, rig_slot(2));
	rig_set(r, IOAT_DMACOUNT, 2, 1);
	CHECK(is_running(r));
	rig_run(r);
	CHECK_INT(rig_word(r), ==, rig_slot(2) | IOAT_STATE_DONE);
	rig_check_copied(r, SRC + 64, DST + 64, 64);
	rig_close(r);
}

TEST_MAIN("model under Linux ioatdma")
