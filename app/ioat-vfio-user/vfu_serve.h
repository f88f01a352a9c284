/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_SERVE_H
#define VFU_SERVE_H

/**
 * @file
 * What each command of a client does to a function.
 */

#include "vfu_engine.h"
#include "vfu_proto.h"

/** One client of one function. */
struct vfu_serve;

/**
 * Begin to serve a client. @p func and @p conn stay the caller's and outlive it.
 * @return 0; -ENOMEM.
 */
int vfu_serve_open(struct vfu_serve **out, struct vfu_func *func, struct vfu_conn *conn);

/** NULL is allowed. The function's memory and eventfds are left to vfu_func_disconnect(). */
void vfu_serve_close(struct vfu_serve *serve);

/**
 * Carry out one command and answer it. One thread per client.
 * @return 0; -EPROTO: the connection must be closed (no VERSION first, or another major one);
 * what vfu_conn_reply() returns.
 */
int vfu_serve_command(struct vfu_serve *serve, struct vfu_message *msg);

#endif /* VFU_SERVE_H */
