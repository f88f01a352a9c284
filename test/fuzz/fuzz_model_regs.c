/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Hostile driver, part one: any register access of any width anywhere, between steps, resets and
 * injected faults. The ring holds sensible descriptors, so that what is started also runs.
 */

#include "fuzz_world.h"

/** Copies, fills and NULLs with all flags, some of them bad, each linked to the next. */
static void
prepare_ring(struct fuzz_world *w)
{
	unsigned int i;

	for (i = 0; i < FUZZ_SLOTS; i++) {
		struct ioat_desc d = {.size = 1 + i * 113 % 5000, .ctrl = i & 0x1f};

		d.src = SRC + i * 61;
		d.dst = DST + i * 97;
		d.next = RING + (i + 1) % FUZZ_SLOTS * IOAT_DESC_SIZE;
		if (i % 8 == 3)
			d.ctrl |= DESC_CTRL_NULL;
		if (i % 8 == 5)
			d.ctrl = DESC_CTRL_OP(IOAT_OP_FILL) | (i & 0x19);
		if (i % 32 == 31)
			d.size = 0;
		if (i % 64 == 47)
			d.next = NOWHERE;
		fuzz_put(w, i, &d);
	}
}

/** The registers that matter most get their usual offset and width more often than chance. */
static void
usual_write(struct fuzz_world *w, struct fuzz_input *in)
{
	static const struct {
		uint8_t reg, width;
	} usual[8] = {{IOAT_CHANCTRL, 2},    {IOAT_CHANCMD, 1}, {IOAT_DMACOUNT, 2},
	              {IOAT_CHAINADDR, 8},   {IOAT_CHANCMP, 8}, {IOAT_CHANERR, 4},
	              {IOAT_CHANERRMASK, 4}, {IOAT_DCACTRL, 4}};
	unsigned int which = (unsigned int)fuzz_take(in, 1);
	uint64_t value = fuzz_take(in, 2);

	if (usual[which % 8].reg == IOAT_CHAINADDR)
		value = RING + value % FUZZ_SLOTS * IOAT_DESC_SIZE + (value >> 12 == 0xf);
	if (usual[which % 8].reg == IOAT_CHANCMP)
		value = CMP + value;
	fuzz_write(w, IOAT_CHAN_BASE(which >> 3 & 3) + usual[which % 8].reg, usual[which % 8].width,
	           value);
}

static void
inject(struct fuzz_world *w, struct fuzz_input *in)
{
	struct ioat_model_fault fault;
	unsigned int how = (unsigned int)fuzz_take(in, 1);

	fault.kind = (enum ioat_model_fault_kind)(how % 8);
	fault.after = (uint32_t)fuzz_take(in, 1);
	fault.count = fault.after;
	fault.chanerr = (uint32_t)fuzz_take(in, 4);
	fuzz_inject(w, how >> 3 & 7, &fault);
}

/** Mostly where registers are, @p anywhere: in the whole BAR and a little behind it. */
static uint64_t
take_offset(struct fuzz_input *in, bool anywhere)
{
	return fuzz_take(in, 2) % (anywhere ? IOAT_BAR_SIZE + 0x100 : 0x300);
}

static void
one_call(struct fuzz_world *w, struct fuzz_input *in)
{
	unsigned int op = (unsigned int)fuzz_take(in, 1), width = 1u << (op >> 4 & 3);
	uint64_t offset;

	switch (op & 0xf) {
	case 0:
	case 1:
		offset = take_offset(in, op >> 6 & 1);
		fuzz_write(w, offset, width, fuzz_take(in, width));
		break;
	case 2:
		offset = take_offset(in, op >> 6 & 1);
		fuzz_read(w, offset, width);
		break;
	case 3: /* anything at all */
		offset = fuzz_take(in, 8);
		fuzz_write(w, offset, (unsigned int)fuzz_take(in, 1), fuzz_take(in, 8));
		break;
	case 4:
		offset = fuzz_take(in, 8);
		fuzz_read(w, offset, (unsigned int)fuzz_take(in, 1));
		break;
	case 5:
		inject(w, in);
		break;
	case 6:
		ioat_model_advance(w->m, (uint32_t)fuzz_take(in, 2));
		break;
	case 7:
		ioat_model_set_msix(w->m, op >> 4 & 1);
		break;
	case 8:
		fuzz_function_reset(w);
		break;
	case 9:
	case 10:
	case 11:
		fuzz_step(w, op >> 4 & 7, (size_t)fuzz_take(in, 2));
		break;
	default:
		usual_write(w, in);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct fuzz_world *w = fuzz_open(&in);
	unsigned int i;

	prepare_ring(w);
	for (i = 0; i < FUZZ_OPS && in.left != 0; i++)
		one_call(w, &in);
	fuzz_close(w);
	return 0;
}
