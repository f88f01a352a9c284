/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Traps that models of this chip fall into and that published drivers do not forgive. Each name
 * says what must not happen, and to whom. (Registers in PCI configuration space are not the
 * model's: doc/hardware.md, Configuration space.)
 */

#include <errno.h>

#include "rig.h"

static const enum ioat_model_device all_devices[] = {IOAT_MODEL_ICX, IOAT_MODEL_SKX, IOAT_MODEL_BDX,
                                                     IOAT_MODEL_IVB};

TEST(trap_armed_is_exact_without_address_bits_or_delay_for_dpdk_recover)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_start(r);
	rig_put(r, 0, CTRL_NULL, 0, 0, 8);
	rig_put(r, 1, CTRL_COPY, NOWHERE, DST, 8);
	rig_go(r, 2);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_HALTED);
	rig_set(r, IOAT_CHANERR, 4, rig_chanerr(r));
	rig_command(r, CHANCMD_RESET);
	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(2));
	CHECK_INT(rig_status(r), ==, 4);
	rig_close(r);
}

TEST(trap_armed_is_gone_after_the_doorbell_for_linux_start)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_start(r);
	rig_put(r, 0, CTRL_NULL, 0, 0, 8);
	rig_ring(r, 1);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_ACTIVE);
	rig_run(r);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_DONE);
	rig_close(r);
}

TEST(trap_chainaddr_zeroes_the_count_for_linux_restart_dpdk_and_the_vfio_selftest)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	unsigned int i;

	rig_start(r);
	for (i = 0; i < 8; i++)
		rig_put(r, i, CTRL_NULL, 0, 0, 8);
	rig_go(r, 5);
	rig_command(r, CHANCMD_SUSPEND);
	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(5));
	CHECK_INT(rig_get(r, IOAT_DMACOUNT, 2), ==, 0);
	rig_set(r, IOAT_DMACOUNT, 2, 1);
	rig_run(r);
	CHECK_INT(rig_status(r), ==, rig_slot(5) | IOAT_STATE_DONE);
	CHECK_INT(rig_counters(r).descriptors, ==, 6);
	rig_close(r);
}

TEST(trap_reset_is_over_before_the_writes_that_follow_it_for_dpdk_recover)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_start(r);
	rig_put(r, 0, CTRL_NULL, 0, 0, 8);
	rig_put(r, 1, CTRL_NULL | DESC_CTRL_COMPL, 0, 0, 8);
	rig_ring(r, 1);
	rig_command(r, CHANCMD_RESET);
	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(1));
	rig_set(r, IOAT_CHANCTRL, 2, RIG_CHANCTRL);
	rig_set(r, IOAT_CHANCMP, 8, CMP);
	rig_set(r, IOAT_DMACOUNT, 2, 1);
	rig_run(r);
	CHECK_INT(rig_word(r), ==, rig_slot(1) | IOAT_STATE_DONE);
	CHECK_INT(rig_get(r, IOAT_CHANCTRL, 2), ==, RIG_CHANCTRL);
	rig_close(r);
}

TEST(trap_suspend_is_obeyed_in_idle_for_linux_spdk_dpdk_and_the_vfio_selftest)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_enter(r, IOAT_STATE_DONE);
	rig_command(r, CHANCMD_SUSPEND);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_SUSPENDED);
	rig_close(r);
}

TEST(trap_suspend_takes_no_register_read_even_in_a_large_copy_for_dpdk_stop)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_start(r);
	rig_put(r, 0, CTRL_COPY, SRC, DST, SRC_LEN);
	rig_ring(r, 1);
	ioat_model_step(r->m, 0, 100);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_ACTIVE);
	rig_command(r, CHANCMD_SUSPEND);
	CHECK_INT(rig_state(r), ==, IOAT_STATE_SUSPENDED);
	rig_close(r);
}

TEST(trap_an_interrupt_while_disabled_is_kept_for_linux)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	unsigned int i;

	rig_start(r);
	for (i = 0; i < 2; i++) {
		rig_put(r, i, CTRL_NULL | DESC_CTRL_INT_EN, 0, 0, 8);
		rig_go(r, 1);
	}
	CHECK_INT(r->fh.interrupts[0], ==, 1);
	rig_set(r, IOAT_CHANCTRL, 2, 0x1d);
	CHECK_INT(r->fh.interrupts[0], ==, 2);
	rig_close(r);
}

TEST(trap_msix_does_not_look_at_intrctrl_for_the_vfio_selftest_and_freebsd)
{
	static const unsigned int intrctrl[] = {0x00, 0x01, 0x08, 0x09};
	size_t i;

	for (i = 0; i < 4; i++) {
		struct rig *r = rig_open(IOAT_MODEL_ICX);

		ioat_model_write(r->m, IOAT_INTRCTRL, 1, intrctrl[i]);
		rig_start(r);
		rig_put(r, 0, CTRL_NULL | DESC_CTRL_INT_EN, 0, 0, 8);
		rig_go(r, 1);
		CHECK_INT(r->fh.interrupts[0], ==, 1);
		rig_close(r);
	}
}

TEST(trap_null_descriptors_of_size_1_and_8_with_address_zero_run_for_every_start)
{
	static const uint32_t sizes[] = {1, 8};
	size_t i;

	for (i = 0; i < 2; i++) {
		struct rig *r = rig_open(IOAT_MODEL_ICX);

		rig_start(r);
		rig_put(r, 0, CTRL_NULL | DESC_CTRL_COMPL, 0, 0, sizes[i]);
		rig_go(r, 1);
		CHECK_INT(rig_word(r), ==, rig_slot(0) | IOAT_STATE_DONE);
		rig_close(r);
	}
}

TEST(trap_xfercap_is_never_zero_nor_out_of_range_for_linux_6_1_and_spdk)
{
	struct ioat_model_conf conf = {.xfercap = 11};
	struct ioat_model *m;
	struct fake_host fh;
	size_t i;

	for (i = 0; i < 4; i++) {
		struct rig *r = rig_open(all_devices[i]);
		uint64_t xfercap = ioat_model_read(r->m, IOAT_XFERCAP, 1);

		CHECK(xfercap >= XFERCAP_MIN && xfercap <= XFERCAP_MAX);
		rig_close(r);
	}
	conf.host = fake_callbacks(&fh);
	CHECK_INT(ioat_model_create(&m, &conf), ==, -EINVAL);
	conf.xfercap = 31;
	CHECK_INT(ioat_model_create(&m, &conf), ==, -EINVAL);
}

TEST(trap_there_is_no_dca_block_for_linux_on_processors_with_dca)
{
	size_t i;

	for (i = 0; i < 4; i++) {
		struct rig *r = rig_open(all_devices[i]);

		CHECK_INT(ioat_model_read(r->m, IOAT_DCAOFFSET, 2), ==, 0);
		rig_close(r);
	}
}

TEST(trap_dps_xor_and_pq_are_not_advertised_for_linux)
{
	size_t i;

	for (i = 0; i < 4; i++) {
		struct rig *r = rig_open(all_devices[i]);

		CHECK_INT(ioat_model_read(r->m, IOAT_DMACAPABILITY, 4) &
		                  (DMACAP_DPS | DMACAP_XOR | DMACAP_PQ | DMACAP_RAID16SS |
		                   DMACAP_DWBES | DMACAP_DCA),
		          ==, 0);
		rig_close(r);
	}
}

TEST(trap_a_fault_sets_one_chanerr_bit_whatever_else_is_wrong_for_linux)
{
	/* Everything about these is wrong: operation, size, both addresses, link, completion. */
	static const struct ioat_desc wrong[] = {
		{.ctrl = UINT32_MAX, .src = NOWHERE, .dst = NOWHERE, .next = 1},
		{.ctrl = CTRL_COPY | DESC_CTRL_COMPL, .src = UINT64_MAX, .dst = 0, .next = 1},
		{.ctrl = CTRL_COPY | DESC_CTRL_COMPL, .size = 64, .src = NOWHERE, .dst = NOWHERE},
		{.ctrl = CTRL_FILL | DESC_CTRL_COMPL, .size = UINT32_MAX, .dst = NOWHERE},
		{.ctrl = CTRL_NULL | DESC_CTRL_COMPL, .size = 8, .next = NOWHERE},
	};
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct rig *r = rig_open(IOAT_MODEL_ICX);
		uint32_t chanerr;

		rig_start(r);
		rig_set(r, IOAT_CHANCMP, 8, NOWHERE + 1);
		*rig_desc(r, 0) = wrong[i];
		rig_go(r, 2);
		chanerr = rig_chanerr(r);
		CHECK_INT(chanerr, !=, 0);
		CHECK_INT(chanerr & (chanerr - 1), ==, 0);
		rig_close(r);
	}
}

TEST(trap_no_completion_is_written_after_reset_for_linux_and_spdk)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	unsigned int i;

	rig_start(r);
	for (i = 0; i < 4; i++)
		rig_put(r, i, CTRL_COPY | DESC_CTRL_COMPL, SRC, DST, 65536);
	rig_ring(r, 4);
	ioat_model_step(r->m, 0, 100000);
	CHECK_INT(r->fh.events, ==, 1);
	rig_command(r, CHANCMD_RESET);
	rig_set(r, IOAT_CHANCMP, 8, CMP);
	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(0));
	rig_run(r);
	CHECK_INT(r->fh.events, ==, 1);
	rig_close(r);
}

TEST(trap_chancmp_is_not_looked_at_without_a_completion_flag_for_the_vfio_selftest)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_start(r);
	rig_set(r, IOAT_CHANCMP, 8, UINT64_MAX);
	rig_put(r, 0, CTRL_COPY | DESC_CTRL_INT_EN, SRC, DST, 64);
	rig_go(r, 1);
	CHECK_INT(rig_status(r), ==, rig_slot(0) | IOAT_STATE_DONE);
	CHECK_INT(rig_chanerr(r), ==, 0);
	rig_close(r);
}

TEST(trap_a_ring_of_scattered_pieces_runs_for_linux_and_spdk)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);
	unsigned int i;

	rig_start(r);
	/* Stride 5 visits all 256 slots in an order that is nowhere contiguous. */
	for (i = 0; i < RIG_SLOTS; i++)
		rig_put(r, i * 5 % RIG_SLOTS, CTRL_NULL | DESC_CTRL_COMPL, 0, 0, 8)->next =
			rig_slot((i + 1) * 5 % RIG_SLOTS);
	rig_go(r, RIG_SLOTS);
	for (i = 0; i < RIG_SLOTS; i++)
		CHECK_INT(r->fh.event[i].value & CHANSTS_DESC, ==, rig_slot(i * 5 % RIG_SLOTS));
	rig_close(r);
}

TEST_MAIN("model traps")
