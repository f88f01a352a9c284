/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Control of one channel over its registers: open, reset, start, stop, recover, close.
 * Sequences and limits: doc/hardware.md, Channel state machine.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "ioat_priv.h"

#define POLL_US          10u /* the first pause of a wait; the later ones are longer */
#define POLL_MAX_US      1000u
#define SUSPEND_US       100000u /* a descriptor in flight may be megabytes long */
#define RESET_US         200000u
#define ARM_US           100000u
#define SELF_TEST_US     1000000u /* the engine of a model may have to wait for a processor */
#define DRAIN_US         1000000u
#define CHANERR_ALL_ONES 0xffffffffu /* the device is gone */
#define COMPL_EVERY_MAX  32u

/* strerror() speaks of connections and terminals where a device does not answer. */
static const char *
chan_reason(int rc)
{
	switch (-rc) {
	case ETIMEDOUT:
		return "no answer in time";
	case ENODEV:
		return "the device is gone";
	default:
		return "the device does not do what it should";
	}
}

/* The low half is enough for the state, and cannot be torn. */
static uint32_t
chan_state_raw(const struct ioat_chan *ch)
{
	return mmio_read32(ioat_chan_regs(ch), IOAT_CHANSTS);
}

enum ioat_state
ioat_chan_state(const struct ioat_chan *ch)
{
	return (enum ioat_state)(chan_state_raw(ch) & CHANSTS_STATE);
}

static bool
chan_gone(const struct ioat_chan *ch)
{
	return chan_state_raw(ch) == CHANSTS_ALL_ONES;
}

/* Read CHANERR after a halt, and count what it says. */
static void
chan_note_error(struct ioat_chan *ch)
{
	uint32_t bits = mmio_read32(ioat_chan_regs(ch), IOAT_CHANERR);
	unsigned int i;

	ch->last_chanerr = bits;
	if (bits == 0)
		ch->causeless++;
	for (i = 0; i < RTE_DIM(ch->chanerr_count) && bits != CHANERR_ALL_ONES; i++)
		ch->chanerr_count[i] += (bits & RTE_BIT32(i)) != 0;
}

/* A wait by the clock, since a pause may take far longer than asked for. */
struct chan_wait {
	uint64_t end_us;
	unsigned int pause_us;
};

uint64_t
ioat_chan_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static struct chan_wait
chan_wait_start(unsigned int timeout_us)
{
	return (struct chan_wait){.end_us = ioat_chan_now_us() + timeout_us, .pause_us = POLL_US};
}

/* One pause of a wait: short first, for devices answer in microseconds. @return false: over. */
static bool
chan_wait_pause(const struct ioat_chan *ch, struct chan_wait *wait)
{
	if (ioat_chan_now_us() >= wait->end_us)
		return false;
	if (ioat_chan_regs(ch)->ops->work == NULL) {
		rte_delay_us_sleep(wait->pause_us);
		wait->pause_us = RTE_MIN(2 * wait->pause_us, POLL_MAX_US);
	}
	return true;
}

/* Wait until the channel's state is none of the set @p states (bits by enum ioat_state). */
static int
chan_wait_leave(const struct ioat_chan *ch, unsigned int states, unsigned int timeout_us)
{
	struct chan_wait wait = chan_wait_start(timeout_us);

	while ((states & RTE_BIT32(ioat_chan_state(ch))) != 0)
		if (!chan_wait_pause(ch, &wait))
			return -ETIMEDOUT;
	return 0;
}

/* Wait until everything that was rung is done, or the channel does not run (any more). */
static int
chan_wait_drained(const struct ioat_chan *ch, struct chan_wait *wait)
{
	const uint64_t last =
		ch->ring_iova + (uint64_t)((ch->rung - 1) & ch->mask) * IOAT_DESC_SIZE;
	enum ioat_state state;
	uint32_t sts;

	/* The register first: it is what lets an inline engine work. */
	do {
		sts = chan_state_raw(ch);
		state = (enum ioat_state)(sts & CHANSTS_STATE);
		if (ioat_ring_is_drained(ch) || state == IOAT_STATE_HALTED ||
		    state > IOAT_STATE_ARMED)
			return 0;
		/* The word for the last one may have been lost. */
		if ((sts & (uint32_t)(CHANSTS_DESC | CHANSTS_STATE)) ==
		    (uint32_t)(last | IOAT_STATE_DONE))
			return 0;
	} while (chan_wait_pause(ch, wait));
	return -ETIMEDOUT;
}

/* No work in flight afterwards, unless the device does not obey. */
static int
chan_suspend(const struct ioat_chan *ch)
{
	const unsigned int running = RTE_BIT32(IOAT_STATE_ACTIVE) | RTE_BIT32(IOAT_STATE_DONE);

	if ((running & RTE_BIT32(ioat_chan_state(ch))) == 0)
		return 0;
	mmio_write8(ioat_chan_regs(ch), IOAT_CHANCMD, CHANCMD_SUSPEND);
	return chan_wait_leave(ch, running, SUSPEND_US);
}

static void
chan_lose(struct ioat_chan *ch)
{
	ch->lost = true;
	ioat_ring_close_down(ch);
}

/* To HALTED with CHANERR clear; whatever was in flight is dropped. */
static int
chan_reset(struct ioat_chan *ch)
{
	uint32_t chanerr = mmio_read32(ioat_chan_regs(ch), IOAT_CHANERR);
	struct chan_wait wait;

	if (chanerr != 0)
		mmio_write32(ioat_chan_regs(ch), IOAT_CHANERR, chanerr);
	if (ioat_chan_regs(ch)->ops->clear_chanerr_int != NULL &&
	    ioat_chan_regs(ch)->ops->clear_chanerr_int(ioat_chan_regs(ch)->ctx) < 0)
		IOAT_LOG(DEBUG, "%s: CHANERR_INT is out of reach, errors noted there stay",
		         ch->name);
	mmio_write8(ioat_chan_regs(ch), IOAT_CHANCMD, CHANCMD_RESET);
	wait = chan_wait_start(RESET_US);
	while ((mmio_read8(ioat_chan_regs(ch), IOAT_CHANCMD) & CHANCMD_RESET) != 0) {
		if (chan_gone(ch))
			return -ENODEV;
		if (!chan_wait_pause(ch, &wait))
			return -ETIMEDOUT;
	}
	/* A reset gives the channel back to anybody: this read takes it again. */
	(void)mmio_read16(ioat_chan_regs(ch), IOAT_CHANCTRL);
	return 0;
}

/* Program what a reset clears, and arm the channel at descriptor @p first. */
static int
chan_arm(struct ioat_chan *ch, uint32_t first)
{
	const unsigned int not_armed = RTE_BIT32(IOAT_STATE_ARMED) - 1; /* all states below */
	uint64_t chain = ch->ring_iova + (uint64_t)(first & ch->mask) * IOAT_DESC_SIZE;
	enum ioat_state state;

	mmio_write16(ioat_chan_regs(ch), IOAT_CHANCTRL,
	             CHANCTRL_IN_USE | CHANCTRL_ANY_ERR_ABORT | CHANCTRL_ERR_COMPL_EN);
	mmio_write64(ioat_chan_regs(ch), IOAT_CHANCMP, ch->status_iova);
	mmio_write64(ioat_chan_regs(ch), IOAT_CHAINADDR, chain);
	/* No document says how soon the state follows; the model's does at once. */
	(void)chan_wait_leave(ch, not_armed, ARM_US);
	state = ioat_chan_state(ch);
	if (state != IOAT_STATE_ARMED) {
		IOAT_LOG(ERR, "%s: state %u after CHAINADDR 0x%" PRIx64 ", CHANERR 0x%x, not armed",
		         ch->name, state, chain, mmio_read32(ioat_chan_regs(ch), IOAT_CHANERR));
		return -EIO;
	}
	ch->base = first;
	return 0;
}

/*
 * A completion word of its own for each time that the channel is armed, in turn all of a cache
 * line: what the device still writes for an earlier time does not get into it.
 */
static void
chan_next_status(struct ioat_chan *ch, uint64_t word)
{
	uint64_t next = RTE_ALIGN_FLOOR(ch->status_iova, RTE_CACHE_LINE_SIZE) +
	                (ch->status_iova + sizeof(word)) % RTE_CACHE_LINE_SIZE;

	ch->status = RTE_PTR_ADD(ch->status, next - ch->status_iova);
	ch->status_iova = next;
	__atomic_store_n(ch->status, word, __ATOMIC_RELEASE);
}

/* Version and sizes from the general registers. */
static int
chan_identify(struct ioat_chan *ch)
{
	unsigned int log2_max;

	ch->cbver = mmio_read8(&ch->general, IOAT_CBVER);
	if (chan_gone(ch)) {
		IOAT_LOG(ERR, "%s: registers read all ones, the device is gone", ch->name);
		return -ENODEV;
	}
	if (ch->cbver < CBVER_3_0) {
		IOAT_LOG(ERR, "%s: CBVER 0x%x is not supported, 0x30 and later are", ch->name,
		         ch->cbver);
		return -ENODEV;
	}
	log2_max = mmio_read8(&ch->general, IOAT_XFERCAP) & XFERCAP_MASK;
	if (log2_max != 0 && log2_max < XFERCAP_MIN) {
		IOAT_LOG(ERR, "%s: XFERCAP %u is outside %u to %u", ch->name, log2_max, XFERCAP_MIN,
		         XFERCAP_MAX);
		return -ERANGE;
	}
	if (log2_max == 0 || log2_max > XFERCAP_MAX) /* 0 means 2^32 */
		log2_max = XFERCAP_MAX;
	ch->xfer_max = RTE_BIT32(log2_max);
	ch->bfill = (mmio_read32(&ch->general, IOAT_DMACAPABILITY) & DMACAP_BFILL) != 0;
	return 0;
}

/* The first read of CHANCTRL takes the channel, if nobody else has. */
static int
chan_claim(const struct ioat_chan *ch)
{
	if ((mmio_read16(ioat_chan_regs(ch), IOAT_CHANCTRL) & CHANCTRL_IN_USE) == 0)
		return 0;
	if (!ch->takeover) {
		IOAT_LOG(ERR,
		         "%s: CHANCTRL says that another driver uses the channel, left alone; "
		         "if that one is dead, give the device argument %s=1",
		         ch->name, IOAT_ARG_TAKEOVER);
		return -EBUSY;
	}
	IOAT_LOG(WARNING, "%s: taken over from another driver, as %s=1 asks for", ch->name,
	         IOAT_ARG_TAKEOVER);
	return 0;
}

int
ioat_chan_open(struct ioat_chan *ch)
{
	int rc;

	ch->status = &ch->no_status;
	rc = chan_identify(ch);
	if (rc == 0)
		rc = chan_claim(ch);
	if (rc < 0)
		return rc;
	/* The reset drops what is not obeyed in time, also where a dead process left it running. */
	(void)chan_suspend(ch);
	rc = chan_reset(ch);
	if (rc == 0)
		return 0;
	IOAT_LOG(ERR, "%s: cannot be reset (%s), CHANSTS 0x%x", ch->name, chan_reason(rc),
	         chan_state_raw(ch));
	mmio_write16(ioat_chan_regs(ch), IOAT_CHANCTRL, 0);
	return rc;
}

void
ioat_chan_set_ring(struct ioat_chan *ch, const struct ioat_ring_mem *mem)
{
	uint32_t i;

	ch->desc = mem->desc;
	ch->ring_iova = mem->desc_iova;
	ch->status = mem->status;
	ch->status_iova = mem->status_iova;
	ch->more = mem->more;
	ch->ops = mem->ops;
	ch->mask = (uint16_t)(mem->slots - 1);
	ch->offset_mask = ch->mask * IOAT_DESC_SIZE;
	ch->limit = ch->mask;
	ch->compl_every = (uint16_t)RTE_MIN(COMPL_EVERY_MAX, mem->slots / 4);
	ch->nb_more = 0;
	memset(mem->more, 0, mem->slots);
	memset(mem->desc, 0, mem->slots * sizeof(*mem->desc));
	for (i = 0; i < mem->slots; i++)
		mem->desc[i].next =
			mem->desc_iova + (uint64_t)((i + 1) & ch->mask) * IOAT_DESC_SIZE;
	__atomic_store_n(ch->status, 0, __ATOMIC_RELEASE);
}

/* One NULL descriptor: proves that the device fetches, counts and writes to this memory. */
static int
chan_self_test(struct ioat_chan *ch)
{
	const unsigned int good = RTE_BIT32(IOAT_STATE_ARMED) | RTE_BIT32(IOAT_STATE_ACTIVE) |
	                          RTE_BIT32(IOAT_STATE_DONE);
	struct chan_wait wait = chan_wait_start(SELF_TEST_US);
	enum ioat_state state;
	uint64_t word;

	ch->desc[0].size = IOAT_NULL_SIZE;
	ch->desc[0].ctrl = DESC_CTRL_NULL | DESC_CTRL_COMPL;
	mmio_write_doorbell(ch->doorbell, 1);
	/* Register and word need not become visible at the same time. */
	do {
		state = ioat_chan_state(ch);
		word = __atomic_load_n(ch->status, __ATOMIC_ACQUIRE);
		if (state == IOAT_STATE_DONE && word == (ch->ring_iova | IOAT_STATE_DONE))
			return 0;
	} while ((good & RTE_BIT32(state)) != 0 && chan_wait_pause(ch, &wait));
	IOAT_LOG(ERR,
	         "%s: self-test failed: CHANSTS 0x%x, CHANERR 0x%x, completion word 0x%" PRIx64
	         " at IOVA 0x%" PRIx64 ", expected 0x%" PRIx64 ": is its memory mapped for DMA?",
	         ch->name, chan_state_raw(ch), mmio_read32(ioat_chan_regs(ch), IOAT_CHANERR), word,
	         ch->status_iova, ch->ring_iova | IOAT_STATE_DONE);
	return state == IOAT_STATE_ARMED || state == IOAT_STATE_ACTIVE ? -ETIMEDOUT : -EIO;
}

int
ioat_chan_start(struct ioat_chan *ch)
{
	int rc;

	if (ch->lost)
		return -EIO;
	ioat_ring_restart(ch);
	chan_next_status(ch, 0);
	rc = chan_reset(ch);
	if (rc == 0)
		rc = chan_arm(ch, 0);
	if (rc == 0)
		rc = chan_self_test(ch);
	/* From a reset again: the documented way to a count of 0. */
	if (rc == 0) {
		(void)chan_suspend(ch);
		rc = chan_reset(ch);
	}
	chan_next_status(ch, 0);
	if (rc == 0)
		rc = chan_arm(ch, 0);
	ch->started = rc == 0;
	if (rc == 0)
		return 0;
	IOAT_LOG(ERR, "%s: cannot be started: %s", ch->name, chan_reason(rc));
	/* Nothing may be left that could write to the ring later: it can be replaced now. */
	(void)chan_suspend(ch);
	if (chan_reset(ch) < 0)
		chan_lose(ch);
	return rc;
}

/* How far the device came, in the form of a completion word. */
static uint64_t
chan_progress(const struct ioat_chan *ch)
{
	uint64_t sts, word = __atomic_load_n(ch->status, __ATOMIC_ACQUIRE);

	if ((word & CHANSTS_STATE) == IOAT_STATE_HALTED)
		return word;
	/* CHANSTS is newer where not every descriptor writes, and knows of a halt not written. */
	sts = mmio_read64(ioat_chan_regs(ch), IOAT_CHANSTS);
	switch (sts & CHANSTS_STATE) {
	case IOAT_STATE_HALTED:
		return sts;
	case IOAT_STATE_SUSPENDED: /* at rest: before 3.3 its halves could differ otherwise */
		return (sts & CHANSTS_DESC) != 0 ? sts : word;
	case IOAT_STATE_ACTIVE:
	case IOAT_STATE_DONE:
		return ch->cbver < CBVER_3_3 || (sts & CHANSTS_DESC) == 0 ? word : sts;
	default: /* ARMED; or no state: the device is gone */
		return word;
	}
}

/*
 * Let what was rung finish. An operation that fails is noted as completion calls would do, and what
 * is behind it runs on; but only one can be noted, at the next the rest is left.
 */
static int
chan_drain(struct ioat_chan *ch)
{
	struct chan_wait wait = chan_wait_start(DRAIN_US);
	int rc;

	do {
		rc = chan_wait_drained(ch, &wait);
		if (rc < 0 || ch->lost || ch->odd.failed || ch->odd.cut ||
		    ioat_chan_state(ch) != IOAT_STATE_HALTED)
			return rc;
		(void)ioat_ring_halted(ch, chan_progress(ch));
	} while (chan_wait_pause(ch, &wait));
	return -ETIMEDOUT;
}

int
ioat_chan_stop(struct ioat_chan *ch)
{
	enum rte_dma_status_code first = RTE_DMA_STATUS_USER_ABORT, rest = first;
	uint64_t word;
	int rc;

	if (!ch->started)
		return 0;
	if (chan_drain(ch) < 0)
		IOAT_LOG(WARNING, "%s: still busy after %u ms, work in flight is aborted", ch->name,
		         DRAIN_US / 1000);
	(void)chan_suspend(ch); /* what it could not finish the reset drops */
	word = chan_progress(ch);
	if (ioat_chan_state(ch) == IOAT_STATE_HALTED) {
		chan_note_error(ch);
		first = ioat_chan_error_status(ch->last_chanerr);
	}
	rc = chan_reset(ch);
	if (rc == -ENODEV) /* it may have run them or not, nobody can tell any more */
		first = rest = RTE_DMA_STATUS_DEV_LINK_ERROR;
	if (!ch->odd.cut)
		ioat_ring_cut(ch, word, first, rest);
	if (rc < 0) {
		IOAT_LOG(ERR, "%s: cannot be reset (%s), CHANSTS 0x%x%s", ch->name, chan_reason(rc),
		         chan_state_raw(ch), rc == -ENODEV ? "" : ", it may still write memory");
		chan_lose(ch);
	}
	ch->started = false;
	return rc;
}

int
ioat_chan_recover(struct ioat_chan *ch, uint32_t next)
{
	int rc;

	if (ch->lost)
		return -EIO;
	chan_note_error(ch);
	ch->recoveries++;
	rc = chan_reset(ch);
	if (rc == 0) {
		/* As if the device had just finished the one before. */
		chan_next_status(
			ch, (ch->ring_iova + (uint64_t)((next - 1) & ch->mask) * IOAT_DESC_SIZE) |
				    IOAT_STATE_DONE);
		rc = chan_arm(ch, next);
	}
	if (rc < 0) {
		ch->lost = true;
		IOAT_LOG(ERR, "%s: recovery failed (%s) after CHANERR 0x%x, the channel is lost",
		         ch->name, chan_reason(rc), ch->last_chanerr);
		return rc;
	}
	IOAT_LOG(DEBUG, "%s: recovered from CHANERR 0x%x", ch->name, ch->last_chanerr);
	if (ch->rung != next) {
		ch->doorbells++;
		mmio_write_doorbell(ch->doorbell, ch->rung - next);
	}
	return 0;
}

int
ioat_chan_close(struct ioat_chan *ch)
{
	int rc;

	(void)chan_suspend(ch); /* what it could not finish the reset drops */
	rc = chan_reset(ch);
	if (rc < 0)
		return rc;
	mmio_write16(ioat_chan_regs(ch), IOAT_CHANCTRL, 0); /* gives CHANCTRL_IN_USE back */
	return 0;
}
