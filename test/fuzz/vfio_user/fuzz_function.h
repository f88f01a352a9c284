/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef FUZZ_FUNCTION_H
#define FUZZ_FUNCTION_H

/**
 * @file
 * A function without its engine thread, so that the target says when it works, and what holds for
 * it before and after everything that a client can do.
 */

#include "vfu_engine.h"

struct fuzz_function {
	struct vfu_func *func;
	bool faulty; /* injected faults may set several bits, halt without one, lose interrupts */
	struct vfu_func_stats stats; /* at the last function_begin() */
	uint64_t chanerr;
	struct vfu_pci power_on; /* as it was made */
};

/** Make the function that @p style chooses, or take it out of those that exist already. */
struct fuzz_function *function_get(unsigned int style);

/** What it looks like now; to be called before anything that function_end() shall judge. */
void function_begin(struct fuzz_function *f);

/**
 * Judge what happened since function_begin(): the state is legal, each error has one bit, counters
 * only rise, constants are constant, memory changed only where and as much as it may.
 */
void function_end(struct fuzz_function *f);

/** The function is as it was made, but for what it remembers of interrupts and memory. */
void function_check_power_on(const struct fuzz_function *f);

/** Let the engine work for @p budget, with everything judged. @return whether there was work. */
bool function_step(struct fuzz_function *f, size_t budget);

/** Let time pass for interrupts. */
void function_advance(struct fuzz_function *f, uint32_t usec);

/** The state of its channel, without a side effect. */
enum ioat_state function_state(const struct fuzz_function *f);

/** Whether BAR0 answers now. */
bool function_decodes(const struct fuzz_function *f);

#endif /* FUZZ_FUNCTION_H */
