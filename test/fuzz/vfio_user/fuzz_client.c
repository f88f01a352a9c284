/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuzz_client.h"
#include "../fuzz_input.h"
#include "vfu_proto.h"
#include "vfu_serve.h"

#define WAIT_MS 600000u /* everything is there already; a busy machine must not change a result */

static void
client_send(const struct fuzz_client *c, const struct vfu_header *header,
            const struct fuzz_command *cmd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(VFU_FDS_MAX * sizeof(int))];
	} control = {0};
	struct iovec iov[2] = {{(void *)(uintptr_t)header, sizeof(*header)},
	                       {(void *)(uintptr_t)cmd->body, cmd->size}};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = 2};

	if (cmd->fd_count != 0) {
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE(cmd->fd_count * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(cmd->fd_count * sizeof(int));
		memcpy(CMSG_DATA(&control.head), cmd->fds, cmd->fd_count * sizeof(int));
	}
	/* Smaller than the socket's buffer, so it goes out whole. */
	FUZZ_CHECK(sendmsg(c->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)header->size);
}

/** Take the reply to @p sent, and see that there is no second one. @return its error. */
static int
client_receive(struct fuzz_client *c, const struct vfu_header *sent)
{
	struct vfu_header got;
	ssize_t n;

	n = recv(c->fd, &got, sizeof(got), MSG_DONTWAIT);
	if (sent->flags & VFU_FLAG_NO_REPLY) {
		FUZZ_CHECK(n < 0);
		return 0;
	}
	FUZZ_CHECK(n == sizeof(got));
	FUZZ_CHECK(got.id == sent->id && got.command == sent->command);
	FUZZ_CHECK(got.size >= sizeof(got) && got.size - sizeof(got) <= sizeof(c->reply));
	c->reply_size = got.size - sizeof(got);
	if (c->reply_size != 0)
		FUZZ_CHECK(recv(c->fd, c->reply, c->reply_size, MSG_DONTWAIT) ==
		           (ssize_t)c->reply_size);
	FUZZ_CHECK(recv(c->fd, &n, 1, MSG_DONTWAIT) < 0);
	FUZZ_CHECK((got.flags & VFU_FLAG_TYPE) == VFU_FLAG_REPLY);
	if (!(got.flags & VFU_FLAG_ERROR)) {
		FUZZ_CHECK(got.error == 0);
		return 0;
	}
	FUZZ_CHECK(got.error > 0 && got.error < 4096 && c->reply_size == 0);
	return (int)got.error;
}

int
client_command(struct fuzz_client *c, const struct fuzz_command *cmd)
{
	struct vfu_header header = {
		.id = ++c->id,
		.command = cmd->command,
		.size = (uint32_t)(sizeof(header) + cmd->size),
		.flags = cmd->flags & ~VFU_FLAG_TYPE,
	};
	struct vfu_message *msg;

	client_send(c, &header, cmd);
	FUZZ_CHECK(vfu_conn_next(c->conn, &msg) == 0);
	FUZZ_CHECK(vfu_serve_command(c->serve, msg) == 0);
	vfu_message_free(msg);
	c->reply_size = 0;
	return client_receive(c, &header);
}

void
client_join(struct fuzz_client *c, struct vfu_func *func, unsigned int style)
{
	static const char *const texts[] = {
		"{\"capabilities\":{\"write_multiple\":true}}",
		"{\"capabilities\":{\"max_data_xfer_size\":512,\"max_msg_fds\":1}}",
		"{}",
		NULL,
	};
	const char *text = texts[style % 4];
	struct vfu_version version = {VFU_MAJOR, style & 4 ? VFU_MINOR : 0};
	uint8_t body[128];
	struct fuzz_command cmd = {VFU_VERSION, 0, body, sizeof(version), NULL, 0};
	int pair[2];

	c->func = func;
	c->stop_fd = eventfd(0, EFD_CLOEXEC);
	FUZZ_CHECK(c->stop_fd >= 0);
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	c->fd = pair[0];
	FUZZ_CHECK(vfu_helper_open(&c->helper, func) == 0);
	FUZZ_CHECK(vfu_conn_open(&c->conn, pair[1], c->helper, c->stop_fd) == 0);
	vfu_conn_set_wait(c->conn, WAIT_MS);
	FUZZ_CHECK(vfu_serve_open(&c->serve, func, c->conn) == 0);
	memcpy(body, &version, sizeof(version));
	if (text != NULL) {
		memcpy(body + sizeof(version), text, strlen(text) + 1);
		cmd.size += strlen(text) + 1;
	}
	FUZZ_CHECK(client_command(c, &cmd) == 0);
	FUZZ_CHECK(c->reply_size > sizeof(version) && c->reply[c->reply_size - 1] == '\0');
	c->write_multiple = style % 4 == 0;
}

void
client_leave(struct fuzz_client *c)
{
	vfu_conn_kill(c->conn);
	vfu_func_disconnect(c->func);
	vfu_serve_close(c->serve);
	vfu_conn_close(c->conn);
	vfu_helper_close(c->helper, WAIT_MS);
	close(c->fd);
	close(c->stop_fd);
}
