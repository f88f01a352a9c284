/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "vfu_event.h"
#include "vfu_irq.h"

static const struct {
	uint32_t count;
	uint32_t flags;
} irq_types[VFIO_PCI_NUM_IRQS] = {
	[VFIO_PCI_INTX_IRQ_INDEX] = {1, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
                                                VFIO_IRQ_INFO_AUTOMASKED},
	[VFIO_PCI_MSI_IRQ_INDEX] = {0, 0},
	[VFIO_PCI_MSIX_IRQ_INDEX] = {1, VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
                                                VFIO_IRQ_INFO_NORESIZE},
	[VFIO_PCI_ERR_IRQ_INDEX] = {1, VFIO_IRQ_INFO_EVENTFD},
	[VFIO_PCI_REQ_IRQ_INDEX] = {1, VFIO_IRQ_INFO_EVENTFD},
};

uint32_t
vfu_irq_count(uint32_t index)
{
	return index < VFIO_PCI_NUM_IRQS ? irq_types[index].count : 0;
}

uint32_t
vfu_irq_flags(uint32_t index)
{
	return index < VFIO_PCI_NUM_IRQS ? irq_types[index].flags : 0;
}

void
vfu_irqs_open(struct vfu_irqs *irqs)
{
	unsigned int i;

	*irqs = (struct vfu_irqs){0};
	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		irqs->irq[i].fd = -1;
}

static void
irq_forget(struct vfu_irq *irq)
{
	if (irq->fd >= 0)
		close(irq->fd);
	irq->fd = -1;
}

void
vfu_irqs_close(struct vfu_irqs *irqs)
{
	unsigned int i;

	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		irq_forget(&irqs->irq[i]);
	vfu_irqs_open(irqs);
}

void
vfu_irqs_reset(struct vfu_irqs *irqs)
{
	unsigned int i;

	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		irqs->irq[i].masked = false;
		irqs->irq[i].waiting = false;
	}
}

/** Send what waits, if it may. @return whether it did. */
static bool
irq_kick(struct vfu_irqs *irqs, uint32_t index)
{
	struct vfu_irq *irq = &irqs->irq[index];

	if (!irq->waiting || irq->masked || irq->fd < 0)
		return false;
	irq->waiting = false;
	irq->masked = irq_types[index].flags & VFIO_IRQ_INFO_AUTOMASKED;
	if (vfu_event_signal(irq->fd) < 0)
		return false;
	irqs->sent++;
	return true;
}

bool
vfu_irq_raise(struct vfu_irqs *irqs, uint32_t index)
{
	irqs->irq[index].waiting = true;
	return irq_kick(irqs, index);
}

void
vfu_irq_level(struct vfu_irqs *irqs, uint32_t index, bool high)
{
	irqs->irq[index].waiting = high;
	irq_kick(irqs, index);
}

static int
irq_set_eventfd(struct vfu_irqs *irqs, const struct vfu_irq_set *set)
{
	struct vfu_irq *irq = &irqs->irq[set->index];

	if (!(set->flags & VFIO_IRQ_SET_ACTION_TRIGGER))
		return -ENOTSUP;
	if (set->data_len != 0 || set->fd_count > set->count)
		return -EINVAL;
	if (set->count == 0)
		return 0;
	if (set->fd_count != 0 && !vfu_event_is_one(set->fds[0]))
		return -EINVAL;
	irq_forget(irq);
	if (set->fd_count == 0) {
		irq->masked = false; /* taken away, as specified; an INTx starts anew unmasked */
		return 0;
	}
	irq->fd = set->fds[0];
	set->fds[0] = -1;
	irq_kick(irqs, set->index);
	return 0;
}

static int
irq_set_state(struct vfu_irqs *irqs, const struct vfu_irq_set *set)
{
	struct vfu_irq *irq = &irqs->irq[set->index];
	uint32_t wanted = set->flags & VFIO_IRQ_SET_DATA_BOOL ? set->count : 0;

	if (set->data_len != wanted || set->fd_count != 0)
		return -EINVAL;
	if (set->count == 0) {
		/* The way to say that a type is off. */
		if (set->start != 0 || set->flags & VFIO_IRQ_SET_DATA_BOOL ||
		    !(set->flags & VFIO_IRQ_SET_ACTION_TRIGGER))
			return -EINVAL;
		irq_forget(irq);
		irq->masked = false;
		irq->waiting = false;
		return 0;
	}
	if (wanted != 0 && set->data[0] == 0)
		return 0;
	if (set->flags & VFIO_IRQ_SET_ACTION_TRIGGER) {
		vfu_irq_raise(irqs, set->index);
		return 0;
	}
	if (!(irq_types[set->index].flags & VFIO_IRQ_INFO_MASKABLE))
		return -EINVAL;
	irq->masked = set->flags & VFIO_IRQ_SET_ACTION_MASK;
	irq_kick(irqs, set->index);
	return 0;
}

int
vfu_irq_set(struct vfu_irqs *irqs, const struct vfu_irq_set *set)
{
	uint32_t data = set->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	uint32_t action = set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	uint32_t have = vfu_irq_count(set->index);

	/* Exactly one of each. */
	if ((data | action) != set->flags || data == 0 || (data & (data - 1)) != 0 || action == 0 ||
	    (action & (action - 1)) != 0)
		return -EINVAL;
	if (set->index >= VFIO_PCI_NUM_IRQS || set->start > have || set->count > have - set->start)
		return -EINVAL;
	if (data == VFIO_IRQ_SET_DATA_EVENTFD)
		return irq_set_eventfd(irqs, set);
	return irq_set_state(irqs, set);
}
