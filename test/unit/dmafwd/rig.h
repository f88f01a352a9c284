/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_TEST_RIG_H
#define DMAFWD_TEST_RIG_H

/**
 * @file
 * EAL without huge pages, buffers with known content, and a DMA device whose data path is played by
 * the test: control calls go to a real dma_skeleton, the five data path functions come here.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "copier.h"

#define FAKE_OPS    8192
#define RIG_RECORDS 256

/** The device under the copier. Fields are set by the test at any time. */
struct fake_dma {
	uint16_t first_idx;  /* what it calls its first operation */
	uint32_t capacity;   /* operations it holds */
	uint32_t allowance;  /* operations it still executes; UINT32_MAX: no limit */
	int64_t refuse_from; /* operation from which on copy() gives refuse_errno; -1: none */
	int refuse_errno;
	int submit_errno;
	uint16_t lie;         /* added to each count that it reports */
	bool fails[FAKE_OPS]; /* by operation, counted from 0 */
	uint32_t in, rung, out;
	uint32_t submits;
	struct {
		void *src, *dst;
		uint32_t len;
	} ops[FAKE_OPS];
};

extern struct rte_mempool *rig_pool;

/** What rte_dma_stop() returns instead of stopping; 0: it stops. */
extern int rig_stop_errno;

/** Start EAL and make the pool. Ends the program with 77 where EAL cannot run. */
void rig_init(void);

/** The group of what rig_copier() made, for two copiers; NULL: there is none. */
extern struct copier_group *rig_group;

/** A copier over a fresh fake device, in the group if there is one. */
struct copier *rig_copier(struct fake_dma *fake, uint16_t ring_size, uint16_t batch_size);

/** A round of the loop: ask the group, if there is one, then reap(). */
uint16_t rig_reap(struct copier *c, struct copy_record *recs, uint16_t n);

/** Close the copier and the group. */
void rig_close(struct copier *c);

/** A chain with one segment per length, filled with bytes that follow from @p seed. */
struct rte_mbuf *rig_packet(uint32_t seed, const uint16_t *lens, uint16_t nb_segs);

/** The same with one segment. */
struct rte_mbuf *rig_simple_packet(uint32_t seed, uint16_t len);

/** Check that a packet is well formed and holds @p len bytes that follow from @p seed. */
void rig_check_packet(const struct rte_mbuf *m, uint32_t seed, uint32_t len);

/** Buffers taken from the pool at this moment. */
unsigned int rig_buffers_in_use(void);

/** What rig_reap_all() has got, or a test itself. */
extern struct copy_record rig_recs[RIG_RECORDS];

/** Only its address matters: the owner of what rig_issue() hands over. */
extern int rig_owner;

/**
 * Hand over packets @p from to @p to - 1; packet i has (i % 3) + 1 segments.
 * @return how many were taken; the rest is freed.
 */
uint16_t rig_issue(struct copier *c, uint32_t from, uint32_t to);

/** Poll until @p n records came, at most a fixed number of times. */
void rig_reap_all(struct copier *c, uint16_t n);

/** Records @p at to @p at + n - 1 are packets @p from on, whole and in order; they are freed. */
void rig_check_records(uint16_t at, uint16_t n, uint32_t from, enum copy_result result);

/** Close the copier; there are as many buffers in use as before. */
void rig_check_closed(struct copier *c, unsigned int buffers_before);

#endif /* DMAFWD_TEST_RIG_H */
