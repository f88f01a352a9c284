/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Hostile driver, part two: any descriptor anywhere in memory, changed while it runs, with
 * memory granted and taken away between steps of any budget.
 */

#include "fuzz_world.h"

static const uint64_t places[16] = {SRC,
                                    DST,
                                    RING,
                                    CMP,
                                    ROM,
                                    NOWHERE,
                                    0,
                                    UINT64_MAX - 4095,
                                    SRC + SRC_LEN - 100,
                                    DST + DST_LEN - 4096,
                                    SRC + 4090,
                                    DST + 4000,
                                    FAKE_BASE,
                                    FAKE_BASE + FAKE_SIZE - 64,
                                    UINT64_MAX - 63,
                                    DST + 0x10000};

/** An address: mostly near something interesting, sometimes anything. */
static uint64_t
take_address(struct fuzz_input *in)
{
	unsigned int how = (unsigned int)fuzz_take(in, 1);

	if (how >= 0xf0)
		return fuzz_take(in, 8);
	return places[how & 0xf] + fuzz_take(in, how >> 4 & 1 ? 2 : 1);
}

/** A link: mostly to a slot of the ring. */
static uint64_t
take_link(struct fuzz_input *in)
{
	unsigned int how = (unsigned int)fuzz_take(in, 1);

	return how == 0xff ? take_address(in) : RING + how * IOAT_DESC_SIZE;
}

static void
take_descriptor(struct fuzz_world *w, struct fuzz_input *in)
{
	unsigned int slot = (unsigned int)fuzz_take(in, 1), how = (unsigned int)fuzz_take(in, 1);
	struct ioat_desc d = {0};

	d.size = (uint32_t)fuzz_take(in, how >> 6 == 3 ? 4 : 2);
	if (how & 1)
		d.ctrl = (uint32_t)fuzz_take(in, 4);
	else
		d.ctrl = (uint32_t)fuzz_take(in, 1) | DESC_CTRL_OP(how >> 1 & 1);
	d.src = take_address(in);
	d.dst = take_address(in);
	d.next = how >> 2 & 1 ? take_link(in) : RING + (slot + 1) % FUZZ_SLOTS * IOAT_DESC_SIZE;
	if (how >> 3 & 1) {
		d.src2 = take_address(in);
		d.dst2 = take_address(in);
	}
	fuzz_put(w, slot, &d);
}

static void
start(struct fuzz_world *w, unsigned int chan, unsigned int how)
{
	fuzz_write(w, IOAT_CHAN_BASE(chan) + IOAT_CHANERR, 4, UINT32_MAX);
	fuzz_write(w, IOAT_CHAN_BASE(chan) + IOAT_CHANCMD, 1, CHANCMD_RESET);
	fuzz_write(w, IOAT_CHAN_BASE(chan) + IOAT_CHANCTRL, 2, how & 1 ? 0x1d : 0x08);
	fuzz_write(w, IOAT_CHAN_BASE(chan) + IOAT_CHANCMP, 8, how & 2 ? NOWHERE : CMP + 8 * chan);
	fuzz_write(w, IOAT_CHAN_BASE(chan) + IOAT_CHAINADDR, 8,
	           RING + (how >> 2) % FUZZ_SLOTS * IOAT_DESC_SIZE);
}

/** Take a page's rights away, or give all of them back. The ring stays as it is. */
static void
change_rights(struct fuzz_world *w, struct fuzz_input *in, bool grant)
{
	static const unsigned int rights = IOAT_MODEL_READ | IOAT_MODEL_WRITE;
	unsigned int page = (unsigned int)fuzz_take(in, 1) % (SRC_LEN / FAKE_PAGE);
	uint64_t base = fuzz_take(in, 1) & 1 ? SRC : DST;

	fake_grant(&w->fh, base + page * FAKE_PAGE, FAKE_PAGE, grant ? rights : 0);
}

static void
one_call(struct fuzz_world *w, struct fuzz_input *in)
{
	unsigned int op = (unsigned int)fuzz_take(in, 1), chan = op >> 4 & 3;

	switch (op & 0xf) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		take_descriptor(w, in);
		break;
	case 5:
		start(w, chan, (unsigned int)fuzz_take(in, 2));
		break;
	case 6:
	case 7:
		fuzz_write(w, IOAT_CHAN_BASE(chan) + IOAT_DMACOUNT, 2,
		           fuzz_take(in, op >> 7 ? 2 : 1));
		break;
	case 8:
		fuzz_write(w, IOAT_CHAN_BASE(chan) + IOAT_CHANCMD, 1, 1u << fuzz_take(in, 1) % 6);
		break;
	case 9:
		change_rights(w, in, op >> 7);
		break;
	default:
		fuzz_step(w, chan, (size_t)fuzz_take(in, 2));
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned int rights = IOAT_MODEL_READ | IOAT_MODEL_WRITE;
	struct fuzz_input in = {data, size};
	struct fuzz_world *w = fuzz_open(&in);
	unsigned int i;

	for (i = 0; i < w->m->chancnt; i++)
		start(w, i, 1 + 64 * i);
	for (i = 0; i < FUZZ_OPS && in.left != 0; i++)
		one_call(w, &in);
	fuzz_close(w);
	for (i = 0; i < SRC_LEN / FAKE_PAGE; i++) {
		if (w->fh.rights[(SRC - FAKE_BASE) / FAKE_PAGE + i] != rights)
			fake_grant(&w->fh, SRC + i * FAKE_PAGE, FAKE_PAGE, rights);
		if (w->fh.rights[(DST - FAKE_BASE) / FAKE_PAGE + i] != rights)
			fake_grant(&w->fh, DST + i * FAKE_PAGE, FAKE_PAGE, rights);
	}
	return 0;
}
