/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef FAKE_PCI_H
#define FAKE_PCI_H

/**
 * @file
 * A PCI function whose BAR and configuration space the model answers, under the driver's PCI front
 * door; silicon or a VM is not involved.
 */

#include <stdatomic.h>

#include "eal.h"
#include "test.h"

#include <rte_bus_pci.h>

#include "ioat_hw.h"
#include "ioat_model.h"
#include "ioat_priv.h"

#define FAKE_CHANNELS 4

struct fake_function {
	struct rte_pci_device pci;
	struct ioat_model *model;
	uint8_t bar[IOAT_BAR_SIZE] __rte_cache_aligned;
	uint16_t seen[FAKE_CHANNELS];
	unsigned int channels;
	uint8_t cfg[256];
	uint8_t express; /* where its PCI Express capability is */
	uint32_t chanerr_int;
	int cfg_clears;
	int devctl_writes;
	bool cfg_unreadable; /* but for CHANERR_INT */
	bool cfg_refuses;    /* writes fail */
	bool cfg_ignores;    /* writes have no effect */
	int writes;          /* to the BAR */
	bool gone;
	bool frozen;        /* it takes commands and doorbells, but runs nothing */
	atomic_bool pulled; /* its BAR is no longer mapped: accesses are counted, not done */
	atomic_uint late;
	bool no_channels;
};

extern struct fake_function fake;

/** Plug a function in; nothing has probed it. */
void fake_plug(enum ioat_model_device part, unsigned int channels);

/** Arguments as "-a 0000:00:04.0,..." gives them. */
void fake_give(char *args);

/** DEVCTL after a reset: relaxed ordering, no snoop, reads of 512 bytes. */
#define FAKE_DEVCTL 0x2810u

/** Move its PCI Express capability to @p at; 0: it has no capabilities. */
void fake_express(uint8_t at);

/** What the driver says. */
const struct rte_pci_id *fake_id_table(void);
int fake_probe(void);
int fake_remove(void);

/** Remove and pull it out. */
void fake_unplug(void);

/** Probe, and start the dmadev of one channel with a ring of 64. @return its id. */
int16_t fake_start(void);

/**
 * What the device sees of plain stores to its doorbells, and all the work that follows. Like
 * accesses to registers it may come from several threads.
 */
void fake_run(void);

/** A register of channel 0, as the device has it. */
uint64_t fake_reg(uint32_t reg, unsigned int width);

#endif /* FAKE_PCI_H */
