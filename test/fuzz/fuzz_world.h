/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

/**
 * @file
 * What the fuzz targets of the model share: a model on a fake host, and the invariants that are
 * checked after every call into the model.
 */

#include "../unit/fake_host.h"
#include "fuzz_input.h"
#include "ioat_model_priv.h"

#define FUZZ_OPS   200u /* calls per input, so that one input stays quick */
#define FUZZ_SLOTS (RING_LEN / IOAT_DESC_SIZE)

/** What a channel looked like before a call. */
struct fuzz_before {
	struct ioat_model_counters count;
	uint64_t chancmp;
	uint64_t chanerr;
};

struct fuzz_world {
	struct fake_host fh;
	struct ioat_model *m;
	struct ioat_desc shadow[FUZZ_SLOTS]; /* the ring as it was written by the target */
	struct fuzz_before before[IOAT_CHAN_MAX];
	bool injected; /* faults may set several bits and write completions late */
};

/** The world for one input: part, channels, XFERCAP and way of mapping come from it. */
struct fuzz_world *fuzz_open(struct fuzz_input *in);

/** Check what must hold at the end of each input. */
void fuzz_close(struct fuzz_world *w);

/** Put a descriptor into the ring. */
void fuzz_put(struct fuzz_world *w, unsigned int slot, const struct ioat_desc *desc);

/* Calls into the model with the invariants checked behind them. */
void fuzz_write(struct fuzz_world *w, uint64_t offset, unsigned int width, uint64_t value);
void fuzz_read(struct fuzz_world *w, uint64_t offset, unsigned int width);
void fuzz_step(struct fuzz_world *w, unsigned int chan, size_t budget);
void fuzz_inject(struct fuzz_world *w, unsigned int chan, const struct ioat_model_fault *fault);
void fuzz_function_reset(struct fuzz_world *w);

#endif /* FUZZ_WORLD_H */
