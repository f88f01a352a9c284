/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_COPIER_H
#define DMAFWD_COPIER_H

/**
 * @file
 * How the data of packets gets from one chain of buffers to another.
 *
 * A copier takes jobs and gives them back as records, each carrying the owner that came with the
 * job. The polling loop knows nothing else of it. The copiers of one lcore that use DMA devices are
 * a group, which asks all these devices at once what they have finished, by a completion port. One
 * lcore uses a copier and its group; only the counters may be read by others.
 */

#include <stdatomic.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "stats.h"

enum copy_result {
	COPY_BY_DMA,
	COPY_BY_CPU,
	COPY_LOST, /* both packets stay with the device, which may write to them at any time */
	COPY_RESULTS,
};

/** A job that has ended. The source has been freed. */
struct copy_record {
	struct rte_mbuf *dst; /* the caller's again; NULL with COPY_LOST */
	void *owner;
	/* Buffers that the owner no longer keeps: the source, with COPY_LOST the copy too. */
	uint16_t buffers;
	uint16_t result; /* enum copy_result */
};

struct copier;

struct copier_ops {
	const char *name;
	/**
	 * Take jobs in order: the data of each packet of @p srcs goes to the packet of @p dsts, of
	 * the same length. @return how many were taken, 0 to @p n: their packets are the copier's
	 * until their records come. Fewer than @p n: the copier is full, try again after reap().
	 */
	uint16_t (*issue)(struct copier *c, struct rte_mbuf *const *srcs,
	                  struct rte_mbuf *const *dsts, uint16_t n, void *owner);
	/** Let the device begin with all that was issued. */
	void (*submit)(struct copier *c);
	/**
	 * Take up to @p n records, in the order of issue; of a group's copier, what
	 * copier_group_poll() has found. Frees the sources. @return records stored.
	 */
	uint16_t (*reap)(struct copier *c, struct copy_record *recs, uint16_t n);
	/** Give up on the device: every job left ends without it, reap() returns them. */
	void (*abort)(struct copier *c);
	/** Release all that open() made, the device included. No job may be left. */
	void (*close)(struct copier *c);
};

struct copier {
	const struct copier_ops *ops;
	int16_t dev_id;    /* -1: no device */
	const char *name;  /* of the device, or what else copies */
	atomic_bool leave; /* the device is being removed: its lcore is to stop it */
	atomic_bool left;  /* and has done so */
	struct channel_counters count;
};

/** The DMA copiers of one lcore. */
struct copier_group;

struct copier_group_conf {
	unsigned int lcore_id;
	uint16_t max_devs;
	uint16_t ring_size; /* operations that a device may hold */
	int socket_id;
};

struct copier_dma_conf {
	struct copier_group *group;
	int16_t dev_id;
	uint16_t ring_size; /* 0: CONFIG_DEFAULT_RING within the limits of the device */
	uint16_t batch_size;
	int socket_id;
};

#define COPIER_STALL_MS 2000 /* a device that completes nothing for so long is given up */

/** A copier whose reap() returns what issue() copied. @return NULL: out of memory. */
struct copier *copier_cpu_open(uint16_t ring_size, int socket_id);

/** @return 0; a negative errno, which was logged. */
int copier_group_open(struct copier_group **out, const struct copier_group_conf *conf);

/** Ask all devices, at most @p rounds times, as long as they have much to tell. */
void copier_group_poll(struct copier_group *g, uint16_t rounds);

/** Its copiers are closed; NULL is allowed. */
void copier_group_close(struct copier_group *g);

/**
 * Configure and start a DMA device; its virtual channel 0 does the copies. Logs what fails.
 * @return 0; a negative errno, then the device is as it was.
 */
int copier_dma_open(struct copier **out, const struct copier_dma_conf *conf);

#endif /* DMAFWD_COPIER_H */
