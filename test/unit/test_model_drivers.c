/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * What published drivers in user space do to the registers, replayed step by step, with what each
 * of them expects to find: DPDK dma/ioat, SPDK lib/ioat, the VFIO selftest of Linux.
 */

#include "rig.h"

/* ---- DPDK dma/ioat ---- */

#define DPDK_CHANCTRL (CHANCTRL_ANY_ERR_ABORT | CHANCTRL_ERR_COMPL_EN)
#define DPDK_RING     16u /* slots, linked in a circle */

static void
dpdk_probe(struct rig *r)
{
	CHECK_INT(ioat_model_read(r->m, IOAT_CBVER, 1), >=, 0x30);
	CHECK_INT(ioat_model_read(r->m, IOAT_CHANCNT, 1), ==, 1);
	CHECK_INT(rig_get(r, IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, ==, 0);
	CHECK_INT(rig_chanerr(r), ==, 0);
	rig_command(r, CHANCMD_SUSPEND);
	rig_command(r, CHANCMD_RESET);
	CHECK_INT(rig_get(r, IOAT_CHANCMD, 1) & CHANCMD_RESET, ==, 0);
}

static void
dpdk_start(struct rig *r)
{
	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(0));
	rig_set(r, IOAT_CHANCMP, 8, CMP);
	rig_set(r, IOAT_CHANCTRL, 2, DPDK_CHANCTRL);
	CHECK_INT(rig_state(r), !=, IOAT_STATE_HALTED);
	r->rung = 0;
}

static void
dpdk_copy(struct rig *r, unsigned int i, uint64_t src, uint64_t dst, uint32_t len)
{
	rig_put(r, i % DPDK_RING, CTRL_COPY | DESC_CTRL_COMPL, src, dst, len)->next =
		rig_slot((i + 1) % DPDK_RING);
}

/** It writes four registers without a wait between them, then wants exactly ARMED. */
static void
dpdk_recover(struct rig *r, unsigned int next)
{
	rig_set(r, IOAT_CHANERR, 4, rig_chanerr(r));
	rig_command(r, CHANCMD_RESET);
	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(next % DPDK_RING));
	rig_set(r, IOAT_CHANCTRL, 2, DPDK_CHANCTRL);
	rig_set(r, IOAT_CHANCMP, 8, CMP);
	CHECK_INT(rig_status(r), ==, IOAT_STATE_ARMED);
	r->rung = 0;
}

static struct rig *
open_dpdk(void)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_pattern(r);
	dpdk_probe(r);
	dpdk_start(r);
	return r;
}

TEST(dpdk_probes_starts_and_copies_around_its_ring)
{
	struct rig *r = open_dpdk();
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		dpdk_copy(r, i, SRC + i, DST, 64);
		rig_go(r, 1);
		CHECK_INT((rig_word(r) & ~7ull) - RING, ==, (i % DPDK_RING) * 64);
		CHECK_MEM(fake_at(&r->fh, DST), fake_at(&r->fh, SRC + i), 64);
	}
	rig_close(r);
}

TEST(dpdk_finds_the_failed_operation_wherever_it_is_in_the_burst)
{
	static const unsigned int bad[] = {0, 7, 14, 15};
	size_t i;

	for (i = 0; i < 4; i++) {
		struct rig *r = open_dpdk();
		unsigned int op;

		for (op = 0; op < DPDK_RING; op++)
			dpdk_copy(r, op, op == bad[i] ? 0 : SRC + op * 64, DST + op * 64, 64);
		rig_go(r, 16);
		/* Exactly 3 if none was good. */
		CHECK_INT(rig_word(r), ==,
		          (bad[i] == 0 ? 0 : rig_slot(bad[i] - 1)) | IOAT_STATE_HALTED);
		CHECK_INT(rig_chanerr(r), ==, CHANERR_SRC_ADDR);
		dpdk_recover(r, bad[i] + 1);
		rig_go(r, 15 - bad[i]);
		if (bad[i] == 15)
			CHECK_INT(rig_status(r), ==, IOAT_STATE_ARMED);
		else
			CHECK_INT(rig_word(r), ==, rig_slot(15) | IOAT_STATE_DONE);
		rig_close(r);
	}
}

TEST(dpdk_reads_address_zero_when_two_operations_fail_in_a_row)
{
	struct rig *r = open_dpdk();

	dpdk_copy(r, 0, SRC, DST, 64);
	dpdk_copy(r, 1, 0, DST, 64);
	dpdk_copy(r, 2, SRC, 0, 64);
	dpdk_copy(r, 3, SRC, DST + 64, 64);
	rig_go(r, 4);
	CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_HALTED);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_SRC_ADDR);
	dpdk_recover(r, 2);
	rig_go(r, 2);
	CHECK_INT(rig_word(r), ==, IOAT_STATE_HALTED);
	CHECK_INT(rig_chanerr(r), ==, CHANERR_DST_ADDR);
	dpdk_recover(r, 3);
	rig_go(r, 1);
	CHECK_INT(rig_word(r), ==, rig_slot(3) | IOAT_STATE_DONE);
	rig_close(r);
}

TEST(dpdk_stops_from_idle_by_suspend_and_from_armed_by_reset)
{
	struct rig *r = open_dpdk();

	rig_command(r, CHANCMD_RESET);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_HALTED);
	dpdk_start(r);
	dpdk_copy(r, 0, SRC, DST, 64);
	rig_go(r, 1);
	rig_command(r, CHANCMD_SUSPEND);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_SUSPENDED);
	rig_close(r);
}

TEST(dpdk_restarts_after_stop_with_a_first_doorbell_of_one)
{
	struct rig *r = open_dpdk();
	unsigned int i;

	for (i = 0; i < 3; i++) {
		dpdk_copy(r, 0, SRC, DST, 64);
		rig_go(r, 1);
		CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_DONE);
		rig_command(r, CHANCMD_SUSPEND);
		dpdk_start(r);
		CHECK_INT(rig_status(r), ==, IOAT_STATE_ARMED);
	}
	rig_close(r);
}

TEST(dpdk_fills_its_lengths_without_a_byte_too_many)
{
	static const uint32_t lengths[] = {8, 64, 1024, 50, 100, 89};
	struct rig *r = open_dpdk();
	unsigned char *to = fake_at(&r->fh, DST);
	size_t i, j;

	for (i = 0; i < 6; i++) {
		memset(to, 0xff, 2048);
		rig_put(r, (unsigned int)i, CTRL_FILL | DESC_CTRL_COMPL, 0xfedcba9876543210, DST,
		        lengths[i]);
		rig_go(r, 1);
		for (j = 0; j < lengths[i]; j++)
			CHECK_INT(to[j], ==, (0xfedcba9876543210 >> (8 * (j % 8))) & 0xff);
		CHECK_INT(to[lengths[i]], ==, 0xff);
	}
	rig_close(r);
}

/* ---- SPDK lib/ioat ---- */

static const enum ioat_model_device all_devices[] = {IOAT_MODEL_ICX, IOAT_MODEL_SKX, IOAT_MODEL_BDX,
                                                     IOAT_MODEL_IVB};

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

static struct rig *
open_spdk(enum ioat_model_device device)
{
	struct rig *r = rig_open(device);

	rig_pattern(r);
	CHECK_INT(ioat_model_read(r->m, IOAT_CBVER, 1), >=, 0x30);
	CHECK(ioat_model_read(r->m, IOAT_DMACAPABILITY, 4) & DMACAP_BFILL);
	CHECK_INT(ioat_model_read(r->m, IOAT_XFERCAP, 1) & XFERCAP_MASK, >=, 12);
	quiesce_and_reset(r);
	rig_set(r, IOAT_CHANCTRL, 2, CHANCTRL_ANY_ERR_ABORT);
	rig_set(r, IOAT_CHANCMP, 8, CMP);
	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(0));
	rig_put(r, 0, CTRL_NULL | DESC_CTRL_COMPL, 0, 0, 8);
	rig_ring(r, 1);
	rig_run(r);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	return r;
}

TEST(spdk_starts_on_every_part_and_is_idle)
{
	size_t i;

	for (i = 0; i < 4; i++)
		rig_close(open_spdk(all_devices[i]));
}

TEST(spdk_gets_one_completion_for_the_last_of_a_flush)
{
	struct rig *r = open_spdk(IOAT_MODEL_SKX);
	unsigned int i;

	for (i = 1; i < 9; i++)
		rig_put(r, i, CTRL_COPY, SRC + i * 64, DST + i * 64, 64);
	/* It sets the flag of the last one just before the doorbell. */
	rig_desc(r, 8)->ctrl |= DESC_CTRL_COMPL;
	rig_go(r, 8);
	CHECK_INT(rig_counters(r).completions, ==, 2);
	CHECK_INT(rig_word(r), ==, rig_slot(8) | IOAT_STATE_DONE);
	rig_check_copied(r, SRC + 64, DST + 64, 8 * 64);
	rig_close(r);
}

TEST(spdk_finds_a_halt_in_the_word_that_it_looks_at_alone)
{
	struct rig *r = open_spdk(IOAT_MODEL_SKX);

	rig_put(r, 1, CTRL_COPY | DESC_CTRL_COMPL, NOWHERE, DST, 64);
	rig_go(r, 1);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_HALTED);
	CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_HALTED);
	rig_close(r);
}

TEST(spdk_detaches_without_a_reset_and_nothing_is_written_any_more)
{
	struct rig *r = open_spdk(IOAT_MODEL_SKX);

	fake_grant(&r->fh, CMP, CMP_LEN, 0);
	rig_run(r);
	ioat_model_advance(r->m, 1000000);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	CHECK_INT(rig_chanerr(r), ==, 0);
	rig_close(r);
}

/* ---- the VFIO selftest ---- */

static struct rig *
open_selftest(enum ioat_model_device device)
{
	struct rig *r = rig_open(device);

	rig_pattern(r);
	rig_set(r, IOAT_CHANERR, 4, UINT32_MAX);
	rig_command(r, CHANCMD_RESET);
	CHECK_INT(rig_get(r, IOAT_CHANCMD, 1), ==, 0);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_HALTED);
	ioat_model_write(r->m, IOAT_INTRCTRL, 1, INTRCTRL_MSIX_VECTOR);
	return r;
}

static void
selftest_batch(struct rig *r, uint32_t ctrl, uint32_t len, uint16_t count)
{
	rig_put(r, 0, ctrl, SRC, DST, len)->next = rig_slot(0);
	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(0));
	rig_set(r, IOAT_CHANCTRL, 2, CHANCTRL_ANY_ERR_ABORT | CHANCTRL_INT_DISABLE);
	rig_set(r, IOAT_DMACOUNT, 2, count);
	rig_run(r);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	rig_command(r, CHANCMD_SUSPEND);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_SUSPENDED);
}

TEST(the_vfio_selftest_copies_again_and_again_from_suspended_without_a_completion_address)
{
	struct rig *r = open_selftest(IOAT_MODEL_SKX);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		memset(fake_at(&r->fh, DST), 0xff, DST_LEN);
		selftest_batch(r, CTRL_COPY, 4096, 100);
		rig_check_copied(r, SRC, DST, 4096);
	}
	selftest_batch(r, CTRL_COPY, 64, 65535);
	CHECK_INT(rig_counters(r).descriptors, ==, 300 + 65535);
	CHECK_INT(rig_counters(r).completions, ==, 0);
	CHECK_INT(rig_chanerr(r), ==, 0);
	rig_close(r);
}

TEST(the_vfio_selftest_sends_an_msi_by_an_8_byte_copy)
{
	struct rig *r = open_selftest(IOAT_MODEL_SKX);
	unsigned int i;

	for (i = 0; i < 3; i++)
		selftest_batch(r, CTRL_COPY | DESC_CTRL_INT_EN, 8, 1);
	CHECK_INT(r->fh.interrupts[0], ==, 3);
	rig_close(r);
}

TEST_MAIN("model under drivers in user space")
