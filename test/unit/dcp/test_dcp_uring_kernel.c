/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* What happens inside the system call of dcp_uring_issue(). */

#include <errno.h>
#include <fcntl.h>

#include <liburing.h>

#include "test.h"

#include "dcp.h"
#include "dcp_uring.h"
#include "getter.h"
#include "rig.h"
#include "rig_uring.h"

#define DEPTH 8

static struct dcp_port *port;
static struct dcp_worker *w;
static uint16_t ring;
static struct dcp_cpl cpl[64];

static void
begin(void)
{
	port = rig_uring_port();
	w = rig_worker(port, 0);
	ring = rig_uring(port, DEPTH);
}

static void
end(void)
{
	dcp_worker_del(w);
	CHECK_INT(dcp_chan_del(port, ring, false, 0), ==, 0);
	rig_end(port);
}

static uint32_t withheld;
static int refusal;
static void (*meanwhile)(void); /* what happens during the system call */

int __real_io_uring_submit(struct io_uring *r);
int __wrap_io_uring_submit(struct io_uring *r);

/* What is in the queue becomes visible to the kernel, which takes nothing: liburing does the first
 * before its system call, and that meets a file which is no ring.
 */
static void
publish(struct io_uring *r)
{
	int ours = dup(r->ring_fd), other = open("/dev/null", O_RDONLY);

	CHECK_INT(ours, >=, 0);
	CHECK_INT(dup2(other, r->ring_fd), ==, r->ring_fd);
	CHECK_INT(__real_io_uring_submit(r), <, 0);
	CHECK_INT(dup2(ours, r->ring_fd), ==, r->ring_fd);
	close(other);
	close(ours);
}

/* As the library's, with a kernel short of memory: all is in the queue, not all is taken. */
int
__wrap_io_uring_submit(struct io_uring *r)
{
	uint32_t n = io_uring_sq_ready(r);
	int rc;

	if (withheld == 0 && refusal == 0) {
		rc = __real_io_uring_submit(r);
		if (meanwhile != NULL)
			meanwhile();
		return rc;
	}
	if (meanwhile != NULL)
		meanwhile();
	publish(r);
	if (refusal != 0)
		return refusal;
	return io_uring_enter((unsigned int)r->ring_fd, n - withheld, 0, 0, NULL);
}

/* The mutants: what is left stays in the queue (later doubled), or counted (never drained). */
TEST(what_the_kernel_does_not_take_is_not_accepted)
{
	begin();
	withheld = 2;
	CHECK_INT(rig_nops(port, ring, 0, 5), ==, 3);
	withheld = 0;
	refusal = -EBUSY;
	CHECK_INT(rig_nops(port, ring, 3, 5), ==, -EBUSY);
	refusal = 0;
	CHECK_INT(rig_nops(port, ring, 3, DEPTH), ==, DEPTH - 3);
	CHECK_INT(dcp_get(w, cpl, RTE_DIM(cpl), 10000 * MS), ==, DEPTH);
	for (int i = 0; i < DEPTH; i++)
		CHECK_INT(cpl[i].ctx, ==, i);
	CHECK_INT(dcp_get(w, cpl, 1, 0), ==, -EAGAIN);
	end();
}

static void
close_port(void)
{
	dcp_close(port);
}

/* Nothing is delivered that could tell them. The mutant: dcp_uring_issue() does not settle. */
TEST(waiters_go_when_the_last_operation_of_a_closed_port_was_not_taken)
{
	struct getter *g[2];

	begin();
	for (int i = 0; i < 2; i++)
		g[i] = getter_start(port, DCP_FOREVER, 0);
	rig_wait_parked(port, 1, true);
	refusal = -ENOMEM;
	meanwhile = close_port;
	CHECK_INT(rig_nops(port, ring, 0, 1), ==, -ENOMEM);
	refusal = 0;
	meanwhile = NULL;
	for (int i = 0; i < 2; i++)
		getter_join(g[i]);
	end();
}

static void
take_and_delete(void)
{
	CHECK_INT(dcp_get(w, cpl, 1, 10000 * MS), ==, 1);
	CHECK_INT(dcp_chan_del(port, ring, false, 0), ==, -ETIMEDOUT);
}

/* The mutant: uring_is_busy() says no while a thread is inside dcp_uring_issue(). */
TEST(ring_stays_until_the_last_caller_has_left_it)
{
	begin();
	meanwhile = take_and_delete;
	CHECK_INT(rig_nops(port, ring, 0, 1), ==, 1);
	meanwhile = NULL;
	CHECK_INT(rig_nops(port, ring, 0, 1), ==, -ESHUTDOWN);
	end();
}

TEST_LIST

int
main(void)
{
	rig_uring_init();
	return test_run_all("dcp_uring_kernel") == 0 ? 0 : 1;
}
