/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_PROTO_H
#define VFU_PROTO_H

/**
 * @file
 * One connection: messages with file descriptors in both directions (vfu_wire.h).
 *
 * Threads: one thread takes commands with vfu_conn_next() and answers them; that one and the
 * engine may send requests to the client. Both wait for the same socket, so whoever waits reads
 * it: an answer goes to the thread that asked, a command waits for the thread that serves.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfu_receive.h"

struct vfu_conn;

/**
 * Serve a connected socket.
 * @param fd taken over, also on failure
 * @param helper holds the connection until the caller closes it, which must be after
 * vfu_conn_close()
 * @param stop_fd readable when all waiting shall end; stays the caller's
 * @return 0; -ENOMEM; -EPIPE: the helper is gone.
 */
int vfu_conn_open(struct vfu_conn **out, int fd, struct vfu_helper *helper, int stop_fd);

/**
 * How long to wait for the first message, for the rest of one that has begun, for an answer, and
 * for room in the socket; until it is set, VFU_WAIT_MS. Before all other calls.
 */
void vfu_conn_set_wait(struct vfu_conn *conn, unsigned int wait_ms);

/** Close the socket and everything that was received and not taken; NULL is allowed. */
void vfu_conn_close(struct vfu_conn *conn);

/**
 * End all waiting on this connection, now and later. Any thread.
 */
void vfu_conn_kill(struct vfu_conn *conn);

/** The most bytes that a request to this client may carry; until it is set, VFU_DATA_MAX. */
void vfu_conn_set_data_max(struct vfu_conn *conn, uint32_t bytes);

/**
 * Wait for the next command. Between two messages the wait has no end but stop_fd.
 * @return 0 and the message, to be given to vfu_message_free(); -ECONNRESET: the client left;
 * -ECANCELED: stop_fd; -ETIMEDOUT: the first message did not come, or the rest of one; -EPROTO:
 * the stream makes no sense, or too many descriptors; -EMFILE: no room for a descriptor; -ENOMEM;
 * -EIO: a descriptor keeps the helper.
 */
int vfu_conn_next(struct vfu_conn *conn, struct vfu_message **out);

/** Confirm a command with @p len bytes of @p data, or its failure with an errno, unless it asked
 * for no reply.
 * @param error 0; a positive errno: @p data is left out
 * @return 0; -ETIMEDOUT, -ECONNRESET, -ECANCELED: the connection is dead.
 */
int vfu_conn_reply(struct vfu_conn *conn, const struct vfu_message *msg, int error,
                   const void *data, size_t len);

/**
 * Read or write memory of the client by messages, within wait_ms. After a time-out the client is
 * not asked again until it sends a late answer.
 * @return 0; -EFAULT: the client refused; -EIO: no or a wrong answer.
 */
int vfu_conn_dma_read(struct vfu_conn *conn, uint64_t addr, void *buf, size_t len);
int vfu_conn_dma_write(struct vfu_conn *conn, uint64_t addr, const void *buf, size_t len);

#define VFU_WAIT_MS 2000u /* QEMU itself waits 5 s for replies */

/* A client may send commands while an answer is waited for; what may wait of them: */
#define VFU_QUEUE_MESSAGES 4096u
#define VFU_QUEUE_BYTES    (4u << 20)
#define VFU_QUEUE_FDS      256u

#endif /* VFU_PROTO_H */
