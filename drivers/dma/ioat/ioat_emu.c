/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * An emulated function: the model, its memory, its engine.
 *
 * The doorbell is a word that the data path stores to and the engine polls; every control access
 * first hands a new count to the model, so that the order of doorbell and commands is kept, and a
 * write that changes DMACOUNT (RESET, CHAINADDR) is copied back to the word.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ioat_defer.h"
#include "ioat_dpdk.h"
#include "ioat_emu.h"
#include "ioat_emu_mem.h"
#include "ioat_emu_port.h"
#include "ioat_hw.h"

#define THREAD_BUDGET ((size_t)64 << 10)  /* bytes and descriptors between two looks at the lock */
#define INLINE_BUDGET ((size_t)256 << 10) /* the same per register read of an inline engine */
#define IDLE_SPINS    2000u
#define YIELDS_MAX    1000u
#define IDLE_NAP_NS   20000

struct ioat_emu {
	pthread_mutex_t lock; /* sleeps: engine and caller may share a processor */
	atomic_uint waiting;  /* callers that want the lock; the engine lets them go first */
	struct ioat_model *model;
	struct emu_mem_cache mem;
	struct ioat_emu_port *port; /* what other processes see, the doorbell too */
	uint16_t seen;              /* the count that the model was told last */
	bool run_inline;
	bool has_mem;
	bool has_thread;
	atomic_bool stop;
	pthread_t thread;
	struct ioat_emu *next; /* in the list of all */
};

/* All functions, for the one that frees memory. */
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ioat_emu *all;

static void *
emu_map(void *ctx, uint64_t addr, size_t *len, unsigned int rights __rte_unused)
{
	struct ioat_emu *emu = ctx;

	return emu_mem_find(&emu->mem, addr, len);
}

/* The model asks for pieces only where map found nothing, or less than it wanted. */
static int
emu_dma_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	uint8_t *to = buf;

	while (len > 0) {
		size_t n = len;
		const void *from = emu_map(ctx, addr, &n, IOAT_MODEL_READ);

		if (from == NULL)
			return -EFAULT;
		memcpy(to, from, n);
		to += n;
		addr += n;
		len -= n;
	}
	return 0;
}

static int
emu_dma_write(void *ctx, uint64_t addr, const void *buf, size_t len)
{
	const uint8_t *from = buf;

	while (len > 0) {
		size_t n = len;
		void *to = emu_map(ctx, addr, &n, IOAT_MODEL_WRITE);

		if (to == NULL)
			return -EFAULT;
		memcpy(to, from, n);
		from += n;
		addr += n;
		len -= n;
	}
	return 0;
}

static int
emu_dma_write64(void *ctx, uint64_t addr, uint64_t value)
{
	size_t len = sizeof(value);
	uint64_t *to = emu_map(ctx, addr, &len, IOAT_MODEL_WRITE);

	if (to == NULL || len < sizeof(value))
		return -EFAULT;
	__atomic_store_n(to, value, __ATOMIC_RELEASE);
	return 0;
}

/* For all but the engine. */
static void
emu_lock(struct ioat_emu *emu)
{
	atomic_fetch_add_explicit(&emu->waiting, 1, memory_order_relaxed);
	pthread_mutex_lock(&emu->lock);
	atomic_fetch_sub_explicit(&emu->waiting, 1, memory_order_relaxed);
}

static void
emu_unlock(struct ioat_emu *emu)
{
	pthread_mutex_unlock(&emu->lock);
}

static void
emu_sync_doorbell(struct ioat_emu *emu)
{
	uint16_t count = mmio_read_doorbell(&emu->port->doorbell);

	if (count == emu->seen)
		return;
	emu->seen = count;
	ioat_model_write(emu->model, IOAT_CHAN_BASE(0) + IOAT_DMACOUNT, 2, count);
}

static size_t
emu_turn(struct ioat_emu *emu, size_t budget)
{
	emu_sync_doorbell(emu);
	return ioat_model_step(emu->model, 0, budget);
}

/*
 * A program may ask once for each burst that it hands over, so all of it is done here. That ends:
 * while the lock is held, DMACOUNT stays what it is now.
 */
static void
emu_work(void *ctx)
{
	struct ioat_emu *emu = ctx;

	emu_lock(emu);
	if (!atomic_load_explicit(&emu->stop, memory_order_relaxed)) /* else a late call */
		emu_turn(emu, SIZE_MAX);
	emu_unlock(emu);
}

/*
 * Time passes for whoever waits on a register. With a thread, too: it may wait for a processor
 * longer than drivers and tests give a device, which never has to, for an answer.
 */
static uint64_t
emu_read(void *ctx, uint32_t offset, unsigned int width)
{
	struct ioat_emu *emu = ctx;
	uint64_t value;

	emu_lock(emu);
	emu_turn(emu, emu->run_inline ? INLINE_BUDGET : THREAD_BUDGET);
	value = ioat_model_read(emu->model, offset, width);
	emu_unlock(emu);
	return value;
}

static void
emu_write(void *ctx, uint32_t offset, unsigned int width, uint64_t value)
{
	struct ioat_emu *emu = ctx;
	uint16_t count;

	emu_lock(emu);
	emu_sync_doorbell(emu);
	ioat_model_write(emu->model, offset, width, value);
	count = (uint16_t)ioat_model_read(emu->model, IOAT_CHAN_BASE(0) + IOAT_DMACOUNT, 2);
	if (count != emu->seen) { /* dmadev lets nobody submit meanwhile: no count is lost */
		emu->seen = count;
		mmio_write_doorbell(&emu->port->doorbell, count);
	}
	emu_unlock(emu);
}

const struct ioat_mmio_ops ioat_emu_mmio_ops = {
	.read = emu_read,
	.write = emu_write,
};

const struct ioat_mmio_ops ioat_emu_inline_mmio_ops = {
	.read = emu_read,
	.write = emu_write,
	.work = emu_work,
};

static ioat_thread_exit
emu_engine(void *arg)
{
	const struct timespec nap = {.tv_nsec = IDLE_NAP_NS};
	struct ioat_emu *emu = arg;
	unsigned int idle = 0, yields;
	size_t done;

	while (!atomic_load_explicit(&emu->stop, memory_order_relaxed)) {
		pthread_mutex_lock(&emu->lock);
		done = emu_turn(emu, THREAD_BUDGET);
		pthread_mutex_unlock(&emu->lock);
		emu_port_serve(emu->port, &ioat_emu_mmio_ops, emu);
		/* A mutex is not fair: let callers go first, who have it for a moment only. */
		for (yields = 0; yields < YIELDS_MAX; yields++) {
			if (atomic_load_explicit(&emu->waiting, memory_order_relaxed) == 0)
				break;
			sched_yield();
		}
		if (done > 0) {
			idle = 0;
		} else if (idle < IDLE_SPINS) {
			idle++;
			rte_pause();
		} else {
			nanosleep(&nap, NULL);
		}
	}
	return 0;
}

/* Memory goes away and can no longer be found: wait for a step that may have found it before. */
static void
emu_quiesce_all(void)
{
	struct ioat_emu *emu;

	pthread_mutex_lock(&all_lock);
	for (emu = all; emu != NULL; emu = emu->next) {
		emu_lock(emu);
		emu_unlock(emu);
	}
	pthread_mutex_unlock(&all_lock);
}

static void
emu_list_add(struct ioat_emu *emu)
{
	pthread_mutex_lock(&all_lock);
	emu->next = all;
	all = emu;
	pthread_mutex_unlock(&all_lock);
}

static void
emu_list_remove(struct ioat_emu *emu)
{
	struct ioat_emu **at;

	pthread_mutex_lock(&all_lock);
	for (at = &all; *at != NULL; at = &(*at)->next) {
		if (*at == emu) {
			*at = emu->next;
			break;
		}
	}
	pthread_mutex_unlock(&all_lock);
}

/*
 * EAL leaves control threads the processors without an lcore. Where there is none, that is the
 * main lcore's processor, whose polling thread would have the engine wait for time slices; any
 * other lcore may be idle.
 */
static void
emu_spread(struct ioat_emu *emu, const char *name)
{
	rte_cpuset_t now, lcores, one, both;
	unsigned int i;
	int rc;

	CPU_ZERO(&lcores);
	RTE_LCORE_FOREACH (i) {
		one = rte_lcore_cpuset(i);
		CPU_OR(&lcores, &lcores, &one);
	}
	rc = pthread_getaffinity_np(emu->thread, sizeof(now), &now);
	if (rc == 0) {
		CPU_AND(&both, &now, &lcores);
		if (!CPU_EQUAL(&both, &now))
			return;
		rc = pthread_setaffinity_np(emu->thread, sizeof(lcores), &lcores);
	}
	if (rc != 0)
		IOAT_LOG(WARNING, "%s: the engine stays beside the main lcore: %s", name,
		         strerror(rc));
}

static int
emu_start_thread(struct ioat_emu *emu, const struct ioat_emu_conf *conf)
{
	char name[16];
	rte_cpuset_t cpus;
	int rc;

	snprintf(name, sizeof(name), "%.15s", conf->name);
	rc = ioat_thread_create(&emu->thread, name, emu_engine, emu);
	if (rc != 0) {
		IOAT_LOG(ERR, "%s: no thread for the engine: %s", conf->name, strerror(-rc));
		return -EAGAIN;
	}
	emu->has_thread = true;
	if (conf->lcore < 0) {
		emu_spread(emu, conf->name);
		return 0;
	}
	cpus = rte_lcore_cpuset((unsigned int)conf->lcore);
	rc = pthread_setaffinity_np(emu->thread, sizeof(cpus), &cpus);
	if (rc != 0)
		IOAT_LOG(WARNING, "%s: the engine stays where it is, not on lcore %d: %s",
		         conf->name, conf->lcore, strerror(rc));
	return 0;
}

int
ioat_emu_create(struct ioat_emu **out, const struct ioat_emu_conf *conf)
{
	struct ioat_model_conf model = {
		.device = conf->device,
		.xfercap = conf->xfercap,
		.no_fill = conf->no_fill,
		.halt_word = conf->halt_word,
		.host =
			{
				.dma_read = emu_dma_read,
				.dma_write = emu_dma_write,
				.dma_write64 = emu_dma_write64,
				.map = emu_map,
			},
	};
	struct ioat_emu *emu;
	int rc;

	emu = calloc(1, sizeof(*emu));
	if (emu == NULL)
		return -ENOMEM;
	pthread_mutex_init(&emu->lock, NULL);
	emu->run_inline = conf->run_inline;
	model.host.ctx = emu;
	emu_list_add(emu);
	emu->port = emu_port_create();
	rc = emu->port == NULL ? -ENOMEM : emu_mem_start(emu_quiesce_all);
	emu->has_mem = rc == 0;
	if (rc == 0)
		rc = ioat_model_create(&emu->model, &model);
	if (rc == 0 && !conf->run_inline)
		rc = emu_start_thread(emu, conf);
	if (rc < 0) {
		ioat_emu_destroy(emu);
		return rc;
	}
	*out = emu;
	return 0;
}

static void
emu_free(void *what)
{
	struct ioat_emu *emu = what;

	ioat_model_destroy(emu->model);
	emu_port_destroy(emu->port);
	pthread_mutex_destroy(&emu->lock);
	free(emu);
}

void
ioat_emu_destroy(struct ioat_emu *emu)
{
	if (emu == NULL)
		return;
	emu_lock(emu); /* no step runs behind this */
	atomic_store(&emu->stop, true);
	emu_unlock(emu);
	if (emu->has_thread)
		pthread_join(emu->thread, NULL); /* it looks at stop at least every nap */
	emu_list_remove(emu);
	if (emu->has_mem)
		emu_mem_stop();
	ioat_defer_free(emu_free, emu);
}

ioat_doorbell *
ioat_emu_doorbell(struct ioat_emu *emu)
{
	return &emu->port->doorbell;
}

struct ioat_emu_port *
ioat_emu_share(struct ioat_emu *emu)
{
	return emu->run_inline ? NULL : emu->port;
}
