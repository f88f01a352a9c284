/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DMAFWD_REMOVAL_H
#define DMAFWD_REMOVAL_H

/**
 * @file
 * DMA devices that are taken away from the running program. A driver that tells of it
 * (RTE_DEV_EVENT_REMOVE) waits for the callback, which waits until the lcore of each copier on that
 * device has stopped it.
 */

#include <stdint.h>

#include "copier.h"

#define REMOVAL_WAIT_MS 2000 /* for an lcore that does not run; the driver goes on then */

/** Follow the devices of @p copiers until removal_unwatch(). @return 0; a logged negative errno. */
int removal_watch(struct copier *const *copiers, uint16_t n);

/** The copiers are going to be closed. */
void removal_unwatch(void);

#endif /* DMAFWD_REMOVAL_H */
