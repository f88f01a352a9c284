/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* See fake_pci.h. The file under test is included whole, so that its accesses lead here. */

#include <errno.h>
#include <linux/pci_regs.h>

#include "fake_pci.h"

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

struct fake_function fake;

/* Over the model. */
static pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;

static ioat_doorbell *
bar_doorbell(unsigned int i)
{
	return (ioat_doorbell *)(void *)&fake.bar[IOAT_CHAN_BASE(i) + IOAT_DMACOUNT];
}

/* What the device sees of plain stores to its doorbells, and the work that follows. */
static void
fake_run_locked(void)
{
	unsigned int i;

	for (i = 0; i < fake.channels; i++) {
		uint16_t count = mmio_read_doorbell(bar_doorbell(i));

		if (count != fake.seen[i])
			ioat_model_write(fake.model, IOAT_CHAN_BASE(i) + IOAT_DMACOUNT, 2, count);
		fake.seen[i] = count;
		while (!fake.frozen && ioat_model_step(fake.model, i, 1 << 20) > 0)
			;
	}
}

void
fake_run(void)
{
	pthread_mutex_lock(&fake_lock);
	fake_run_locked();
	pthread_mutex_unlock(&fake_lock);
}

static uint64_t
fake_bar_read(const volatile void *bar, uint32_t off, unsigned int width)
{
	uint64_t value;

	fake.late += atomic_load(&fake.pulled);
	CHECK(bar == fake.bar);
	if (fake.gone || fake.pulled)
		return UINT64_MAX >> (64 - 8 * width);
	pthread_mutex_lock(&fake_lock);
	fake_run_locked();
	value = fake.no_channels && off == IOAT_CHANCNT ? 0
	                                                : ioat_model_read(fake.model, off, width);
	pthread_mutex_unlock(&fake_lock);
	return value;
}

static void
fake_bar_write(volatile void *bar, uint32_t off, unsigned int width, uint64_t value)
{
	unsigned int i;

	fake.late += atomic_load(&fake.pulled);
	CHECK(bar == fake.bar);
	if (fake.gone || fake.pulled)
		return;
	pthread_mutex_lock(&fake_lock);
	fake.writes++;
	fake_run_locked();
	ioat_model_write(fake.model, off, width, value);
	for (i = 0; i < fake.channels; i++) {
		fake.seen[i] =
			(uint16_t)ioat_model_read(fake.model, IOAT_CHAN_BASE(i) + IOAT_DMACOUNT, 2);
		mmio_write_doorbell(bar_doorbell(i), fake.seen[i]);
	}
	pthread_mutex_unlock(&fake_lock);
}

static int
fake_cfg_read(const struct rte_pci_device *pci __rte_unused, void *buf, size_t len, off_t off)
{
	if (off == IOAT_CFG_CHANERR_INT) {
		CHECK_INT(len, ==, 4);
		memcpy(buf, &fake.chanerr_int, 4);
		return 4;
	}
	CHECK_INT(off + len, <=, sizeof(fake.cfg));
	if (fake.cfg_unreadable)
		return -1;
	memcpy(buf, fake.cfg + off, len);
	return (int)len;
}

static int
fake_cfg_write(const struct rte_pci_device *pci __rte_unused, const void *buf, size_t len,
               off_t off)
{
	uint32_t bits;

	if (off == IOAT_CFG_CHANERR_INT) {
		CHECK_INT(len, ==, 4);
		memcpy(&bits, buf, 4);
		fake.chanerr_int &= ~bits;
		fake.cfg_clears++;
		return 4;
	}
	CHECK_INT(off, ==, fake.express + PCI_EXP_DEVCTL);
	CHECK_INT(len, ==, 2);
	fake.devctl_writes++;
	if (fake.cfg_refuses)
		return -1;
	if (!fake.cfg_ignores)
		memcpy(fake.cfg + off, buf, len);
	return (int)len;
}

void
fake_express(uint8_t at)
{
	const uint16_t devctl = FAKE_DEVCTL;
	const uint8_t msix = 0xc0;

	memset(fake.cfg, 0, sizeof(fake.cfg));
	fake.express = at;
	if (at == 0)
		return;
	fake.cfg[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	fake.cfg[PCI_CAPABILITY_LIST] = msix;
	fake.cfg[msix] = PCI_CAP_ID_MSIX;
	fake.cfg[msix + 1] = at;
	fake.cfg[at] = PCI_CAP_ID_EXP;
	memcpy(fake.cfg + at + PCI_EXP_DEVCTL, &devctl, sizeof(devctl));
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

static struct rte_devargs devargs;

void
fake_plug(enum ioat_model_device part, unsigned int channels)
{
	const struct ioat_model_conf conf = {
		.device = part,
		.channels = channels,
		/* Before version 3.4 the worst: the watchdog has to find the halts. */
		.halt_word = ioat_model_identity(part)->cbver < CBVER_3_4
	                             ? IOAT_MODEL_HALT_WORD_NEVER
	                             : IOAT_MODEL_HALT_WORD_ASKED,
		.host = {.dma_read = host_read,
	                 .dma_write = host_write,
	                 .dma_write64 = host_write64},
	};

	memset(&fake, 0, sizeof(fake));
	fake.channels = channels;
	CHECK_INT(ioat_model_create(&fake.model, &conf), ==, 0);
	snprintf(fake.pci.name, sizeof(fake.pci.name), "0000:00:04.0");
	fake.pci.device.name = fake.pci.name;
	fake.pci.id.device_id = ioat_model_identity(part)->pci_device;
	fake.pci.mem_resource[0].addr = fake.bar;
	fake.pci.mem_resource[0].len = sizeof(fake.bar);
	fake_express(0x90); /* as on Xeons */
}

/* Arguments as "-a 0000:00:04.0,..." gives them. */
void
fake_give(char *args)
{
	devargs.args = args;
	fake.pci.device.devargs = &devargs;
}

uint64_t
fake_reg(uint32_t reg, unsigned int width)
{
	return ioat_model_read(fake.model, IOAT_CHAN_BASE(0) + reg, width);
}

int
fake_remove(void)
{
	return dma_ioat_pci_driver->remove(&fake.pci);
}

const struct rte_pci_id *
fake_id_table(void)
{
	return dma_ioat_pci_driver->id_table;
}

void
fake_unplug(void)
{
	CHECK_INT(fake_remove(), ==, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name(fake.pci.name), <, 0);
	ioat_model_destroy(fake.model);
}

int
fake_probe(void)
{
	return dma_ioat_pci_driver->probe(NULL, &fake.pci);
}

int16_t
fake_start(void)
{
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
	                                         .nb_desc = 64};
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	int16_t id;

	CHECK_INT(fake_probe(), ==, 0);
	id = (int16_t)rte_dma_get_dev_id_by_name(fake.pci.name);
	CHECK_INT(id, >=, 0);
	CHECK_INT(rte_dma_configure(id, &conf), ==, 0);
	CHECK_INT(rte_dma_vchan_setup(id, 0, &vchan), ==, 0);
	CHECK_INT(rte_dma_start(id), ==, 0);
	return id;
}
