/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * The submission queue is under a mutex, because the system call that empties it takes its time;
 * the completion queue is under the lock of the channel's device, which the core takes. Positions
 * of the channel are reserved under that lock before anything is submitted, so that the core counts
 * an operation from before its first until after its last moment in the kernel.
 */

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <liburing.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "dcp_priv.h"
#include "dcp_uring.h"

struct dcp_uring {
	struct dcp_source source; /* first: what the core knows of it */
	struct dcp_port *port;
	uint32_t depth;
	uint32_t callers;     /* inside dcp_uring_issue(); the device's lock */
	pthread_mutex_t tail; /* the submission queue */
	struct io_uring ring;
};

/* --- what is legal: operations with one completion each, whose flags nobody needs */

#define SQE_FLAGS   (IOSQE_IO_LINK | IOSQE_IO_HARDLINK | IOSQE_IO_DRAIN | IOSQE_ASYNC)
#define SQE_LINKS   (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)
#define TIMER_FLAGS (IORING_TIMEOUT_ABS | IORING_TIMEOUT_CLOCK_MASK | IORING_TIMEOUT_ETIME_SUCCESS)

/* From the second column on: bits of other kinds, such as multishot, that share the opcode. */
static const struct sqe_rule {
	bool legal;
	uint32_t no_ioprio, no_len, no_flags;
} sqe_rules[IORING_OP_LAST] = {
	[IORING_OP_NOP] = {true, 0, 0, 0},
	[IORING_OP_READ] = {true, 0, 0, 0},
	[IORING_OP_READV] = {true, 0, 0, 0},
	[IORING_OP_WRITE] = {true, 0, 0, 0},
	[IORING_OP_WRITEV] = {true, 0, 0, 0},
	[IORING_OP_FSYNC] = {true, 0, 0, 0},
	[IORING_OP_SYNC_FILE_RANGE] = {true, 0, 0, 0},
	[IORING_OP_FALLOCATE] = {true, 0, 0, 0},
	[IORING_OP_FADVISE] = {true, 0, 0, 0},
	[IORING_OP_MADVISE] = {true, 0, 0, 0},
	[IORING_OP_SPLICE] = {true, 0, 0, 0},
	[IORING_OP_TEE] = {true, 0, 0, 0},
	[IORING_OP_OPENAT] = {true, 0, 0, 0},
	[IORING_OP_OPENAT2] = {true, 0, 0, 0},
	[IORING_OP_STATX] = {true, 0, 0, 0},
	[IORING_OP_RENAMEAT] = {true, 0, 0, 0},
	[IORING_OP_UNLINKAT] = {true, 0, 0, 0},
	[IORING_OP_MKDIRAT] = {true, 0, 0, 0},
	[IORING_OP_CLOSE] = {true, 0, 0, 0},
	[IORING_OP_SOCKET] = {true, 0, 0, 0},
	[IORING_OP_CONNECT] = {true, 0, 0, 0},
	[IORING_OP_ACCEPT] = {true, ~0u, 0, 0},
	[IORING_OP_SHUTDOWN] = {true, 0, 0, 0},
	[IORING_OP_RECV] = {true, ~IORING_RECVSEND_POLL_FIRST, 0, 0},
	[IORING_OP_RECVMSG] = {true, ~IORING_RECVSEND_POLL_FIRST, 0, 0},
	[IORING_OP_SEND] = {true, ~IORING_RECVSEND_POLL_FIRST, 0, 0},
	[IORING_OP_SENDMSG] = {true, ~IORING_RECVSEND_POLL_FIRST, 0, 0},
	[IORING_OP_POLL_ADD] = {true, 0, ~0u, 0},
	[IORING_OP_TIMEOUT] = {true, 0, 0, ~TIMER_FLAGS},
	[IORING_OP_LINK_TIMEOUT] = {true, 0, 0, ~TIMER_FLAGS},
	[IORING_OP_ASYNC_CANCEL] = {true, 0, 0, 0},
};

static bool
sqe_is_legal(const struct io_uring_sqe *sqe)
{
	const struct sqe_rule *rule;

	if (sqe->opcode >= RTE_DIM(sqe_rules))
		return false;
	rule = &sqe_rules[sqe->opcode];
	return rule->legal && (sqe->flags & ~SQE_FLAGS) == 0 &&
	       (sqe->ioprio & rule->no_ioprio) == 0 && (sqe->len & rule->no_len) == 0 &&
	       (sqe->timeout_flags & rule->no_flags) == 0;
}

/* The longest legal prefix that has room and does not end inside a chain of links.
 * @return its length; *rc is why it is not longer: 0: no room or the end.
 */
static uint16_t
sqes_fit(const struct io_uring_sqe *sqes, uint16_t n, uint64_t room, int *rc)
{
	uint16_t fit = 0, i;

	*rc = 0;
	for (i = 0; i < n && i < room; i++) {
		if (!sqe_is_legal(&sqes[i])) {
			*rc = -ENOTSUP;
			return fit;
		}
		if ((sqes[i].flags & SQE_LINKS) == 0)
			fit = (uint16_t)(i + 1);
	}
	return i == n ? n : fit;
}

struct io_uring_sqe *
dcp_uring_sqe_clear(struct io_uring_sqe *sqe)
{
	return memset(sqe, 0, sizeof(*sqe));
}

/* --- issue */

/* Take room for as many operations as can be accepted. The device's lock.
 * @return how many; or a negative errno.
 */
static int
uring_reserve(struct dcp_uring *u, struct dcp_chan *c, const struct io_uring_sqe *sqes, uint16_t n)
{
	uint64_t held = dcp_peek(&c->issued) - dcp_peek(&c->delivered);
	int rc;
	uint16_t fit = sqes_fit(sqes, n, u->depth - held, &rc);

	if (fit < n && rc == 0)
		dcp_count(&c->full, 1);
	if (fit == 0)
		return n != 0 && rc == 0 && held == 0 ? -EINVAL : rc;
	dcp_count(&c->issued, fit);
	chan_note_depth(c, held + fit);
	u->callers++;
	return fit;
}

/* Undo the last @p n calls of io_uring_get_sqe(), also behind an io_uring_submit() that failed.
 * liburing has no function for it. That one is inline and moves sqe_tail, hence all that share a
 * soname with 2.3 find it where we do (meson.build has the bound); io_uring_submit() publishes it.
 */
static void
uring_unget(struct io_uring *ring, uint32_t n)
{
	static_assert(__builtin_types_compatible_p(__typeof__(ring->sq.sqe_tail), unsigned int),
	              "positions that io_uring_get_sqe() counts modulo 2^32");
	ring->sq.sqe_tail -= n;
}

/* @return how many the kernel took, not 0; or a negative errno. */
static int
uring_submit(struct dcp_uring *u, const struct io_uring_sqe *sqes, uint16_t n)
{
	uint32_t left;
	int rc;

	pthread_mutex_lock(&u->tail);
	for (uint16_t i = 0; i < n; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

		assert(sqe != NULL); /* there is one for each that may be in flight */
		*sqe = sqes[i];
	}
	rc = io_uring_submit(&u->ring);
	left = io_uring_sq_ready(&u->ring);
	/* Take them back: the kernel looks into the queue only when it is called. */
	if (unlikely(left != 0))
		uring_unget(&u->ring, left);
	pthread_mutex_unlock(&u->tail);
	if (likely(left < n))
		return (int)(n - left);
	return rc < 0 ? rc : -EAGAIN;
}

int
dcp_uring_issue(struct dcp_port *port, uint16_t chan, const struct io_uring_sqe *sqes, uint16_t n)
{
	uint32_t place = chan & port->id_mask;
	struct dcp_chan *c = place < port->max_chans ? &port->chans[place] : NULL;
	struct dcp_dev *dev = c != NULL ? chan_lock(c) : NULL;
	struct dcp_uring *u;
	int rc, taken;

	if (unlikely(dev == NULL))
		return -EINVAL;
	u = (struct dcp_uring *)chan_source(c);
	rc = u == NULL ? -EINVAL : chan_issue_error(port, c, chan);
	if (rc == 0)
		rc = uring_reserve(u, c, sqes, n);
	dcp_lock_drop(&dev->lock);
	if (rc <= 0)
		return rc;

	/* A leader that sleeps is woken by the kernel. */
	port_rouse(port, DCP_BED_VACANT);
	taken = uring_submit(u, sqes, (uint16_t)rc);
	dcp_lock_take(&dev->lock);
	dcp_put(&c->issued, dcp_peek(&c->issued) - (uint64_t)(rc - RTE_MAX(taken, 0)));
	u->callers--;
	dcp_lock_drop(&dev->lock);
	if (unlikely(taken != rc))
		port_settle(port); /* nobody will deliver what was taken back */
	return taken;
}

/* --- what the core calls */

static uint16_t
uring_deliver(struct dcp_source *s, struct dcp_chan *c, struct dcp_cpl *out, uint16_t max)
{
	struct dcp_uring *u = (struct dcp_uring *)s;
	struct io_uring_cqe *cqe;
	uint32_t head;
	uint16_t n = 0;

	io_uring_for_each_cqe(&u->ring, head, cqe)
	{
		if (n == max)
			break;
		out[n].ctx = cqe->user_data;
		out[n].seq = (uint32_t)cqe->res;
		out[n].chan = (uint16_t)chan_id(c);
		out[n].status = DCP_ST_OK;
		if (cqe->res == -ECANCELED) {
			out[n].status = DCP_ST_ABORTED;
			dcp_count(&c->aborted, 1);
		} else if (cqe->res < 0) {
			out[n].status = DCP_ST_ERRNO;
			dcp_count(&c->failed, 1);
		}
		n++;
	}
	io_uring_cq_advance(&u->ring, n);
	assert(n <= dcp_peek(&c->issued) - dcp_peek(&c->delivered));
	return n;
}

static int
uring_cancel(struct io_uring *ring)
{
	struct io_uring_sync_cancel_reg all = {
		.fd = -1,
		.flags = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY,
	};
	int rc = io_uring_register_sync_cancel(ring, &all);

	/* None; some run and end by themselves; these have not ended within no time, or a signal
	 * came: dcp_chan_del() cancels again.
	 */
	if (rc > 0 || rc == -ENOENT || rc == -EALREADY || rc == -ETIME || rc == -EINTR)
		rc = 0;
	return rc;
}

static int
uring_cancel_all(struct dcp_source *s)
{
	struct dcp_uring *u = (struct dcp_uring *)s;
	int rc;

	pthread_mutex_lock(&u->tail); /* who is in front of us has submitted after this */
	rc = uring_cancel(&u->ring);
	pthread_mutex_unlock(&u->tail);
	return rc;
}

static bool
uring_is_busy(const struct dcp_source *s)
{
	return ((const struct dcp_uring *)s)->callers != 0;
}

static void
uring_free(struct dcp_source *s)
{
	struct dcp_uring *u = (struct dcp_uring *)s;

	dcp_watch_del(&u->port->watch, u->ring.ring_fd);
	io_uring_queue_exit(&u->ring);
	pthread_mutex_destroy(&u->tail);
	free(u);
}

/* --- add */

/* Without SINGLE_ISSUER and DEFER_TASKRUN, because any thread submits, and without COOP_TASKRUN,
 * because those that look at the completion queue make no system call for it.
 */
static int
ring_open(struct io_uring *ring, uint32_t depth)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
		.cq_entries = depth,
	};
	int rc = io_uring_queue_init_params(depth, ring, &params);

	if (rc != 0)
		return rc == -EINVAL ? -ENOTSUP : rc;
	/* An abort needs this, and it is not in Linux 5.19 and earlier. */
	rc = uring_cancel(ring);
	if (rc == 0)
		return 0;
	io_uring_queue_exit(ring);
	return rc == -EINVAL ? -ENOTSUP : rc;
}

static struct dcp_uring *
uring_open(struct dcp_port *port, uint32_t depth, int *rc)
{
	struct dcp_uring *u = calloc(1, sizeof(*u));

	*rc = -ENOMEM;
	if (u == NULL)
		return NULL;
	u->source.deliver = uring_deliver;
	u->source.cancel = uring_cancel_all;
	u->source.busy = uring_is_busy;
	u->source.release = uring_free;
	u->port = port;
	u->depth = depth;
	*rc = -pthread_mutex_init(&u->tail, NULL);
	if (*rc != 0)
		goto no_mutex;
	*rc = ring_open(&u->ring, depth);
	if (*rc != 0)
		goto no_ring;
	*rc = dcp_watch_add(&port->watch, u->ring.ring_fd);
	if (*rc == 0)
		return u;
	io_uring_queue_exit(&u->ring);
no_ring:
	pthread_mutex_destroy(&u->tail);
no_mutex:
	free(u);
	return NULL;
}

int
dcp_uring_add(struct dcp_port *port, uint32_t depth, uint64_t key)
{
	struct dcp_uring *u;
	int rc;

	if (depth == 0 || depth > DCP_URING_DEPTH_MAX)
		return -EINVAL;
	if (!port->watch.open)
		return -ENOTSUP;
	u = uring_open(port, depth, &rc);
	if (u == NULL)
		return rc;
	port_control_lock();
	rc = chan_add_source(port, &u->source, key);
	port_control_unlock();
	if (rc < 0)
		uring_free(&u->source);
	return rc;
}
