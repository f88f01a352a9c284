/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ioat_hw.h"
#include "vfu_engine.h"
#include "vfu_event.h"

#define NS          1000000000
#define PACED_TURN  ((size_t)1)        /* one descriptor or chunk, so that pauses are even */
#define DEBT_MAX_NS (10 * 1000 * 1000) /* what a late wake-up may be made up for */

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NS + ts.tv_nsec;
}

/* ---- the model's host: called with the lock held ---- */

static int
host_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct vfu_func *func = ctx;

	return vfu_pci_may_dma(&func->pci) ? vfu_mem_read(&func->mem, addr, buf, len) : -EACCES;
}

static int
host_write(void *ctx, uint64_t addr, const void *buf, size_t len)
{
	struct vfu_func *func = ctx;

	return vfu_pci_may_dma(&func->pci) ? vfu_mem_write(&func->mem, addr, buf, len) : -EACCES;
}

static int
host_write64(void *ctx, uint64_t addr, uint64_t value)
{
	struct vfu_func *func = ctx;

	return vfu_pci_may_dma(&func->pci) ? vfu_mem_write64(&func->mem, addr, value) : -EACCES;
}

static void
host_irq(void *ctx, unsigned int chan)
{
	struct vfu_func *func = ctx;

	(void)chan; /* there is one */
	vfu_pci_irq(&func->pci);
}

/* ---- statistics ---- */

/** Add what the model counted since its last reset. */
static void
func_add_counters(const struct vfu_func *func, struct ioat_model_counters *sum)
{
	struct ioat_model_counters now;

	ioat_model_counters(func->model, 0, &now);
	sum->doorbells += now.doorbells;
	sum->descriptors += now.descriptors;
	sum->completions += now.completions;
	sum->bytes += now.bytes;
	sum->interrupts += now.interrupts;
	sum->errors += now.errors;
}

/** Show the counters to vfu_func_stats(), which must not wait for a client as the lock does. */
static void
func_publish(struct vfu_func *func)
{
	struct vfu_func_stats now = {
		.count = func->total,
		.ranges = func->mem.ranges.count,
		.refused = func->refused,
		.events = func->events_total + func->irqs.sent,
	};

	func_add_counters(func, &now.count);
	pthread_mutex_lock(&func->stats_lock);
	func->stats = now;
	pthread_mutex_unlock(&func->stats_lock);
}

void
vfu_func_stats(struct vfu_func *func, struct vfu_func_stats *out)
{
	pthread_mutex_lock(&func->stats_lock);
	*out = func->stats;
	pthread_mutex_unlock(&func->stats_lock);
}

/* ---- the lock ---- */

void
vfu_func_lock(struct vfu_func *func)
{
	pthread_mutex_lock(&func->turn);
	pthread_mutex_lock(&func->lock);
	pthread_mutex_unlock(&func->turn);
}

void
vfu_func_unlock(struct vfu_func *func)
{
	func_publish(func);
	pthread_mutex_unlock(&func->lock);
}

/* ---- the engine ---- */

static void
func_inject(struct vfu_func *func, bool only_again)
{
	unsigned int i;

	for (i = 0; i < func->conf.faults; i++) {
		if (func->conf.fault[i].again || !only_again)
			ioat_model_inject(func->model, 0, &func->conf.fault[i].fault);
	}
}

/** Let time pass for interrupts that INTRDELAY holds back. */
static void
func_advance(struct vfu_func *func, int64_t now)
{
	int64_t usec = (now - func->advanced_ns) / 1000;

	if (usec <= 0)
		return;
	func->advanced_ns += usec * 1000;
	ioat_model_advance(func->model, usec < UINT32_MAX ? (uint32_t)usec : UINT32_MAX);
}

/** What a turn costs in time, from what it did. */
static int64_t
func_cost_ns(const struct vfu_func *func, const struct ioat_model_counters *before)
{
	struct ioat_model_counters after;
	uint64_t ns;

	ioat_model_counters(func->model, 0, &after);
	ns = (after.descriptors - before->descriptors) * func->conf.latency_ns;
	if (func->conf.bytes_per_second != 0)
		ns += (after.bytes - before->bytes) * NS / func->conf.bytes_per_second;
	return (int64_t)ns;
}

/** One turn; locked. @return whether there was work. */
static bool
func_turn(struct vfu_func *func)
{
	bool paced = func->conf.latency_ns != 0 || func->conf.bytes_per_second != 0;
	/* Behind messages of a client that takes its time nobody else should wait for long. */
	size_t budget = paced || func->mem.remote_ranges != 0 ? PACED_TURN : VFU_TURN;
	struct ioat_model_counters before, after;
	int64_t now = now_ns();
	size_t used;

	func_advance(func, now);
	ioat_model_counters(func->model, 0, &before);
	used = ioat_model_step(func->model, 0, budget);
	if (used > 0 && paced) {
		/* Time that was slept too long counts, time without work does not. */
		if (func->due_ns < now - DEBT_MAX_NS)
			func->due_ns = now - DEBT_MAX_NS;
		func->due_ns += func_cost_ns(func, &before);
	}
	ioat_model_counters(func->model, 0, &after);
	if (after.errors != func->errors_seen) {
		func->errors_seen = after.errors;
		func_inject(func, true);
	}
	vfu_pci_sync(&func->pci);
	return used > 0;
}

static void
sleep_until(int64_t when)
{
	struct timespec ts = {when / NS, when % NS};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/** Wait for work, locked, or until an interrupt that INTRDELAY holds back is due. */
static void
func_idle(struct vfu_func *func)
{
	int64_t delay_ns = (int64_t)ioat_model_delay(func->model) * 1000;
	int64_t due = func->advanced_ns + delay_ns;
	struct timespec until = {due / NS, due % NS};

	func_publish(func);
	if (delay_ns != 0)
		pthread_cond_timedwait(&func->work, &func->lock, &until);
	else
		pthread_cond_wait(&func->work, &func->lock);
	/* The first descriptor after idle time takes its latency, too. */
	if (func->due_ns < now_ns() && ioat_model_busy(func->model, 0))
		func->due_ns = now_ns() + (int64_t)func->conf.latency_ns;
}

static void *
func_engine(void *arg)
{
	struct vfu_func *func = arg;
	int64_t due;

	vfu_func_lock(func);
	while (!func->stop) {
		due = func->due_ns;
		if (due > now_ns()) {
			vfu_func_unlock(func);
			sleep_until(due);
			vfu_func_lock(func);
			continue; /* it may have been reset, or stopped */
		}
		if (func_turn(func)) {
			vfu_func_unlock(func);
			vfu_func_lock(func);
		} else {
			func_idle(func);
		}
	}
	vfu_func_unlock(func);
	return NULL;
}

/* ---- control ---- */

void
vfu_func_reset(struct vfu_func *func)
{
	func_add_counters(func, &func->total);
	ioat_model_reset(func->model);
	vfu_irqs_reset(&func->irqs);
	vfu_pci_reset(&func->pci);
	func->errors_seen = 0;
	func->due_ns = 0;
	func_inject(func, false);
	vfu_pci_sync(&func->pci);
}

void
vfu_func_disconnect(struct vfu_func *func)
{
	vfu_func_lock(func);
	vfu_mem_clear(&func->mem);
	func->mem.remote = (struct vfu_mem_remote){0};
	func->events_total += func->irqs.sent;
	vfu_irqs_close(&func->irqs);
	vfu_func_reset(func);
	vfu_func_unlock(func);
}

void
vfu_func_irqs_changed(struct vfu_func *func)
{
	vfu_pci_sync(&func->pci);
}

void
vfu_func_cfg_read(struct vfu_func *func, uint32_t offset, void *buf, size_t len)
{
	vfu_pci_sync(&func->pci);
	vfu_pci_cfg_read(&func->pci, offset, buf, len);
}

void
vfu_func_cfg_write(struct vfu_func *func, uint32_t offset, const void *buf, size_t len)
{
	vfu_pci_cfg_write(&func->pci, offset, buf, len);
	if (func->pci.reset_asked)
		vfu_func_reset(func);
	vfu_pci_sync(&func->pci);
}

void
vfu_func_bar_read(struct vfu_func *func, uint32_t offset, void *buf, size_t len)
{
	vfu_pci_bar_read(&func->pci, offset, buf, len);
	vfu_pci_sync(&func->pci); /* a read of INTRCTRL or ATTNSTATUS changes the level */
}

void
vfu_func_bar_write(struct vfu_func *func, uint32_t offset, const void *buf, size_t len)
{
	/* A delay that this access begins must not be charged with the time before it. */
	func_advance(func, now_ns());
	vfu_pci_bar_write(&func->pci, offset, buf, len);
	vfu_pci_sync(&func->pci);
	pthread_cond_signal(&func->work);
}

static int
func_start(struct vfu_func *func)
{
	struct vfu_pci_conf pci = {
		.identity = ioat_model_identity(func->conf.device),
		.function = func->conf.function,
		.multi_function = func->conf.multi_function,
	};
	struct ioat_model_conf model = {
		.device = func->conf.device,
		.xfercap = func->conf.xfercap,
		.halt_word = func->conf.halt_word,
		.host = {.dma_read = host_read,
	                 .dma_write = host_write,
	                 .dma_write64 = host_write64,
	                 .irq = host_irq,
	                 .ctx = func},
	};
	int rc = ioat_model_create(&func->model, &model);

	if (rc < 0)
		return rc;
	vfu_irqs_open(&func->irqs);
	vfu_pci_open(&func->pci, &pci, func->model, &func->irqs);
	func->advanced_ns = now_ns();
	vfu_func_reset(func);
	if (pthread_create(&func->thread, NULL, func_engine, func) != 0)
		return -EAGAIN;
	func->has_thread = true;
	return 0;
}

int
vfu_func_create(struct vfu_func **out, const struct vfu_func_conf *conf)
{
	struct vfu_func *func;
	pthread_condattr_t attr;
	int rc;

	if (ioat_model_identity(conf->device) == NULL || conf->faults > VFU_FAULTS_MAX)
		return -EINVAL;
	rc = vfu_event_start();
	if (rc < 0)
		return rc;
	func = calloc(1, sizeof(*func));
	if (func == NULL)
		return -ENOMEM;
	func->conf = *conf;
	pthread_mutex_init(&func->turn, NULL);
	pthread_mutex_init(&func->lock, NULL);
	pthread_mutex_init(&func->stats_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&func->work, &attr);
	pthread_condattr_destroy(&attr);
	rc = func_start(func);
	if (rc < 0) {
		vfu_func_destroy(func);
		return rc;
	}
	*out = func;
	return 0;
}

void
vfu_func_destroy(struct vfu_func *func)
{
	if (func == NULL)
		return;
	if (func->has_thread) {
		vfu_func_lock(func);
		func->stop = true;
		pthread_cond_signal(&func->work);
		vfu_func_unlock(func);
		pthread_join(func->thread, NULL); /* its turns are short */
	}
	if (func->model != NULL) {
		vfu_mem_clear(&func->mem);
		vfu_irqs_close(&func->irqs);
	}
	ioat_model_destroy(func->model);
	pthread_cond_destroy(&func->work);
	pthread_mutex_destroy(&func->stats_lock);
	pthread_mutex_destroy(&func->lock);
	pthread_mutex_destroy(&func->turn);
	free(func);
}
