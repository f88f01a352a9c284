/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

/**
 * @file
 * What all measuring programs need.
 */

#include <stdint.h>

/** Configure a dmadev with one vchan and start it. @return 0 or a negative errno. */
int bench_start(int16_t dev_id, uint16_t nb_desc);

/**
 * The least that an interval without anything in it ever read as, in TSC cycles. It is taken off
 * all intervals, also where the machine was slower: what is left of it there makes those who are
 * compared look more alike. For one thread.
 */
uint64_t bench_timer_cost(void);

#endif /* BENCH_COMMON_H */
