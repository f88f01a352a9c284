/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "rig_uring.h"

#include <errno.h>

#include <liburing.h>
#include <rte_errno.h>

#include "test.h"

#include "rig.h"

void
rig_uring_init(void)
{
	struct dcp_conf conf;
	struct dcp_port *port;
	int rc;

	rig_init();
	conf = rig_conf();
	conf.flags = DCP_F_URING;
	port = dcp_create(&conf);
	rc = port != NULL ? dcp_uring_add(port, 1, 0) : -rte_errno;
	if (rc == -EPERM || rc == -EACCES || rc == -ENOSYS || rc == -ENOTSUP) {
		fprintf(stderr,
		        "skipped: no io_uring here (forbidden by kernel.io_uring_disabled "
		        "or a seccomp filter, or Linux before 6.0): %s\n",
		        strerror(-rc));
		exit(77);
	}
	if (rc < 0 || dcp_chan_del(port, (uint16_t)rc, false, 0) != 0) {
		fprintf(stderr, "a ring that is not used: %s\n", strerror(-rc));
		exit(1);
	}
	dcp_close(port);
	dcp_destroy(port);
}

struct dcp_port *
rig_uring_port(void)
{
	struct dcp_conf conf = rig_conf();
	struct dcp_port *port;

	conf.flags = DCP_F_URING;
	port = dcp_create(&conf);
	assert_non_null(port);
	return port;
}

uint16_t
rig_uring(struct dcp_port *port, uint32_t depth)
{
	int id = dcp_uring_add(port, depth, 0);

	assert_in_range(id, 0, DCP_CHAN_POST - 1);
	return (uint16_t)id;
}

int
rig_nops(struct dcp_port *port, uint16_t ring, uint64_t ctx, uint16_t n)
{
	struct io_uring_sqe sqe[256];

	assert_in_range(n, 0, RTE_DIM(sqe));
	for (uint16_t i = 0; i < n; i++) {
		io_uring_prep_nop(dcp_uring_sqe_clear(&sqe[i]));
		io_uring_sqe_set_data64(&sqe[i], ctx + i);
	}
	return dcp_uring_issue(port, ring, sqe, n);
}

void
rig_recv(struct dcp_port *port, uint16_t ring, uint64_t ctx, int fd, void *buf, uint32_t len)
{
	struct io_uring_sqe sqe;

	io_uring_prep_recv(dcp_uring_sqe_clear(&sqe), fd, buf, len, 0);
	io_uring_sqe_set_data64(&sqe, ctx);
	CHECK_INT(dcp_uring_issue(port, ring, &sqe, 1), ==, 1);
}
