/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

/**
 * @file
 * What is measured: drivers as EAL loaded them, each with a bench_device of its own, and the
 * floor, a dmadev whose functions are empty.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bench_device.h"
#include "ioat_dpdk.h"

/** One dmadev under test. */
struct bench_subject {
	const char *label;
	int16_t dev_id;
	bool floor; /**< nothing is done, nothing completes */
	struct bench_device hw;
	struct rte_pci_driver *driver;
	struct rte_pci_device pci;
};

/** To be called before rte_eal_init(): PCI drivers loaded from now on can be found. */
void bench_subject_watch(void);

/**
 * Let the PCI driver that calls itself @p driver probe a device of function number @p function,
 * and start it with a ring of @p nb_desc.
 * @return 0; -ENOENT: no such driver was loaded; or what the driver or dmadev said.
 */
int bench_subject_open(struct bench_subject *s, const char *label, const char *driver,
                       unsigned int function, uint16_t nb_desc);

/** A dmadev of empty functions. @return 0; -ENOMEM. */
int bench_subject_open_floor(struct bench_subject *s);

/** Stop and close it. @return 0; what dmadev said. */
int bench_subject_close(struct bench_subject *s);

#endif /* BENCH_SUBJECT_H */
