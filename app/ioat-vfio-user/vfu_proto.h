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

#include "vfu_wire.h"

struct vfu_conn;

/** A message as it was received. */
struct vfu_message {
	struct vfu_header header;
	uint8_t *body;
	uint32_t size;        /**< of the body */
	int fds[VFU_FDS_MAX]; /**< -1 where someone took one over */
	uint32_t fd_count;
};

/**
 * Serve a connected socket.
 * @param fd taken over, also on failure
 * @param stop_fd readable when all waiting shall end; stays the caller's
 * @return 0; -ENOMEM.
 */
int vfu_conn_open(struct vfu_conn **out, int fd, int stop_fd);

/** Close the socket and everything that was received and not taken; NULL is allowed. */
void vfu_conn_close(struct vfu_conn *conn);

/**
 * End all waiting on this connection, now and later. Any thread.
 */
void vfu_conn_kill(struct vfu_conn *conn);

/** The most bytes that a request to this client may carry; until it is set, VFU_DATA_MAX. */
void vfu_conn_set_data_max(struct vfu_conn *conn, uint32_t bytes);

/**
 * Wait for the next command. The wait for a silent client has no end but stop_fd.
 * @return 0 and the message, to be given to vfu_message_free(); -ECONNRESET: the client left;
 * -ECANCELED: stop_fd; -EPROTO: the stream makes no sense, or too many descriptors; -ENOMEM.
 */
int vfu_conn_next(struct vfu_conn *conn, struct vfu_message **out);

/** Free a message, and close those of its descriptors that nobody took; NULL is allowed. */
void vfu_message_free(struct vfu_message *msg);

/** Confirm a command with @p len bytes of @p data, or its failure with an errno, unless it asked
 * for no reply.
 * @param error 0; a positive errno: @p data is left out
 * @return 0; -ETIMEDOUT, -ECONNRESET, -ECANCELED: the connection is dead.
 */
int vfu_conn_reply(struct vfu_conn *conn, const struct vfu_message *msg, int error,
                   const void *data, size_t len);

/**
 * Read or write memory of the client by messages, at most VFU_WAIT_MS for each.
 * @return 0; -EFAULT: the client refused; -EIO: no or a wrong answer.
 */
int vfu_conn_dma_read(struct vfu_conn *conn, uint64_t addr, void *buf, size_t len);
int vfu_conn_dma_write(struct vfu_conn *conn, uint64_t addr, const void *buf, size_t len);

#define VFU_WAIT_MS 5000 /* for an answer, and for room in the socket */
#define VFU_QUEUE   64u  /* commands that may wait while an answer is waited for */

#endif /* VFU_PROTO_H */
