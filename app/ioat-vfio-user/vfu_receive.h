/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_RECEIVE_H
#define VFU_RECEIVE_H

/**
 * @file
 * Messages out of a socket, with file descriptors, in as many pieces as they come.
 *
 * The server itself receives only what has no descriptors; vfu_helper.h tells why.
 *
 * Threads: calls on one vfu_receive must not overlap.
 */

#include <stddef.h>
#include <stdint.h>

#include "vfu_helper.h"
#include "vfu_wire.h"

/** A message as it was received. */
struct vfu_message {
	struct vfu_message *next; /* in the queue */
	struct vfu_header header;
	uint8_t *body;
	uint32_t size; /**< of the body */
	/** Memory or eventfds; -1: it was something else, or someone took it over. */
	int fds[VFU_FDS_MAX];
	uint32_t fd_count; /**< what the client sent */
};

/** Free a message, and close those of its descriptors that nobody took; NULL is allowed. */
void vfu_message_free(struct vfu_message *msg);

/** A socket, and the message that is being received from it. */
struct vfu_receive {
	int fd;
	int stop_fd;               /* readable when waiting for the helper shall end */
	struct vfu_helper *helper; /* has the connection, and receives what has descriptors */
	int64_t wait_ms;
	int64_t deadline_ms; /* of vfu_now_ms(), for the rest of a message; 0: none has begun */
	struct vfu_message *msg;
	size_t header_have;
	size_t body_have;
};

/**
 * Go on receiving, without waiting for the client, but wait_ms at most for the helper.
 * @return 0 and a whole message; -EAGAIN: not yet; the stream is over: -ECONNRESET, -EPROTO: no
 * message, or too many descriptors, -EMFILE: no room for a descriptor, -ENOMEM, -EIO: a descriptor
 * keeps the helper, -ECANCELED: stop_fd.
 */
int vfu_receive(struct vfu_receive *rx, struct vfu_message **out);

/** Milliseconds of a clock that only goes forward. */
int64_t vfu_now_ms(void);

#endif /* VFU_RECEIVE_H */
