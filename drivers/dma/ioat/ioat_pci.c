/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The first front door: PCI functions bound to vfio-pci or uio_pci_generic. */

#include <errno.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdio.h>

#include "ioat_args.h"
#include "ioat_hw.h"
#include "ioat_priv.h"

#define ID(device)                                            \
	{                                                     \
		RTE_PCI_DEVICE(IOAT_PCI_VENDOR_INTEL, device) \
	}
#define ID4(first) ID(first), ID((first) + 1), ID((first) + 2), ID((first) + 3)
#define ID8(first) ID4(first), ID4((first) + 4)
/* Eight functions, and functions 0 and 1 with their RAID operations shown. */
#define ID_XEON(first) ID8(first), ID((first) + 0xe), ID((first) + 0xf)

/* All parts with the channel layout of version 3 (doc/hardware.md, Identity). */
static const struct rte_pci_id pci_ids[] = {
	ID4(0x3430),
	ID4(0x3429), /* 5520/5500 chipset */
	ID8(0x3710),
	ID(0x3718),
	ID(0x3719),             /* Xeon C5500/C3500 */
	ID_XEON(0x3c20),        /* Sandy Bridge-EP */
	ID_XEON(IOAT_DEV_IVB0), /* Ivy Bridge-EP/EX */
	ID_XEON(0x2f20),        /* Haswell-EP/EX */
	ID_XEON(IOAT_DEV_BDX0), /* Broadwell-EP/EX */
	ID4(0x0c50),            /* Atom S12x9 */
	ID4(0x6f50),            /* Xeon D-1500 */
	ID(IOAT_DEV_SKX),
	ID(IOAT_DEV_ICX), /* Skylake-SP, Cascade Lake-SP, Ice Lake-SP */
	{.vendor_id = 0},
};

static uint64_t
pci_read(void *ctx, uint32_t offset, unsigned int width)
{
	const struct rte_pci_device *pci = ctx;

	return mmio_bar_read(pci->mem_resource[0].addr, offset, width);
}

static void
pci_write(void *ctx, uint32_t offset, unsigned int width, uint64_t value)
{
	const struct rte_pci_device *pci = ctx;

	mmio_bar_write(pci->mem_resource[0].addr, offset, width, value);
}

static int
pci_clear_chanerr_int(void *ctx)
{
	const struct rte_pci_device *pci = ctx;
	uint32_t bits;

	if (rte_pci_read_config(pci, &bits, sizeof(bits), IOAT_CFG_CHANERR_INT) !=
	    (int)sizeof(bits))
		return -EIO;
	if (bits != 0 && rte_pci_write_config(pci, &bits, sizeof(bits), IOAT_CFG_CHANERR_INT) !=
	                         (int)sizeof(bits))
		return -EIO;
	return 0;
}

static const struct ioat_mmio_ops pci_mmio_ops = {
	.read = pci_read,
	.write = pci_write,
};

/* Parts before version 3.3, and 8086:2021 whatever it says of itself. */
static const struct ioat_mmio_ops pci_old_mmio_ops = {
	.read = pci_read,
	.write = pci_write,
	.clear_chanerr_int = pci_clear_chanerr_int,
};

/* A list of capabilities has no room for more; one that a broken device has may have no end. */
#define CAPS_MAX 48u

static bool
cfg_read(const struct rte_pci_device *pci, int at, void *to, size_t len)
{
	return rte_pci_read_config(pci, to, len, at) == (int)len;
}

/* Where the PCI Express capability is. @return 0: there is none; -EIO: it cannot be read. */
static int
pci_find_express(const struct rte_pci_device *pci)
{
	uint8_t cap[2]; /* id, next */
	uint16_t status;
	unsigned int i;
	uint8_t at;

	if (!cfg_read(pci, PCI_STATUS, &status, sizeof(status)))
		return -EIO;
	if ((status & PCI_STATUS_CAP_LIST) == 0)
		return 0;
	if (!cfg_read(pci, PCI_CAPABILITY_LIST, &at, sizeof(at)))
		return -EIO;
	for (i = 0; i < CAPS_MAX && at >= PCI_STD_HEADER_SIZEOF; i++) {
		at &= 0xfc; /* the low bits are reserved */
		if (!cfg_read(pci, at, cap, sizeof(cap)))
			return -EIO;
		if (cap[0] == PCI_CAP_ID_EXP)
			return at;
		at = cap[1];
	}
	return 0;
}

/*
 * The data path takes a completion word for proof that the data before it has arrived. With relaxed
 * ordering, which is on after a reset, a write of the function may pass another. Linux's ioatdma
 * switches it off, too.
 */
static void
pci_order_writes(const struct rte_pci_device *pci)
{
	int at = pci_find_express(pci);
	uint16_t ctl;

	if (at == 0)
		return;
	if (at > 0 && cfg_read(pci, at + PCI_EXP_DEVCTL, &ctl, sizeof(ctl))) {
		if ((ctl & PCI_EXP_DEVCTL_RELAX_EN) == 0)
			return;
		ctl &= (uint16_t)~PCI_EXP_DEVCTL_RELAX_EN;
		if (rte_pci_write_config(pci, &ctl, sizeof(ctl), at + PCI_EXP_DEVCTL) ==
		            (int)sizeof(ctl) &&
		    cfg_read(pci, at + PCI_EXP_DEVCTL, &ctl, sizeof(ctl)) &&
		    (ctl & PCI_EXP_DEVCTL_RELAX_EN) == 0) {
			IOAT_LOG(DEBUG, "%s: relaxed ordering switched off", pci->name);
			return;
		}
	}
	IOAT_LOG(WARNING,
	         "%s: relaxed ordering cannot be switched off in configuration space: a completion "
	         "may be seen before the last data of its operation",
	         pci->name);
}

/* The number of channels whose registers the BAR holds. */
static int
count_channels(struct rte_pci_device *pci, const struct ioat_mmio *general, unsigned int *count)
{
	const struct rte_mem_resource *bar = &pci->mem_resource[0];

	if (bar->addr == NULL || bar->len < IOAT_CHAN_BASE(1)) {
		IOAT_LOG(ERR, "%s: BAR0 of %" PRIu64 " bytes holds no channel, %u are needed",
		         pci->name, bar->len, IOAT_CHAN_BASE(1));
		return -ENODEV;
	}
	*count = mmio_read8(general, IOAT_CHANCNT) & CHANCNT_MASK;
	if (*count == 0) {
		IOAT_LOG(ERR, "%s: CHANCNT is 0, the function has no channel", pci->name);
		return -ENODEV;
	}
	if (bar->len < IOAT_CHAN_BASE(*count)) {
		IOAT_LOG(ERR, "%s: CHANCNT %u does not fit BAR0 of %" PRIu64 " bytes", pci->name,
		         *count, bar->len);
		return -ENODEV;
	}
	return 0;
}

static int
parse_args(const struct rte_pci_device *pci, struct ioat_chan *template)
{
	const struct rte_devargs *devargs = pci->device.devargs;
	long takeover = 0, silent = 0;
	const struct ioat_arg table[] = {
		{.key = IOAT_ARG_TAKEOVER, .max = 1, .is_switch = true, .value = &takeover},
		{.key = IOAT_ARG_SILENT, .max = 1, .is_switch = true, .value = &silent},
	};
	int rc = ioat_args_parse(pci->name, devargs == NULL ? NULL : devargs->args, table,
	                         RTE_DIM(table));

	template->takeover = takeover != 0;
	template->may_be_silent = silent != 0;
	return rc;
}

/* EAL has mapped the BAR where the primary has it: a doorbell is at the same address in both. */
static int
pci_attach(struct rte_pci_device *pci)
{
	struct ioat_mmio regs = {.ops = &pci_mmio_ops, .ctx = pci};
	struct ioat_chan *ch = NULL;
	unsigned int count = 0;
	int rc;

	while ((ch = ioat_mp_chan_of(pci->name, ch)) != NULL) {
		if (pci->mem_resource[0].addr != ch->share) {
			IOAT_LOG(ERR, "%s: BAR0 is at %p, in the primary process at %p", pci->name,
			         pci->mem_resource[0].addr, ch->share);
			rc = -EADDRNOTAVAIL;
		} else {
			if (ch->cbver < CBVER_3_3 || pci->id.device_id == IOAT_DEV_SKX)
				regs.ops = &pci_old_mmio_ops;
			regs.base = IOAT_CHAN_BASE(ch->index);
			rc = ioat_dmadev_attach(ch, &pci->device, &regs);
		}
		if (rc < 0) {
			ioat_dmadev_destroy(&pci->device);
			return rc;
		}
		count++;
	}
	if (count == 0) {
		IOAT_LOG(ERR, "%s: the primary process does not drive it", pci->name);
		return -ENODEV;
	}
	return 0;
}

static int
pci_probe(struct rte_pci_driver *driver __rte_unused, struct rte_pci_device *pci)
{
	struct ioat_chan template = {.general = {.ops = &pci_mmio_ops, .ctx = pci}};
	char name[RTE_DEV_NAME_MAX_LEN];
	unsigned int count, i;
	int rc;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return pci_attach(pci);
	rc = parse_args(pci, &template);
	if (rc < 0)
		return rc;
	rc = count_channels(pci, &template.general, &count);
	if (rc < 0)
		return rc;
	pci_order_writes(pci);
	if (mmio_read8(&template.general, IOAT_CBVER) < CBVER_3_3 ||
	    pci->id.device_id == IOAT_DEV_SKX)
		template.general.ops = &pci_old_mmio_ops;
	for (i = 0; i < count; i++) {
		template.index = (uint16_t)i;
		template.regs = template.general;
		template.regs.base = IOAT_CHAN_BASE(i);
		template.share = pci->mem_resource[0].addr;
		template.doorbell =
			RTE_PTR_ADD(pci->mem_resource[0].addr, IOAT_CHAN_BASE(i) + IOAT_DMACOUNT);
		/* One channel per function on all known silicon: it carries that name. */
		if (count == 1)
			snprintf(name, sizeof(name), "%s", pci->name);
		else
			snprintf(name, sizeof(name), "%s_ch%u", pci->name, i);
		rc = ioat_dmadev_create(name, &pci->device, &template);
		if (rc < 0) {
			ioat_dmadev_destroy(&pci->device);
			return rc;
		}
	}
	return 0;
}

static int
pci_remove(struct rte_pci_device *pci)
{
	return ioat_dmadev_remove(&pci->device);
}

static struct rte_pci_driver ioat_pci_driver = {
	.id_table = pci_ids,
	.drv_flags = RTE_PCI_DRV_NEED_MAPPING,
	.probe = pci_probe,
	.remove = pci_remove,
};

RTE_PMD_REGISTER_PCI(dma_ioat_pci, ioat_pci_driver);
RTE_PMD_REGISTER_PCI_TABLE(dma_ioat_pci, pci_ids);
RTE_PMD_REGISTER_KMOD_DEP(dma_ioat_pci, "* vfio-pci | uio_pci_generic");
RTE_PMD_REGISTER_PARAM_STRING(dma_ioat_pci, IOAT_ARG_TAKEOVER "[=0|1] " IOAT_ARG_SILENT "[=0|1]");
