/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef IOAT_PRIV_H
#define IOAT_PRIV_H

/**
 * @file
 * One DMA channel of the driver, and the prototypes between its files.
 *
 * Indices run free and are masked on use: those of descriptors in 32 bits, which are faster to
 * store and reload than 16, those of operations in 16 as dmadev's. The two are counted apart: an
 * operation is one ring_idx of dmadev whatever number of descriptors it takes.
 *
 *	descriptors:  head ... rung ... tail              not reported | not rung | free
 *	operations:   op_head  op_rung  tail + op_ahead
 *
 * Most operations take one descriptor, so nothing is stored per operation: tail counts both, and
 * more[] marks the few descriptors that do not end an operation.
 */

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ioat_dpdk.h"
#include "ioat_hw.h"
#include "ioat_mmio.h"

static_assert(RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN, "registers and descriptors are little-endian");

/**
 * The smallest ring: a scattered copy of any shape fits, n + n - 1 descriptors. No program gets
 * more in flight than the power of two from what it asked for, with which it may mask a ring_idx.
 */
#define IOAT_RING_MIN 64u
/**
 * The largest. DPDK's vhost library rounds it up to a power of two in 16 bits, where more than this
 * becomes 0.
 */
#define IOAT_RING_MAX 32768u
/** The lower half of CHANSTS where no device answers; no state has these bits. */
#define CHANSTS_ALL_ONES 0xffffffffu
#define IOAT_MAX_SGES    32u

static_assert(2 * IOAT_MAX_SGES - 1 <= IOAT_RING_MIN - 1, "a scattered copy fits into any ring");

/** The argument of both front doors: use a channel though it is marked in use. */
#define IOAT_ARG_TAKEOVER "takeover"
/** And: offer RTE_DMA_CAPA_SILENT. Off by default: DPDK's own tests expect it nowhere. */
#define IOAT_ARG_SILENT "silent"

/** The device was taken away from what it had not finished. */
struct ioat_cut {
	uint16_t op;                    /**< the first operation that is not finished */
	enum rte_dma_status_code first; /**< status of that one */
	enum rte_dma_status_code rest;  /**< status of all behind it */
};

/** An operation that failed and was not reported yet; the channel runs on behind it. */
struct ioat_failure {
	uint16_t op;
	enum rte_dma_status_code status;
};

/** The watchdog: since when no operation has completed although some are outstanding. */
struct ioat_watch {
	uint16_t polls;    /**< completion calls since the clock was read last */
	uint16_t op;       /**< the oldest operation then */
	bool running;      /**< op and since_us hold */
	uint64_t since_us; /**< when op was seen as the oldest first */
};

/** What keeps a completion call from being the plain case; @c any is all of it in one load. */
union ioat_odd {
	struct {
		bool failed; /**< struct ioat_failure holds */
		bool cut;    /**< struct ioat_cut holds */
		bool asked;  /**< look at the registers at once: they were in no running state */
	};
	uint32_t any;
};

/** One channel; dmadev's dev_private. One thread at a time, as dmadev demands of its callers. */
struct ioat_chan {
	/* What the data path needs, in the order of use. */
	struct ioat_desc *desc;
	uint32_t xfer_max;    /**< bytes per descriptor */
	uint32_t offset_mask; /**< for offsets of descriptors in the ring, in bytes */
	uint32_t tail;
	uint32_t limit;    /**< where tail ends: head + mask */
	uint32_t op_ahead; /**< ring_idx of the next operation, less tail; its low 16 bits count */
	uint32_t head;
	uint32_t rung;
	uint32_t base; /**< the descriptor that CHAINADDR named: the device counts from here */
	uint16_t mask;
	uint16_t op_rung;
	uint16_t op_head;
	uint16_t nb_more;     /**< marks set in more[] */
	uint16_t compl_every; /**< descriptors in a submit that ask for a completion write */
	union ioat_odd odd;
	uint8_t *more; /**< by slot: 1 if the operation goes on in the next descriptor */
	uint64_t ring_iova;
	uint64_t *status; /**< the completion word, written by the device */
	ioat_doorbell *doorbell;
	uint64_t submitted;
	uint64_t completed;
	struct ioat_failure failure;
	struct ioat_cut cut;
	struct ioat_watch watch;

	/* Control. */
	struct rte_dma_op **ops; /**< by slot: what rte_dma_enqueue_ops() gave; or NULL */
	uint64_t doorbells;
	uint64_t compl_extra; /**< completion writes asked for beside one per doorbell */
	uint64_t splits;      /**< operations that took several descriptors */
	uint64_t watch_looks; /**< times that the watchdog read CHANSTS */
	uint64_t watch_hits;  /**< times that it found what the completion word did not say */
	uint64_t errors;
	uint64_t recoveries;
	uint64_t chanerr_count[32]; /**< halts by bit of CHANERR */
	uint64_t causeless;         /**< halts with CHANERR 0 */
	struct ioat_chan *next;     /**< in the list of all channels of the primary process */
	struct ioat_mmio regs;      /**< its registers, in the primary: use ioat_chan_regs() */
	struct ioat_mmio general;   /**< the function's general registers, in the primary */
	/** In the primary: puts functions of the front door's own over the data path; or NULL. */
	void (*install)(struct rte_dma_fp_object *fp);
	void *share; /**< the way of other processes to the registers: the bus driver's */
	const struct rte_memzone *mz;
	uint64_t status_iova;
	uint64_t no_status; /**< what status points to while there is no ring */
	uint32_t last_chanerr;
	uint16_t nb_desc; /**< as asked for in vchan_setup */
	uint8_t cbver;
	bool bfill;         /**< DMACAPABILITY has block fill */
	bool takeover;      /**< argument: use it though it is marked in use */
	bool may_be_silent; /**< argument: silent mode is offered */
	bool silent;        /**< configured so: operations are not reported (ioat_silent.c) */
	bool told_address;  /**< that it does not reach an address, once */
	bool started;
	bool closed;    /**< given back; its registers are not touched any more */
	bool lost;      /**< neither recovery nor reset brings it back; only close is left */
	uint16_t index; /**< in its function */
	char name[RTE_DEV_NAME_MAX_LEN];
	char device[RTE_DEV_NAME_MAX_LEN]; /**< that it is a channel of */
	bool recovering;                   /**< atomic: a call of the data path recovers it */
	ioat_doorbell no_doorbell;         /**< what doorbell points to once it is closed */
};

/* ioat_chan.c: control of one channel over its registers; no memory of its own. */

/**
 * Bring a channel of an unknown state to HALTED and read what it can do.
 * ch->regs, ch->general, ch->doorbell and ch->name are set.
 * @return 0; -ENODEV: the device reads all ones or is older than version 3.0; -ERANGE: XFERCAP is
 * outside 12 to 30; -EBUSY: another driver holds the channel, nothing was written to it;
 * -ETIMEDOUT: it does not leave reset.
 */
int ioat_chan_open(struct ioat_chan *ch);

/** The memory of a ring, one owner for all of it. */
struct ioat_ring_mem {
	uint32_t slots; /**< a power of two */
	struct ioat_desc *desc;
	uint64_t desc_iova;
	uint64_t *status; /**< the completion word, in a cache line of its own */
	uint64_t status_iova;
	uint8_t *more;           /**< one byte per slot, not for the device */
	struct rte_dma_op **ops; /**< one pointer per slot, or NULL; not for the device */
};

/** Let the channel, which is at rest, use @p mem from now on. */
void ioat_chan_set_ring(struct ioat_chan *ch, const struct ioat_ring_mem *mem);

/**
 * Program the channel, prove that it fetches and writes back, and arm it. Indices restart at 0.
 * @return 0; -EIO: it halts or does not write back (logged); -ETIMEDOUT, -ENODEV.
 */
int ioat_chan_start(struct ioat_chan *ch);

/**
 * Let submitted work finish for at most a second, then suspend and reset the channel. What was
 * not run is reported as RTE_DMA_STATUS_USER_ABORT by later completion calls, on a device that is
 * gone as RTE_DMA_STATUS_DEV_LINK_ERROR. Work behind a failed operation is finished, too, unless a
 * second one fails before the first was reported.
 * @return 0; -ETIMEDOUT, -ENODEV: it cannot be reset and may still write to its memory.
 */
int ioat_chan_stop(struct ioat_chan *ch);

/**
 * After a halt: note CHANERR, reset, and run on from descriptor @p next.
 * @return 0; -EIO, -ETIMEDOUT, -ENODEV: the channel is lost.
 */
int ioat_chan_recover(struct ioat_chan *ch, uint32_t next);

/** Release the channel for others. @return 0; -ETIMEDOUT: as ioat_chan_stop(). */
int ioat_chan_close(struct ioat_chan *ch);

/** A clock for waits, in microseconds. */
uint64_t ioat_chan_now_us(void);

/** The channel's state as its registers tell it. */
enum ioat_state ioat_chan_state(const struct ioat_chan *ch);

/* ioat_ring.c: the data path; ioat_halt.c: halts and the end. */

/** The dmadev status for a set of CHANERR bits; 0 means a halt without a cause. */
enum rte_dma_status_code ioat_chan_error_status(uint32_t chanerr);

/**
 * The device halted; @p word says so and where: note the culprit, run on behind it.
 * @return the operations from op_head on that were finished before.
 */
uint16_t ioat_ring_halted(struct ioat_chan *ch, uint64_t word);

/** Have the next completion call look at the registers; any thread may ask. */
void ioat_ring_ask(struct ioat_chan *ch);

/** Whether all that was rung is finished, or the device says it halted. */
bool ioat_ring_is_drained(const struct ioat_chan *ch);

/** The functions of dmadev's data path, for the front door to install. */
void ioat_ring_install(struct rte_dma_fp_object *fp);

uint16_t ioat_ring_completed(void *dev_private, uint16_t vchan, const uint16_t nb_cpls,
                             uint16_t *last_idx, bool *has_error);
uint16_t ioat_ring_completed_status(void *dev_private, uint16_t vchan, const uint16_t nb_cpls,
                                    uint16_t *last_idx, enum rte_dma_status_code *status);

/**
 * The device was stopped, and @p word (as the completion word) says how far it came. What it did
 * not finish is reported as @p first (one operation) and @p rest.
 */
void ioat_ring_cut(struct ioat_chan *ch, uint64_t word, enum rte_dma_status_code first,
                   enum rte_dma_status_code rest);

/**
 * The channel is lost: refuse work from now on, and report also what was enqueued and not rung,
 * since nothing will run it. To be called after ioat_ring_cut(), or with nothing outstanding.
 */
void ioat_ring_close_down(struct ioat_chan *ch);

/** Forget all operations; the submitted ones that nobody asked for are counted as reported. */
void ioat_ring_restart(struct ioat_chan *ch);

/* ioat_silent.c: the data path of a channel that reports nothing. */

/** Put the functions of silent mode over those of ioat_ring_install(). */
void ioat_silent_install(struct rte_dma_fp_object *fp);

/** Take finished operations off the ring, good or bad; they are counted and nobody is told. */
void ioat_silent_reclaim(struct ioat_chan *ch);

/* ioat_mp.c: channels and processes. */

/**
 * The channel's registers in this process; NULL: a secondary that cannot reach them. Where the
 * secondary has let the channel go, they read as those of a device that is gone.
 */
const struct ioat_mmio *ioat_chan_regs(const struct ioat_chan *ch);

/** Note an open channel; @p regs: of a secondary process. @return 0; -ENOMEM, or EAL's error. */
int ioat_mp_add(struct rte_dma_dev *dev, struct ioat_chan *ch, const struct ioat_mmio *regs);
void ioat_mp_remove(const struct rte_dma_dev *dev);

/** While it is held, no channel is removed and no ring is freed. */
void ioat_mp_lock(void);
void ioat_mp_unlock(void);

/** This process's next dmadev on @p device behind @p after (NULL: the first); NULL: no more. */
struct rte_dma_dev *ioat_mp_dev_next(const struct rte_device *device,
                                     const struct rte_dma_dev *after);

/** The primary's next channel of device @p device behind @p after (NULL: the first); or NULL. */
struct ioat_chan *ioat_mp_chan_of(const char *device, const struct ioat_chan *after);

/**
 * Call @p visit for the channel of dmadev @p dev_id, or with -1 for all, which stay open meanwhile.
 * @return what it returned last; -ENODEV: no such dmadev is ours.
 */
int ioat_mp_visit(int dev_id, int (*visit)(int16_t id, const struct ioat_chan *ch, void *arg),
                  void *arg);

/* ioat_dump.c: a channel for people. */

/** Write all there is to say about the channel to @p f. */
void ioat_dump(const struct ioat_chan *ch, FILE *f);

/** Names of states, and of CHANERR's bits (NULL: reserved). */
const char *ioat_state_name(uint64_t state);
const char *ioat_chanerr_name(unsigned int bit);

/** The set bits of CHANERR by name, "none" for 0, in @p to of at least 16 bytes. */
const char *ioat_chanerr_text(char *to, size_t room, uint32_t chanerr);

/* ioat_ops.c: a channel as a dmadev. */

/**
 * Register @p template (regs, general, doorbell, index and the arguments are set) as dmadev
 * @p name. @return 0; -EEXIST: the name is taken; -ENOMEM; or what ioat_chan_open() said.
 */
int ioat_dmadev_create(const char *name, struct rte_device *device,
                       const struct ioat_chan *template);

/**
 * In a secondary process: register the primary's channel @p ch, whose registers are reached by
 * @p regs (NULL: not at all, so there is no data path either). Touches no hardware.
 * @return 0; -ENODEV: dmadev does not know it; -ENOMEM.
 */
int ioat_dmadev_attach(struct ioat_chan *ch, struct rte_device *device,
                       const struct ioat_mmio *regs);

/* ioat_remove.c: the end of dmadevs. */

/**
 * Close and release the dmadevs of @p device, none of which is started. @return 0; negative errno:
 * one is still there.
 */
int ioat_dmadev_destroy(const struct rte_device *device);

/**
 * Tell the program by RTE_DEV_EVENT_REMOVE, then stop, close and release the dmadevs of @p device
 * that are still there, beside threads that use them: what they have enqueued is reported to them
 * as long as they ask, in bounded time. @return 0; negative errno: one is still there; -EBUSY:
 * called by a callback of that event.
 */
int ioat_dmadev_remove(const struct rte_device *device);

#endif /* IOAT_PRIV_H */
