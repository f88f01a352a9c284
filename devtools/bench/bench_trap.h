/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef BENCH_TRAP_H
#define BENCH_TRAP_H

/**
 * @file
 * Counts each system call that a thread makes, whoever makes it: the kernel hands it to a signal
 * handler, which counts it and makes it (PR_SET_SYSCALL_USER_DISPATCH, Linux 5.11). Needs no rights
 * and no second process. A system call takes some microseconds longer, and does the same.
 */

#include <stdatomic.h>
#include <stdint.h>

/** Counts of one thread. Any thread reads them. */
struct bench_trap {
	_Atomic uint64_t wakes;  /**< of another thread: futexes, eventfds */
	_Atomic uint64_t yields; /**< sched_yield() */
	_Atomic uint64_t all;    /**< including these */
};

/** Once, before threads count. @return 0; -ENOTSUP: not on this processor; other negative errno. */
int bench_trap_open(void);

/** The calling thread counts in @p trap from now on, beginning with 0. @return 0; -EINVAL: the
 * kernel cannot; other negative errno.
 */
int bench_trap_begin(struct bench_trap *trap);

/** The calling thread stops counting. */
void bench_trap_end(void);

#endif /* BENCH_TRAP_H */
