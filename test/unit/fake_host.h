/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef FAKE_HOST_H
#define FAKE_HOST_H

/**
 * @file
 * A machine around the model: some memory with rights per page, and a record of what the model
 * did to it. Pages without rights hold a guard pattern and are poisoned for AddressSanitizer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ioat_hw.h"
#include "ioat_model.h"

#define FAKE_BASE   0x100000ull /* bus address of the memory */
#define FAKE_SIZE   0x100000u
#define FAKE_PAGE   4096u
#define FAKE_PAGES  (FAKE_SIZE / FAKE_PAGE)
#define FAKE_GUARD  0xa5
#define FAKE_LOG    256u
#define FAKE_PIECES 4u

/* The usual layout; all else is not granted. */
#define RING     (FAKE_BASE + 0x1000)
#define RING_LEN 0x4000u
#define CMP      (FAKE_BASE + 0x6000)
#define CMP_LEN  0x1000u
#define SRC      (FAKE_BASE + 0x10000)
#define SRC_LEN  0x20000u
#define DST      (FAKE_BASE + 0x40000)
#define DST_LEN  0x20000u
#define NOWHERE  (FAKE_BASE + 0x80000)
#define ROM      (FAKE_BASE + 0x90000) /* a page to read only */

/** What happened, in order. */
struct fake_event {
	char kind; /* 'w': completion word, 'i': interrupt */
	unsigned int chan;
	uint64_t addr;
	uint64_t value;
};

struct fake_host {
	unsigned char *mem;
	unsigned int rights[FAKE_PAGES];
	bool no_map;     /* refuse direct access */
	size_t map_max;  /* most bytes per mapping; 0: no limit */
	bool map_apart;  /* mappings of the ring are pieces far from each other */
	uint64_t eio_at; /* an address whose data cannot be moved; 0: none */
	size_t mapped;   /* calls that gave a pointer */
	size_t copied;   /* calls of dma_read and dma_write that moved something */
	size_t interrupts[IOAT_CHAN_MAX];
	size_t events; /* of which the first FAKE_LOG are kept */
	struct fake_event event[FAKE_LOG];
	unsigned char piece[FAKE_PIECES][2 * FAKE_PAGE]; /* for map_apart; used in turn */
	size_t pieces;
	void (*on_completion)(struct fake_host *fh, uint64_t addr, uint64_t value);
	void *arg; /* for on_completion */
};

/** Memory with the usual layout. */
void fake_open(struct fake_host *fh);
void fake_close(struct fake_host *fh);

/** Callbacks for a model; @c ctx is @p fh. */
struct ioat_model_host fake_callbacks(struct fake_host *fh);

/** Give pages from @p addr on @p rights (0: take them away and guard them). */
void fake_grant(struct fake_host *fh, uint64_t addr, size_t len, unsigned int rights);

/** The memory at a bus address that exists, whatever its rights. */
void *fake_at(struct fake_host *fh, uint64_t addr);

/** Whether the guard pattern is whole in all pages that cannot be written. */
bool fake_guards_intact(const struct fake_host *fh);

#endif /* FAKE_HOST_H */
