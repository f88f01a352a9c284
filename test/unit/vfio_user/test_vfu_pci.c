/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Configuration space as a kernel walks it. */

#include <linux/pci_regs.h>

#include "ioat_hw.h"
#include "test.h"
#include "vfu_engine.h"

static struct vfu_func *
func_open(enum ioat_model_device device, unsigned int function)
{
	struct vfu_func_conf conf = {
		.device = device, .function = function, .multi_function = function != 0};
	struct vfu_func *func;

	CHECK_INT(vfu_func_create(&func, &conf), ==, 0);
	return func;
}

static uint32_t
cfg(struct vfu_func *func, uint32_t offset, size_t len)
{
	uint32_t value = 0;

	vfu_func_lock(func);
	vfu_func_cfg_read(func, offset, &value, len);
	vfu_func_unlock(func);
	return value;
}

static void
cfg_write(struct vfu_func *func, uint32_t offset, uint32_t value, size_t len)
{
	vfu_func_lock(func);
	vfu_func_cfg_write(func, offset, &value, len);
	vfu_func_unlock(func);
}

static uint64_t
bar(struct vfu_func *func, uint32_t offset, size_t len)
{
	uint64_t value = 0;

	vfu_func_lock(func);
	vfu_func_bar_read(func, offset, &value, len);
	vfu_func_unlock(func);
	return value;
}

static void
bar_write(struct vfu_func *func, uint32_t offset, uint64_t value, size_t len)
{
	vfu_func_lock(func);
	vfu_func_bar_write(func, offset, &value, len);
	vfu_func_unlock(func);
}

TEST(identity_is_that_of_the_part)
{
	static const uint16_t ids[] = {0x0b00, 0x2021, 0x6f20, 0x0e20};
	unsigned int i;

	for (i = 0; i < 4; i++) {
		struct vfu_func *func = func_open((enum ioat_model_device)i, 0);

		CHECK_INT(cfg(func, PCI_VENDOR_ID, 2), ==, 0x8086);
		CHECK_INT(cfg(func, PCI_DEVICE_ID, 2), ==, ids[i]);
		CHECK_INT(cfg(func, PCI_CLASS_REVISION, 4), ==, 0x08800004);
		CHECK_INT(cfg(func, PCI_HEADER_TYPE, 1), ==, 0);
		vfu_func_destroy(func);
	}
}

TEST(older_parts_count_their_ids_newer_ones_do_not)
{
	static const uint16_t ids[] = {0x0b00, 0x2021, 0x6f25, 0x0e25};
	unsigned int i;

	for (i = 0; i < 4; i++) {
		struct vfu_func *func = func_open((enum ioat_model_device)i, 5);

		CHECK_INT(cfg(func, PCI_DEVICE_ID, 2), ==, ids[i]);
		CHECK_INT(cfg(func, PCI_HEADER_TYPE, 1), ==, 0x80);
		CHECK_INT(cfg(func, PCI_INTERRUPT_PIN, 1), ==, 2);
		vfu_func_destroy(func);
	}
}

TEST(capabilities_are_msix_pcie_and_power_management)
{
	struct vfu_func *func = func_open(IOAT_MODEL_ICX, 0);

	CHECK_INT(cfg(func, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, ==, PCI_STATUS_CAP_LIST);
	CHECK_INT(cfg(func, PCI_CAPABILITY_LIST, 1), ==, 0x80);
	CHECK_INT(cfg(func, 0x80, 2), ==, 0x90 << 8 | PCI_CAP_ID_MSIX);
	CHECK_INT(cfg(func, 0x82, 2) & PCI_MSIX_FLAGS_QSIZE, ==, 0);
	CHECK_INT(cfg(func, 0x84, 4), ==, IOAT_MSIX_TABLE);
	CHECK_INT(cfg(func, 0x88, 4), ==, IOAT_MSIX_PBA);
	CHECK_INT(cfg(func, 0x90, 2), ==, 0xe0 << 8 | PCI_CAP_ID_EXP);
	CHECK_INT(cfg(func, 0x94, 4) & PCI_EXP_DEVCAP_FLR, ==, PCI_EXP_DEVCAP_FLR);
	CHECK_INT(cfg(func, 0xe0, 2), ==, PCI_CAP_ID_PM);
	CHECK_INT(cfg(func, 0xe4, 2), ==, PCI_PM_CTRL_NO_SOFT_RESET);
	CHECK_INT(cfg(func, 0x100, 4), ==, 0); /* no extended capability */
	vfu_func_destroy(func);
}

TEST(bar0_is_sized_as_16_kib_of_64_bit_memory)
{
	struct vfu_func *func = func_open(IOAT_MODEL_ICX, 0);
	uint32_t i;

	CHECK_INT(cfg(func, PCI_BASE_ADDRESS_0, 4), ==, PCI_BASE_ADDRESS_MEM_TYPE_64);
	cfg_write(func, PCI_BASE_ADDRESS_0, UINT32_MAX, 4);
	cfg_write(func, PCI_BASE_ADDRESS_1, UINT32_MAX, 4);
	CHECK_INT(cfg(func, PCI_BASE_ADDRESS_0, 4), ==, 0xffffc004);
	CHECK_INT(cfg(func, PCI_BASE_ADDRESS_1, 4), ==, 0xffffffff);
	for (i = PCI_BASE_ADDRESS_2; i <= PCI_BASE_ADDRESS_5; i += 4) {
		cfg_write(func, i, UINT32_MAX, 4);
		CHECK_INT(cfg(func, i, 4), ==, 0);
	}
	cfg_write(func, PCI_ROM_ADDRESS, UINT32_MAX, 4);
	CHECK_INT(cfg(func, PCI_ROM_ADDRESS, 4), ==, 0);
	vfu_func_destroy(func);
}

TEST(io_space_cannot_be_enabled)
{
	struct vfu_func *func = func_open(IOAT_MODEL_ICX, 0);

	cfg_write(func, PCI_COMMAND, 0xffff, 2);
	CHECK_INT(cfg(func, PCI_COMMAND, 2), ==, 0x546);
	vfu_func_destroy(func);
}

TEST(writes_to_all_of_configuration_space_change_only_what_is_writable)
{
	struct vfu_func *func = func_open(IOAT_MODEL_ICX, 0);
	uint32_t i;

	for (i = 0; i < VFU_CFG_SIZE; i++) {
		if (i != 0x99) /* FLR */
			cfg_write(func, i, 0xff, 1);
	}
	CHECK_INT(cfg(func, 0, 4), ==, 0x0b008086);
	CHECK_INT(cfg(func, 0x82, 2), ==, 0xc000);
	CHECK_INT(cfg(func, 0x100, 4), ==, 0);
	CHECK_INT(cfg(func, 0xe4, 2), ==, PCI_PM_CTRL_NO_SOFT_RESET | 3);
	for (i = 0x190; i < VFU_CFG_SIZE; i++)
		CHECK_INT(cfg(func, i, 1), ==, 0);
	vfu_func_destroy(func);
}

TEST(registers_answer_only_with_memory_enabled_and_in_d0)
{
	struct vfu_func *func = func_open(IOAT_MODEL_SKX, 0);

	CHECK_INT(bar(func, IOAT_CBVER, 1), ==, 0xff);
	bar_write(func, IOAT_INTRDELAY, 5, 2);
	cfg_write(func, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	CHECK_INT(bar(func, IOAT_CBVER, 1), ==, CBVER_3_3);
	CHECK_INT(bar(func, IOAT_INTRDELAY, 2), ==, INTRDELAY_COALESCE);
	cfg_write(func, 0xe4, 3, 2);
	CHECK_INT(bar(func, IOAT_CBVER, 4), ==, 0xffffffff);
	cfg_write(func, 0xe4, 0, 2);
	CHECK_INT(bar(func, IOAT_CBVER, 1), ==, CBVER_3_3);
	vfu_func_destroy(func);
}

TEST(msix_table_is_memory_and_masked_after_reset)
{
	struct vfu_func *func = func_open(IOAT_MODEL_ICX, 0);

	cfg_write(func, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	CHECK_INT(bar(func, IOAT_MSIX_TABLE + 12, 4), ==, 1);
	bar_write(func, IOAT_MSIX_TABLE, 0xfee00003, 4);
	bar_write(func, IOAT_MSIX_TABLE + 8, 0x4041, 4);
	bar_write(func, IOAT_MSIX_TABLE + 12, 0xfffffffe, 4);
	CHECK_INT(bar(func, IOAT_MSIX_TABLE, 8), ==, 0xfee00000);
	CHECK_INT(bar(func, IOAT_MSIX_TABLE + 8, 8), ==, 0x4041);
	CHECK_INT(bar(func, IOAT_MSIX_TABLE + 16, 8), ==, 0);
	bar_write(func, IOAT_MSIX_PBA, UINT64_MAX, 8);
	CHECK_INT(bar(func, IOAT_MSIX_PBA, 8), ==, 0);
	vfu_func_destroy(func);
}

TEST(bulk_access_reads_what_single_ones_do)
{
	struct vfu_func *func = func_open(IOAT_MODEL_ICX, 0);
	uint8_t all[IOAT_BAR_SIZE];
	uint32_t i;

	cfg_write(func, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	bar_write(func, IOAT_MSIX_TABLE + 8, 0x4041, 4);
	vfu_func_lock(func);
	vfu_func_bar_read(func, 0, all, sizeof(all));
	vfu_func_unlock(func);
	for (i = 0; i < sizeof(all); i++) {
		if (i / 2 != (IOAT_CHAN_BASE(0) + IOAT_CHANCTRL) / 2) /* a read takes it */
			CHECK_INT(bar(func, i, 1), ==, all[i]);
	}
	vfu_func_destroy(func);
}

TEST(old_stability_workaround_can_be_written)
{
	struct vfu_func *func = func_open(IOAT_MODEL_IVB, 0);

	CHECK_INT(cfg(func, 0x184, 4), ==, 0x60000);
	cfg_write(func, 0x184, 0x3e07, 4);
	CHECK_INT(cfg(func, 0x184, 4), ==, 0x3e07);
	CHECK_INT(cfg(func, 0x180, 4), ==, 0);
	CHECK_INT(cfg(func, 0x148, 4), ==, 0);
	vfu_func_destroy(func);
}

TEST_MAIN("vfu_pci")
