/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef IOAT_DPDK_H
#define IOAT_DPDK_H

/**
 * @file
 * The one place that includes driver-side DPDK headers and hides gaps between DPDK versions.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_io.h>
#include <rte_kvargs.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_memzone.h>
#include <rte_pci.h>
#include <rte_telemetry.h>
#include <rte_version.h>

#include <bus_pci_driver.h>
#include <bus_vdev_driver.h>
#include <rte_dmadev_pmd.h>

#if RTE_VERSION < RTE_VERSION_NUM(22, 11, 0, 0)
#error "DPDK 22.11 or later is needed"
#endif

extern int ioat_log_type;

/** One line of log: device, value and consequence. Control path only. */
#define IOAT_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_##level, (uint32_t)ioat_log_type, "IOAT: " fmt "\n", ##__VA_ARGS__)

/*
 * A control thread of EAL. 23.11 has rte_thread_create_control() instead of
 * rte_ctrl_thread_create(), and another type for what runs in it.
 */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
#include <rte_thread.h>

typedef uint32_t ioat_thread_exit;

static inline int
ioat_thread_create(pthread_t *thread, const char *name, ioat_thread_exit (*run)(void *), void *arg)
{
	rte_thread_t id;
	int rc;

	rc = rte_thread_create_control(&id, name, run, arg);
	if (rc == 0)
		*thread = (pthread_t)id.opaque_id; /* what EAL keeps there, except on Windows */
	return rc;
}
#else
typedef void *ioat_thread_exit;

static inline int
ioat_thread_create(pthread_t *thread, const char *name, ioat_thread_exit (*run)(void *), void *arg)
{
	return rte_ctrl_thread_create(thread, name, NULL, run, arg);
}
#endif

/* 23.03 renamed the function for unsigned values. */
static inline int
ioat_tel_add_uint(struct rte_tel_data *d, const char *name, uint64_t value)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
	return rte_tel_data_add_dict_uint(d, name, value);
#else
	return rte_tel_data_add_dict_u64(d, name, value);
#endif
}

/* 24.11 refuses a key without a value, such as our switches, except in a function of its own. */
static inline int
ioat_kvargs_process(const struct rte_kvargs *kv, const char *key, arg_handler_t handle, void *arg)
{
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
	return rte_kvargs_process_opt(kv, key, handle, arg);
#else
	return rte_kvargs_process(kv, key, handle, arg);
#endif
}

/*
 * 26.07 keeps the drivers of all buses in lists of their common part, and a device names its driver
 * there only.
 */
static inline struct rte_pci_driver *
ioat_pci_driver_next(const struct rte_pci_driver *driver)
{
#if RTE_VERSION >= RTE_VERSION_NUM(26, 7, 0, 0)
	struct rte_driver *next = RTE_TAILQ_NEXT(&driver->driver, next);

	return next == NULL ? NULL : container_of(next, struct rte_pci_driver, driver);
#else
	return RTE_TAILQ_NEXT(driver, next);
#endif
}

static inline void
ioat_pci_device_bind(struct rte_pci_device *pci, struct rte_pci_driver *driver)
{
	pci->device.driver = &driver->driver;
#if RTE_VERSION < RTE_VERSION_NUM(26, 7, 0, 0)
	pci->driver = driver;
#endif
}

/* 25.11 has flags instead of enable_silent. */
static inline bool
ioat_conf_is_silent(const struct rte_dma_conf *conf)
{
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
	return (conf->flags & RTE_DMA_CFG_FLAG_SILENT) != 0;
#else
	return conf->enable_silent;
#endif
}

/** Whether a dmadev is configured for operations as objects, which it must report. */
static inline bool
ioat_conf_has_objects(const struct rte_dma_conf *conf __rte_unused)
{
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
	return (conf->flags & RTE_DMA_CFG_FLAG_ENQ_DEQ) != 0;
#else
	return false;
#endif
}

/** Whether dmadev has operations as objects: rte_dma_enqueue_ops() and rte_dma_dequeue_ops(). */
#define IOAT_HAS_OBJECTS (RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0))

#endif /* IOAT_DPDK_H */
