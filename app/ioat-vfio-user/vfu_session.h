/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_SESSION_H
#define VFU_SESSION_H

/**
 * @file
 * A function at its socket: a thread that takes one client after the other.
 */

#include <stdbool.h>

#include "vfu_engine.h"
#include "vfu_proto.h"

/** Descriptors that one function may hold: those of its client, and its own. */
#define VFU_FUNC_FDS (VFU_QUEUE_FDS + 16u)

struct vfu_session;

/** Something worth a line of a log. @p text needs no end of line. Called from any thread. */
typedef void (*vfu_log_fn)(const char *path, const char *text);

/** How a session is made. */
struct vfu_session_conf {
	const char *path; /**< of the socket; copied */
	vfu_log_fn log;   /**< clients that come and go, and why; maps refused; NULL: nothing */
	struct vfu_func_conf func; /**< but its log */
};

/**
 * Make a function, listen at the socket, serve its clients.
 *
 * The socket of a session that was killed is replaced.
 * @return 0 and the session, to be given to vfu_session_close(); -ENAMETOOLONG; -EADDRINUSE,
 * -EEXIST, other negative errno: as vfu_path_listen(); -ENOMEM; -EAGAIN: no thread; what
 * vfu_helper_start() returns.
 */
int vfu_session_open(struct vfu_session **out, const struct vfu_session_conf *conf);

/**
 * Tell the session to stop and remove its socket, if it is its own still. Its VFU_STOP_MS begin, so
 * that several sessions that are told first and closed then have them at the same time.
 */
void vfu_session_stop(struct vfu_session *session);

/**
 * End the client, stop everything, free it; NULL is allowed.
 * @return 0; -ETIMEDOUT: not within VFU_STOP_MS, nothing was freed: end the process, or call again.
 */
int vfu_session_close(struct vfu_session *session);

#define VFU_STOP_MS 3000

/** The function, for its statistics. */
struct vfu_func *vfu_session_func(struct vfu_session *session);

/**
 * Serve one connected socket until its client leaves or @p stop_fd is readable, then put the
 * function back into its power-on state.
 * @param fd taken over
 * @return why it ended, as vfu_conn_next(), or -EPROTO; what vfu_helper_open() returns.
 */
int vfu_session_serve(struct vfu_func *func, int fd, int stop_fd);

#endif /* VFU_SESSION_H */
