/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef IOAT_MODEL_PRIV_H
#define IOAT_MODEL_PRIV_H

/**
 * @file
 * Inside the model: its data, and the calls between its files.
 */

#include "ioat_hw.h"
#include "ioat_model.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "descriptors are read as the little-endian structs that they are on the bus"
#endif

#define MODEL_BIT(n)    (1u << (n))

#define MODEL_DESC_COST 64u        /* what fetching a descriptor takes off a step's budget */
#define MODEL_CHUNK     4096u      /* a step may overrun its budget by less than this */
#define MODEL_TRAP      (4u << 20) /* bytes that a register write may move at most, and a chunk */
#define MODEL_KINDS     (IOAT_MODEL_FAULT_STUCK + 1u)

/* Errors that no descriptor caused: they halt only with CHANCTRL_ANY_ERR_ABORT. */
#define MODEL_UNAFFILIATED (CHANERR_CHIPSET | CHANERR_DMA_INTEGRITY | CHANERR_UNAFFILIATED)

/** The descriptor in flight. */
struct model_job {
	struct ioat_desc desc; /* the copy that was checked; memory is not looked at again */
	uint64_t addr;
	uint32_t done;      /* bytes moved */
	uint32_t src_first; /* bytes before the source page break */
	uint32_t dst_first; /* bytes before the destination page break */
	bool live;
	bool suspend; /* the channel is to be SUSPENDED when it is done */
};

/** A completion write that a fault holds back. */
struct model_late {
	uint64_t addr;
	uint64_t value;
	uint32_t steps; /* still to wait; 0: none held */
};

/** One channel. All registers are 64 bit here, so that the table can address them alike. */
struct model_chan {
	uint64_t chanctrl;
	uint64_t dma_comp;
	uint64_t chancmd; /* 0, or CHANCMD_RESET while a fault refuses it */
	uint64_t dmacount;
	uint64_t last; /* CHANSTS without its state: the last finished descriptor */
	uint64_t chainaddr;
	uint64_t chancmp;
	uint64_t cdar;
	uint64_t chanerr;
	uint64_t chanerrmask;
	uint64_t dcactrl;

	enum ioat_state state;
	unsigned int index;
	uint64_t fetch;    /* where the next descriptor is */
	uint16_t finished; /* descriptors finished since CHAINADDR, modulo 65536 */
	bool first;        /* fetch came from CHAINADDR, not from a descriptor */
	bool irq_pending;  /* an interrupt is due and not delivered */
	uint32_t irq_wait; /* microseconds that INTRDELAY still holds it back */
	struct model_job job;

	unsigned int armed; /* MODEL_BIT(kind) of each fault in @c fault that is armed */
	struct ioat_model_fault fault[MODEL_KINDS];
	struct model_late late;
	struct ioat_model_counters count;
};

/** Registers of version 3.4 that lie between the channels; plain storage. */
struct model_extra {
	uint64_t drsctl;
	uint64_t ltr_swsel;
	uint64_t ltr_active;
	uint64_t ltr_idle;
};

struct ioat_model {
	struct ioat_model_host host;
	const struct ioat_model_identity *identity;
	uint32_t xfer_max;   /* bytes per descriptor */
	uint32_t irq_mask;   /* CHANERR bits that the PCI side keeps from interrupting */
	uint32_t dmacap_off; /* capabilities of the part that this one lacks */
	enum ioat_model_halt_word halt_word;
	bool msix;

	uint64_t chancnt;
	uint64_t xfercap;
	uint64_t genctrl;
	uint64_t intrctrl;
	uint64_t attnstatus;
	uint64_t cbver;
	uint64_t perportoffset;
	uint64_t intrdelay;
	uint64_t cs_status;
	uint64_t dmacap;
	uint64_t dcaoffset;
	uint64_t cbprio;
	uint64_t prefetch_limit;

	/* Table row + 1 of the register that covers a byte; 0: reserved. */
	uint8_t general_row[IOAT_GENERAL_SIZE];
	uint8_t chan_row[IOAT_CHAN_STRIDE];

	struct model_chan chan[IOAT_CHAN_MAX];
	struct model_extra extra[IOAT_CHAN_MAX + 1]; /* the last one lies behind the last channel */
	uint8_t bounce[MODEL_CHUNK];                 /* for memory that cannot be mapped */
};

/** Whether @p len bytes at @p addr run over the end of the address space. */
static inline bool
model_range_wraps(uint64_t addr, uint64_t len)
{
	return addr > UINT64_MAX - len;
}

/* model_regs.c */

/** Note which byte belongs to which register. Once, at creation. */
void model_regs_index(struct ioat_model *model);

/** All registers of the function to their power-on values. */
void model_regs_power_on(struct ioat_model *model);

/** The registers of one channel to what the RESET command leaves; sticky ones stay. */
void model_regs_reset_chan(struct ioat_model *model, struct model_chan *mc);

/* model_chan.c */

/** The image of CHANSTS if the state were @p state. */
uint64_t model_chan_status(const struct model_chan *mc, enum ioat_state state);

/** Back to HALTED with everything forgotten but faults, counters and sticky registers. */
void model_chan_reset(struct ioat_model *model, struct model_chan *mc);

/** CHANCMD was written. */
void model_chan_command(struct ioat_model *model, struct model_chan *mc, unsigned int command);

/** CHAINADDR was written, @p whole: its upper half included. */
void model_chan_chain(struct model_chan *mc, bool whole);

/** DMACOUNT was written. */
void model_chan_doorbell(struct model_chan *mc);

/** The interrupt of the channel is enabled again. */
void model_chan_rearm(struct ioat_model *model, struct model_chan *mc);

/** The job in flight has moved all its bytes: report it, count it, go on behind it. */
void model_chan_complete(struct ioat_model *model, struct model_chan *mc);

/** Record CHANERR @p bits (0: none, a spurious halt) and halt, if they do. */
void model_chan_error(struct ioat_model *model, struct model_chan *mc, uint32_t bits);

/* model_exec.c */

/** Finish the job in flight, if there is one and MODEL_TRAP bytes more suffice. */
void model_exec_finish(struct ioat_model *model, struct model_chan *mc);

/* model_fault.c */

/** Use one of the armed @p kind. @return whether there was one. */
bool model_fault_take(struct model_chan *mc, enum ioat_model_fault_kind kind);

/** Raise what is due before the next descriptor runs. @return whether the channel halted. */
bool model_fault_strike(struct ioat_model *model, struct model_chan *mc);

/** One more descriptor completed. */
void model_fault_count(struct model_chan *mc);

/** Hold back completion @p value for @p addr if a fault asks for it. @return whether it did. */
bool model_fault_hold(struct model_chan *mc, uint64_t addr, uint64_t value);

/** One step nearer to the completion that is held back; the last step makes it. */
void model_fault_release(struct ioat_model *model, struct model_chan *mc);

#endif /* IOAT_MODEL_PRIV_H */
