/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef RIG_H
#define RIG_H

/**
 * @file
 * What the tests of the model share: a model on a fake host, and the few register sequences
 * that every driver has.
 */

#include "fake_host.h"
#include "test.h"

#define RIG_SLOTS (RING_LEN / IOAT_DESC_SIZE) /* 256 */

#define CTRL_COPY DESC_CTRL_OP(IOAT_OP_COPY)
#define CTRL_FILL DESC_CTRL_OP(IOAT_OP_FILL)
#define CTRL_NULL (DESC_CTRL_OP(IOAT_OP_COPY) | DESC_CTRL_NULL)

/* What DPDK's driver writes: errors halt and are reported, no interrupts. */
#define RIG_CHANCTRL (CHANCTRL_ERR_COMPL_EN | CHANCTRL_ANY_ERR_ABORT)

struct rig {
	struct fake_host fh;
	struct ioat_model *m;
	unsigned int chan; /* the one that the helpers below mean */
	uint16_t rung;     /* DMACOUNT as last written by rig_ring() */
};

/** A model with @p conf's device, channels and xfercap on a host with the usual memory. */
static inline struct rig *
rig_open_conf(struct ioat_model_conf conf)
{
	struct rig *r = calloc(1, sizeof(*r));

	CHECK(r != NULL);
	fake_open(&r->fh);
	conf.host = fake_callbacks(&r->fh);
	CHECK_INT(ioat_model_create(&r->m, &conf), ==, 0);
	return r;
}

static inline struct rig *
rig_open(enum ioat_model_device device)
{
	return rig_open_conf((struct ioat_model_conf){.device = device});
}

/** Every test ends here: what was not granted must be untouched. */
static inline void
rig_close(struct rig *r)
{
	CHECK(fake_guards_intact(&r->fh));
	ioat_model_destroy(r->m);
	fake_close(&r->fh);
	free(r);
}

/** Read @p width bytes of a channel register. */
static inline uint64_t
rig_get(struct rig *r, uint64_t reg, unsigned int width)
{
	return ioat_model_read(r->m, IOAT_CHAN_BASE(r->chan) + reg, width);
}

/** Write @p width bytes of a channel register. */
static inline void
rig_set(struct rig *r, uint64_t reg, unsigned int width, uint64_t value)
{
	ioat_model_write(r->m, IOAT_CHAN_BASE(r->chan) + reg, width, value);
}

static inline uint64_t
rig_status(struct rig *r)
{
	return rig_get(r, IOAT_CHANSTS, 8);
}

static inline unsigned int
rig_state(struct rig *r)
{
	return (unsigned int)(rig_status(r) & CHANSTS_STATE);
}

static inline uint32_t
rig_chanerr(struct rig *r)
{
	return (uint32_t)rig_get(r, IOAT_CHANERR, 4);
}

static inline void
rig_command(struct rig *r, unsigned int command)
{
	rig_set(r, IOAT_CHANCMD, 1, command);
}

/** The completion word of the channel. */
static inline uint64_t
rig_word(struct rig *r)
{
	uint64_t word;

	memcpy(&word, fake_at(&r->fh, CMP + 8 * r->chan), sizeof(word));
	return word;
}

/** Bus address of ring slot @p i. */
static inline uint64_t
rig_slot(unsigned int i)
{
	return RING + (uint64_t)(i % RIG_SLOTS) * IOAT_DESC_SIZE;
}

/** Ring slot @p i. */
static inline struct ioat_desc *
rig_desc(struct rig *r, unsigned int i)
{
	return fake_at(&r->fh, rig_slot(i));
}

/** Write slot @p i, linked to its neighbour. */
static inline struct ioat_desc *
rig_put(struct rig *r, unsigned int i, uint32_t ctrl, uint64_t src, uint64_t dst, uint32_t size)
{
	struct ioat_desc *d = rig_desc(r, i);

	*d = (struct ioat_desc){
		.size = size, .ctrl = ctrl, .src = src, .dst = dst, .next = rig_slot(i + 1)};
	return d;
}

/** Clear errors, reset, program and arm: the ring starts at slot @p i. */
static inline void
rig_start_at(struct rig *r, unsigned int i)
{
	rig_set(r, IOAT_CHANERR, 4, rig_chanerr(r));
	rig_command(r, CHANCMD_RESET);
	rig_set(r, IOAT_CHANCTRL, 2, RIG_CHANCTRL);
	rig_set(r, IOAT_CHANCMP, 8, CMP + 8 * r->chan);
	rig_set(r, IOAT_CHAINADDR, 8, rig_slot(i));
	r->rung = 0;
}

static inline void
rig_start(struct rig *r)
{
	rig_start_at(r, 0);
}

/** Ring the doorbell for @p n more descriptors. */
static inline void
rig_ring(struct rig *r, unsigned int n)
{
	r->rung = (uint16_t)(r->rung + n);
	rig_set(r, IOAT_DMACOUNT, 2, r->rung);
}

/** Let the channel work until it has nothing left to do. */
static inline void
rig_run(struct rig *r)
{
	unsigned int steps;

	for (steps = 0; ioat_model_busy(r->m, r->chan); steps++) {
		CHECK_INT(steps, <, 100000);
		CHECK_INT(ioat_model_step(r->m, r->chan, 65536), >, 0);
	}
	CHECK_INT(ioat_model_step(r->m, r->chan, 65536), ==, 0);
}

/** Ring for @p n more and let the channel work. */
static inline void
rig_go(struct rig *r, unsigned int n)
{
	rig_ring(r, n);
	rig_run(r);
}

/** Distinct bytes at SRC, all ones at DST. */
static inline void
rig_pattern(struct rig *r)
{
	unsigned char *src = fake_at(&r->fh, SRC);
	unsigned int i;

	for (i = 0; i < SRC_LEN; i++)
		src[i] = (unsigned char)(i * 7 + (i >> 8));
	memset(fake_at(&r->fh, DST), 0xff, DST_LEN);
}

/** Check that exactly @p len bytes at @p dst equal those at @p src, with all ones around. */
static inline void
rig_check_copied(struct rig *r, uint64_t src, uint64_t dst, size_t len)
{
	unsigned char *to = fake_at(&r->fh, dst);

	CHECK_MEM(to, fake_at(&r->fh, src), len);
	CHECK_INT(to[len], ==, 0xff);
	if (dst > DST)
		CHECK_INT(to[-1], ==, 0xff);
}

/** Bring the channel into @p state, with DMACOUNT ahead of what is done if it is ACTIVE. */
static inline void
rig_enter(struct rig *r, enum ioat_state state)
{
	rig_start(r);
	rig_put(r, 0, CTRL_NULL, 0, 0, 8);
	rig_put(r, 1, CTRL_NULL, 0, 0, 8);
	if (state == IOAT_STATE_HALTED)
		rig_command(r, CHANCMD_RESET);
	if (state == IOAT_STATE_DONE || state == IOAT_STATE_SUSPENDED)
		rig_go(r, 1);
	if (state == IOAT_STATE_ACTIVE)
		rig_ring(r, 1);
	if (state == IOAT_STATE_SUSPENDED)
		rig_command(r, CHANCMD_SUSPEND);
	CHECK_INT(rig_state(r), ==, state);
}

static inline struct ioat_model_counters
rig_counters(struct rig *r)
{
	struct ioat_model_counters c;

	ioat_model_counters(r->m, r->chan, &c);
	return c;
}

#endif /* RIG_H */
