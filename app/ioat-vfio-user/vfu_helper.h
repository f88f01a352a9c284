/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_HELPER_H
#define VFU_HELPER_H

/**
 * @file
 * Helper processes, which receive the descriptors of clients and pass on those that are memory or
 * eventfds.
 *
 * The kernel tells a file of each close(), also of a descriptor that is one of many, and with FUSE
 * the client may be the one who has to answer. Then the process that closes it cannot be killed.
 * A descriptor that was received must be closed some day; one that was not is released together
 * with the socket that it waits in. So the server never receives one from a client and never drops
 * the last reference to a socket of one. A helper does both, and can be lost.
 *
 * Threads: any thread may open and close helpers. Calls on one helper must not overlap.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vfu_helper;

/** A client may lose so many helpers before its function takes no other client. */
#define VFU_HELPERS_LOST_MAX 8u

#define VFU_HELPER_DATA_MAX  4096u /* bytes of a socket that a helper passes on at once */

/**
 * Prepare the process; more calls do nothing. Early: what the process maps and holds at the time
 * is what a helper has, too.
 * @return 0; negative errno of fork() and socketpair().
 */
int vfu_helper_start(void);

/**
 * Get a helper.
 * @param owner whose clients it will work for
 * @return 0 and the helper, to be given to vfu_helper_close(); -EBUSY: VFU_HELPERS_LOST_MAX of this
 * owner's are lost and none has come back; -EAGAIN, -ENOMEM: no process; -ETIMEDOUT; -EMFILE.
 */
int vfu_helper_open(struct vfu_helper **out, const void *owner);

/**
 * Have the helper hold a listening socket or a connection, so that whoever closes it is not the
 * last. The last connection is the one that vfu_helper_receive() receives from.
 * @return 0; -EPIPE: the helper is gone.
 */
int vfu_helper_hold(struct vfu_helper *helper, int fd);
int vfu_helper_connect(struct vfu_helper *helper, int fd);

/** What came with some bytes of a connection. */
struct vfu_helper_received {
	uint32_t fd_count; /**< descriptors that the client sent */
	int fd;            /**< if it was one, and memory or an eventfd, it; else -1 */
};

/**
 * Receive from the connection what is there.
 * @param len at most VFU_HELPER_DATA_MAX
 * @param stop_fd readable when all waiting shall end
 * @return bytes; -ECONNRESET: the client left; -EMFILE: no room for the descriptor; -ECANCELED:
 * stop_fd; -EIO: the helper is lost, or did not answer within @p wait_ms; -EAGAIN.
 */
ssize_t vfu_helper_receive(struct vfu_helper *helper, void *buf, size_t len,
                           struct vfu_helper_received *with, int64_t wait_ms, int stop_fd);

/**
 * Have the helper close all that it holds and give it up; NULL is allowed. Waits a moment for a
 * helper that is merely slow; one that is lost is looked at again when another is wanted.
 */
void vfu_helper_close(struct vfu_helper *helper, int64_t wait_ms);

#endif /* VFU_HELPER_H */
