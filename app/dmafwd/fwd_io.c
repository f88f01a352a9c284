/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "fwd.h"

#include <rte_common.h>

static void
fwd_io_edit(const struct fwd_context *ctx, struct rte_mbuf **pkts, uint16_t n)
{
	RTE_SET_USED(ctx);
	RTE_SET_USED(pkts);
	RTE_SET_USED(n);
}

const struct fwd_engine fwd_io = {
	.name = "io",
	.edit = fwd_io_edit,
};
