/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_ENGINE_H
#define VFU_ENGINE_H

/**
 * @file
 * One PCI function: the model, its PCI side, the memory it may touch, and the thread that lets
 * it work.
 *
 * Threads: a lock makes register accesses, changes of memory and the engine's turns exclude each
 * other. A turn is short (VFU_TURN bytes), so whoever holds the lock has the engine at rest, and
 * nothing that was granted before is being touched.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ioat_model.h"
#include "vfu_irq.h"
#include "vfu_mem.h"
#include "vfu_pci.h"

#define VFU_TURN       ((size_t)64 << 10) /* bytes and descriptors between two looks at the lock */
#define VFU_FAULTS_MAX 6u                 /* one of each kind */

/** A fault to inject after each reset of the function. */
struct vfu_fault {
	struct ioat_model_fault fault;
	bool again; /**< CHANERR and HALT: once more after each strike */
};

/** How a function is made. */
struct vfu_func_conf {
	enum ioat_model_device device;
	unsigned int function; /**< 0 to 7 */
	bool multi_function;
	unsigned int xfercap; /**< 0: the part's own */
	enum ioat_model_halt_word halt_word;
	uint64_t latency_ns;       /**< for each descriptor */
	uint64_t bytes_per_second; /**< 0: as fast as it goes */
	unsigned int wait_ms;      /**< for its client, as vfu_conn_set_wait(); 0: VFU_WAIT_MS */
	struct vfu_fault fault[VFU_FAULTS_MAX];
	unsigned int faults;
	/** A line for whoever runs the server, from the thread that serves; NULL: none wanted. */
	void (*log)(void *ctx, const char *text);
	void *log_ctx;
};

/** What a function has done since it was made. */
struct vfu_func_stats {
	struct ioat_model_counters count;
	size_t ranges;
	uint64_t refused; /**< ranges that were not mapped */
	uint64_t events;  /**< interrupts sent to the client */
};

struct vfu_func {
	struct vfu_func_conf conf;
	pthread_mutex_t turn; /* taken first: who waits for the lock comes before the engine */
	pthread_mutex_t lock; /* all below */
	pthread_cond_t work;
	bool stop;
	bool has_thread;
	pthread_t thread;
	struct ioat_model *model;
	struct vfu_pci pci;
	struct vfu_irqs irqs;
	struct vfu_mem mem;
	struct ioat_model_counters total; /* of what the model has forgotten in resets */
	uint64_t events_total;
	uint64_t refused;     /* DMA_MAP commands */
	uint64_t errors_seen; /* of the model's counters, for faults that come again */
	int64_t advanced_ns;  /* when the model was told the time last */
	int64_t due_ns;       /* paced: when the next turn may begin */

	pthread_mutex_t stats_lock; /* stats; taken last */
	struct vfu_func_stats stats;
};

/**
 * Make a function in its power-on state and start its engine.
 * @return 0 and the function, to be given to vfu_func_destroy(); -EINVAL; -ENOMEM; -EAGAIN: no
 * thread; what vfu_event_start() returns.
 */
int vfu_func_create(struct vfu_func **out, const struct vfu_func_conf *conf);

/** Stop the engine and free everything; NULL is allowed. */
void vfu_func_destroy(struct vfu_func *func);

/** Hold the engine at rest for the calls below and for @c mem and @c irqs. */
void vfu_func_lock(struct vfu_func *func);
void vfu_func_unlock(struct vfu_func *func);

/** Access configuration space or BAR0; locked. The caller has checked the bounds. */
void vfu_func_cfg_read(struct vfu_func *func, uint32_t offset, void *buf, size_t len);
void vfu_func_cfg_write(struct vfu_func *func, uint32_t offset, const void *buf, size_t len);
void vfu_func_bar_read(struct vfu_func *func, uint32_t offset, void *buf, size_t len);
void vfu_func_bar_write(struct vfu_func *func, uint32_t offset, const void *buf, size_t len);

/** Reset the function as FLR does: memory and eventfds stay; locked. */
void vfu_func_reset(struct vfu_func *func);

/**
 * The client is gone: no memory, no eventfds, power-on state. Takes the lock.
 *
 * The specification would have the state of the device kept otherwise, for a client that comes
 * back. Here the next one may be another machine: it must not find addresses, pending work and
 * errors of the last. The kernel's VFIO resets a function that is closed, and libvfio-user tells a
 * device of a lost connection as a kind of reset.
 */
void vfu_func_disconnect(struct vfu_func *func);

/** Take over a change of @c irqs; locked. */
void vfu_func_irqs_changed(struct vfu_func *func);

/** Read the counters as of the end of the last turn or access. Waits for no client. */
void vfu_func_stats(struct vfu_func *func, struct vfu_func_stats *out);

#endif /* VFU_ENGINE_H */
