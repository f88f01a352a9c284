/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include "ioat_model_priv.h"

static bool
model_fault_is_legal(const struct ioat_model_fault *fault)
{
	switch (fault->kind) {
	case IOAT_MODEL_FAULT_CHANERR:
		return fault->chanerr != 0 && (fault->chanerr & ~CHANERR_ALL) == 0;
	case IOAT_MODEL_FAULT_HALT:
		return true;
	case IOAT_MODEL_FAULT_RESET:
	case IOAT_MODEL_FAULT_LATE_WRITE:
	case IOAT_MODEL_FAULT_LOST_IRQ:
	case IOAT_MODEL_FAULT_STUCK:
		return fault->count != 0;
	}
	return false;
}

int
ioat_model_inject(struct ioat_model *model, unsigned int chan, const struct ioat_model_fault *fault)
{
	struct model_chan *mc;

	if (chan >= model->chancnt || !model_fault_is_legal(fault))
		return -EINVAL;
	mc = &model->chan[chan];
	mc->fault[fault->kind] = *fault;
	mc->armed |= MODEL_BIT(fault->kind);
	return 0;
}

bool
model_fault_take(struct model_chan *mc, enum ioat_model_fault_kind kind)
{
	if (!(mc->armed & MODEL_BIT(kind)))
		return false;
	if (--mc->fault[kind].count == 0)
		mc->armed &= ~MODEL_BIT(kind);
	return true;
}

/** Whether a fault that waits for a descriptor is armed and has waited long enough. */
static bool
model_fault_is_due(const struct model_chan *mc, enum ioat_model_fault_kind kind)
{
	return (mc->armed & MODEL_BIT(kind)) && mc->fault[kind].after == 0;
}

bool
model_fault_strike(struct ioat_model *model, struct model_chan *mc)
{
	if (model_fault_is_due(mc, IOAT_MODEL_FAULT_CHANERR)) {
		mc->armed &= ~MODEL_BIT(IOAT_MODEL_FAULT_CHANERR);
		model_chan_error(model, mc, mc->fault[IOAT_MODEL_FAULT_CHANERR].chanerr);
	} else if (model_fault_is_due(mc, IOAT_MODEL_FAULT_HALT)) {
		mc->armed &= ~MODEL_BIT(IOAT_MODEL_FAULT_HALT);
		model_chan_error(model, mc, 0);
	}
	return mc->state != IOAT_STATE_ACTIVE;
}

void
model_fault_count(struct model_chan *mc)
{
	if (mc->fault[IOAT_MODEL_FAULT_CHANERR].after != 0)
		mc->fault[IOAT_MODEL_FAULT_CHANERR].after--;
	if (mc->fault[IOAT_MODEL_FAULT_HALT].after != 0)
		mc->fault[IOAT_MODEL_FAULT_HALT].after--;
}

bool
model_fault_hold(struct model_chan *mc, uint64_t addr, uint64_t value)
{
	if (!(mc->armed & MODEL_BIT(IOAT_MODEL_FAULT_LATE_WRITE)) || mc->late.steps != 0)
		return false;
	mc->armed &= ~MODEL_BIT(IOAT_MODEL_FAULT_LATE_WRITE);
	mc->late.addr = addr;
	mc->late.value = value;
	mc->late.steps = mc->fault[IOAT_MODEL_FAULT_LATE_WRITE].count;
	return true;
}

void
model_fault_release(struct ioat_model *model, struct model_chan *mc)
{
	const struct ioat_model_host *host = &model->host;

	if (--mc->late.steps != 0)
		return;
	/* The channel has gone on: a refused write has no descriptor left to blame. */
	if (host->dma_write64(host->ctx, mc->late.addr, mc->late.value) == 0)
		mc->count.completions++;
}
