/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 *
 * over 500 lines: the fake function and the fork around each case are shared by all
 */

/*
 * The PCI front door on a BAR that the model answers. The file under test is included whole, its
 * accesses to BAR and configuration space are taken over; silicon or a VM is not involved.
 */

#include <errno.h>

#include "eal.h"
#include "test.h"

#include <rte_bus_pci.h>

#include "ioat_hw.h"
#include "ioat_model.h"
#include "ioat_priv.h"

static uint64_t fake_bar_read(const volatile void *bar, uint32_t off, unsigned int width);
static void fake_bar_write(volatile void *bar, uint32_t off, unsigned int width, uint64_t value);
static int fake_cfg_read(const struct rte_pci_device *pci, void *buf, size_t len, off_t off);
static int fake_cfg_write(const struct rte_pci_device *pci, const void *buf, size_t len, off_t off);

#define mmio_bar_read        fake_bar_read
#define mmio_bar_write       fake_bar_write
#define rte_pci_read_config  fake_cfg_read
#define rte_pci_write_config fake_cfg_write
/*
 * The driver under test would be registered twice: it is part of the program, too. From DPDK 25.07
 * on the strings for dpdk-pmdinfo.py have external linkage.
 */
#undef RTE_PMD_REGISTER_PCI
#undef RTE_PMD_REGISTER_PCI_TABLE
#undef RTE_PMD_REGISTER_KMOD_DEP
#undef RTE_PMD_REGISTER_PARAM_STRING
#define RTE_PMD_REGISTER_PCI_TABLE(name, table)
#define RTE_PMD_REGISTER_KMOD_DEP(name, modules)
#define RTE_PMD_REGISTER_PARAM_STRING(name, text)
#define RTE_PMD_REGISTER_PCI(name, driver) \
	static const struct rte_pci_driver *const name##_driver = &(driver)
#include "ioat_pci.c"

#define CHANNELS 4

static struct {
	struct ioat_model *model;
	uint8_t bar[IOAT_BAR_SIZE] __rte_cache_aligned;
	uint16_t seen[CHANNELS];
	unsigned int channels;
	uint32_t chanerr_int;
	int cfg_clears;
	int writes; /* to the BAR */
	bool gone;
	bool no_channels;
} dev;

static ioat_doorbell *
bar_doorbell(unsigned int i)
{
	return (ioat_doorbell *)(void *)&dev.bar[IOAT_CHAN_BASE(i) + IOAT_DMACOUNT];
}

/* What the device sees of plain stores to its doorbells, and the work that follows. */
static void
run(void)
{
	unsigned int i;

	for (i = 0; i < dev.channels; i++) {
		uint16_t count = mmio_read_doorbell(bar_doorbell(i));

		if (count != dev.seen[i])
			ioat_model_write(dev.model, IOAT_CHAN_BASE(i) + IOAT_DMACOUNT, 2, count);
		dev.seen[i] = count;
		while (ioat_model_step(dev.model, i, 1 << 20) > 0)
			;
	}
}

static uint64_t
fake_bar_read(const volatile void *bar, uint32_t off, unsigned int width)
{
	CHECK(bar == dev.bar);
	if (dev.gone)
		return UINT64_MAX >> (64 - 8 * width);
	run();
	if (dev.no_channels && off == IOAT_CHANCNT)
		return 0;
	return ioat_model_read(dev.model, off, width);
}

static void
fake_bar_write(volatile void *bar, uint32_t off, unsigned int width, uint64_t value)
{
	unsigned int i;

	CHECK(bar == dev.bar);
	if (dev.gone)
		return;
	dev.writes++;
	run();
	ioat_model_write(dev.model, off, width, value);
	for (i = 0; i < dev.channels; i++) {
		dev.seen[i] =
			(uint16_t)ioat_model_read(dev.model, IOAT_CHAN_BASE(i) + IOAT_DMACOUNT, 2);
		mmio_write_doorbell(bar_doorbell(i), dev.seen[i]);
	}
}

static int
fake_cfg_read(const struct rte_pci_device *pci __rte_unused, void *buf, size_t len, off_t off)
{
	CHECK_INT(off, ==, IOAT_CFG_CHANERR_INT);
	CHECK_INT(len, ==, 4);
	memcpy(buf, &dev.chanerr_int, 4);
	return 4;
}

static int
fake_cfg_write(const struct rte_pci_device *pci __rte_unused, const void *buf, size_t len,
               off_t off)
{
	uint32_t bits;

	CHECK_INT(off, ==, IOAT_CFG_CHANERR_INT);
	CHECK_INT(len, ==, 4);
	memcpy(&bits, buf, 4);
	dev.chanerr_int &= ~bits;
	dev.cfg_clears++;
	return 4;
}

static int
host_read(void *ctx __rte_unused, uint64_t addr, void *buf, size_t len)
{
	memcpy(buf, (const void *)(uintptr_t)addr, len);
	return 0;
}

static int
host_write(void *ctx __rte_unused, uint64_t addr, const void *buf, size_t len)
{
	memcpy((void *)(uintptr_t)addr, buf, len);
	return 0;
}

static int
host_write64(void *ctx __rte_unused, uint64_t addr, uint64_t value)
{
	return host_write(ctx, addr, &value, sizeof(value));
}

static struct rte_pci_device pci;
static struct rte_devargs devargs;

static void
plug(enum ioat_model_device part, unsigned int channels)
{
	const struct ioat_model_conf conf = {
		.device = part,
		.channels = channels,
		.host = {.dma_read = host_read,
	                 .dma_write = host_write,
	                 .dma_write64 = host_write64},
	};

	memset(&dev, 0, sizeof(dev));
	memset(&pci, 0, sizeof(pci));
	dev.channels = channels;
	CHECK_INT(ioat_model_create(&dev.model, &conf), ==, 0);
	snprintf(pci.name, sizeof(pci.name), "0000:00:04.0");
	pci.device.name = pci.name;
	pci.mem_resource[0].addr = dev.bar;
	pci.mem_resource[0].len = sizeof(dev.bar);
}

/* Arguments as "-a 0000:00:04.0,..." gives them. */
static void
give(char *args)
{
	devargs.args = args;
	pci.device.devargs = &devargs;
}

static uint64_t
channel_reg(uint32_t reg, unsigned int width)
{
	return ioat_model_read(dev.model, IOAT_CHAN_BASE(0) + reg, width);
}

static void
unplug(void)
{
	CHECK_INT(dma_ioat_pci_driver->remove(&pci), ==, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name(pci.name), <, 0);
	ioat_model_destroy(dev.model);
}

static int
probe(void)
{
	return dma_ioat_pci_driver->probe(NULL, &pci);
}

static bool
id_is_known(uint16_t device)
{
	const struct rte_pci_id *id;

	for (id = dma_ioat_pci_driver->id_table; id->vendor_id != 0; id++)
		if (id->vendor_id == IOAT_PCI_VENDOR_INTEL && id->device_id == device)
			return true;
	return false;
}

TEST(all_ids_with_the_layout_of_version_3_are_known_and_no_others)
{
	static const struct {
		uint16_t first, last;
	} range[] = {
		{0x0b00, 0x0b00}, {0x0c50, 0x0c53}, {0x0e20, 0x0e27}, {0x0e2e, 0x0e2f},
		{0x2021, 0x2021}, {0x2f20, 0x2f27}, {0x2f2e, 0x2f2f}, {0x3429, 0x342c},
		{0x3430, 0x3433}, {0x3710, 0x3719}, {0x3c20, 0x3c27}, {0x3c2e, 0x3c2f},
		{0x6f20, 0x6f27}, {0x6f2e, 0x6f2f}, {0x6f50, 0x6f53},
	};
	unsigned int id, i;
	bool want;

	for (id = 0; id <= UINT16_MAX; id++) {
		want = false;
		for (i = 0; i < RTE_DIM(range); i++)
			want |= id >= range[i].first && id <= range[i].last;
		CHECK_INT(id_is_known((uint16_t)id), ==, want);
	}
}

/* A started dmadev on the plugged function, with a ring of 64. */
static int16_t
start(void)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = 64};
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	int16_t id;

	CHECK_INT(probe(), ==, 0);
	id = (int16_t)rte_dma_get_dev_id_by_name(pci.name);
	CHECK_INT(id, >=, 0);
	CHECK_INT(rte_dma_configure(id, &conf), ==, 0);
	CHECK_INT(rte_dma_vchan_setup(id, 0, &vchan), ==, 0);
	CHECK_INT(rte_dma_start(id), ==, 0);
	return id;
}

TEST(one_channel_carries_the_name_of_its_function_and_copies)
{
	uint8_t a[100], b[100] = {0};
	int16_t id;

	plug(IOAT_MODEL_ICX, 1);
	id = start();
	memset(a, 0x42, sizeof(a));
	CHECK_INT(
		rte_dma_copy(id, 0, (uintptr_t)a, (uintptr_t)b, sizeof(a), RTE_DMA_OP_FLAG_SUBMIT),
		==, 0);
	run();
	CHECK_INT(rte_dma_completed(id, 0, 1, NULL, NULL), ==, 1);
	CHECK_MEM(a, b, sizeof(a));
	CHECK_INT(rte_dma_stop(id), ==, 0);
	unplug();
}

TEST(several_channels_become_several_dmadevs)
{
	plug(IOAT_MODEL_SKX, CHANNELS);
	CHECK_INT(probe(), ==, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name("0000:00:04.0"), <, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name("0000:00:04.0_ch0"), >=, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name("0000:00:04.0_ch3"), >=, 0);
	unplug();
	CHECK_INT(rte_dma_get_dev_id_by_name("0000:00:04.0_ch3"), <, 0);
}

TEST(reset_clears_chanerr_int_in_configuration_space)
{
	plug(IOAT_MODEL_IVB, 1);
	dev.chanerr_int = 0x300;
	CHECK_INT(probe(), ==, 0);
	CHECK_INT(dev.chanerr_int, ==, 0);
	CHECK_INT(dev.cfg_clears, >, 0);
	unplug();
}

TEST(bar_that_is_missing_or_too_small_is_refused)
{
	plug(IOAT_MODEL_ICX, 1);
	pci.mem_resource[0].len = 0x80;
	CHECK_INT(probe(), ==, -ENODEV);
	pci.mem_resource[0].addr = NULL;
	CHECK_INT(probe(), ==, -ENODEV);
	ioat_model_destroy(dev.model);
}

TEST(device_that_reads_all_ones_is_refused_and_leaves_no_dmadev)
{
	plug(IOAT_MODEL_ICX, 1);
	dev.gone = true;
	CHECK_INT(probe(), ==, -ENODEV);
	CHECK_INT(rte_dma_count_avail(), ==, 0);
	ioat_model_destroy(dev.model);
}

TEST(device_that_refused_the_reset_of_stop_can_be_removed)
{
	const struct ioat_model_fault refuse = {.kind = IOAT_MODEL_FAULT_RESET, .count = 1000000};
	int16_t id;

	plug(IOAT_MODEL_ICX, 1);
	id = start();
	CHECK_INT(ioat_model_inject(dev.model, 0, &refuse), ==, 0);
	CHECK_INT(rte_dma_stop(id), ==, -ETIMEDOUT);
	unplug();
}

TEST(later_parts_are_reset_without_configuration_space)
{
	plug(IOAT_MODEL_ICX, 1);
	dev.chanerr_int = 0x300;
	CHECK_INT(probe(), ==, 0);
	CHECK_INT(dev.cfg_clears, ==, 0);
	unplug();
}

TEST(device_that_vanishes_can_be_removed)
{
	plug(IOAT_MODEL_ICX, 1);
	CHECK_INT(probe(), ==, 0);
	dev.gone = true;
	unplug();
	CHECK_INT(rte_dma_count_avail(), ==, 0);
}

TEST(function_without_channels_is_refused)
{
	plug(IOAT_MODEL_ICX, 1);
	dev.no_channels = true;
	CHECK_INT(probe(), ==, -ENODEV);
	CHECK_INT(dev.writes, ==, 0);
	ioat_model_destroy(dev.model);
}

TEST(channel_in_use_is_refused_and_not_written_to)
{
	plug(IOAT_MODEL_ICX, 1);
	CHECK_INT(channel_reg(IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, ==, 0); /* taken by this read */
	CHECK_INT(probe(), ==, -EBUSY);
	CHECK_INT(dev.writes, ==, 0);
	CHECK_INT(rte_dma_count_avail(), ==, 0);
	ioat_model_destroy(dev.model);
}

TEST(channel_in_use_is_taken_over_where_the_argument_asks_for_it)
{
	char args[] = "takeover=1";

	plug(IOAT_MODEL_ICX, 1);
	channel_reg(IOAT_CHANCTRL, 2);
	give(args);
	CHECK_INT(probe(), ==, 0);
	unplug();
}

TEST(open_channel_is_marked_in_use_until_it_is_closed)
{
	int16_t id;

	plug(IOAT_MODEL_ICX, 1);
	CHECK_INT(probe(), ==, 0);
	CHECK_INT(channel_reg(IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, !=, 0);
	CHECK_INT(dma_ioat_pci_driver->remove(&pci), ==, 0);
	CHECK_INT(channel_reg(IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, ==, 0);
	ioat_model_write(dev.model, IOAT_CHAN_BASE(0) + IOAT_CHANCTRL, 2, 0);
	id = start();
	CHECK_INT(channel_reg(IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, !=, 0);
	CHECK_INT(rte_dma_stop(id), ==, 0);
	CHECK_INT(channel_reg(IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, !=, 0);
	unplug();
}

TEST(channel_that_cannot_be_opened_is_given_back)
{
	const struct ioat_model_fault refuse = {.kind = IOAT_MODEL_FAULT_RESET, .count = 1};

	plug(IOAT_MODEL_ICX, 1);
	CHECK_INT(ioat_model_inject(dev.model, 0, &refuse), ==, 0);
	CHECK_INT(probe(), ==, -ETIMEDOUT);
	CHECK_INT(channel_reg(IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, ==, 0);
	ioat_model_destroy(dev.model);
}

TEST(closed_device_knows_no_address_to_write_to)
{
	int16_t id;

	plug(IOAT_MODEL_ICX, 1);
	id = start();
	CHECK_INT(channel_reg(IOAT_CHANCMP, 8), !=, 0);
	CHECK_INT(rte_dma_stop(id), ==, 0);
	CHECK_INT(rte_dma_close(id), ==, 0);
	CHECK_INT(channel_reg(IOAT_CHANCMP, 8), ==, 0);
	CHECK_INT(channel_reg(IOAT_CHAINADDR, 8), ==, 0);
	CHECK_INT(channel_reg(IOAT_CHANSTS, 8), ==, IOAT_STATE_HALTED);
	unplug();
}

TEST(bad_arguments_are_refused_before_the_device_is_touched)
{
	static const char *const bad[] = {"takeover=2", "takeover=x", "takeover=",   "colour=red",
	                                  "device=icx", "=",          "takeover=-1", "takeover= 1"};
	char args[32];
	size_t i;

	for (i = 0; i < RTE_DIM(bad); i++) {
		plug(IOAT_MODEL_ICX, 1);
		snprintf(args, sizeof(args), "%s", bad[i]);
		give(args);
		CHECK_INT(probe(), ==, -EINVAL);
		CHECK_INT(dev.writes, ==, 0);
		ioat_model_destroy(dev.model);
	}
}

/* What a process leaves that died in the middle of its work: see each test. */
static void
leave_behind(uint64_t chain, uint64_t cmp, unsigned int count)
{
	const uint32_t base = IOAT_CHAN_BASE(0);

	channel_reg(IOAT_CHANCTRL, 2);
	ioat_model_write(dev.model, base + IOAT_CHANCTRL, 2,
	                 CHANCTRL_IN_USE | CHANCTRL_ANY_ERR_ABORT | CHANCTRL_ERR_COMPL_EN);
	ioat_model_write(dev.model, base + IOAT_CHANCMP, 8, cmp);
	ioat_model_write(dev.model, base + IOAT_CHAINADDR, 8, chain);
	ioat_model_write(dev.model, base + IOAT_DMACOUNT, 2, count);
}

static void
check_next_process_copies(void)
{
	uint8_t a[64], b[64] = {0};
	char args[] = "takeover=1";
	int16_t id;

	give(args);
	id = start();
	memset(a, 0x24, sizeof(a));
	CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)a, (uintptr_t)b, 64, RTE_DMA_OP_FLAG_SUBMIT), ==,
	          0);
	run();
	CHECK_INT(rte_dma_completed(id, 0, 1, NULL, NULL), ==, 1);
	CHECK_MEM(a, b, sizeof(a));
	unplug();
}

TEST(channel_that_a_dead_process_left_active_is_opened_by_the_next)
{
	static struct ioat_desc loop __rte_cache_aligned;
	static uint64_t word;

	plug(IOAT_MODEL_ICX, 1);
	loop = (struct ioat_desc){.size = 8, .ctrl = DESC_CTRL_NULL, .next = (uintptr_t)&loop};
	leave_behind((uintptr_t)&loop, (uintptr_t)&word, 60000);
	CHECK_INT(channel_reg(IOAT_CHANSTS, 4) & CHANSTS_STATE, ==, IOAT_STATE_ACTIVE);
	word = 0xdead;
	check_next_process_copies();
	CHECK_INT(word, ==, 0xdead);
}

TEST(channel_that_a_dead_process_left_halted_is_opened_by_the_next)
{
	static struct ioat_desc bad __rte_cache_aligned; /* size 0 */
	static uint64_t word;

	plug(IOAT_MODEL_ICX, 1);
	leave_behind((uintptr_t)&bad, (uintptr_t)&word, 1);
	ioat_model_step(dev.model, 0, 1000);
	CHECK_INT(channel_reg(IOAT_CHANSTS, 4) & CHANSTS_STATE, ==, IOAT_STATE_HALTED);
	CHECK_INT(channel_reg(IOAT_CHANERR, 4), !=, 0);
	word = 0xdead;
	check_next_process_copies();
	CHECK_INT(word, ==, 0xdead);
}

TEST_LIST

int
main(void)
{
	return eal_test_main("--no-huge -m 64 --no-pci --no-shconf -l 0 --no-telemetry",
	                     "driver_pci");
}
