/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <stddef.h>

#include "ioat_model_priv.h"

/** Which part of the BAR a register is in. */
enum model_space {
	MODEL_GENERAL, /* the first 0x80 bytes; stored in struct ioat_model */
	MODEL_CHANNEL, /* a channel's window; stored in struct model_chan */
	MODEL_EXTRA,   /* the same windows and one more; stored in struct model_extra */
};

/** A register: one row of the table. */
struct model_reg {
	uint16_t offset; /* within its window */
	uint8_t width;   /* bytes */
	uint8_t space;   /* enum model_space */
	uint8_t since;   /* lowest CBVER that has it; 0: all have */
	bool sticky;     /* stays through the RESET command */
	bool fixed;      /* set from the configuration; no reset touches it */
	uint16_t field;  /* of the struct that stores the space, an uint64_t */
	uint64_t reset;
	uint64_t rw;  /* bits that a write sets and clears */
	uint64_t w1c; /* bits that writing 1 clears */
	/* NULL: the stored value. @p bits: what is read. */
	uint64_t (*read)(struct ioat_model *model, unsigned int window, uint64_t bits);
	/* After the rules above. @p value is what was written, valid in @p bits. */
	void (*written)(struct ioat_model *model, unsigned int window, uint64_t value,
	                uint64_t bits);
};

static uint64_t
read_intrctrl(struct ioat_model *model, unsigned int window, uint64_t bits)
{
	uint64_t value = model->intrctrl;

	(void)window;
	(void)bits;
	if (model->attnstatus != 0) {
		value |= INTRCTRL_INT_STATUS;
		if (value & INTRCTRL_MASTER_INT_EN)
			value |= INTRCTRL_INT;
	}
	/* The read is how an interrupt handler silences the line while it works. */
	model->intrctrl &= ~(uint64_t)INTRCTRL_MASTER_INT_EN;
	return value;
}

static uint64_t
read_attnstatus(struct ioat_model *model, unsigned int window, uint64_t bits)
{
	uint64_t value = model->attnstatus;

	(void)window;
	/* A handler reads this once and then enables the line again: what it saw must be gone. */
	model->attnstatus &= ~bits;
	return value;
}

static uint64_t
read_chanctrl(struct ioat_model *model, unsigned int window, uint64_t bits)
{
	struct model_chan *mc = &model->chan[window];
	uint64_t value = mc->chanctrl;

	mc->chanctrl |= bits & CHANCTRL_IN_USE;
	return value;
}

static void
written_chanctrl(struct ioat_model *model, unsigned int window, uint64_t value, uint64_t bits)
{
	struct model_chan *mc = &model->chan[window];

	if ((bits & ~value) & CHANCTRL_IN_USE)
		mc->chanctrl &= ~(uint64_t)CHANCTRL_IN_USE;
	if (bits & value & CHANCTRL_INT_DISABLE)
		model_chan_rearm(model, mc);
}

static void
written_chancmd(struct ioat_model *model, unsigned int window, uint64_t value, uint64_t bits)
{
	model_chan_command(model, &model->chan[window], (unsigned int)(value & bits));
}

static void
written_dmacount(struct ioat_model *model, unsigned int window, uint64_t value, uint64_t bits)
{
	(void)value;
	(void)bits;
	model_chan_doorbell(&model->chan[window]);
}

static uint64_t
read_chansts(struct ioat_model *model, unsigned int window, uint64_t bits)
{
	const struct model_chan *mc = &model->chan[window];

	(void)bits;
	return model_chan_status(mc, mc->state);
}

static void
written_chainaddr(struct ioat_model *model, unsigned int window, uint64_t value, uint64_t bits)
{
	(void)value;
	model_chan_chain(&model->chan[window], bits >> 32 != 0);
}

/* clang-format off */
#define GENERAL(reg, bytes, member) \
	.offset = (reg), .width = (bytes), .space = MODEL_GENERAL, \
	.field = offsetof(struct ioat_model, member)
#define CHANNEL(reg, bytes, member) \
	.offset = (reg), .width = (bytes), .space = MODEL_CHANNEL, \
	.field = offsetof(struct model_chan, member)
#define EXTRA(reg, bytes, member) \
	.offset = (reg) - IOAT_CHAN_STRIDE, .width = (bytes), .space = MODEL_EXTRA, \
	.since = CBVER_3_4, .field = offsetof(struct model_extra, member)

#define CHANCTRL_RW \
	(CHANCTRL_PRIORITY | CHANCTRL_COMPL_DCA_EN | CHANCTRL_DESC_NOSNOOP | CHANCTRL_ERR_INT_EN | \
	 CHANCTRL_ANY_ERR_ABORT | CHANCTRL_ERR_COMPL_EN)

/* Every register there is; doc/hardware.md says where each comes from. */
static const struct model_reg regs[] = {
	{ GENERAL(IOAT_CHANCNT, 1, chancnt), .fixed = true },
	{ GENERAL(IOAT_XFERCAP, 1, xfercap), .fixed = true },
	{ GENERAL(IOAT_GENCTRL, 1, genctrl), .rw = GENCTRL_DEBUG_EN },
	{ GENERAL(IOAT_INTRCTRL, 1, intrctrl), .read = read_intrctrl,
	  .rw = INTRCTRL_MASTER_INT_EN | INTRCTRL_MSIX_VECTOR },
	{ GENERAL(IOAT_ATTNSTATUS, 4, attnstatus), .read = read_attnstatus },
	{ GENERAL(IOAT_CBVER, 1, cbver) },
	{ GENERAL(IOAT_PERPORTOFFSET, 2, perportoffset) },
	{ GENERAL(IOAT_INTRDELAY, 2, intrdelay), .reset = INTRDELAY_COALESCE,
	  .rw = INTRDELAY_USEC },
	{ GENERAL(IOAT_CS_STATUS, 2, cs_status) },
	{ GENERAL(IOAT_DMACAPABILITY, 4, dmacap) },
	{ GENERAL(IOAT_DCAOFFSET, 2, dcaoffset) },
	{ GENERAL(IOAT_CBPRIO, 1, cbprio) },
	{ GENERAL(IOAT_PREFETCH_LIMIT, 1, prefetch_limit), .rw = 0xff },

	{ CHANNEL(IOAT_CHANCTRL, 2, chanctrl), .rw = CHANCTRL_RW, .w1c = CHANCTRL_INT_DISABLE,
	  .read = read_chanctrl, .written = written_chanctrl },
	{ CHANNEL(IOAT_DMA_COMP, 2, dma_comp), .reset = DMA_COMP_V2 | DMA_COMP_V3 },
	{ CHANNEL(IOAT_CHANCMD, 1, chancmd), .written = written_chancmd },
	{ CHANNEL(IOAT_DMACOUNT, 2, dmacount), .rw = 0xffff, .written = written_dmacount },
	{ CHANNEL(IOAT_CHANSTS, 8, last), .read = read_chansts },
	{ CHANNEL(IOAT_CHAINADDR, 8, chainaddr), .rw = UINT64_MAX, .written = written_chainaddr },
	{ CHANNEL(IOAT_CHANCMP, 8, chancmp), .rw = UINT64_MAX },
	{ CHANNEL(IOAT_CDAR, 8, cdar) },
	{ CHANNEL(IOAT_CHANERR, 4, chanerr), .w1c = CHANERR_ALL, .sticky = true },
	{ CHANNEL(IOAT_CHANERRMASK, 4, chanerrmask), .rw = CHANERR_ALL, .sticky = true },
	{ CHANNEL(IOAT_DCACTRL, 4, dcactrl), .rw = DCACTRL_TARGET | DCACTRL_COMPL_EN },

	{ EXTRA(IOAT_DRSCTL, 2, drsctl), .rw = 0xffff },
	{ EXTRA(IOAT_LTR_SWSEL, 1, ltr_swsel), .rw = 0xff },
	{ EXTRA(IOAT_LTR_ACTIVE, 4, ltr_active), .rw = 0xffffffff },
	{ EXTRA(IOAT_LTR_IDLE, 4, ltr_idle), .rw = 0xffffffff },
};
/* clang-format on */

#define REGS (sizeof(regs) / sizeof(regs[0]))

static_assert(REGS < UINT8_MAX, "a row number fits the index");

/** Where an access meets a register. */
struct model_hit {
	const struct model_reg *reg;
	uint64_t *stored;
	unsigned int window; /* the channel, where there is one */
	unsigned int shift;  /* of the first accessed bit in the register */
	unsigned int bytes;  /* accessed, in this register */
	uint64_t bits;       /* the same, as a mask over the register */
};

void
model_regs_index(struct ioat_model *model)
{
	size_t row;

	for (row = 0; row < REGS; row++) {
		const struct model_reg *reg = &regs[row];
		uint8_t *bytes = model->chan_row;
		unsigned int i;

		if (reg->space == MODEL_GENERAL)
			bytes = model->general_row;
		for (i = 0; i < reg->width; i++)
			bytes[reg->offset + i] = (uint8_t)(row + 1);
	}
}

static uint64_t *
model_reg_stored(struct ioat_model *model, const struct model_reg *reg, unsigned int window)
{
	char *base;

	if (reg->space == MODEL_GENERAL)
		base = (char *)model;
	else if (reg->space == MODEL_CHANNEL)
		base = (char *)&model->chan[window];
	else
		base = (char *)&model->extra[window];
	return (uint64_t *)(void *)(base + reg->field);
}

void
model_regs_power_on(struct ioat_model *model)
{
	size_t row;

	for (row = 0; row < REGS; row++) {
		const struct model_reg *reg = &regs[row];
		unsigned int window, windows = 1;

		if (reg->space == MODEL_CHANNEL)
			windows = IOAT_CHAN_MAX;
		else if (reg->space == MODEL_EXTRA)
			windows = IOAT_CHAN_MAX + 1;
		for (window = 0; window < windows && !reg->fixed; window++)
			*model_reg_stored(model, reg, window) = reg->reset;
	}
}

void
model_regs_reset_chan(struct ioat_model *model, struct model_chan *mc)
{
	size_t row;

	for (row = 0; row < REGS; row++) {
		const struct model_reg *reg = &regs[row];

		if (reg->space == MODEL_CHANNEL && !reg->sticky)
			*model_reg_stored(model, reg, mc->index) = reg->reset;
	}
}

/**
 * Find the register that covers the byte at @p offset.
 * @return false: reserved, beyond the last window, or younger than this part.
 */
static bool
model_hit_find(struct ioat_model *model, uint64_t offset, uint64_t end, struct model_hit *hit)
{
	unsigned int in = (unsigned int)(offset % IOAT_CHAN_STRIDE), row, skip, left;
	uint64_t window = offset / IOAT_CHAN_STRIDE;

	row = window == 0 ? model->general_row[in] : model->chan_row[in];
	if (row == 0)
		return false;
	hit->reg = &regs[row - 1];
	hit->window = 0;
	if (window != 0) {
		uint64_t last =
			hit->reg->space == MODEL_CHANNEL ? model->chancnt : model->chancnt + 1;

		if (window > last || model->cbver < hit->reg->since)
			return false;
		hit->window = (unsigned int)window - 1;
	}
	skip = in - hit->reg->offset;
	left = hit->reg->width - skip;
	hit->bytes = end - offset < left ? (unsigned int)(end - offset) : left;
	hit->shift = 8 * skip;
	hit->bits = UINT64_MAX >> (64 - 8 * hit->bytes) << hit->shift;
	hit->stored = model_reg_stored(model, hit->reg, hit->window);
	return true;
}

static bool
model_access_is_legal(uint64_t offset, unsigned int width)
{
	if (width != 1 && width != 2 && width != 4 && width != 8)
		return false;
	return offset < IOAT_BAR_SIZE;
}

uint64_t
ioat_model_read(struct ioat_model *model, uint64_t offset, unsigned int width)
{
	uint64_t value = 0, pos, end = offset + width;
	struct model_hit hit;

	if (!model_access_is_legal(offset, width))
		return 0;
	for (pos = offset; pos < end; pos += hit.bytes) {
		uint64_t part;

		hit.bytes = 1;
		if (!model_hit_find(model, pos, end, &hit))
			continue;
		if (hit.reg->read != NULL)
			part = hit.reg->read(model, hit.window, hit.bits);
		else
			part = *hit.stored;
		value |= (part & hit.bits) >> hit.shift << (8 * (pos - offset));
	}
	return value;
}

void
ioat_model_write(struct ioat_model *model, uint64_t offset, unsigned int width, uint64_t value)
{
	uint64_t pos, end = offset + width;
	struct model_hit hit;

	if (!model_access_is_legal(offset, width))
		return;
	for (pos = offset; pos < end; pos += hit.bytes) {
		uint64_t part, rw;

		hit.bytes = 1;
		if (!model_hit_find(model, pos, end, &hit))
			continue;
		part = (value >> (8 * (pos - offset)) << hit.shift) & hit.bits;
		rw = hit.reg->rw & hit.bits;
		*hit.stored = (*hit.stored & ~rw) | (part & rw);
		*hit.stored &= ~(part & hit.reg->w1c);
		if (hit.reg->written != NULL)
			hit.reg->written(model, hit.window, part, hit.bits);
	}
}
