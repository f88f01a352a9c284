/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef FUZZ_CLIENT_H
#define FUZZ_CLIENT_H

/**
 * @file
 * Both ends of a connection in one thread: a command is sent, served and answered before the call
 * returns, so an input always does the same. Every command is answered exactly once.
 */

#include "vfu_engine.h"
#include "vfu_wire.h"

#define CLIENT_REPLY_MAX (32u << 10) /* the largest region is 16 KiB */

struct fuzz_client {
	struct vfu_func *func;
	struct vfu_helper *helper;
	struct vfu_conn *conn;
	struct vfu_serve *serve;
	int fd; /* the client's end */
	int stop_fd;
	uint16_t id;
	bool write_multiple;             /* agreed on */
	uint8_t reply[CLIENT_REPLY_MAX]; /* the body of the last one */
	size_t reply_size;
};

/** A command to send. */
struct fuzz_command {
	uint16_t command;
	uint32_t flags; /**< beside the type */
	const void *body;
	size_t size;
	const int *fds;
	unsigned int fd_count;
};

/** Connect to @p func and agree on a version, @p style: with which capabilities. */
void client_join(struct fuzz_client *c, struct vfu_func *func, unsigned int style);

/** Disconnect, as a session does. */
void client_leave(struct fuzz_client *c);

/** Send a command, let it be served. @return 0 or the error of its reply (0: it wanted none). */
int client_command(struct fuzz_client *c, const struct fuzz_command *cmd);

#endif /* FUZZ_CLIENT_H */
