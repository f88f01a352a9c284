/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <string.h>

#include "fuzz_world.h"

/* Scanning the guards takes longer than a usual input; AddressSanitizer sees the access itself. */
#define GUARDS_EVERY 64u

static void
fuzz_completion(struct fake_host *fh, uint64_t addr, uint64_t value)
{
	struct fuzz_world *w = fh->arg;
	uint64_t state = value & CHANSTS_STATE;
	bool known = false;
	unsigned int i;

	for (i = 0; i < w->m->chancnt; i++)
		known = known || w->before[i].chancmp == addr;
	FUZZ_CHECK(known || w->injected);
	FUZZ_CHECK(state == IOAT_STATE_ACTIVE || state == IOAT_STATE_DONE ||
	           state == IOAT_STATE_HALTED);
	FUZZ_CHECK((value & ~(CHANSTS_DESC | CHANSTS_STATE | CHANSTS_UNAFFILIATED)) == 0);
}

struct fuzz_world *
fuzz_open(struct fuzz_input *in)
{
	static const size_t map_max[] = {0, 4096, 100, 7};
	static struct fuzz_world world; /* its memory is kept: filling it costs more than a run */
	struct fuzz_world *w = &world;
	struct ioat_model_conf conf = {0};
	unsigned char *mem = w->fh.mem;
	unsigned int how;

	if (mem == NULL) {
		fake_open(&w->fh);
		mem = w->fh.mem;
	}
	how = (unsigned int)fuzz_take(in, 2);
	conf.device = (enum ioat_model_device)(how % 4);
	conf.channels = 1 + (how >> 2) % IOAT_CHAN_MAX;
	conf.xfercap = XFERCAP_MIN + (how >> 4) % 8;
	w->fh.no_map = how >> 7 & 1;
	w->fh.map_max = map_max[how >> 8 & 3];
	w->fh.map_apart = w->fh.map_max != 0;
	w->fh.eio_at = how >> 10 & 1 ? SRC + 1000 : how >> 11 & 1 ? DST + 5000 : 0;
	w->fh.events = 0;
	w->fh.on_completion = fuzz_completion;
	w->fh.arg = w;
	conf.host = fake_callbacks(&w->fh);
	memset(fake_at(&w->fh, RING), 0, RING_LEN);
	memset(w->shadow, 0, sizeof(w->shadow));
	memset(w->before, 0, sizeof(w->before));
	w->injected = false;
	FUZZ_CHECK(ioat_model_create(&w->m, &conf) == 0);
	return w;
}

void
fuzz_close(struct fuzz_world *w)
{
	static unsigned int inputs;

	FUZZ_CHECK(memcmp(fake_at(&w->fh, RING), w->shadow, RING_LEN) == 0);
	if (inputs++ % GUARDS_EVERY == 0)
		FUZZ_CHECK(fake_guards_intact(&w->fh));
	ioat_model_destroy(w->m);
}

void
fuzz_put(struct fuzz_world *w, unsigned int slot, const struct ioat_desc *desc)
{
	w->shadow[slot % FUZZ_SLOTS] = *desc;
	memcpy(fake_at(&w->fh, RING + slot % FUZZ_SLOTS * IOAT_DESC_SIZE), desc, sizeof(*desc));
}

static void
fuzz_note(struct fuzz_world *w)
{
	unsigned int i;

	for (i = 0; i < w->m->chancnt; i++) {
		w->before[i].count = w->m->chan[i].count;
		w->before[i].chancmp = w->m->chan[i].chancmp;
		w->before[i].chanerr = w->m->chan[i].chanerr;
	}
}

/** The registers and the inside of a channel agree, in a state that exists. */
static void
fuzz_check_channel(const struct fuzz_world *w, const struct model_chan *mc)
{
	uint64_t status = model_chan_status(mc, mc->state);
	bool work = (uint16_t)mc->dmacount != mc->finished;

	FUZZ_CHECK(mc->state <= IOAT_STATE_ARMED);
	FUZZ_CHECK((status & 0x30) == 0);
	FUZZ_CHECK(mc->last % IOAT_DESC_ALIGN == 0);
	FUZZ_CHECK((mc->chanerr & ~(uint64_t)CHANERR_ALL) == 0);
	FUZZ_CHECK(mc->dmacount <= UINT16_MAX);
	FUZZ_CHECK(mc->chancmd == 0 || (mc->chancmd == CHANCMD_RESET && w->injected));
	if (mc->job.live) {
		FUZZ_CHECK(mc->state == IOAT_STATE_ACTIVE);
		FUZZ_CHECK(mc->job.done < mc->job.desc.size);
		FUZZ_CHECK(mc->job.desc.size <= w->m->xfer_max);
	}
	if (mc->state == IOAT_STATE_ACTIVE)
		FUZZ_CHECK(mc->job.live || work);
	if (mc->state == IOAT_STATE_DONE)
		FUZZ_CHECK(!work);
	if (mc->state == IOAT_STATE_ARMED)
		FUZZ_CHECK(mc->last == 0 && mc->finished == 0 && mc->dmacount == 0);
	FUZZ_CHECK(!mc->irq_pending || mc->irq_wait != 0 || (mc->chanctrl & CHANCTRL_INT_DISABLE));
	FUZZ_CHECK(mc->irq_wait <= INTRDELAY_USEC);
}

/** What a call may have changed, faults apart: one error bit per error, and counters upwards. */
static void
fuzz_check_change(const struct fuzz_world *w, unsigned int i)
{
	const struct model_chan *mc = &w->m->chan[i];
	const struct fuzz_before *was = &w->before[i];
	uint64_t fresh = mc->chanerr & ~was->chanerr;

	FUZZ_CHECK(mc->count.doorbells >= was->count.doorbells);
	FUZZ_CHECK(mc->count.descriptors >= was->count.descriptors);
	FUZZ_CHECK(mc->count.completions >= was->count.completions);
	FUZZ_CHECK(mc->count.bytes >= was->count.bytes);
	FUZZ_CHECK(mc->count.interrupts >= was->count.interrupts);
	FUZZ_CHECK(mc->count.errors >= was->count.errors);
	if (w->injected)
		return;
	FUZZ_CHECK(mc->count.errors - was->count.errors <= 1);
	FUZZ_CHECK((fresh & (fresh - 1)) == 0);
	FUZZ_CHECK(fresh == 0 || mc->count.errors != was->count.errors);
	FUZZ_CHECK(fresh == 0 || mc->state == IOAT_STATE_HALTED);
}

static void
fuzz_check_all(const struct fuzz_world *w)
{
	uint64_t completions = 0;
	unsigned int i;

	for (i = 0; i < w->m->chancnt; i++) {
		fuzz_check_channel(w, &w->m->chan[i]);
		fuzz_check_change(w, i);
		completions += w->m->chan[i].count.completions - w->before[i].count.completions;
	}
	FUZZ_CHECK(completions == w->fh.events);
	FUZZ_CHECK(w->m->attnstatus >> w->m->chancnt == 0);
	FUZZ_CHECK(!ioat_model_intx_level(w->m) || w->m->attnstatus != 0);
}

/** Interrupts share the host's event counter; only completion words are compared. */
static void
fuzz_begin(struct fuzz_world *w)
{
	fuzz_note(w);
	w->fh.events = 0;
	memset(w->fh.interrupts, 0, sizeof(w->fh.interrupts));
}

static void
fuzz_end(struct fuzz_world *w)
{
	unsigned int i;

	for (i = 0; i < w->m->chancnt; i++) {
		FUZZ_CHECK(w->m->chan[i].count.interrupts - w->before[i].count.interrupts ==
		           w->fh.interrupts[i]);
		w->fh.events -= w->fh.interrupts[i];
	}
	fuzz_check_all(w);
}

/** Whether @p offset lies behind all registers: of the last channel, and those behind it. */
static bool
fuzz_is_behind(const struct fuzz_world *w, uint64_t offset)
{
	return offset >= IOAT_CHAN_BASE(w->m->chancnt + 1);
}

void
fuzz_write(struct fuzz_world *w, uint64_t offset, unsigned int width, uint64_t value)
{
	static struct ioat_model before;

	before = *w->m;
	fuzz_begin(w);
	ioat_model_write(w->m, offset, width, value);
	fuzz_end(w);
	if (fuzz_is_behind(w, offset))
		FUZZ_CHECK(memcmp(&before, w->m, sizeof(before)) == 0);
}

void
fuzz_read(struct fuzz_world *w, uint64_t offset, unsigned int width)
{
	uint64_t value;

	fuzz_begin(w);
	value = ioat_model_read(w->m, offset, width);
	fuzz_end(w);
	FUZZ_CHECK(width >= 8 || value >> (8 * width) == 0);
	FUZZ_CHECK(!fuzz_is_behind(w, offset) || value == 0);
}

void
fuzz_step(struct fuzz_world *w, unsigned int chan, size_t budget)
{
	bool busy = ioat_model_busy(w->m, chan);
	uint64_t moved;
	size_t cost;

	fuzz_begin(w);
	cost = ioat_model_step(w->m, chan, budget);
	fuzz_end(w);
	FUZZ_CHECK(cost <= budget + MODEL_CHUNK + MODEL_DESC_COST);
	FUZZ_CHECK((cost != 0) == (busy && budget != 0));
	if (chan >= w->m->chancnt)
		return;
	moved = w->m->chan[chan].count.bytes - w->before[chan].count.bytes;
	FUZZ_CHECK(moved <= cost);
	/* It stops early only if nothing is left to do. */
	FUZZ_CHECK(cost >= budget || w->m->chan[chan].state != IOAT_STATE_ACTIVE);
	/* Errors stay until they are cleared. */
	FUZZ_CHECK((w->before[chan].chanerr & ~w->m->chan[chan].chanerr) == 0);
}

void
fuzz_inject(struct fuzz_world *w, unsigned int chan, const struct ioat_model_fault *fault)
{
	if (ioat_model_inject(w->m, chan, fault) == 0)
		w->injected = true;
}

void
fuzz_function_reset(struct fuzz_world *w)
{
	ioat_model_reset(w->m);
	fuzz_begin(w);
	fuzz_end(w);
	w->injected = false;
}
