/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench_device.h"

#define CHAN(reg)      (IOAT_CHAN_BASE(0) + (reg))
#define SERVE_PAUSE_NS 20000

/* The driver's thread reads and writes the same words: no access may be torn or left out. */
#define REG_GET(dev, type, off) __atomic_load_n((type *)((dev)->bar + (off)), __ATOMIC_ACQUIRE)
#define REG_SET(dev, type, off, v) \
	__atomic_store_n((type *)((dev)->bar + (off)), v, __ATOMIC_RELEASE)

int
bench_device_open(struct bench_device *dev)
{
	memset(dev, 0, sizeof(*dev));
	dev->bar = aligned_alloc(IOAT_BAR_SIZE, IOAT_BAR_SIZE);
	if (dev->bar == NULL)
		return -ENOMEM;
	memset(dev->bar, 0, IOAT_BAR_SIZE);
	REG_SET(dev, uint8_t, IOAT_CHANCNT, 1);
	REG_SET(dev, uint8_t, IOAT_XFERCAP, 20);
	REG_SET(dev, uint8_t, IOAT_CBVER, CBVER_3_4);
	REG_SET(dev, uint32_t, IOAT_DMACAPABILITY, DMACAP_BFILL);
	REG_SET(dev, uint64_t, CHAN(IOAT_CHANSTS), IOAT_STATE_HALTED);
	return 0;
}

void
bench_device_close(struct bench_device *dev)
{
	free(dev->bar);
	dev->bar = NULL;
}

void
bench_device_suspend(struct bench_device *dev)
{
	REG_SET(dev, uint64_t, CHAN(IOAT_CHANSTS), IOAT_STATE_SUSPENDED);
}

int
bench_device_run(struct bench_device *dev, bench_device_op op, void *ctx)
{
	uint16_t rung = REG_GET(dev, uint16_t, CHAN(IOAT_DMACOUNT));
	uint16_t n = rung - dev->count, i;
	uint64_t completion = 0;
	struct ioat_desc *desc;
	int rc;

	for (i = 0; i < n; i++) {
		desc = (struct ioat_desc *)(uintptr_t)dev->next;
		if (desc == NULL)
			return -EPROTO;
		if ((desc->ctrl & DESC_CTRL_NULL) == 0) {
			rc = op(ctx, desc);
			if (rc < 0)
				return rc;
		}
		if ((desc->ctrl & DESC_CTRL_COMPL) != 0)
			completion = dev->next;
		REG_SET(dev, uint64_t, CHAN(IOAT_CHANSTS), dev->next | IOAT_STATE_DONE);
		dev->next = desc->next;
	}
	dev->count = rung;
	if (completion != 0)
		__atomic_store_n((uint64_t *)(uintptr_t)REG_GET(dev, uint64_t, CHAN(IOAT_CHANCMP)),
		                 completion | IOAT_STATE_DONE, __ATOMIC_RELEASE);
	return n;
}

static int
refuse(void *ctx, const struct ioat_desc *desc)
{
	(void)ctx;
	(void)desc;
	return -EPROTO;
}

/*
 * Out of a reset a channel is halted, and armed as soon as CHAINADDR is written. A driver looks for
 * that at once, which no thread is fast enough for: here it is armed from the reset on.
 */
static void
serve_command(struct bench_device *dev)
{
	uint8_t command = REG_GET(dev, uint8_t, CHAN(IOAT_CHANCMD));

	if ((command & CHANCMD_RESET) != 0) {
		dev->count = 0;
		dev->next = 0;
		REG_SET(dev, uint16_t, CHAN(IOAT_DMACOUNT), 0);
		REG_SET(dev, uint64_t, CHAN(IOAT_CHANSTS), IOAT_STATE_ARMED);
	} else if ((command & CHANCMD_SUSPEND) != 0) {
		REG_SET(dev, uint64_t, CHAN(IOAT_CHANSTS), IOAT_STATE_SUSPENDED);
	}
	if (command != 0)
		REG_SET(dev, uint8_t, CHAN(IOAT_CHANCMD), 0);
}

static void *
serve(void *arg)
{
	const struct timespec pause = {.tv_nsec = SERVE_PAUSE_NS};
	struct bench_device *dev = arg;
	int rc = 0;

	while (rc >= 0 && __atomic_load_n(&dev->serving, __ATOMIC_ACQUIRE)) {
		serve_command(dev);
		if (dev->count == 0)
			dev->next = REG_GET(dev, uint64_t, CHAN(IOAT_CHAINADDR));
		rc = bench_device_run(dev, refuse, NULL);
		nanosleep(&pause, NULL);
	}
	dev->served = rc < 0 ? rc : 0;
	return NULL;
}

int
bench_device_serve(struct bench_device *dev)
{
	dev->serving = 1;
	return -pthread_create(&dev->server, NULL, serve, dev);
}

int
bench_device_rest(struct bench_device *dev)
{
	__atomic_store_n(&dev->serving, 0, __ATOMIC_RELEASE);
	pthread_join(dev->server, NULL);
	if (dev->count == 0)
		dev->next = REG_GET(dev, uint64_t, CHAN(IOAT_CHAINADDR));
	return dev->served;
}
