/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_HELPER_WIRE_H
#define VFU_HELPER_WIRE_H

/**
 * @file
 * What the server and a helper process say to each other, in packets, and what runs in a helper.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum helper_op {
	HELPER_HOLD,    /**< a socket comes along, to be held; no answer */
	HELPER_CONNECT, /**< the same, and it is the connection */
	HELPER_RECEIVE, /**< from the connection; the answer has the bytes behind it */
	HELPER_DROP,    /**< close all sockets; the answer comes when that is done */
};

struct helper_ask {
	uint32_t op;
	uint32_t seq; /**< the answer repeats it */
	uint32_t len;
};

struct helper_answer {
	uint32_t seq;
	int32_t result; /**< bytes; negative errno */
	uint32_t fd_count;
};

#define HELPER_HELD_MAX 4u /* sockets that a helper holds */

/**
 * Send a packet of two parts, with a descriptor unless @p fd is -1.
 * @return 0; negative errno of sendmsg().
 */
int helper_send(int control, const void *head, size_t head_len, const void *data, size_t data_len,
                int fd);

/**
 * Receive a packet into two parts.
 * @param fd receives the descriptor that came along; -1: none
 * @param flags as for recvmsg()
 * @return bytes; -EPIPE: the other side is gone; -EMFILE: no room for the descriptor; negative
 * errno of recvmsg().
 */
ssize_t helper_take(int control, void *head, size_t head_len, void *data, size_t data_len, int *fd,
                    int flags);

/** The process that makes helpers: one for each socket that arrives at @p control. */
_Noreturn void helper_source_run(int control);

#endif /* VFU_HELPER_WIRE_H */
