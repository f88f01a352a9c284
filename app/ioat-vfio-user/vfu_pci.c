/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <string.h>

#include <linux/pci_regs.h>

#include "ioat_hw.h"
#include "vfu_pci.h"

/* Where the capabilities are (doc/hardware.md, Identity; the Xeon layout). */
#define CFG_DEVCFG  0x60u
#define CFG_MSIX    0x80u
#define CFG_EXP     0x90u
#define CFG_PM      0xe0u
#define EXP_DEVCTL  (CFG_EXP + PCI_EXP_DEVCTL)
#define PM_CTRL     (CFG_PM + PCI_PM_CTRL)
#define MSIX_FLAGS  (CFG_MSIX + PCI_MSIX_FLAGS)
#define MSIX_MASKED 1u /* vector control in the table */

/* Registers of this device in extended space. 0x100 stays 0: there are no extended capabilities. */
#define CFG_DMAUNCERRMSK 0x14cu
#define CFG_DMAUNCERRSEV 0x150u
#define CFG_CHANERRMSK   0x184u
#define CFG_CHANERRSEV   0x188u
#define CFG_CHANERRPTR   0x18cu
#define DMAUNCERR_BITS   0x149cu /* 2, 3, 4, 7, 10, 12 */
#define CMD_WRITABLE                                                                       \
	(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR | \
	 PCI_COMMAND_INTX_DISABLE)
#define DEVCTL_WRITABLE 0x7fffu /* all but FLR, which reads 0 */
#define DEVCTL_RESET \
	(PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_READRQ_512B)
#define PMCSR_NO_RESET PCI_PM_CTRL_NO_SOFT_RESET
#define BAR_MASK       (~(IOAT_BAR_SIZE - 1u))

/** A register of configuration space: its value after reset and who may change which bits. */
struct cfg_reg {
	uint32_t offset;
	uint32_t width; /* bytes */
	uint32_t reset;
	uint32_t writable;
	uint32_t clearable;
};

/* clang-format off */
static const struct cfg_reg cfg_regs[] = {
	{ PCI_VENDOR_ID,             2, IOAT_PCI_VENDOR_INTEL, 0, 0 },
	{ PCI_COMMAND,               2, 0, CMD_WRITABLE, 0 },
	{ PCI_STATUS,                2, PCI_STATUS_CAP_LIST, 0, 0 },
	{ PCI_REVISION_ID,           4, IOAT_PCI_CLASS << 8 | 0x04, 0, 0 },
	{ PCI_CACHE_LINE_SIZE,       1, 0, 0xff, 0 },
	{ PCI_BASE_ADDRESS_0,        4, PCI_BASE_ADDRESS_MEM_TYPE_64, BAR_MASK, 0 },
	{ PCI_BASE_ADDRESS_1,        4, 0, 0xffffffff, 0 },
	{ PCI_SUBSYSTEM_VENDOR_ID,   2, IOAT_PCI_VENDOR_INTEL, 0, 0 },
	{ PCI_CAPABILITY_LIST,       1, CFG_MSIX, 0, 0 },
	{ PCI_INTERRUPT_LINE,        1, 0, 0xff, 0 },
	{ CFG_DEVCFG,                2, 0, 0xfeff, 0 },

	{ CFG_MSIX,                  2, CFG_EXP << 8 | PCI_CAP_ID_MSIX, 0, 0 },
	{ MSIX_FLAGS,                2, 0, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 0 },
	{ CFG_MSIX + PCI_MSIX_TABLE, 4, IOAT_MSIX_TABLE, 0, 0 },
	{ CFG_MSIX + PCI_MSIX_PBA,   4, IOAT_MSIX_PBA, 0, 0 },

	{ CFG_EXP,                   2, CFG_PM << 8 | PCI_CAP_ID_EXP, 0, 0 },
	{ CFG_EXP + PCI_EXP_FLAGS,   2, PCI_EXP_TYPE_RC_END << 4 | 2, 0, 0 },
	{ CFG_EXP + PCI_EXP_DEVCAP,  4, PCI_EXP_DEVCAP_FLR | PCI_EXP_DEVCAP_RBER, 0, 0 },
	{ EXP_DEVCTL,                2, DEVCTL_RESET, DEVCTL_WRITABLE, 0 },
	{ CFG_EXP + PCI_EXP_DEVCTL2, 2, 0, 0x001f, 0 },

	{ CFG_PM,                    2, PCI_CAP_ID_PM, 0, 0 },
	{ CFG_PM + PCI_PM_PMC,       2, 3, 0, 0 },
	{ PM_CTRL,                   2, PMCSR_NO_RESET, PCI_PM_CTRL_STATE_MASK, 0 },

	{ IOAT_CFG_DMAUNCERRSTS,     4, 0, 0, DMAUNCERR_BITS },
	{ CFG_DMAUNCERRMSK,          4, 0, DMAUNCERR_BITS, 0 },
	{ CFG_DMAUNCERRSEV,          4, 0x98, DMAUNCERR_BITS, 0 },
	/* In all functions; E5 v2 lists it read-only but in the first, drivers clear each. */
	{ IOAT_CFG_CHANERR_INT,      4, 0, 0, CHANERR_ALL },
	{ CFG_CHANERRMSK,            4, 0x60000, CHANERR_ALL, 0 },
	{ CFG_CHANERRSEV,            4, 0x10000, CHANERR_ALL, 0 },
	{ CFG_CHANERRPTR,            1, 0, 0, 0 },
};
/* clang-format on */

static uint32_t
cfg_get(const struct vfu_pci *pci, uint32_t offset, unsigned int width)
{
	uint32_t value = 0;
	unsigned int i;

	for (i = 0; i < width; i++)
		value |= (uint32_t)pci->cfg[offset + i] << 8 * i;
	return value;
}

static void
bytes_set(uint8_t *space, uint32_t offset, unsigned int width, uint32_t value)
{
	unsigned int i;

	for (i = 0; i < width; i++)
		space[offset + i] = (uint8_t)(value >> 8 * i);
}

static bool
pci_is_d0(const struct vfu_pci *pci)
{
	return (cfg_get(pci, PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK) == 0;
}

bool
vfu_pci_may_dma(const struct vfu_pci *pci)
{
	return (cfg_get(pci, PCI_COMMAND, 2) & PCI_COMMAND_MASTER) && pci_is_d0(pci);
}

/** MSI-X is on by its capability, or because a client without config writes asked for it. */
static bool
pci_msix_on(const struct vfu_pci *pci)
{
	return (cfg_get(pci, MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_ENABLE) ||
	       pci->irqs->irq[VFIO_PCI_MSIX_IRQ_INDEX].fd >= 0;
}

/**
 * The table's own mask bit is 1 after reset. A client that keeps the table to itself, as QEMU
 * does, masks by other means: the bit counts once it was written here.
 */
static bool
pci_msix_masked(const struct vfu_pci *pci)
{
	return (cfg_get(pci, MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_MASKALL) ||
	       (pci->msix_table_used && (pci->msix_table[3] & MSIX_MASKED));
}

static void
pci_msix_kick(struct vfu_pci *pci)
{
	/* A message is a write to memory: it waits for bus master and D0. */
	if (!pci->msix_pending || !pci_msix_on(pci) || pci_msix_masked(pci) ||
	    !vfu_pci_may_dma(pci))
		return;
	pci->msix_pending = false;
	vfu_irq_raise(pci->irqs, VFIO_PCI_MSIX_IRQ_INDEX);
}

/** Take back a message that is not out yet. */
static void
pci_msix_forget(struct vfu_pci *pci)
{
	pci->msix_pending = false;
	vfu_irq_level(pci->irqs, VFIO_PCI_MSIX_IRQ_INDEX, false);
}

void
vfu_pci_irq(struct vfu_pci *pci)
{
	if (!pci_msix_on(pci))
		return; /* the model has set ATTNSTATUS; vfu_pci_sync() sees the level */
	pci->msix_pending = true;
	pci_msix_kick(pci);
}

/** CHANERR_INT keeps what was set in CHANERR since software cleared it. */
static void
pci_latch_errors(struct vfu_pci *pci)
{
	uint32_t now, latched, fresh, first = 0;

	now = (uint32_t)ioat_model_read(pci->model, IOAT_CHAN_BASE(0) + IOAT_CHANERR, 4);
	fresh = now & ~pci->chanerr_seen;
	pci->chanerr_seen = now;
	if (fresh == 0)
		return;
	latched = cfg_get(pci, IOAT_CFG_CHANERR_INT, 4);
	if (latched == 0) {
		while (!(fresh >> first & 1))
			first++;
		pci->cfg[CFG_CHANERRPTR] = (uint8_t)first;
	}
	bytes_set(pci->cfg, IOAT_CFG_CHANERR_INT, 4, latched | fresh);
}

void
vfu_pci_sync(struct vfu_pci *pci)
{
	bool level, disabled = cfg_get(pci, PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE;

	ioat_model_set_msix(pci->model, pci_msix_on(pci));
	ioat_model_mask_errors(pci->model, cfg_get(pci, CFG_CHANERRMSK, 4));
	pci_latch_errors(pci);
	level = ioat_model_intx_level(pci->model);
	if (level)
		pci->cfg[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	else
		pci->cfg[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTERRUPT;
	vfu_irq_level(pci->irqs, VFIO_PCI_INTX_IRQ_INDEX, level && !disabled && pci_is_d0(pci));
	pci_msix_kick(pci);
}

void
vfu_pci_reset(struct vfu_pci *pci)
{
	size_t i;

	for (i = 0; i < sizeof(cfg_regs) / sizeof(cfg_regs[0]); i++)
		bytes_set(pci->cfg, cfg_regs[i].offset, cfg_regs[i].width, cfg_regs[i].reset);
	memset(pci->msix_table, 0, sizeof(pci->msix_table));
	pci->msix_table[3] = MSIX_MASKED;
	pci->msix_table_used = false;
	pci->msix_pending = false;
	pci->chanerr_seen = 0;
	pci->reset_asked = false;
}

void
vfu_pci_open(struct vfu_pci *pci, const struct vfu_pci_conf *conf, struct ioat_model *model,
             struct vfu_irqs *irqs)
{
	const struct ioat_model_identity *id = conf->identity;
	unsigned int device = id->pci_device;
	size_t i;

	memset(pci, 0, sizeof(*pci));
	pci->model = model;
	pci->irqs = irqs;
	for (i = 0; i < sizeof(cfg_regs) / sizeof(cfg_regs[0]); i++) {
		const struct cfg_reg *reg = &cfg_regs[i];

		bytes_set(pci->writable, reg->offset, reg->width, reg->writable);
		bytes_set(pci->clearable, reg->offset, reg->width, reg->clearable);
	}
	vfu_pci_reset(pci);
	/* Newer parts have one id for all functions, older ones count. */
	if (device == IOAT_DEV_BDX0 || device == IOAT_DEV_IVB0)
		device += conf->function;
	bytes_set(pci->cfg, PCI_DEVICE_ID, 2, device);
	pci->cfg[PCI_HEADER_TYPE] = conf->multi_function ? 0x80 : 0;
	pci->cfg[PCI_INTERRUPT_PIN] = 1 + conf->function % 2; /* INTA, INTB */
}

void
vfu_pci_cfg_read(struct vfu_pci *pci, uint32_t offset, void *buf, size_t len)
{
	memcpy(buf, pci->cfg + offset, len);
}

void
vfu_pci_cfg_write(struct vfu_pci *pci, uint32_t offset, const void *buf, size_t len)
{
	uint8_t power = pci->cfg[PM_CTRL];
	const uint8_t *in = buf;
	size_t i;

	for (i = 0; i < len; i++) {
		uint32_t at = offset + (uint32_t)i;
		uint8_t keep = (uint8_t)(pci->cfg[at] & ~pci->writable[at]);

		pci->cfg[at] = (uint8_t)((keep & ~(in[i] & pci->clearable[at])) |
		                         (in[i] & pci->writable[at]));
		if (at == EXP_DEVCTL + 1 && in[i] & PCI_EXP_DEVCTL_BCR_FLR >> 8)
			pci->reset_asked = true;
	}
	/* There is no D1 and no D2: a write of them is discarded. */
	if ((pci->cfg[PM_CTRL] & PCI_PM_CTRL_STATE_MASK) % 3 != 0)
		pci->cfg[PM_CTRL] = power;
}

/** Whether an access of @p len bytes at @p offset touches [start, start + size). */
static bool
overlaps(uint32_t offset, size_t len, uint32_t start, uint32_t size)
{
	return offset < start + size && offset + len > start;
}

/** One access to the MSI-X structures, byte by byte. */
static void
pci_msix_read(const struct vfu_pci *pci, uint32_t offset, uint8_t *buf, size_t len)
{
	uint8_t pba = pci->msix_pending || pci->irqs->irq[VFIO_PCI_MSIX_IRQ_INDEX].waiting;
	size_t i;

	for (i = 0; i < len; i++) {
		uint32_t at = offset + (uint32_t)i;

		buf[i] = 0;
		if (overlaps(at, 1, IOAT_MSIX_TABLE, sizeof(pci->msix_table))) {
			at -= IOAT_MSIX_TABLE;
			buf[i] = (uint8_t)(pci->msix_table[at / 4] >> 8 * (at % 4));
		} else if (at == IOAT_MSIX_PBA) {
			buf[i] = pba;
		}
	}
}

static void
pci_msix_write(struct vfu_pci *pci, uint32_t offset, const uint8_t *buf, size_t len)
{
	static const uint32_t writable[4] = {0xfffffffc, 0xffffffff, 0xffffffff, MSIX_MASKED};
	size_t i;

	for (i = 0; i < len; i++) {
		uint32_t at = offset + (uint32_t)i, word, shift;

		if (!overlaps(at, 1, IOAT_MSIX_TABLE, sizeof(pci->msix_table)))
			continue; /* pending bits are read-only */
		word = (at - IOAT_MSIX_TABLE) / 4;
		shift = 8 * (at % 4);
		pci->msix_table[word] &= ~(0xffu << shift);
		pci->msix_table[word] |= (uint32_t)buf[i] << shift & writable[word];
		if (word == 3)
			pci->msix_table_used = true;
	}
}

static bool
is_msix(uint32_t offset, size_t len)
{
	return overlaps(offset, len, IOAT_MSIX_TABLE, 16) ||
	       overlaps(offset, len, IOAT_MSIX_PBA, 8);
}

/** The width of the next piece of a bulk access: a natural one, or the whole access if that is. */
static unsigned int
piece(uint32_t offset, size_t len)
{
	unsigned int width = 8;

	if (len == 1 || len == 2 || len == 4 || len == 8)
		return (unsigned int)len; /* as the guest made it, also across words */
	while (width > len || offset % width != 0)
		width /= 2;
	return width;
}

static bool
pci_decodes_memory(const struct vfu_pci *pci)
{
	return (cfg_get(pci, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) && pci_is_d0(pci);
}

void
vfu_pci_bar_read(struct vfu_pci *pci, uint32_t offset, void *buf, size_t len)
{
	uint8_t *out = buf;

	if (!pci_decodes_memory(pci)) {
		memset(out, 0xff, len); /* nobody answers on the bus */
		return;
	}
	while (len > 0) {
		unsigned int n = piece(offset, len);
		uint64_t value;

		if (is_msix(offset, n)) {
			pci_msix_read(pci, offset, out, n);
		} else {
			value = ioat_model_read(pci->model, offset, n);
			memcpy(out, &value, n);
		}
		offset += n;
		out += n;
		len -= n;
	}
}

/** Rearming takes a masked message back, unless the model has another (then it calls back). */
static void
pci_before_write(struct vfu_pci *pci, uint32_t offset, unsigned int len, uint64_t value)
{
	uint32_t ctrl = IOAT_CHAN_BASE(0) + IOAT_CHANCTRL;

	if (overlaps(offset, len, ctrl, 1) && value >> 8 * (ctrl - offset) & CHANCTRL_INT_DISABLE)
		pci_msix_forget(pci);
}

/** The RESET command drops a message that waits behind a mask, unless a fault refused it. */
static void
pci_after_write(struct vfu_pci *pci, uint32_t offset, unsigned int len, uint64_t value)
{
	uint32_t cmd = IOAT_CHAN_BASE(0) + IOAT_CHANCMD;

	if (overlaps(offset, len, cmd, 1) && value >> 8 * (cmd - offset) & CHANCMD_RESET &&
	    ioat_model_read(pci->model, cmd, 1) == 0)
		pci_msix_forget(pci);
}

void
vfu_pci_bar_write(struct vfu_pci *pci, uint32_t offset, const void *buf, size_t len)
{
	const uint8_t *in = buf;

	if (!pci_decodes_memory(pci))
		return;
	while (len > 0) {
		unsigned int n = piece(offset, len);
		uint64_t value = 0;

		if (is_msix(offset, n)) {
			pci_msix_write(pci, offset, in, n);
		} else {
			memcpy(&value, in, n);
			pci_before_write(pci, offset, n, value);
			ioat_model_write(pci->model, offset, n, value);
			pci_after_write(pci, offset, n, value);
		}
		offset += n;
		in += n;
		len -= n;
	}
}
