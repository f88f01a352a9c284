/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include "ioat_model_priv.h"

/* clang-format off */
/* doc/hardware.md, Channel states. Commands that a state ignores never get here. */
static const unsigned int legal_next[] = {
	[IOAT_STATE_ACTIVE]    = MODEL_BIT(IOAT_STATE_DONE) | MODEL_BIT(IOAT_STATE_SUSPENDED) |
	                         MODEL_BIT(IOAT_STATE_HALTED) | MODEL_BIT(IOAT_STATE_ARMED),
	[IOAT_STATE_DONE]      = MODEL_BIT(IOAT_STATE_ACTIVE) | MODEL_BIT(IOAT_STATE_SUSPENDED) |
	                         MODEL_BIT(IOAT_STATE_HALTED) | MODEL_BIT(IOAT_STATE_ARMED),
	[IOAT_STATE_SUSPENDED] = MODEL_BIT(IOAT_STATE_ACTIVE) | MODEL_BIT(IOAT_STATE_DONE) |
	                         MODEL_BIT(IOAT_STATE_HALTED) | MODEL_BIT(IOAT_STATE_ARMED),
	[IOAT_STATE_HALTED]    = MODEL_BIT(IOAT_STATE_HALTED) | MODEL_BIT(IOAT_STATE_ARMED),
	[IOAT_STATE_ARMED]     = MODEL_BIT(IOAT_STATE_ACTIVE) | MODEL_BIT(IOAT_STATE_HALTED) |
	                         MODEL_BIT(IOAT_STATE_ARMED),
};
/* clang-format on */

static void
model_chan_enter(struct model_chan *mc, enum ioat_state next)
{
	assert(legal_next[mc->state] & MODEL_BIT(next));
	mc->state = next;
}

uint64_t
model_chan_status(const struct model_chan *mc, enum ioat_state state)
{
	uint64_t status = mc->last | (uint64_t)state;

	/* Drivers take a halted word for an address and a state, nothing else. */
	if ((mc->chanerr & MODEL_UNAFFILIATED) && state != IOAT_STATE_HALTED)
		status |= CHANSTS_UNAFFILIATED;
	return status;
}

void
model_chan_reset(struct ioat_model *model, struct model_chan *mc)
{
	model_regs_reset_chan(model, mc);
	mc->state = IOAT_STATE_HALTED;
	mc->fetch = 0;
	mc->finished = 0;
	mc->first = false;
	mc->irq_pending = false;
	mc->irq_wait = 0;
	mc->job.live = false;
	model->attnstatus &= ~(uint64_t)MODEL_BIT(mc->index);
}

static bool
model_chan_has_work(const struct model_chan *mc)
{
	return mc->job.live || (uint16_t)mc->dmacount != mc->finished;
}

static void
model_chan_suspend(struct ioat_model *model, struct model_chan *mc)
{
	/* In ARMED there is nothing to suspend. */
	if (mc->state != IOAT_STATE_ACTIVE && mc->state != IOAT_STATE_DONE)
		return;
	if (mc->job.live) {
		mc->job.suspend = true; /* model_chan_complete() does it, now or some steps later */
		model_exec_finish(model, mc);
	} else {
		model_chan_enter(mc, IOAT_STATE_SUSPENDED);
	}
}

void
model_chan_command(struct ioat_model *model, struct model_chan *mc, unsigned int command)
{
	command &= CHANCMD_ALL;
	if (command & (command - 1)) {
		model_chan_error(model, mc, CHANERR_CMD);
		return;
	}
	switch (command) {
	case CHANCMD_RESET:
		if (model_fault_take(mc, IOAT_MODEL_FAULT_RESET))
			mc->chancmd = CHANCMD_RESET;
		else
			model_chan_reset(model, mc);
		break;
	case CHANCMD_SUSPEND:
		model_chan_suspend(model, mc);
		break;
	case CHANCMD_RESUME:
		mc->job.suspend = false;
		if (mc->state == IOAT_STATE_SUSPENDED)
			model_chan_enter(mc, model_chan_has_work(mc) ? IOAT_STATE_ACTIVE
			                                             : IOAT_STATE_DONE);
		break;
	case CHANCMD_ABORT:
		mc->job.live = false;
		model_chan_enter(mc, IOAT_STATE_HALTED);
		break;
	default: /* START and APPEND belong to version 1 */
		break;
	}
}

void
model_chan_chain(struct model_chan *mc, bool whole)
{
	mc->dmacount = 0;
	mc->finished = 0;
	mc->job.live = false;
	if (mc->state == IOAT_STATE_HALTED) {
		if (mc->chanerr != 0)
			return;
		if (mc->armed & MODEL_BIT(IOAT_MODEL_FAULT_STUCK)) {
			/* A write in two halves is one write: its lower half uses nothing up. */
			if (whole)
				model_fault_take(mc, IOAT_MODEL_FAULT_STUCK);
			return;
		}
	}
	mc->fetch = mc->chainaddr;
	mc->first = true;
	mc->last = 0;
	mc->cdar = 0;
	model_chan_enter(mc, IOAT_STATE_ARMED);
}

void
model_chan_doorbell(struct model_chan *mc)
{
	mc->count.doorbells++;
	if (mc->state == IOAT_STATE_ARMED || mc->state == IOAT_STATE_DONE) {
		if (model_chan_has_work(mc))
			model_chan_enter(mc, IOAT_STATE_ACTIVE);
	} else if (mc->state == IOAT_STATE_ACTIVE && !model_chan_has_work(mc)) {
		/* The count was taken back to what is finished already. */
		model_chan_enter(mc, IOAT_STATE_DONE);
	}
}

static void
model_irq_kick(struct ioat_model *model, struct model_chan *mc)
{
	if (!mc->irq_pending || mc->irq_wait != 0 || (mc->chanctrl & CHANCTRL_INT_DISABLE))
		return;
	mc->irq_pending = false;
	mc->chanctrl |= CHANCTRL_INT_DISABLE;
	if (model_fault_take(mc, IOAT_MODEL_FAULT_LOST_IRQ))
		return;
	mc->count.interrupts++;
	if (!model->msix)
		model->attnstatus |= MODEL_BIT(mc->index);
	if (model->host.irq != NULL)
		model->host.irq(model->host.ctx, mc->index);
}

static void
model_irq_due(struct ioat_model *model, struct model_chan *mc)
{
	if (!mc->irq_pending) {
		mc->irq_pending = true;
		mc->irq_wait = (uint32_t)(model->intrdelay & INTRDELAY_USEC);
	}
	model_irq_kick(model, mc);
}

void
model_chan_rearm(struct ioat_model *model, struct model_chan *mc)
{
	/* The driver acknowledges: what is pending now is a new interrupt. */
	model->attnstatus &= ~(uint64_t)MODEL_BIT(mc->index);
	model_irq_kick(model, mc);
}

/**
 * Store a completion word where CHANCMP points.
 * @return 0; negative errno: CHANCMP is misaligned or the host refuses.
 */
static int
model_chan_report(struct ioat_model *model, struct model_chan *mc, enum ioat_state state,
                  uint64_t desc)
{
	uint64_t addr = mc->chancmp, flags = model_chan_status(mc, state) & ~CHANSTS_DESC;
	int rc;

	if (addr % sizeof(uint64_t) != 0 || model_range_wraps(addr, sizeof(uint64_t)))
		return -EFAULT;
	if (mc->armed != 0 && model_fault_hold(mc, addr, desc | flags))
		return 0;
	rc = model->host.dma_write64(model->host.ctx, addr, desc | flags);
	if (rc < 0)
		return rc;
	mc->count.completions++;
	return 0;
}

void
model_chan_complete(struct ioat_model *model, struct model_chan *mc)
{
	const struct model_job *job = &mc->job;
	uint16_t finished = (uint16_t)(mc->finished + 1);
	enum ioat_state next = IOAT_STATE_ACTIVE;

	if ((uint16_t)mc->dmacount == finished)
		next = IOAT_STATE_DONE;
	if ((job->desc.ctrl & DESC_CTRL_COMPL) &&
	    model_chan_report(model, mc, next, job->addr) < 0) {
		model_chan_error(model, mc, CHANERR_COMPL_ADDR);
		return;
	}
	mc->finished = finished;
	mc->last = job->addr;
	mc->fetch = job->desc.next;
	mc->first = false;
	mc->job.live = false;
	mc->count.descriptors++;
	if (mc->armed != 0)
		model_fault_count(mc);
	if (job->suspend)
		next = IOAT_STATE_SUSPENDED;
	if (next != IOAT_STATE_ACTIVE)
		model_chan_enter(mc, next);
	if (job->desc.ctrl & DESC_CTRL_INT_EN)
		model_irq_due(model, mc);
}

/** Whether a halt is written to CHANCMP. */
static bool
model_chan_tells_halt(const struct ioat_model *model, const struct model_chan *mc)
{
	if (model->halt_word == IOAT_MODEL_HALT_WORD_NEVER)
		return false;
	if (mc->chanctrl & CHANCTRL_ERR_COMPL_EN)
		return true;
	/* A driver that never wrote CHANCMP (VF) owns nothing at address 0. */
	return model->halt_word == IOAT_MODEL_HALT_WORD_ALWAYS && mc->chancmp != 0;
}

void
model_chan_error(struct ioat_model *model, struct model_chan *mc, uint32_t bits)
{
	bool unaffiliated = bits != 0 && (bits & ~MODEL_UNAFFILIATED) == 0;
	bool masked = bits != 0 && (bits & ~(mc->chanerrmask | model->irq_mask)) == 0;

	mc->chanerr |= bits;
	mc->count.errors++;
	if (!unaffiliated || (mc->chanctrl & CHANCTRL_ANY_ERR_ABORT)) {
		mc->job.live = false;
		if (mc->state == IOAT_STATE_HALTED)
			return;
		/* A bad CHANCMP is no second fault: CHANERR names the one that halted. */
		if (model_chan_tells_halt(model, mc) && bits != CHANERR_COMPL_ADDR)
			(void)model_chan_report(model, mc, IOAT_STATE_HALTED, mc->last);
		model_chan_enter(mc, IOAT_STATE_HALTED);
	}
	if ((mc->chanctrl & CHANCTRL_ERR_INT_EN) && !masked)
		model_irq_due(model, mc);
}

bool
ioat_model_busy(const struct ioat_model *model, unsigned int chan)
{
	if (chan >= model->chancnt)
		return false;
	return model->chan[chan].state == IOAT_STATE_ACTIVE || model->chan[chan].late.steps != 0;
}

void
ioat_model_set_msix(struct ioat_model *model, bool enabled)
{
	model->msix = enabled;
}

void
ioat_model_mask_errors(struct ioat_model *model, uint32_t bits)
{
	model->irq_mask = bits;
}

bool
ioat_model_intx_level(const struct ioat_model *model)
{
	return !model->msix && model->attnstatus != 0 && (model->intrctrl & INTRCTRL_MASTER_INT_EN);
}

uint32_t
ioat_model_delay(const struct ioat_model *model)
{
	uint32_t least = 0;
	unsigned int i;

	for (i = 0; i < model->chancnt; i++) {
		const struct model_chan *mc = &model->chan[i];

		if (mc->irq_pending && mc->irq_wait != 0 && (least == 0 || mc->irq_wait < least))
			least = mc->irq_wait;
	}
	return least;
}

void
ioat_model_advance(struct ioat_model *model, uint32_t usec)
{
	unsigned int i;

	for (i = 0; i < model->chancnt; i++) {
		struct model_chan *mc = &model->chan[i];

		mc->irq_wait = mc->irq_wait > usec ? mc->irq_wait - usec : 0;
		model_irq_kick(model, mc);
	}
}
