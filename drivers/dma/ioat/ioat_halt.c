/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The ring where work does not go on as it should: halts, stalls, stop and loss. */

#include <errno.h>
#include <string.h>

#include "ioat_ring.h"

/* Registers are read after so many completion calls without news in at least this time. */
#define WATCH_POLLS 128u
#define WATCH_US    100u

enum rte_dma_status_code
ioat_chan_error_status(uint32_t chanerr)
{
	/* In the order of severity for the user: what he can mend comes first. */
	static const struct {
		uint32_t bits;
		enum rte_dma_status_code status;
	} table[] = {
		{CHANERR_SRC_ADDR, RTE_DMA_STATUS_INVALID_SRC_ADDR},
		{CHANERR_DST_ADDR, RTE_DMA_STATUS_INVALID_DST_ADDR},
		{CHANERR_LENGTH, RTE_DMA_STATUS_INVALID_LENGTH},
		{CHANERR_CONTROL, RTE_DMA_STATUS_INVALID_OPCODE},
		{CHANERR_READ_DATA, RTE_DMA_STATUS_BUS_READ_ERROR},
		{CHANERR_WRITE_DATA, RTE_DMA_STATUS_BUS_WRITE_ERROR},
		{CHANERR_CHIPSET | CHANERR_DMA_INTEGRITY, RTE_DMA_STATUS_DATA_POISION},
		{CHANERR_NEXT_ADDR | CHANERR_DESC, RTE_DMA_STATUS_DESCRIPTOR_READ_ERROR},
		{CHANERR_CHAIN_ADDR, RTE_DMA_STATUS_INVALID_ADDR},
		{CHANERR_UNAFFILIATED, RTE_DMA_STATUS_BUS_ERROR},
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(table); i++)
		if ((chanerr & table[i].bits) != 0)
			return table[i].status;
	return RTE_DMA_STATUS_ERROR_UNKNOWN;
}

/* Descriptors from head on that a halted channel finished. */
static uint16_t
ring_descs_before_halt(const struct ioat_chan *ch, uint64_t word)
{
	uint32_t since = ch->base - ch->head;

	if ((word & CHANSTS_DESC) != 0)
		return ring_descs_done(ch, word);
	/* None since CHAINADDR; what lies before that descriptor was finished earlier. */
	return since <= ch->rung - ch->head ? (uint16_t)since : 0;
}

void
ioat_ring_cut(struct ioat_chan *ch, uint64_t word, enum rte_dma_status_code first,
              enum rte_dma_status_code rest)
{
	uint16_t n = (word & CHANSTS_STATE) == IOAT_STATE_HALTED ? ring_descs_before_halt(ch, word)
	                                                         : ring_descs_done(ch, word);

	ch->odd.cut = true;
	ch->cut.op = ch->op_head + ring_ops_done(ch, n, UINT16_MAX);
	ch->cut.first = first;
	ch->cut.rest = rest;
}

void
ioat_ring_close_down(struct ioat_chan *ch)
{
	ch->submitted += (uint16_t)(ring_op_tail(ch) - ch->op_rung);
	ch->op_rung = ring_op_tail(ch);
	ch->rung = ch->tail;
	__atomic_store_n(&ch->xfer_max, 0, __ATOMIC_RELEASE); /* lost comes first */
}

bool
ioat_ring_is_drained(const struct ioat_chan *ch)
{
	uint64_t word = __atomic_load_n(ch->status, __ATOMIC_ACQUIRE);

	return (word & CHANSTS_STATE) == IOAT_STATE_HALTED ||
	       ring_descs_done(ch, word) == ch->rung - ch->head;
}

/* Whoever calls knows only that an operation failed; said once, a program may go on failing. */
static void
halt_tell_address(struct ioat_chan *ch, enum rte_dma_status_code status)
{
	const char *side;

	if (status == RTE_DMA_STATUS_INVALID_SRC_ADDR)
		side = "source";
	else if (status == RTE_DMA_STATUS_INVALID_DST_ADDR)
		side = "destination";
	else
		return;
	if (ch->told_address)
		return;
	ch->told_address = true;
	IOAT_LOG(WARNING,
	         "%s: the device does not reach the %s of an operation, which failed: memory "
	         "that is not EAL's has to be registered by rte_extmem_register(), guest memory "
	         "under vhost async too (doc/driver.md); not said again",
	         ch->name, side);
}

uint16_t
ioat_ring_halted(struct ioat_chan *ch, uint64_t word)
{
	uint16_t n = ring_descs_before_halt(ch, word);
	uint16_t good = ring_ops_done(ch, n, UINT16_MAX);
	uint16_t bad = ch->op_head + good;
	uint32_t end = ch->head + n;
	bool blame = end != ch->rung; /* a spurious halt may find nothing outstanding */
	enum rte_dma_status_code status = RTE_DMA_STATUS_NOT_ATTEMPTED;
	int rc;

	if (blame) {
		while (ch->more[end & ch->mask] != 0)
			end++;
		end++;
	}
	__atomic_store_n(&ch->recovering, true, __ATOMIC_SEQ_CST);
	rc = ioat_chan_recover(ch, end);
	__atomic_store_n(&ch->recovering, false, __ATOMIC_RELEASE);
	if (blame)
		status = rc == -ENODEV ? RTE_DMA_STATUS_DEV_LINK_ERROR
		                       : ioat_chan_error_status(ch->last_chanerr);
	if (rc < 0) {
		ioat_ring_cut(ch, word, status, RTE_DMA_STATUS_NOT_ATTEMPTED);
		ioat_ring_close_down(ch);
	} else if (blame) {
		ch->odd.failed = true;
		ch->failure.op = bad;
		ch->failure.status = status;
		halt_tell_address(ch, status);
	}
	return good;
}

void
ioat_ring_ask(struct ioat_chan *ch)
{
	__atomic_store_n(&ch->odd.asked, true, __ATOMIC_RELAXED);
}

/* Whether it is time to look at the registers: nothing has moved for long, or somebody asked. */
static bool
watch_is_due(struct ioat_chan *ch)
{
	struct ioat_watch *watch = &ch->watch;
	uint64_t now;

	if (__atomic_exchange_n(&ch->odd.asked, false, __ATOMIC_RELAXED))
		return true;
	if (++watch->polls < WATCH_POLLS)
		return false;
	watch->polls = 0;
	now = ioat_chan_now_us();
	if (!watch->running || watch->op != ch->op_head) {
		watch->running = true;
		watch->op = ch->op_head;
		watch->since_us = now;
		return false;
	}
	return now - watch->since_us >= WATCH_US;
}

/* What was rung may have been done or not, nothing can be known any more. */
static void
watch_device_gone(struct ioat_chan *ch)
{
	uint64_t word = __atomic_load_n(ch->status, __ATOMIC_ACQUIRE);

	IOAT_LOG(ERR, "%s: registers read all ones, the device is gone and the channel is lost",
	         ch->name);
	ch->lost = true;
	ioat_ring_cut(ch, word, RTE_DMA_STATUS_DEV_LINK_ERROR, RTE_DMA_STATUS_DEV_LINK_ERROR);
	ioat_ring_close_down(ch);
}

bool
ioat_ring_watch(struct ioat_chan *ch)
{
	uint64_t last = ch->ring_iova + (uint64_t)((ch->rung - 1) & ch->mask) * IOAT_DESC_SIZE;
	uint64_t sts;

	if (ch->lost || !ch->started || !watch_is_due(ch))
		return false;
	ch->watch.running = false;
	ch->watch_looks++;
	sts = mmio_read64(ioat_chan_regs(ch), IOAT_CHANSTS);
	if ((uint32_t)sts == CHANSTS_ALL_ONES) {
		watch_device_gone(ch);
	} else if ((sts & CHANSTS_STATE) == IOAT_STATE_HALTED) {
		/* The halted word may be in memory by now: it would say the same. */
		(void)ioat_ring_halted(ch, sts);
	} else if (ch->op_head != ch->op_rung && (uint32_t)(sts & (CHANSTS_DESC | CHANSTS_STATE)) ==
	                                                 (uint32_t)(last | IOAT_STATE_DONE)) {
		/*
		 * All is done, but the word for the last one did not come. One half tells: the
		 * other may belong to another moment on parts before version 3.3.
		 */
		__atomic_store_n(ch->status, last | IOAT_STATE_DONE, __ATOMIC_RELAXED);
	} else {
		return false;
	}
	ch->watch_hits++;
	return true;
}

void
ioat_ring_restart(struct ioat_chan *ch)
{
	enum rte_dma_status_code status[32];
	uint16_t last;

	/* Bounded: each turn takes at least one of the rung operations off. */
	while (ch->op_head != ch->op_rung &&
	       ioat_ring_completed_status(ch, 0, RTE_DIM(status), &last, status) > 0)
		;
	if (ch->more != NULL)
		memset(ch->more, 0, ch->mask + 1u);
	ch->nb_more = 0;
	ch->tail = 0;
	ch->head = 0;
	ch->limit = ch->mask;
	ch->rung = 0;
	ch->base = 0;
	ch->op_ahead = 0;
	ch->op_head = 0;
	ch->op_rung = 0;
	ch->odd.any = 0;
	ch->watch = (struct ioat_watch){0};
}
