/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_TEST_RIG_H
#define DCP_TEST_RIG_H

/**
 * @file
 * EAL without huge pages, and dmadevs whose data path is a script of the test: control calls go to
 * a real dma_skeleton, the data path comes here.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dcp.h"

#define FAKE_VCHANS 2
#define FAKE_OPS    4096 /* statuses and operations are kept modulo this */
#define FAKE_ALL    UINT32_MAX

#define MS          1000000ull /* nanoseconds */

/** How long a thread is waited for at most, by the clock of fair.h. */
#define RIG_PATIENCE (60000 * MS)

/** The source of an operation that is to end with a status, unless the test says otherwise. */
#define FAKE_SRC(status) (0xFA4E000000000000ull | (status))

/* What is atomic may be changed while the device works. */
struct fake_vchan {
	_Atomic uint16_t first_idx; /* ring_idx of its first operation */
	uint32_t capacity;          /* operations it holds */
	_Atomic uint32_t allow;     /* operations that may complete in all; FAKE_ALL */
	uint16_t status[FAKE_OPS];  /* by operation; 0: good */
	uint32_t fail_every;        /* else: each so manieth operation fails; 0: none */
	uint32_t refuse_from;       /* the operation from which on it refuses; FAKE_ALL: none */
	int refuse_errno;
	_Atomic int submit_errno;
	_Atomic uint16_t lie_count, lie_idx; /* added to what completed_status() reports */
	uint32_t in, rung, out, submits;
	struct {
		uint64_t src, dst, flags;
		uint32_t len, type;
	} ops[FAKE_OPS];
};

struct fake_dev {
	int16_t id;
	uint64_t lacks; /* RTE_DMA_CAPA_* that it does not have */
	int stop_errno; /* what rte_dma_stop() returns instead of stopping */
	bool stopped;
	uint32_t calls_when_stopped; /* of the data path */
	_Atomic uint32_t inside;     /* threads in its data path */
	_Atomic uint32_t overlaps;   /* calls that met another one */
	_Atomic bool hold;           /* its data path does not return */
	/* Each so manieth call gives the processor away while inside; 0: none. Fewer do where it
	 * does not come back soon: see fake_dwell().
	 */
	uint32_t dwell;
	uint32_t calls;
	uint64_t dwell_again_ns; /* not before */
	struct fake_vchan vchan[FAKE_VCHANS];
};

/**
 * As rte_eal_init(), and then let the calling thread run where it could before: threads that tests
 * start are to run on all processors.
 */
int rig_eal_init(int argc, char **argv);

/** Start EAL. Ends the program with 77 where EAL cannot run. */
void rig_init(void);

/** A fresh device, configured and started, with FAKE_VCHANS vchans and a ring of @p capacity. */
struct fake_dev *rig_device(uint32_t capacity);
void rig_device_free(struct fake_dev *dev);

/** A port with usable defaults; its name is new each time. */
struct dcp_conf rig_conf(void);
struct dcp_port *rig_port(void);

/** A channel on vchan 0; ends the test when that fails. */
uint16_t rig_chan(struct dcp_port *port, struct fake_dev *dev, uint32_t flags);

/** Issue @p n copies with contexts @p ctx, ctx+1... @return what dcp_issue() does. */
int rig_issue(struct dcp_port *port, uint16_t chan, uint64_t ctx, uint16_t n);

/** Post one record with context @p ctx. */
void rig_post(struct dcp_port *port, uint64_t ctx);

/** Close, take all that is left, delete the channels, destroy. */
void rig_end(struct dcp_port *port);

/** A worker; ends the test when that fails. */
struct dcp_worker *rig_worker(struct dcp_port *port, uint32_t flags);

/** Wait until @p n workers are parked and @p lead says whether there is a leader. */
void rig_wait_parked(struct dcp_port *port, unsigned int n, bool lead);

/** Wait until the leader sleeps as deeply as that (enum dcp_bed_state). */
void rig_wait_bed(struct dcp_port *port, uint32_t state);

/** Wait until @p word is @p value or more. */
void rig_wait_for(_Atomic uint32_t *word, uint32_t value);

/** Make @p word @p value unless it is more. */
void rig_raise(_Atomic uint64_t *word, uint64_t value);

uint64_t rig_now_ns(void);
void rig_sleep_ms(unsigned int ms);

#endif /* DCP_TEST_RIG_H */
