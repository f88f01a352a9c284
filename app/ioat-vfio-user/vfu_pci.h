/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_PCI_H
#define VFU_PCI_H

/**
 * @file
 * The PCI side of a function, which the model leaves to its host: configuration space, the MSI-X
 * table and pending bits in BAR0, and what the command register allows.
 *
 * Threads: calls on one vfu_pci must not overlap, nor with calls on its model.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ioat_model.h"
#include "vfu_irq.h"

#define VFU_CFG_SIZE 4096u

struct vfu_pci {
	struct ioat_model *model;
	struct vfu_irqs *irqs;
	uint8_t cfg[VFU_CFG_SIZE];
	uint8_t writable[VFU_CFG_SIZE];  /**< bits that a write stores */
	uint8_t clearable[VFU_CFG_SIZE]; /**< bits that writing 1 clears */
	uint32_t msix_table[4];
	bool msix_table_used; /**< the client lets us see writes to the table */
	bool msix_pending;
	uint32_t chanerr_seen; /**< CHANERR as it was at the last vfu_pci_sync() */
	bool reset_asked;      /**< FLR: the owner resets the function and clears this */
};

/** Which function it is. */
struct vfu_pci_conf {
	const struct ioat_model_identity *identity;
	unsigned int function; /**< 0 to 7 */
	bool multi_function;
};

/** Power-on state. @p model and @p irqs must outlive @p pci. */
void vfu_pci_open(struct vfu_pci *pci, const struct vfu_pci_conf *conf, struct ioat_model *model,
                  struct vfu_irqs *irqs);

/** What FLR and a reset of the device do to the PCI side. */
void vfu_pci_reset(struct vfu_pci *pci);

/**
 * Access configuration space or BAR0. The caller has checked that @p offset and @p len lie in
 * VFU_CFG_SIZE or IOAT_BAR_SIZE. Look at reset_asked after vfu_pci_cfg_write(), and call
 * vfu_pci_sync() after each of them.
 */
void vfu_pci_cfg_read(struct vfu_pci *pci, uint32_t offset, void *buf, size_t len);
void vfu_pci_cfg_write(struct vfu_pci *pci, uint32_t offset, const void *buf, size_t len);
void vfu_pci_bar_read(struct vfu_pci *pci, uint32_t offset, void *buf, size_t len);
void vfu_pci_bar_write(struct vfu_pci *pci, uint32_t offset, const void *buf, size_t len);

/** Whether the function may read and write memory now. */
bool vfu_pci_may_dma(const struct vfu_pci *pci);

/** An interrupt of the model: the irq callback of its host. */
void vfu_pci_irq(struct vfu_pci *pci);

/** After the model or an eventfd changed: take over new errors, the INTx level, MSI-X on or off. */
void vfu_pci_sync(struct vfu_pci *pci);

#endif /* VFU_PCI_H */
