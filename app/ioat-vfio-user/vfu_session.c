/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vfu_helper.h"
#include "vfu_path.h"
#include "vfu_proto.h"
#include "vfu_serve.h"
#include "vfu_session.h"

#define RETRY_MS 100  /* after something failed for want of something */
#define DROP_MS  2000 /* for a helper to close what it holds: a client's may take for ever */
#define NEXT_MS  500  /* the same, with the next client waiting */
#define END_MS   200  /* the same, when everything ends: nobody waits for it any more */

struct vfu_session {
	struct vfu_func *func;
	vfu_log_fn log;
	struct vfu_path path;
	struct vfu_helper *helper; /* holds listen_fd, too, and what waits there */
	bool helper_used;          /* it has had a client */
	int listen_fd;
	int stop_fd;
	int ended_fd;    /* the thread has left */
	int64_t stop_ms; /* of vfu_now_ms(), until when it may take to stop; 0: nobody asked */
	bool has_thread;
	pthread_t thread;
};

static int
serve_with(struct vfu_func *func, struct vfu_helper *helper, int fd, int stop_fd)
{
	struct vfu_serve *serve = NULL;
	struct vfu_message *msg;
	struct vfu_conn *conn;
	int rc;

	rc = vfu_conn_open(&conn, fd, helper, stop_fd);
	if (rc < 0)
		return rc;
	if (func->conf.wait_ms != 0)
		vfu_conn_set_wait(conn, func->conf.wait_ms);
	rc = vfu_serve_open(&serve, func, conn);
	while (rc == 0) {
		rc = vfu_conn_next(conn, &msg);
		if (rc < 0)
			break;
		rc = vfu_serve_command(serve, msg);
		vfu_message_free(msg);
	}
	vfu_conn_kill(conn); /* a request that the engine waits for ends at once */
	vfu_func_disconnect(func);
	vfu_serve_close(serve);
	vfu_conn_close(conn);
	return rc;
}

int
vfu_session_serve(struct vfu_func *func, int fd, int stop_fd)
{
	struct vfu_helper *helper;
	int rc = vfu_helper_open(&helper, func);

	if (rc < 0) {
		close(fd);
		return rc;
	}
	rc = serve_with(func, helper, fd, stop_fd);
	vfu_helper_close(helper, DROP_MS);
	return rc;
}

static void
session_log(const struct vfu_session *session, const char *text)
{
	if (session->log != NULL)
		session->log(session->path.addr.sun_path, text);
}

/** What the function has to say. */
static void
session_log_func(void *ctx, const char *text)
{
	session_log(ctx, text);
}

static const char *
reason(int rc)
{
	switch (rc) {
	case -ECONNRESET:
		return "client left";
	case -ECANCELED:
		return "client dismissed: the server stops";
	case -EPROTO:
		return "client dismissed: it does not speak the protocol";
	case -ETIMEDOUT:
		return "client dismissed: it says nothing, or does not take its replies";
	case -EMFILE:
		return "client dismissed: the server has no descriptors left";
	case -ENOMEM:
		return "client dismissed: no memory";
	case -EIO:
		return "client dismissed: a file that it sent does not let go of who closes it";
	default:
		return "client lost";
	}
}

/** Have a helper that no client has used. @return 0; what vfu_helper_open() returns. */
static int
session_renew_helper(struct vfu_session *session)
{
	struct vfu_helper *fresh;
	int rc;

	if (session->helper != NULL && !session->helper_used)
		return 0;
	rc = vfu_helper_open(&fresh, session->func);
	if (rc < 0)
		return rc;
	rc = vfu_helper_hold(fresh, session->listen_fd);
	if (rc < 0) {
		vfu_helper_close(fresh, END_MS);
		return rc;
	}
	/* Not before: one of them must have the listening socket when this process ends. */
	vfu_helper_close(session->helper, NEXT_MS);
	session->helper = fresh;
	session->helper_used = false;
	return 0;
}

/** Wait until there is a helper. @return 0; -ECANCELED: the session stops. */
static int
session_await_helper(struct vfu_session *session)
{
	struct pollfd stop = {.fd = session->stop_fd, .events = POLLIN};
	int rc, told = 0;

	for (;;) {
		rc = session_renew_helper(session);
		if (rc == 0)
			return 0;
		if (rc != told)
			session_log(session,
			            rc == -EBUSY
			                    ? "no next client: files of former ones hold helpers"
			                    : "no next client: there is no helper process for it");
		told = rc;
		if (poll(&stop, 1, RETRY_MS) == 1)
			return -ECANCELED;
	}
}

/** Take one client after the other until the session stops. */
static void
session_run(struct vfu_session *session)
{
	struct pollfd fds[2] = {
		{.fd = session->listen_fd, .events = POLLIN},
		{.fd = session->stop_fd, .events = POLLIN},
	};
	int fd, rc;

	while (session_await_helper(session) == 0) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents != 0)
			return;
		fd = accept4(session->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0) {
			poll(&fds[1], 1, RETRY_MS);
			continue;
		}
		session_log(session, "client connected");
		session->helper_used = true;
		rc = serve_with(session->func, session->helper, fd, session->stop_fd);
		session_log(session, reason(rc));
	}
}

static void *
session_thread(void *arg)
{
	struct vfu_session *session = arg;

	session_run(session);
	eventfd_write(session->ended_fd, 1);
	return NULL;
}

static int
session_listen(struct vfu_session *session)
{
	session->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	session->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (session->stop_fd < 0 || session->ended_fd < 0)
		return -errno;
	session->listen_fd = vfu_path_listen(&session->path);
	return session->listen_fd < 0 ? session->listen_fd : 0;
}

int
vfu_session_open(struct vfu_session **out, const struct vfu_session_conf *conf)
{
	struct vfu_func_conf func = conf->func;
	struct vfu_session *session;
	int rc;

	session = calloc(1, sizeof(*session));
	if (session == NULL)
		return -ENOMEM;
	rc = vfu_path_init(&session->path, conf->path);
	if (rc < 0) {
		free(session);
		return rc;
	}
	session->listen_fd = -1;
	session->stop_fd = -1;
	session->ended_fd = -1;
	session->log = conf->log;
	func.log = session_log_func;
	func.log_ctx = session;
	rc = vfu_helper_start();
	if (rc == 0)
		rc = vfu_func_create(&session->func, &func);
	if (rc == 0)
		rc = session_listen(session);
	if (rc == 0 && pthread_create(&session->thread, NULL, session_thread, session) != 0)
		rc = -EAGAIN;
	if (rc < 0) {
		vfu_session_close(session);
		return rc;
	}
	session->has_thread = true;
	*out = session;
	return 0;
}

void
vfu_session_stop(struct vfu_session *session)
{
	if (session->stop_ms == 0)
		session->stop_ms = vfu_now_ms() + VFU_STOP_MS;
	eventfd_write(session->stop_fd, 1);
	vfu_path_release(&session->path);
}

int
vfu_session_close(struct vfu_session *session)
{
	struct pollfd ended;
	int64_t left;

	if (session == NULL)
		return 0;
	vfu_session_stop(session);
	if (session->has_thread) {
		ended = (struct pollfd){.fd = session->ended_fd, .events = POLLIN};
		left = session->stop_ms - vfu_now_ms();
		if (poll(&ended, 1, left > 0 ? (int)left : 0) != 1)
			return -ETIMEDOUT;
		pthread_join(session->thread, NULL);
	}
	if (session->listen_fd >= 0)
		close(session->listen_fd);
	vfu_helper_close(session->helper, END_MS);
	if (session->ended_fd >= 0)
		close(session->ended_fd);
	if (session->stop_fd >= 0)
		close(session->stop_fd);
	vfu_func_destroy(session->func);
	free(session);
	return 0;
}

struct vfu_func *
vfu_session_func(struct vfu_session *session)
{
	return session->func;
}
