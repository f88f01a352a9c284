/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include "test.h"

#include "rig.h"

static void *
rig_map(void *ctx, uint64_t addr, size_t *len, unsigned int rights __rte_unused)
{
	struct rig *r = ctx;
	const struct {
		uintptr_t start;
		size_t len;
	} area[] = {
		{(uintptr_t)r->ring, r->ring_len},
		{(uintptr_t)r->arena, RIG_ARENA},
	};
	size_t i;

	for (i = 0; i < RTE_DIM(area); i++) {
		if (addr >= area[i].start && addr < area[i].start + area[i].len) {
			*len = RTE_MIN(*len, area[i].start + area[i].len - addr);
			return (void *)(uintptr_t)addr;
		}
	}
	return NULL;
}

static int
rig_dma_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	size_t n = len;
	const void *p = rig_map(ctx, addr, &n, IOAT_MODEL_READ);

	if (p == NULL || n < len)
		return -EFAULT;
	memcpy(buf, p, len);
	return 0;
}

static int
rig_dma_write(void *ctx, uint64_t addr, const void *buf, size_t len)
{
	size_t n = len;
	void *p = rig_map(ctx, addr, &n, IOAT_MODEL_WRITE);

	if (p == NULL || n < len)
		return -EFAULT;
	memcpy(p, buf, len);
	return 0;
}

static int
rig_dma_write64(void *ctx, uint64_t addr, uint64_t value)
{
	return rig_dma_write(ctx, addr, &value, sizeof(value));
}

static void
rig_sync(struct rig *r)
{
	uint16_t count = mmio_read_doorbell(&r->doorbell);

	if (count != r->seen)
		ioat_model_write(r->model, IOAT_CHAN_BASE(0) + IOAT_DMACOUNT, 2, count);
	r->seen = count;
}

static uint64_t
rig_read(void *ctx, uint32_t offset, unsigned int width)
{
	struct rig *r = ctx;

	r->reads++;
	rig_sync(r);
	if (r->auto_step)
		rig_run(r);
	return ioat_model_read(r->model, offset, width);
}

static void
rig_write(void *ctx, uint32_t offset, unsigned int width, uint64_t value)
{
	struct rig *r = ctx;

	rig_sync(r);
	ioat_model_write(r->model, offset, width, value);
	r->seen = (uint16_t)ioat_model_read(r->model, IOAT_CHAN_BASE(0) + IOAT_DMACOUNT, 2);
	mmio_write_doorbell(&r->doorbell, r->seen);
}

static const struct ioat_mmio_ops rig_ops = {.read = rig_read, .write = rig_write};

struct rig *
rig_open_cap(enum ioat_model_device device, uint32_t slots, unsigned int xfercap)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct ioat_model_conf conf = {
		.device = device,
		.xfercap = xfercap,
		/* Before version 3.4 the worst: the watchdog has to find the halts. */
		.halt_word = ioat_model_identity(device)->cbver < CBVER_3_4
	                             ? IOAT_MODEL_HALT_WORD_NEVER
	                             : IOAT_MODEL_HALT_WORD_ASKED,
		.host =
			{
				.dma_read = rig_dma_read,
				.dma_write = rig_dma_write,
				.dma_write64 = rig_dma_write64,
				.map = rig_map,
				.ctx = r,
			},
	};
	size_t ring = slots * sizeof(struct ioat_desc);

	assert_non_null(r);
	r->ring_len = ring + RTE_CACHE_LINE_SIZE + slots;
	r->ring_len = RTE_ALIGN(r->ring_len, IOAT_DESC_ALIGN);
	r->ring = aligned_alloc(IOAT_DESC_ALIGN, r->ring_len);
	r->arena = aligned_alloc(4096, RIG_ARENA);
	assert_non_null(r->ring);
	assert_non_null(r->arena);
	memset(r->arena, 0, RIG_ARENA);
	assert_int_equal(ioat_model_create(&r->model, &conf), 0);
	r->ch.general = (struct ioat_mmio){.ops = &rig_ops, .ctx = r};
	r->ch.regs = r->ch.general;
	r->ch.regs.base = IOAT_CHAN_BASE(0);
	r->ch.doorbell = &r->doorbell;
	snprintf(r->ch.name, sizeof(r->ch.name), "rig");
	assert_int_equal(ioat_chan_open(&r->ch), 0);
	ioat_chan_set_ring(&r->ch, &(struct ioat_ring_mem){
					   .slots = slots,
					   .desc = (struct ioat_desc *)r->ring,
					   .desc_iova = (uintptr_t)r->ring,
					   .status = (uint64_t *)(r->ring + ring),
					   .status_iova = (uintptr_t)r->ring + ring,
					   .more = r->ring + ring + RTE_CACHE_LINE_SIZE,
				   });
	ioat_ring_install(&r->fp);
	r->auto_step = true;
	assert_int_equal(ioat_chan_start(&r->ch), 0);
	r->auto_step = false;
	return r;
}

struct rig *
rig_open(enum ioat_model_device device, uint32_t slots)
{
	return rig_open_cap(device, slots, 0);
}

void
rig_close(struct rig *r)
{
	ioat_model_destroy(r->model);
	free(r->ring);
	free(r->arena);
	free(r);
}

void
rig_step(struct rig *r, size_t budget)
{
	rig_sync(r);
	ioat_model_step(r->model, 0, budget);
}

void
rig_run(struct rig *r)
{
	rig_sync(r);
	while (ioat_model_step(r->model, 0, 1 << 20) > 0)
		;
}

void
rig_inject(struct rig *r, const struct ioat_model_fault *fault)
{
	assert_int_equal(ioat_model_inject(r->model, 0, fault), 0);
}

struct ioat_model_counters
rig_counters(const struct rig *r)
{
	struct ioat_model_counters c;

	ioat_model_counters(r->model, 0, &c);
	return c;
}

uint64_t
rig_addr(const struct rig *r, size_t offset)
{
	return (uintptr_t)r->arena + offset;
}

int
rig_copy(struct rig *r, size_t src, size_t dst, uint32_t len, uint64_t flags)
{
	return r->fp.copy(&r->ch, 0, rig_addr(r, src), rig_addr(r, dst), len, flags);
}

int
rig_copy_bad(struct rig *r, uint64_t flags)
{
	return r->fp.copy(&r->ch, 0, RIG_BAD_ADDR, rig_addr(r, 0), 64, flags);
}

int
rig_submit(struct rig *r)
{
	return r->fp.submit(&r->ch, 0);
}

uint16_t
rig_completed(struct rig *r, uint16_t max, uint16_t *last, bool *error)
{
	*error = false;
	return r->fp.completed(&r->ch, 0, max, last, error);
}

uint16_t
rig_status(struct rig *r, uint16_t max, uint16_t *last, enum rte_dma_status_code *st)
{
	return r->fp.completed_status(&r->ch, 0, max, last, st);
}

uint16_t
rig_capacity(struct rig *r)
{
	return r->fp.burst_capacity(&r->ch, 0);
}
