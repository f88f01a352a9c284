/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_TEST_RIG_URING_H
#define DCP_TEST_RIG_URING_H

/**
 * @file
 * Ports with an io_uring, for the tests of that.
 */

#include <stdint.h>

#include "dcp.h"
#include "dcp_uring.h"

/** As rig_init(). Ends the program with 77 where io_uring is not to be had. */
void rig_uring_init(void);

/** As rig_port(), for rings. */
struct dcp_port *rig_uring_port(void);

/** A ring; ends the test when that fails. */
uint16_t rig_uring(struct dcp_port *port, uint32_t depth);

/** Issue @p n no-operations with contexts @p ctx, ctx+1... @return what dcp_uring_issue() does. */
int rig_nops(struct dcp_port *port, uint16_t ring, uint64_t ctx, uint16_t n);

/** Issue a receive of up to @p len bytes, and check that it is accepted. */
void rig_recv(struct dcp_port *port, uint16_t ring, uint64_t ctx, int fd, void *buf, uint32_t len);

#endif /* DCP_TEST_RIG_URING_H */
