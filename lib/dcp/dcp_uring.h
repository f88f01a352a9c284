/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_URING_H
#define DCP_URING_H

/**
 * @file
 * Sockets and files on a completion port: an io_uring is one more channel of the port, so that one
 * dcp_get() returns finished DMA operations, receives and file writes in one array.
 *
 * Part of the library where it was built with liburing 2.3 or later. Needs Linux 6.0 at run time.
 *
 * dcp_chan_del(), dcp_chan_key() and dcp_stats() take the id of a ring as they take that of a
 * dmadev's channel; dcp_issue() refuses it with -ENOTSUP.
 *
 * To delete a ring without abort waits for all that is in flight, which for a receive on a silent
 * socket may be for ever. With abort, operations are cancelled first: what had not begun or waits
 * for its file comes back as DCP_ST_ABORTED, what runs ends by itself and comes back with its
 * result. No record is returned while the kernel may still touch the buffers. dcp_close() cancels
 * nothing: delete rings with abort after it.
 */

#include <stdint.h>

#include "dcp.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct io_uring_sqe;

#define DCP_URING_DEPTH_MAX 32768u /**< of dcp_uring_add(), at most */

/**
 * The result of an operation, as in the res of its CQE: bytes, a descriptor, or a negative errno.
 *
 * In the record of an operation of a ring ctx is the user_data, chan the ring's id, seq this result
 * (no number: io_uring promises no order), and status what it means: DCP_ST_OK when it is not
 * negative, DCP_ST_ABORTED when it is -ECANCELED, else DCP_ST_ERRNO.
 */
static inline int32_t
dcp_uring_res(const struct dcp_cpl *cpl)
{
	return (int32_t)cpl->seq;
}

/**
 * Make an io_uring and let it issue into a port, which was created with DCP_F_URING. The ring takes
 * one of max_chans. This is the one call after dcp_create() that allocates memory.
 *
 * @param depth  operations that it holds from acceptance to delivery: 1 to DCP_URING_DEPTH_MAX. Its
 *               completion queue is not smaller, so it never overflows.
 * @param key    for dcp_chan_key(); the port does not look at it
 * @return the channel's id, 0 to 65534; or
 *	-EINVAL: @p depth; -ENOTSUP: the port was created without DCP_F_URING, or Linux is older
 *	than 6.0; -ENOSPC: max_chans are there; -ESHUTDOWN: the port is closed;
 *	-EPERM, -EACCES: io_uring is forbidden here (sysctl kernel.io_uring_disabled, a seccomp
 *	filter as containers have it); -ENOSYS: the kernel has none, or a filter hides it;
 *	-ENOMEM, -EMFILE, -ENFILE: out of memory or files.
 */
int dcp_uring_add(struct dcp_port *port, uint32_t depth, uint64_t key);

/**
 * Clear an SQE of the caller's own, each time before an io_uring_prep_*() fills it:
 *
 *	io_uring_prep_recv(dcp_uring_sqe_clear(&sqe), sock, buf, len, 0);
 *
 * io_uring_get_sqe() clears the SQEs of a ring. Of others liburing 2.6 and later leave every field
 * as it is that the operation does not use, so that what is in it, or what an earlier operation
 * left there, becomes flags of the new one.
 *
 * @return @p sqe
 */
struct io_uring_sqe *dcp_uring_sqe_clear(struct io_uring_sqe *sqe);

/**
 * Issue operations that were prepared with liburing's io_uring_prep_*() in an array of the caller's
 * own, whose SQEs were cleared before (dcp_uring_sqe_clear()). Never waits for room; makes one
 * system call, in which the kernel may finish operations that need not wait. The array is free on
 * return; what the operations point at belongs to the kernel until dcp_get() returns their records.
 *
 * Any thread may call this, several at a time take turns; any worker gets the records. Linux lets
 * an operation go on in the thread that issued it: when that has ended, the operation comes back as
 * DCP_ST_ABORTED, without having taken data, as soon as it could have gone on. So long-lived
 * threads issue what waits.
 *
 * Legal are operations with one completion each: no multishot ones, none of provided buffers, no
 * zero-copy send, no message to another ring. Of the flags, links, IOSQE_IO_DRAIN and IOSQE_ASYNC
 * are legal. A chain of links is accepted as a whole or not at all, unless the kernel runs out of
 * memory in it; the end of the array ends it.
 *
 * @return how many were accepted, a prefix of @p sqes; fewer than @p n: no room, or the next one
 *	would fail when issued alone. If none was accepted, 0: no room, or
 *	-EINVAL: no such channel, no ring, or a chain that is longer than the ring is deep;
 *	-ENOTSUP: the first operation or a flag of it is not legal here; -ESHUTDOWN: the port is
 *	closed or the ring being deleted; -EAGAIN, -ENOMEM or any other error of the kernel.
 */
int dcp_uring_issue(struct dcp_port *port, uint16_t chan, const struct io_uring_sqe *sqes,
                    uint16_t n);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* DCP_URING_H */
