/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_IRQ_H
#define VFU_IRQ_H

/**
 * @file
 * The ways out for interrupts: an eventfd of the client for each, with its mask. What raises one
 * is the PCI side's business.
 *
 * Threads: calls on one vfu_irqs must not overlap.
 */

#include <stdbool.h>
#include <stdint.h>

#include <linux/vfio.h>

/** One interrupt: each type has one vector at most. */
struct vfu_irq {
	int fd; /**< -1: none */
	bool masked;
	bool waiting; /**< raised while masked or without an eventfd */
};

struct vfu_irqs {
	struct vfu_irq irq[VFIO_PCI_NUM_IRQS];
	uint64_t sent; /**< events since vfu_irqs_open() */
};

/** No eventfd, nothing masked. */
void vfu_irqs_open(struct vfu_irqs *irqs);

/** Close all eventfds; @p irqs is as after vfu_irqs_open(). */
void vfu_irqs_close(struct vfu_irqs *irqs);

/** Forget what is waiting and masked, keep the eventfds: a reset of the device. */
void vfu_irqs_reset(struct vfu_irqs *irqs);

/** How many of type @p index there are, 0 or 1, and how they behave: VFIO_IRQ_INFO_*. */
uint32_t vfu_irq_count(uint32_t index);
uint32_t vfu_irq_flags(uint32_t index);

/** What SET_IRQS asks for. */
struct vfu_irq_set {
	uint32_t flags; /**< VFIO_IRQ_SET_* */
	uint32_t index;
	uint32_t start;
	uint32_t count;
	const uint8_t *data; /**< booleans, @c data_len of them */
	uint32_t data_len;
	int *fds; /**< one that is kept is replaced by -1 */
	uint32_t fd_count;
};

/**
 * Carry out SET_IRQS.
 * @return 0; -EINVAL: no such interrupt, flags that exclude each other, a wrong amount of data
 * or descriptors, no eventfd; -ENOTSUP: eventfds that follow the mask.
 */
int vfu_irq_set(struct vfu_irqs *irqs, const struct vfu_irq_set *set);

/** Raise an interrupt, now or as soon as its mask allows. @return whether it was sent. */
bool vfu_irq_raise(struct vfu_irqs *irqs, uint32_t index);

/** Tell the level of a line: high raises it again after each unmask, low takes that back. */
void vfu_irq_level(struct vfu_irqs *irqs, uint32_t index, bool high);

#endif /* VFU_IRQ_H */
