/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef IOAT_MMIO_H
#define IOAT_MMIO_H

/**
 * @file
 * The one place that touches a BAR. Control registers go through a seam that is chosen when the
 * device is opened: a mapped PCI BAR, or the model of lib/ioat_model. The doorbell is a plain
 * ordered store on both.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_io.h>

/** How the registers of one function are reached. Offsets and widths are in bytes. */
struct ioat_mmio_ops {
	uint64_t (*read)(void *ctx, uint32_t offset, unsigned int width);
	void (*write)(void *ctx, uint32_t offset, unsigned int width, uint64_t value);
	/**
	 * Clear the function's CHANERR_INT in configuration space, as parts before version 3.3 and
	 * 8086:2021 need it with each reset (doc/hardware.md, Identity). NULL: not needed.
	 */
	int (*clear_chanerr_int)(void *ctx);
	/**
	 * Let a device work that has no engine of its own: all that was rung before is done when it
	 * returns, or the device has halted. Each register read lets it do a part, so that a wait
	 * must not sleep. NULL: the device works by itself.
	 */
	void (*work)(void *ctx);
};

/** A register window: the seam and the offset of what the owner sees as 0. */
struct ioat_mmio {
	const struct ioat_mmio_ops *ops;
	void *ctx;
	uint32_t base;
};

static inline uint8_t
mmio_read8(const struct ioat_mmio *m, uint32_t off)
{
	return (uint8_t)m->ops->read(m->ctx, m->base + off, 1);
}

static inline uint16_t
mmio_read16(const struct ioat_mmio *m, uint32_t off)
{
	return (uint16_t)m->ops->read(m->ctx, m->base + off, 2);
}

static inline uint32_t
mmio_read32(const struct ioat_mmio *m, uint32_t off)
{
	return (uint32_t)m->ops->read(m->ctx, m->base + off, 4);
}

/** Low half first: parts before version 3.3 can tear a 64-bit read. */
static inline uint64_t
mmio_read64(const struct ioat_mmio *m, uint32_t off)
{
	uint64_t low = mmio_read32(m, off);

	return low | (uint64_t)mmio_read32(m, off + 4) << 32;
}

static inline void
mmio_write8(const struct ioat_mmio *m, uint32_t off, uint8_t value)
{
	m->ops->write(m->ctx, m->base + off, 1, value);
}

static inline void
mmio_write16(const struct ioat_mmio *m, uint32_t off, uint16_t value)
{
	m->ops->write(m->ctx, m->base + off, 2, value);
}

static inline void
mmio_write32(const struct ioat_mmio *m, uint32_t off, uint32_t value)
{
	m->ops->write(m->ctx, m->base + off, 4, value);
}

/** Two halves, low first: some parts ignore one 64-bit write (doc/hardware.md, access widths). */
static inline void
mmio_write64(const struct ioat_mmio *m, uint32_t off, uint64_t value)
{
	mmio_write32(m, off, (uint32_t)value);
	mmio_write32(m, off + 4, (uint32_t)(value >> 32));
}

/** Registers in a mapped PCI BAR; @p bar is the context of the seam's read and write. */
static inline uint64_t
mmio_bar_read(const volatile void *bar, uint32_t off, unsigned int width)
{
	const volatile uint8_t *reg = (const volatile uint8_t *)bar + off;

	switch (width) {
	case 1:
		return rte_read8(reg);
	case 2:
		return rte_read16(reg);
	case 4:
		return rte_read32(reg);
	default:
		return rte_read64(reg);
	}
}

static inline void
mmio_bar_write(volatile void *bar, uint32_t off, unsigned int width, uint64_t value)
{
	volatile uint8_t *reg = (volatile uint8_t *)bar + off;

	switch (width) {
	case 1:
		rte_write8((uint8_t)value, reg);
		break;
	case 2:
		rte_write16((uint16_t)value, reg);
		break;
	case 4:
		rte_write32((uint32_t)value, reg);
		break;
	default:
		rte_write64(value, reg);
		break;
	}
}

/** Where a channel's DMACOUNT is stored: in the BAR, or the word that the model's engine polls. */
typedef volatile uint16_t ioat_doorbell;

/** Ring: every store to a descriptor is visible to the device before the new count is. */
static inline void
mmio_write_doorbell(ioat_doorbell *doorbell, uint16_t count)
{
	rte_io_wmb();
	__atomic_store_n(doorbell, count, __ATOMIC_RELEASE);
}

/** The count that was last rung, as the engine of a model reads it. */
static inline uint16_t
mmio_read_doorbell(const ioat_doorbell *doorbell)
{
	return __atomic_load_n(doorbell, __ATOMIC_ACQUIRE);
}

#endif /* IOAT_MMIO_H */
